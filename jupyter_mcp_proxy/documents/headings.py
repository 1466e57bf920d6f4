"""A notebook by the headings of its Markdown cells. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .cells import Cell

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}(#{1,6})(?=[ \t]|\Z)")


@dataclass(frozen=True)
class Section:
    """The cells from a heading to the next one of its level or a higher one."""

    level: int
    """1 to 6; 0 for what stands before the first heading."""
    title: str
    first: int
    last: int


def headings(cells: Iterable[Cell]) -> Iterator[tuple[int, str, int]]:
    """Each heading with its level, its text and its cell's index: lines with `#` (CommonMark 0.31), not within code."""
    for cell in cells:
        fence = ""
        for line in cell.source.split("\n") if cell.type == "markdown" else ():
            mark = _FENCE.match(line)
            if mark and not fence:
                fence = mark[1]
            elif fence:
                fence = "" if line.strip().startswith(fence) and not line.strip().strip(fence[0]) else fence
            elif found := _HEADING.match(line):
                yield len(found[1]), _title(line[found.end() :].strip()), cell.index


def _title(text: str) -> str:
    """A heading's text without the `#` that may close it."""
    bare = text.rstrip("#")
    return bare.rstrip() if not bare or bare[-1] in " \t" else text


def sections(cells: Iterable[Cell], count: int) -> list[Section]:
    """The sections of a notebook with so many cells, in order; those of lower levels lie within others."""
    found = list(headings(cells))
    first = min((index for _, _, index in found), default=count)
    made = [Section(0, "(before the first heading)", 0, first - 1)] if first else []
    for number, (level, title, index) in enumerate(found):
        end = next((later for other, _, later in found[number + 1 :] if other <= level), count)
        made.append(Section(level, title, index, max(index, end - 1)))
    return made
