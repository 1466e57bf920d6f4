"""The smallest operations that turn one text into another. Pure.

A person may be typing in the same text: what is deleted and inserted again takes their typing apart, so
whatever both texts share is left where it is. (`YNotebook.set_cell` replaces the whole text once the two
differ much.)
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher

MOST_CHARACTERS = 2000
"""Characters up to which two texts are compared one by one; longer ones line by line, then within lines."""


@dataclass(frozen=True)
class Splice:
    """Characters `start` to `end` of the old text become `text`."""

    start: int
    end: int
    text: str


def splices(old: str, new: str) -> list[Splice]:
    """The changes from `old` to `new`, in order, with positions in `old`."""
    head = _common_prefix(old, new)
    tail = _common_prefix(old[head:][::-1], new[head:][::-1])
    return _compare(old[head : len(old) - tail], new[head : len(new) - tail], head)


def _compare(old: str, new: str, offset: int) -> list[Splice]:
    if old == new:
        return []
    if not old or not new:
        return [Splice(offset, offset + len(old), new)]
    if len(old) <= MOST_CHARACTERS and len(new) <= MOST_CHARACTERS:
        return [
            Splice(offset + i1, offset + i2, new[j1:j2])
            for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
            if tag != "equal"
        ]
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    if len(before) == 1 or len(after) == 1:
        return [Splice(offset, offset + len(old), new)]
    starts = [0]
    for line in before:
        starts.append(starts[-1] + len(line))
    found: list[Splice] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal":
            piece = "".join(after[j1:j2])
            if i1 == 0 and i2 == len(before):  # nothing in common: comparing again would not end
                return [Splice(offset, offset + len(old), new)]
            found += _compare(old[starts[i1] : starts[i2]], piece, offset + starts[i1])
    return found


def _common_prefix(left: str, right: str) -> int:
    length = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        length += 1
    return length


def in_bytes(old: str, changes: list[Splice]) -> list[Splice]:
    """The same changes with positions in UTF-8 bytes of `old`, as shared texts count."""
    return [
        Splice(
            len(old[: change.start].encode("utf-8", "surrogatepass")),
            len(old[: change.end].encode("utf-8", "surrogatepass")),
            change.text,
        )
        for change in changes
    ]
