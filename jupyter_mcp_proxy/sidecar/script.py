"""The connect page's script: its modules, joined into one script of the classic kind.

A browser fetches a module and what it imports in the mode `cors`, without the XSRF token. A JupyterHub takes a login
cookie for such a request only together with that token (`_needs_check_xsrf` of JupyterHub 6.1); for a script of the
classic kind, which is `no-cors`, it takes the cookie alone.
"""

from __future__ import annotations

import re
from pathlib import Path

_IMPORT = re.compile(r"^import (\{\s*\w+(?:,\s*\w+)*\s*\}) from '\./([a-z]+)\.js';$", re.MULTILINE)
_EXPORT = re.compile(r"^export (const|class|function|async function) (\w+)", re.MULTILINE)
_OTHER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


def joined(first: Path) -> str:
    """A module and all that it imports from its folder: each is a function's scope, after those that it imports.

    Only the imports and exports that the page needs are known: names, in braces, from a module beside it; a function,
    a class or a constant. Whatever else there is, is refused when the sidecar starts, and so are modules that import
    each other.
    """
    scopes: dict[str, str] = {}

    def add(name: str) -> None:
        source = (first.parent / f"{name}.js").read_text(encoding="utf-8")
        for _, imported in _IMPORT.findall(source):
            if imported not in scopes:
                add(imported)
        code = _EXPORT.sub(r"\1 \2", _IMPORT.sub(r"const \1 = $\2;", source))
        if other := _OTHER.search(code):
            raise ValueError(f"{name}.js has an import or export that the page's script may not have: {other[0]}")
        exports = ", ".join(exported for _, exported in _EXPORT.findall(source))
        scopes[name] = f"const ${name} = (function () {{\n{code}return {{ {exports} }};\n}})();\n"

    add(first.stem)
    return '"use strict";\n{\n' + "".join(scopes.values()) + "}\n"
