"""What has happened to a notebook's cells since we look at it, and by whom. Pure."""

from __future__ import annotations

import itertools
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Set
from dataclasses import dataclass, replace
from typing import Literal

from .cells import LEAST_DIGITS
from .editor import Editor

Action = Literal["added", "edited", "deleted", "moved", "ran"]
STRUCTURAL: frozenset[Action] = frozenset({"added", "deleted", "moved"})
"""What gives cells other indices."""

KEPT = 2000
"""Changes that are remembered of a notebook."""

OTHERS = ""
"""Who has done it, where we only know that it was not one of our clients."""
OURSELVES = "mcp-proxy"
"""Who has done what no client asked for."""
PUT_BACK = "put back"
"""Who gives a cell that was not run after all the count that it had: that is no run."""


_serials = itertools.count(1)


@dataclass(frozen=True)
class Entry:
    """One change of one cell. Numbers grow by one."""

    number: int
    who: str
    """The name that is shown; empty for somebody whom nobody knows."""
    action: Action
    cell: str
    index: int
    time: float
    key: str = OTHERS
    """The key of the client that has done it; OTHERS for a person."""


@dataclass(frozen=True)
class _Known:
    content: str
    count: int | None
    last: int | None
    """The count that it had last; a cell that runs has none."""


class History:
    """The changes of one notebook, found by comparing its cells with what they were."""

    def __init__(self) -> None:
        self.serial = next(_serials)
        """No other history has it: the numbers of changes begin anew with each."""
        self.entries: deque[Entry] = deque(maxlen=KEPT)
        self.last = 0
        """The number of the last change."""
        self._known: dict[str, _Known] = {}
        self._order: list[str] | None = None

    @property
    def order(self) -> list[str]:
        """The ids of the cells as they were at the last look; not to be changed."""
        return self._order or []

    def deleted(self, name: str) -> Entry | None:
        """The last deletion of the cell with this id, or with one that begins so; None where there was none."""
        gone = [entry for entry in self.entries if entry.action == "deleted" and entry.cell not in self._known]
        exact = [entry for entry in gone if entry.cell == name]
        alike = [entry for entry in gone if len(name) >= LEAST_DIGITS and entry.cell.startswith(name)]
        return next(reversed(exact or alike), None)

    def since(self, number: int) -> list[Entry]:
        """The changes after `number`, oldest first."""
        return [entry for entry in self.entries if entry.number > number]

    def counts(self) -> dict[str, tuple[int | None, str]] | None:
        """For each cell the execution count that it had last, and its source's hash; None before the first look."""
        if self._order is None:
            return None
        return {cell: (known.last, known.content.rpartition(":")[2]) for cell, known in self._known.items()}

    def begins(self, cell: str) -> None:
        """A cell runs whose count has not been taken away: it may end with the same one, after a restart."""
        if cell in self._known:
            self._known[cell] = replace(self._known[cell], count=None)

    def absorb(
        self,
        editor: Editor,
        who: str,
        cells: Iterable[str] | None = None,
        *,
        key: str | None = None,
        labelled: Set[str] = frozenset(),
    ) -> list[Entry]:
        """Note what differs from what is known, as done by `who`; `key` is that of a client or OTHERS, else as `who`.

        `cells` are the only ones whose content may differ; None means any. The first call only looks. The metadata of
        `labelled` cells were set: of others it is not noted, since JupyterLab writes them with each run and fold.
        """
        ids = editor.ids()
        order = self._order
        if order != ids:
            self._order = ids
        by = who if key is None else key
        if order is None:
            self._known = {cell: _known(editor, index) for index, cell in enumerate(ids)}
            return []
        found: list[Entry] = []
        now = time.time()

        def note(action: Action, cell: str, index: int) -> None:
            self.last += 1
            found.append(Entry(self.last, who, action, cell, index, now, by))

        # A large notebook changes in few places: what comes before and behind them is where it was.
        head, old_end, end = _between(order, ids)
        places = {cell: place for place, cell in enumerate(order[head:old_end])}
        there = set(ids[head:end])
        for cell, place in places.items():
            if cell not in there:
                note("deleted", cell, head + place)
                self._known.pop(cell, None)
        common = [cell for cell in ids[head:end] if cell in places]
        moved = {common[place] for place in out_of_order([places[cell] for cell in common])}
        wanted = None if cells is None else set(cells)
        for index, cell in enumerate(ids):
            look = wanted is None or cell in wanted
            if not look and not head <= index < end and cell not in labelled:
                continue
            before = self._known.get(cell)
            if look or before is None:
                self._known[cell] = _known(editor, index, before)
            if before is None:
                note("added", cell, index)
                continue
            if cell in moved:
                note("moved", cell, index)
            if self._known[cell].content != before.content or cell in labelled:
                note("edited", cell, index)
            if self._known[cell].count not in (None, before.count) and who != PUT_BACK:
                note("ran", cell, index)
        self.entries.extend(found)
        return found


def _known(editor: Editor, index: int, before: _Known | None = None) -> _Known:
    current = editor.cell_at(index, outputs=False)
    count = current.execution_count
    last = before.last if count is None and before is not None else count
    return _Known(f"{current.type}:{current.hash}", count, last)


def _between(old: list[str], new: list[str]) -> tuple[int, int, int]:
    """Where two orders begin to differ, and where each ends to: before and behind that they are the same."""
    if old == new:
        return len(new), len(old), len(new)
    shorter = min(len(old), len(new))
    head = next((place for place in range(shorter) if old[place] != new[place]), shorter)
    tail = next((back for back in range(shorter - head) if old[-1 - back] != new[-1 - back]), shorter - head)
    return head, len(old) - tail, len(new) - tail


def out_of_order(places: list[int]) -> list[int]:
    """The positions in `places` outside of its longest increasing run: the fewest cells that must have moved."""
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for position, place in enumerate(places):
        length = bisect_left(tails, place)
        if length == len(tails):
            tails.append(place)
            ends.append(position)
        else:
            tails[length] = place
            ends[length] = position
        before.append(ends[length - 1] if length else -1)
    kept = set()
    position = ends[-1] if ends else -1
    while position >= 0:
        kept.add(position)
        position = before[position]
    return [position for position in range(len(places)) if position not in kept]


def between(old: list[str], new: list[str]) -> list[Entry]:
    """What must have been added and deleted between two orders of which no history tells."""
    kept, known, now = set(new), set(old), time.time()
    gone = [Entry(0, OTHERS, "deleted", cell, index, now) for index, cell in enumerate(old) if cell not in kept]
    return gone + [Entry(0, OTHERS, "added", cell, index, now) for index, cell in enumerate(new) if cell not in known]


def summarize(entries: Iterable[Entry]) -> str:
    """Changes in a few words, such as `edited 2 (a1b2c3d4), added 5 (d4e5f6a7)`; a cell is named once per action."""
    shown: dict[tuple[Action, str], str] = {}
    for entry in entries:
        shown[entry.action, entry.cell] = f"{entry.action} {entry.index} ({entry.cell[:8]})"
    words = list(shown.values())
    return ", ".join(words[:6]) + (f" and {len(words) - 6} more" if len(words) > 6 else "")
