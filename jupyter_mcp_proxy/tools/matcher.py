"""Finds a regular expression in lines, in a process of its own: `main` reads from stdin what `matching` has written.

Some expressions take for ever, or all memory, on some lines or while they are compiled. All that ends here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from typing import Any

MOST_SECONDS = 3
MOST_MEMORY = 500_000_000
LONGEST = 500
"""Characters of a line that are shown."""

Found = tuple[list[tuple[int, str]], int]
"""Lines by their number, from 1, with what is shown of them; and how many there are, those beyond the budget too."""


def found_in(lines: Iterable[str], place: Callable[[str], int], budget: int | None) -> Found:
    """The lines in which something has a place (-1 for none), within a budget of characters; all for None."""
    shown: list[tuple[int, str]] = []
    total = 0
    left = float("inf") if budget is None else budget
    for number, line in enumerate(lines, 1):
        start = place(line)
        if start < 0:
            continue
        total += 1
        piece = line if len(line) <= LONGEST else f"…{line[max(0, start - 100) :][:LONGEST]}…"
        cost = len(f"{number}: {piece}")
        if left >= cost:
            shown.append((number, piece))
            left -= cost + 1
        else:
            left = 0
    return shown, total


def found_to_replace(expression: Any, new: str, text: str) -> list[tuple[int, int, str]]:
    """Where an expression is in a text, and what `new` makes of it there, with its groups."""
    return [(match.start(), match.end(), match.expand(new)) for match in expression.finditer(text)]


def main() -> None:
    """Write what is found as JSON, or a string that says what is wrong with the expression."""
    from ..outputs.limits import limit

    limit(MOST_SECONDS, MOST_MEMORY)
    import regex

    asked = json.loads(sys.stdin.buffer.readline())
    try:
        expression = regex.compile(asked["pattern"])
    except (regex.error, ValueError, OverflowError, RecursionError) as error:
        print(json.dumps(str(error)))
        return

    lines = (line[:-1].decode("utf-8", "surrogatepass") for line in sys.stdin.buffer)
    if (new := asked.get("new")) is not None:
        try:
            print(json.dumps([found_to_replace(expression, new, json.loads(line)) for line in lines]))
        except (regex.error, IndexError) as error:
            print(json.dumps({"new": str(error)}))
        return

    def place(line: str) -> int:
        match = expression.search(line)
        return -1 if match is None else match.start()

    print(json.dumps(found_in(lines, place, asked["budget"])))
