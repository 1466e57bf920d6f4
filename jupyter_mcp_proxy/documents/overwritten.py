"""What of our clients' work is not in a file any more since somebody else has saved it. Pure.

JupyterLab (4.6) asks whoever saves a notebook that has changed on the disk, and one click on Overwrite removes what it
has not read. So does any other program that writes what it read before.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..outputs.text import joined
from .file_undo import Touched, difference, results
from .history import Entry, out_of_order

Content = dict[str, Any]

STATES = 20
"""States of a notebook to which it may have been put back: those before the last changes."""
MOST_TOLD = 100
JUST_NOW = 10.0
"""Seconds since a save for which it counts as the one of which a person asks."""


@dataclass(frozen=True)
class Loss:
    """A save without some of our clients' work."""

    time: float
    cells: dict[str, str]
    """The cells, each with the key of the client that has changed it last."""
    snapshot: str | None
    """The snapshot in which the work is."""

    def line(self) -> str:
        """As the list of changes has it."""
        return f"{datetime.fromtimestamp(self.time):%H:%M:%S} overwritten {_short(self.cells)}, {self._kept}"

    def told(self, path: str, key: str) -> str:
        """What the client with this key is told; empty where none of it was theirs."""
        theirs = [cell for cell, whose in self.cells.items() if whose == key]
        if not theirs:
            return ""
        said = f"somebody has saved {path!r} without what you did in {_short(theirs)}: it was overwritten"
        return f"{said}, {self._kept}. Ask before you do it again."

    @property
    def _kept(self) -> str:
        return f"kept in the snapshot {self.snapshot}" if self.snapshot else "no snapshot of it could be taken"


class Work:
    """What our clients have written to a notebook since somebody else last did."""

    def __init__(self) -> None:
        self.last: Content | None = None
        """The notebook with all of it."""
        self.losses: deque[Loss] = deque(maxlen=MOST_TOLD)
        self._states: deque[Content] = deque(maxlen=STATES)
        self._whose: dict[str, str] = {}
        self._news: deque[tuple[str, str]] = deque(maxlen=MOST_TOLD)
        self._unsaid: Loss | None = None

    def did(self, before: Content, after: Content, entries: Iterable[Entry], *, edited: bool) -> None:
        """Note a change; of what a run puts into a cell, one after the other, only the last is kept."""
        if edited or not self._states:
            self._states.append(before)
        self.last = after
        self._whose.update({entry.cell: entry.key for entry in entries})

    def missing(self, now: Content, *, outputs: bool = True) -> dict[str, str]:
        """The cells in which something of it is not in what somebody else has saved; it begins anew with that."""
        found: set[str] = set()
        if self.last is not None:
            for before in self._states:
                found |= undone(before, self.last, now, outputs=outputs)
        whose = {cell: self._whose.get(cell, "") for cell in found}
        self._states.clear()
        self._whose.clear()
        self.last = None
        return whose

    def lost(self, path: str, loss: Loss) -> None:
        """Have the clients told of it, each once."""
        self.losses.append(loss)
        self._unsaid = loss
        self._news += [(key, loss.told(path, key)) for key in dict.fromkeys(loss.cells.values())]

    def of_now(self) -> Loss | None:
        """The last loss, for the person who has just saved, once; an agent's call may have been the first to see it."""
        loss, self._unsaid = self._unsaid, None
        return loss if loss is not None and loss.time > time.time() - JUST_NOW else None

    def news(self, key: str) -> list[str]:
        """What this client is to be told, once."""
        due = [text for whose, text in self._news if whose == key]
        self._news = deque((each for each in self._news if each[0] != key), MOST_TOLD)
        return due


def undone(before: Content, ours: Content, now: Content, *, outputs: bool = True) -> set[str]:
    """The cells in which nothing is left of what makes `ours` of `before`, or one part of it."""
    touched = difference(before, ours)
    here = {cell["id"]: cell for cell in now["cells"]} if touched else {}
    return {each.id for each in touched if _is_undone(each, here.get(each.id), outputs)} | _put_back(before, ours, now)


def _is_undone(each: Touched, here: Content | None, outputs: bool) -> bool:
    if each.before is None or each.after is None:
        return (here is None) == (each.after is not None)  # made by us and gone, or deleted by us and there
    if here is None:
        return False  # whoever deletes a cell means what is in it
    old, ours = each.before[1], each.after[1]
    if ours["cell_type"] != old["cell_type"] == here["cell_type"]:
        return True
    metadata = here.get("metadata") or {}
    labelled = {name: pair for name, pair in each.labelled.items() if name != "trusted"}  # which Jupyter sets
    if any(metadata.get(name) == was for name, (was, _) in labelled.items()):
        return True
    if outputs and results(ours) != results(old) == results(here):
        return True
    return not remains(joined(old["source"]), joined(ours["source"]), joined(here["source"]))


def remains(old: str, ours: str, now: str) -> bool:
    """Whether something is left of what makes one source the other: a line that was put in, or the lack of one."""
    if ours in (old, now):
        return True
    before, after = old.splitlines(), ours.splitlines()
    added = [line.strip() for line in after if line.strip() and line not in before]
    if added:
        return any(line in now for line in added)
    taken = {line for line in before if line.strip() and line not in after}
    return now != old and not (taken and taken <= set(now.splitlines()))


def _put_back(before: Content, ours: Content, now: Content) -> set[str]:
    """The cells that we had moved, where all stand in the order from before."""
    orders = [[cell["id"] for cell in content["cells"]] for content in (before, ours, now)]
    all_three = set(orders[0]) & set(orders[1]) & set(orders[2])
    old, new, here = ([cell for cell in order if cell in all_three] for order in orders)
    if old == new or here != old:
        return set()
    places = {cell: place for place, cell in enumerate(old)}
    return {new[place] for place in out_of_order([places[cell] for cell in new])}


def _short(cells: Iterable[str]) -> str:
    return ", ".join(cell[:8] for cell in cells)
