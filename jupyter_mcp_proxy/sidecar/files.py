"""The files that the connect page loads: each with its version in its address, modules in the imports of others too."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

NO_SNIFF = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}

_IMPORT = re.compile(r" from '\./([a-z]+\.js)';$", re.MULTILINE)
"""How each import of a module ends, as prettier has it."""


@dataclass(frozen=True)
class StaticFile:
    """A file that the page loads. Its version is in the link, so a browser may keep it for ever."""

    name: str
    media_type: str
    content: bytes

    @classmethod
    def read(cls, path: Path, media_type: str) -> StaticFile:
        """A file as it is on disk."""
        return cls(path.name, media_type, path.read_bytes())

    @property
    def version(self) -> str:
        """What changes with the content."""
        return hashlib.sha256(self.content).hexdigest()[:12]

    @property
    def link(self) -> str:
        """Its address, from the page and from the other files."""
        return f"{self.name}?v={self.version}"

    def route(self) -> Route:
        """Where it is served."""

        async def serve(request: Request) -> Response:
            current = request.query_params.get("v") == self.version
            keep = "private, max-age=31536000, immutable" if current else "no-cache"
            headers = {"Cache-Control": keep, **NO_SNIFF}
            return Response(self.content, media_type=self.media_type, headers=headers)

        return Route(f"/{self.name}", serve)


def read_modules(first: Path) -> tuple[StaticFile, ...]:
    """A module and all that it imports from its folder, each of them before those that import it.

    A browser takes `./name.js` for an address without a version, whatever the version of the module that imports it;
    so the version is written into each import. A change of one module thus is a change of all that import it, and
    modules that import each other have no version: there must be no such circle.
    """
    found: dict[str, StaticFile] = {}

    def read(name: str) -> StaticFile:
        if name not in found:
            source = (first.parent / name).read_text(encoding="utf-8")
            linked = _IMPORT.sub(lambda match: f" from './{read(match[1]).link}';", source)
            found[name] = StaticFile(name, "text/javascript", linked.encode())
        return found[name]

    read(first.name)
    return tuple(found.values())
