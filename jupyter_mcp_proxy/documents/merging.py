"""Putting two changes of one text together, line by line. Pure."""

from __future__ import annotations

from difflib import SequenceMatcher
from itertools import pairwise

Hunk = tuple[int, int, tuple[str, ...]]
"""The lines from the first to the second number become these."""


def merged(base: str, one: str, other: str) -> str | None:
    """The text with what both have changed since `base`; None where they have changed the same or adjacent lines.

    Words of one line are not put together: who reads `x = 1` and proposes `y = 1` has not seen that it says `x = 2`.
    """
    if one in (base, other):
        return other
    if other == base:
        return one
    lines = base.split("\n")
    hunks = sorted({*_hunks(lines, one.split("\n")), *_hunks(lines, other.split("\n"))})
    for (_, end, _), (start, _, _) in pairwise(hunks):
        if start <= end:
            return None
    for start, end, new in reversed(hunks):
        lines[start:end] = new
    return "\n".join(lines)


def _hunks(old: list[str], new: list[str]) -> list[Hunk]:
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    return [(i1, i2, tuple(new[j1:j2])) for tag, i1, i2, j1, j2 in matcher.get_opcodes() if tag != "equal"]
