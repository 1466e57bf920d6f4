"""Putting two changes of one text together, line by line. Pure."""

from __future__ import annotations

import re
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
    changes = splices(before, after)
    for change in changes:  # what was only put in can go where it stands as it was put there, once
        if change.end > change.start or now.count(change.text) != 1 or not stands(change, before, now):
            return None
        now = now.replace(change.text, "")
    return now


def stands(change: Splice, before: str, now: str) -> bool:
    """Whether what a change put in is still there, and is no part of longer words than it was; where it only took
    something out, the line around."""
    head, tail = before[: change.start].rpartition("\n")[2], before[change.end :].partition("\n")[0]
    if not change.text:
        return head in now and tail in now
    at = now.find(change.text)
    while at >= 0:
        end = at + len(change.text)
        left, right = now[:at][-1:], now[end : end + 1]
        if (left == head[-1:] or not _joined(left, change.text)) and (
            right == tail[:1] or not _joined(change.text, right)
        ):
            return True
        at = now.find(change.text, at + 1)
    return False


def breaks_lines(before: str, after: str, now: str) -> bool:
    """Whether others have replaced a part of a line that a change from `before` to `after` put in, or put a part of it
    in: without the rest, theirs would be half a line, as of `x = 13` that somebody made `x = 16` a 6 is left."""
    longer = 0
    theirs = [change for change in splices(after, now) if change.text and change.end > change.start]
    for change in splices(before, after):
        start = change.start + longer
        longer += len(change.text) - (change.end - change.start)
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
