"""Line ends: a text keeps those that it has, whoever writes the rest of it. Pure."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from difflib import SequenceMatcher

_END = re.compile(r"(\r\n|\r|\n)")


def like(old: str, new: str) -> str:
    """A new text with the line ends of the old one: those of a line that both have, else the commonest.

    As it is where it has carriage returns of its own, or the old one has none.
    """
    if "\r" not in old or "\r" in new or "\n" not in new:
        return new
    main = _commonest(old)
    lines, ends = _lines(new)
    found = [main] * len(ends)
    before, kept = _lines(old)
    if set(kept) - {main}:
        for start, place, size in SequenceMatcher(None, before, lines).get_matching_blocks():
            for step in range(min(size, len(kept) - start, len(found) - place)):
                found[place + step] = kept[start + step]
    return "".join(line + end for line, end in zip(lines, [*found, ""], strict=True))


def occurrences(source: str, wanted: str) -> list[tuple[int, int]]:
    """Where a text is in a source, from left to right, whatever either has for line ends."""
    found, place = [], 0
    one, other = _END.sub("\n", source), _END.sub("\n", wanted)
    # Where a line ends in `one` that ends with two characters in the source.
    joined = [pair.start() - before for before, pair in enumerate(re.finditer("\r\n", source))]
    while (place := one.find(other, place)) >= 0:
        end = place + len(other)
        found.append((place + bisect_left(joined, place), end + bisect_left(joined, end)))
        place = end
    return found


def put(source: str, start: int, end: int, wanted: str, new: str) -> str:
    """What takes the place of `wanted`, found from `start` to `end`: the new text with the line ends of that place."""
    there = source[start:end]
    if "\r" in new and (there == wanted or "\r" not in wanted):
        return new  # carriage returns are what was asked for
    new = new.replace("\r\n", "\n").replace("\r", "\n")
    return like(there if _END.search(there) else source, new)


def _lines(text: str) -> tuple[list[str], list[str]]:
    """The lines of a text without their ends, and the ends: one fewer."""
    pieces = _END.split(text)
    return pieces[::2], pieces[1::2]


def _commonest(text: str) -> str:
    ends: Counter[str] = Counter(_END.findall(text))
    return ends.most_common(1)[0][0]
