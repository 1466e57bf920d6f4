"""Line ends: a text keeps those that it has, whoever writes the rest of it. Pure."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
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


def plain(text: str) -> str:
    """A text whose lines end with one character each."""
    return _END.sub("\n", text)


def places(source: str, found: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Where it is in a source what was found from here to there in its plain form."""
    # Where a line ends in the plain form that ends with two characters in the source.
    joined = [pair.start() - before for before, pair in enumerate(re.finditer("\r\n", source))]
    return [(start + bisect_left(joined, start), end + bisect_left(joined, end)) for start, end in found]


def occurrences(source: str, wanted: str) -> list[tuple[int, int]]:
    """Where a text is in a source, from left to right, whatever either has for line ends."""
    found, place = [], 0
    one, other = plain(source), plain(wanted)
    while (place := one.find(other, place)) >= 0:
        end = place + len(other)
        found.append((place, end))
        place = end
    return places(source, found)


def joined(sources: Iterable[str]) -> str:
    """Sources with an empty line between each two, which ends as most lines of them do."""
    parts = [part for source in sources if (part := source.strip("\r\n"))]
    ends = [end for part in parts for end in _lines(part)[1]]
    return (Counter(ends).most_common(1)[0][0] * 2 if ends else "\n\n").join(parts)


def shown(text: str) -> list[str]:
    """The lines of a text as a diff tells them. A form feed, or U+2028, ends none: nothing else here counts those."""
    lines, _ = _lines(text)
    return lines if lines[-1] else lines[:-1]


def put(source: str, start: int, end: int, wanted: str, new: str) -> str:
    """What takes the place of `wanted`, found from `start` to `end`: the new text with the line ends of that place."""
    there = source[start:end]
    if "\r" in new and (there == wanted or "\r" not in wanted):
        return new  # carriage returns are what was asked for
    return _like_around(source, there, plain(new))


def put_all(source: str, found: Iterable[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """What was found in a source's plain form, and what takes its place, as it is in the source."""
    known = list(found)
    spots = places(source, [(start, end) for start, end, _ in known])
    return [
        (start, end, _like_around(source, source[start:end], new))
        for (start, end), (_, _, new) in zip(spots, known, strict=True)
    ]


def _like_around(source: str, there: str, new: str) -> str:
    return like(there if _END.search(there) else source, new)


def _lines(text: str) -> tuple[list[str], list[str]]:
    """The lines of a text without their ends, and the ends: one fewer."""
    pieces = _END.split(text)
    return pieces[::2], pieces[1::2]


def _commonest(text: str) -> str:
    ends: Counter[str] = Counter(_END.findall(text))
    return ends.most_common(1)[0][0]
