"""What a file has become, beside what Jupyter makes of it. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any

EQUAL, DIFFERS, REFUSED, UNSAVED = "equal", "differs", "refused", "not saved"


@dataclass(frozen=True)
class Outcome:
    """How a notebook's way ended."""

    kind: str
    """EQUAL or DIFFERS; REFUSED where Jupyter does not open it, UNSAVED where Jupyter opens it and does not save it."""
    told: str = ""
    """What differs, or what the agent was told."""
    made: int = 0
    """Edits that were made and undone."""
    refusals: tuple[str, ...] = ()
    """What the agent was told of edits that were refused."""


def same(ours: bytes, theirs: bytes, before: bytes) -> bool:
    """Whether two files are the same bytes, but for ids that were not in the file before.

    Jupyter makes these anew, by lot, at each opening.
    """
    if ours == theirs:
        return True
    known = ids(before)
    return without(ours, known) == without(theirs, known)


def ids(written: bytes) -> set[str]:
    """The ids of a file's cells."""
    try:
        content = json.loads(written)
    except ValueError:
        return set()
    cells = content.get("cells") if isinstance(content, dict) else None
    found = [cell.get("id") for cell in cells or () if isinstance(cell, dict)]
    return {id for id in found if isinstance(id, str) and id}


def without(written: bytes, known: set[str]) -> bytes:
    """A file with signs in place of the ids that are new; those that stood twice are made anew, too."""
    try:
        cells: list[Any] = json.loads(written)["cells"]
    except (ValueError, KeyError):
        return written
    seen: set[str] = set()
    for place, cell in enumerate(cells):
        id = cell.get("id")
        if isinstance(id, str) and (id not in known or id in seen):
            mine = f'"id": {json.dumps(id)}'.encode()
            head, found, tail = written.rpartition(mine) if id in seen else written.partition(mine)
            if found:
                written = head + f'"id": "<made {place}>"'.encode() + tail
        seen.add(str(id))
    return written


def shown(ours: bytes, theirs: bytes, most: int = 24) -> str:
    """The lines that differ."""
    lines = (text.decode(errors="replace").splitlines() for text in (theirs, ours))
    found = [line[:200] for line in unified_diff(*lines, "Jupyter's", "ours", lineterm="", n=1)]
    return "\n".join(found[:most]) or "the same lines, other ends of them"
