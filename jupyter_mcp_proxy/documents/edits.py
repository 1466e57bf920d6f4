"""The smallest operations that turn one text into another. Pure.

A person may be typing in the same text: what is deleted and inserted again takes their typing apart, so
whatever both texts share is left where it is. (`YNotebook.set_cell` replaces the whole text once the two
differ much.)
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import accumulate

MOST_WORK = 200_000
"""Pairs of equal tokens up to which texts are compared; beyond (very repetitive ones) a region is replaced whole."""

_TOKEN = re.compile(r"\w+|[^\S\n]+|\n|[^\w\s]")


@dataclass(frozen=True)
class Splice:
    """Characters `start` to `end` of the old text become `text`."""

    start: int
    end: int
    text: str


def splices(old: str, new: str) -> list[Splice]:
    """The changes from `old` to `new`, in order, with positions in `old`.

    What is only put in, or only taken out, is whole lines or words where it can be: of `w2` above `w1` the letters
    `2\\nw` would do as well, but then that `w` is ours, and the one before somebody else's, for whoever undoes it.
    """
    head = old.rfind("\n", 0, _common_prefix(old, new)) + 1
    tail = _common_prefix(old[head:][::-1], new[head:][::-1])
    tail -= old.find("\n", len(old) - tail) + 1 - (len(old) - tail) if "\n" in old[len(old) - tail :] else tail
    return _compare(old[head : len(old) - tail], new[head : len(new) - tail], head)


def _compare(old: str, new: str, offset: int) -> list[Splice]:
    """Compare line by line, then word by word within the lines that differ."""
    found: list[Splice] = []
    for start, end, piece in _differences(old.splitlines(keepends=True), new.splitlines(keepends=True)):
        line = old[start:end]
        for first, last, text in _differences(_TOKEN.findall(line), _TOKEN.findall(piece)):
            head = _common_prefix(line[first:last], text)
            tail = _common_prefix(line[first + head : last][::-1], text[head:][::-1])
            at = offset + start
            found.append(Splice(at + first + head, at + last - tail, text[head : len(text) - tail]))
    return found


def _differences(old: list[str], new: list[str]) -> list[tuple[int, int, str]]:
    """Where two sequences of pieces differ: first and last character in the old text, and the new text there."""
    starts = list(accumulate(map(len, old), initial=0))
    if old == new:
        return []
    there = Counter(old)
    if sum(there[piece] for piece in new) > MOST_WORK:
        return [(0, starts[-1], "".join(new))]
    return [
        (starts[i1], starts[i2], "".join(new[j1:j2]))
        for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
        if tag != "equal"
    ]


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
