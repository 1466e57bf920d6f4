"""The files that jupytext (1.19) writes beside a notebook whenever it saves that: what its metadata pair it with. Pure.

A pair is named by its ending, with a folder and parts of the name before it: `ipynb,scripts//py:percent`. The folder is
meant from any folder above the notebook, so more is taken for a pair here than is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from ..jupyter.paths import Paths
from .metadata import table


def refuse_pairs(paths: Paths, path: str, metadata: dict[str, Any]) -> None:
    """Raise PathRefused or PathReadOnly where saving the notebook would write what agents may not."""
    for pair in pairs(path, metadata):
        if pair != path:
            paths.check(pair)
            paths.check_write(pair)


def pairs(path: str, metadata: dict[str, Any]) -> list[str]:
    """The paths that a notebook may be paired with."""
    here = PurePosixPath(path)
    parts = [_parts(each) for each in _formats(table(metadata.get("jupytext")).get("formats"))]
    stems = {here.stem}
    for _, before, after, _ in parts:
        stems |= {stem.removeprefix(before).removesuffix(after) for stem in (*stems, here.stem)}
    found = {
        (above / folder / f"{before}{stem}{after}{ending}").as_posix()
        for folder, before, after, ending in parts
        for stem in stems
        for above in here.parents
    }
    return sorted(found)


def _formats(given: Any) -> Iterator[str]:
    """Each format as a text; given as one text, a list, or a table of folders."""
    if isinstance(given, str):
        yield from (each.strip() for each in given.split(",") if each.strip())
    elif isinstance(given, dict) and "extension" in given:
        yield f"{given.get('prefix') or ''}/{given.get('suffix') or ''}{given['extension']}"
    elif isinstance(given, dict):
        yield from (f"{folder}/{ending}" for folder, ending in given.items())
    elif isinstance(given, list):
        for each in given:
            yield from _formats(each)


def _parts(text: str) -> tuple[str, str, str, str]:
    """Folder, beginning of the name, end of the name, ending. A folder's `..` are left out, as any folder is tried."""
    before, _, name = text.rpartition("/")
    name = name.partition(":")[0]
    after, dot, ending = name.rpartition(".")
    folder, _, beginning = before.rpartition("/")
    kept = [part for part in folder.split("/") if part not in ("", ".", "..")]
    return "/".join(kept), beginning, after, f".{ending}" if dot or ending else ""
