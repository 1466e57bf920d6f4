"""A cell's source as it is told: by lines, within a budget of characters. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from ..errors import BadValue

EXCERPT = 4000
"""Characters of a source that a refused write tells."""
LONG_LINE = 500
"""Characters that are told of a line where not all of the source can be."""
WORTH_CUTTING = 300
"""Characters that a cut within a line saves at least."""

_DATA = re.compile(r"(data:[\w.+/-]*;base64,)([\w+/=-]{300,})", re.ASCII)
"""Pictures pasted into a cell: nobody reads their letters."""


class Excerpt(NamedTuple):
    """What is told of a source."""

    text: str
    note: str
    """Which lines these are and how to go on; empty where the text is all of it, long lines cut or not."""

    def __str__(self) -> str:
        return f"{self.text}\n{self.note}" if self.note else self.text


def excerpt(source: str, budget: int, how: str, offset: int = 1, limit: int | None = None) -> Excerpt:
    """The lines of a source from `offset` on, as many as `limit` and a budget of characters allow.

    All of it where it fits. `how` is the call that reads on with another offset, such as `read_cell(cell='a')`.
    Raises BadValue where the source has no such line.
    """
    if offset == 1 and limit is None and len(source) <= budget:
        return Excerpt(source, "")
    lines = source.split("\n")
    start = max(0, len(lines) + offset) if offset < 0 else max(0, offset - 1)
    if start >= len(lines):
        raise BadValue("offset", offset, f"1 to {len(lines)}, the number of the source's lines, or negative")
    told = _fitting(lines[start:] if limit is None else lines[start : start + limit], budget)
    end = start + len(told)
    if not start and end == len(lines):
        return Excerpt("\n".join(told), "")
    on = f"; {how} with offset={end + 1} goes on" if end < len(lines) else "; this is the end"
    return Excerpt("\n".join(told), f"… lines {start + 1:,} to {end:,} of {len(lines):,}{on}")


def _fitting(lines: list[str], budget: int) -> list[str]:
    """As many of the lines as fit, at least one. Long ones are cut within, where not all fit as they are."""
    if sum(map(len, lines)) + len(lines) - 1 <= budget:
        return lines
    most = budget if len(lines) == 1 else min(budget, LONG_LINE)
    told: list[str] = []
    for line in lines:
        line = cut_within(line, most)
        budget -= len(line) + 1
        if budget < 0 and told:
            break
        told.append(line)
    return told


def cut_within(line: str, most: int) -> str:
    """A line in about `most` characters: a picture's data goes first, then the middle."""
    if len(line) <= most + WORTH_CUTTING:
        return line
    line = _DATA.sub(lambda found: f"{found[1]}…[{len(found[2]):,} characters left out]…", line)
    if len(line) <= most + WORTH_CUTTING:
        return line
    head = most * 3 // 5
    tail = most - head
    return f"{line[:head]}…[{len(line) - most:,} characters left out]…{line[-tail:]}"
