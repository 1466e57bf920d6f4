"""Which cell is meant, and what a cell is to a reader. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, Literal

from ..errors import Ambiguous, BadValue, Unknown

CellType = Literal["code", "markdown", "raw"]
CELL_TYPES: tuple[CellType, ...] = ("code", "markdown", "raw")

SHORT = 8
"""Characters of an id that are shown where they are enough to tell the cells apart."""

LEAST_DIGITS = 3
"""Digits that are rather the beginning of an id than an index."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_INDEX = re.compile(r"-?\d{1,18}\Z", re.ASCII)


@dataclass(frozen=True)
class Cell:
    """A cell as it was when it was read. `outputs` are nbformat's."""

    id: str
    index: int
    type: str
    source: str
    execution_count: int | None = None
    outputs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def hash(self) -> str:
        """What `if_hash` is compared with."""
        return source_hash(self.source)


def tags_in(metadata: object) -> list[str]:
    """The tags in a cell's metadata; none where that is odd."""
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return [str(tag) for tag in tags] if isinstance(tags, list) else []


def source_hash(source: str) -> str:
    """A short digest of a cell's source."""
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def find_cell(ids: Sequence[str], cell: str | int) -> int:
    """The index of the cell that `cell` means.

    A number is an index, always. A text is an id, else an unambiguous prefix of one, else an index: ids such as "3" are
    legal. Some clients send "3" for 3, and a URI has nothing but text: as few digits, in which one id of sixteen begins
    by chance, are an index where there is one. A negative index counts from the end.
    Raises Unknown, which says how it was read, with near matches; or Ambiguous.
    """
    index = as_index(ids, cell)
    if index is None:
        name = str(cell).strip()
        return list(ids).index(name) if name in ids else _beginning_with(ids, name)
    if -len(ids) <= index < len(ids):
        return index % len(ids)
    there = f"Indices are 0 to {len(ids) - 1}." if ids else "The notebook has no cells."
    there += " list_cells shows them."
    if isinstance(cell, str):
        near = get_close_matches(cell.strip(), ids, n=3, cutoff=0.5)
        raise Unknown("cell", cell.strip(), near, f"It is no id and begins none, so it is read as an index. {there}")
    of_that_id = f" The cell with the id {str(cell)!r} is named by a text." if str(cell) in ids else ""
    raise Unknown("cell", str(cell), hint=f"A number is always read as an index. {there}{of_that_id}")


def as_index(ids: Sequence[str], cell: str | int) -> int | None:
    """The index that `cell` is read as, whether there is such a cell or not; None where it is read as an id."""
    if isinstance(cell, int):
        return int(cell)
    name = cell.strip()
    if not _INDEX.match(name) or name in ids:
        return None
    index = int(name)
    is_short = len(name) < LEAST_DIGITS and -len(ids) <= index < len(ids)
    return None if not is_short and any(known.startswith(name) for known in ids) else index


def _beginning_with(ids: Sequence[str], name: str) -> int:
    matches = [i for i, known in enumerate(ids) if name and known.startswith(name)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise Ambiguous(name, [f"{i}:{ids[i]}" for i in matches[:8]])
    near = get_close_matches(name, ids, n=3, cutoff=0.5)
    raise Unknown("cell", name, near, "list_cells shows the cells with their ids.")


def insertion_index(count: int, position: int) -> int:
    """Where a new cell goes: before the cell that is now at `position`; -1 means the end, -2 before the last one."""
    if position < -(count + 1) or position > count:
        raise BadValue("index", position, f"0 to {count}, or -1 for the end")
    return position if position >= 0 else count + 1 + position


def short_ids(ids: Sequence[str]) -> list[str]:
    """Each id cut to as few characters as tell it apart from the others, at least 8."""
    length = SHORT
    longest = max(map(len, ids), default=0)
    while length < longest and len({known[:length] for known in ids}) < len(set(ids)):
        length += 4
    return [known[:length] for known in ids]


def brief_id(id: str) -> str:
    """An id where those of the other cells are not at hand: of a UUID what stands before its first hyphen."""
    return id[:SHORT] if _UUID.fullmatch(id) else id


ENDS = "\r\n"
"""What lines may end with."""


def parts(source: str, at: Sequence[int]) -> list[str]:
    """A source in parts that begin at these lines, from 1, without the empty lines where it is cut.

    Raises BadValue where there is no such line, or a part would be empty.
    """
    lines = source.split("\n")
    cuts = sorted(set(at))
    if not cuts or cuts[0] < 2 or cuts[-1] > len(lines):
        raise BadValue("at", list(at), f"lines 2 to {len(lines)}")
    ends = [0, *(line - 1 for line in cuts), len(lines)]
    made = ["\n".join(lines[start:end]) for start, end in pairwise(ends)]
    made = [made[0].rstrip(ENDS), *(part.strip(ENDS) for part in made[1:-1]), made[-1].lstrip(ENDS)]
    if not all(part.strip() for part in made):
        raise BadValue("at", list(at), "lines between which there is something")
    return made


def check_cell_type(cell_type: str) -> CellType:
    """The cell type, or BadValue naming those there are."""
    for known in CELL_TYPES:
        if cell_type == known:
            return known
    raise BadValue("cell_type", cell_type, "one of code, markdown, raw")
