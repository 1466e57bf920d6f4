"""Finding and replacing, in one source or over all of them, and what that comes to. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches, unified_diff
from itertools import islice

from ..errors import BadValue
from .line_ends import occurrences, put, shown

COMPARED, COMPARED_LINES = 300, 5000
"""Characters of a line, and lines of a source, among which the nearest to a text that is not there is looked for."""

TO_THE_LETTER = "a text that is in {}, to the letter"

Found = tuple[int, int, str]
"""Where something begins and ends, and what goes there."""


@dataclass(frozen=True)
class Replacement:
    """One text, or expression, to find and to replace."""

    old: str
    find: Callable[[str], list[Found]]
    """Where it is in a source, in order."""
    everywhere: bool = False
    """Whether it may be there more than once."""
    is_regex: bool = False


def literal(old: str, new: str, *, word: bool = False) -> Callable[[str], list[Found]]:
    """Find a text to the letter, but for line ends; as a `word`, only where it is not part of a longer one."""

    def find(source: str) -> list[Found]:
        places = occurrences(source, old) if old else []
        return [
            (start, end, put(source, start, end, old, new))
            for start, end in places
            if not word or stands_alone(source, start, end)
        ]

    return find


def stands_alone(source: str, start: int, end: int) -> bool:
    """Whether no letter, digit or underscore of the same word stands right before or behind."""
    around = ((source[start - 1 : start], source[start : start + 1]), (source[end : end + 1], source[end - 1 : end]))
    return not any(_of_a_word(outside) and _of_a_word(inside) for outside, inside in around)


def _of_a_word(character: str) -> bool:
    return character == "_" or character.isalnum()


def replaced(sources: dict[str, str], edits: Sequence[tuple[Replacement, Sequence[str]]]) -> tuple[dict[str, str], int]:
    """Sources by their cells' ids after each edit was made in its cells, in order; and how much was replaced.

    Raises BadValue where a text is empty, is nowhere, or is there more than once and not meant `everywhere`.
    """
    sources, total = dict(sources), 0
    for number, (edit, cells) in enumerate(edits):
        name = f"edits[{number}].old"
        if not edit.old:
            raise BadValue(name, edit.old, "the text to replace (use overwrite_cell_source for all of it)")
        found = {cell: places for cell in cells if (places := edit.find(sources[cell]))}
        count = sum(map(len, found.values()))
        if count == 0:
            near = "" if edit.is_regex else _nearest_line(edit.old.strip(), [sources[cell] for cell in cells])
            hint = f"; the nearest line is {near!r}" if near else ""
            where = "the cell" if len(cells) == 1 else "a code cell"
            kind = "an expression that fits in {} ((?m) has ^ and $ mean lines)" if edit.is_regex else TO_THE_LETTER
            raise BadValue(name, edit.old, f"{kind.format(where)}{hint}. Nothing was changed")
        if count > 1 and not edit.everywhere:
            times = f"{count} times" + (f" in {len(found)} cells" if len(cells) > 1 else "")
            cell = " or its cell" if len(cells) > 1 else ""
            raise BadValue(
                name,
                edit.old,
                f"a text that occurs once, this one occurs {times}: give more of it{cell}, or replace_all. "
                "Nothing was changed",
            )
        for cell, places in found.items():
            for start, end, new in reversed(places):
                sources[cell] = sources[cell][:start] + new + sources[cell][end:]
        total += count
    return sources, total


def _nearest_line(text: str, sources: Sequence[str]) -> str:
    """The line that is most like a text; empty where none is, or looking for it would take long."""
    if len(text) > COMPARED:
        return ""
    lines = [line for source in sources for line in shown(source)][:COMPARED_LINES]
    return next(iter(get_close_matches(text, [ln for ln in lines if len(ln) <= COMPARED], n=1, cutoff=0.6)), "")


def unified(before: str, after: str, around: int = 2) -> str:
    """The unified diff of two sources, without file names, with so many lines around each change."""
    names_and_lines = unified_diff(shown(before), shown(after), lineterm="", n=around)
    return "\n".join(islice(names_and_lines, 2, None))
