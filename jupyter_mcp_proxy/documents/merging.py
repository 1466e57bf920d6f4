"""Putting two changes of one text together, line by line. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import pairwise

from .edits import Splice, splices

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


def without(before: str, after: str, now: str) -> str | None:
    """A text `now` without the change that made `after` of `before`; None where that cannot be told from what others
    have written."""
    both = merged(after, before, now)
    if both is not None:
        return both
    for change, at in _placed(before, after):  # what was only put in can go where it stands as it was put there, once
        if change.end > change.start or now.count(change.text) != 1 or not _stands(change.text, at, after, now):
            return None
        now = now.replace(change.text, "")
    return now


def stands(before: str, after: str, now: str) -> bool:
    """Whether all that a change from `before` to `after` put in is still there, and is no part of longer words than it
    was; where it only took something out, the line around as it left that."""
    return all(_stands(change.text, at, after, now) for change, at in _placed(before, after))


def _placed(before: str, after: str) -> Iterator[tuple[Splice, int]]:
    """What was done to a text, piece by piece, and where each begins in what it has become."""
    longer = 0
    for change in splices(before, after):
        yield change, change.start + longer
        longer += len(change.text) - (change.end - change.start)


def _stands(text: str, place: int, after: str, now: str) -> bool:
    head, tail = after[:place].rpartition("\n")[2], after[place + len(text) :].partition("\n")[0]
    if not text:
        return head in now and tail in now
    at = now.find(text)
    while at >= 0:
        end = at + len(text)
        left, right = now[:at][-1:], now[end : end + 1]
        if (left == head[-1:] or not _joined(left, text)) and (right == tail[:1] or not _joined(text, right)):
            return True
        at = now.find(text, at + 1)
    return False


def breaks_lines(before: str, after: str, now: str) -> bool:
    """Whether others have replaced a part of a line that a change from `before` to `after` put in, or put a part of it
    in: without the rest, theirs would be half a line, as of `x = 13` that somebody made `x = 16` a 6 is left."""
    theirs = [change for change in splices(after, now) if change.text and change.end > change.start]
    for change, start in _placed(before, after):
        end = start + len(change.text)
        for each in theirs:
            if start < each.end and each.start < end:
                left, right = after[start : each.start].rpartition("\n")[2], after[each.end : end].partition("\n")[0]
                if left.strip() or right.strip():
                    return True
    return False


def _joined(left: str, right: str) -> bool:
    """Whether a word goes on from one text to the next."""
    return bool(re.search(r"\w\Z", left) and re.match(r"\w", right))


def _hunks(old: list[str], new: list[str]) -> list[Hunk]:
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    return [(i1, i2, tuple(new[j1:j2])) for tag, i1, i2, j1, j2 in matcher.get_opcodes() if tag != "equal"]
