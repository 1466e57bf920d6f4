"""What agents have changed in a notebook, cell by cell, for a person to look at, to keep or to take back. Pure."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Set
from contextvars import ContextVar
from dataclasses import dataclass, field

from .history import Action, Entry

MOST = 200
"""Changes of a notebook that wait for a person; older ones count as kept."""
MOST_CHARACTERS = 5_000_000
"""Of the sources that are kept for them."""
MOST_KEPT = 1000
"""Changes of which is known that a person has kept them."""
FRESH = 3600.0
"""Seconds for which a notebook stays open for a change to be taken back."""
SAYS_MOST: tuple[Action, ...] = ("moved", "edited", "added", "deleted")
"""Of what happened to one cell in one change the later in this order is told."""

MADE: ContextVar[list[str] | None] = ContextVar("made", default=None)
"""Where the ids of the changes go that the current call makes; None where nobody asks."""


@dataclass(frozen=True)
class Piece:
    """What a change did to one cell."""

    cell: str
    index: int
    action: Action
    before: str | None
    """The cell's source; None where it was not there."""
    after: str | None
    """None where it is not there any more."""


@dataclass
class Change:
    """One change of an agent."""

    id: str
    number: int
    """Its first number in the history: that by which it is taken back."""
    key: str
    """Of its author."""
    client: str
    token: str
    time: float
    pieces: tuple[Piece, ...]
    kept: set[str] = field(default_factory=set)
    """The cells in which a person keeps it."""

    @property
    def waits(self) -> bool:
        """Whether a person has not yet kept all of it."""
        return any(piece.cell not in self.kept for piece in self.pieces)


class Review:
    """The changes of one notebook that no person has kept, and that were not taken back."""

    def __init__(self) -> None:
        self._changes: OrderedDict[str, Change] = OrderedDict()
        self._kept: OrderedDict[tuple[str, int], Set[str] | None] = OrderedDict()
        self._characters = 0
        self.announce: Callable[[], None] = _nobody
        """Called when there is another change, or one less."""

    def note(
        self,
        number: int,
        who: tuple[str, str, str],
        entries: Iterable[Entry],
        before: Callable[[str], str | None],
        after: Callable[[str], str | None],
    ) -> None:
        """An agent (its key, name and token) has made a change; `before` and `after` know a cell's source by its id."""
        told: dict[str, Entry] = {}
        for entry in entries:
            known = told.get(entry.cell)
            if entry.action in SAYS_MOST and (known is None or _weight(entry) > _weight(known)):
                told[entry.cell] = entry
        if not told:
            return
        pieces = tuple(
            Piece(entry.cell, entry.index, entry.action, before(entry.cell), after(entry.cell))
            for entry in told.values()
        )
        key, client, token = who
        at = next(iter(told.values())).time
        change = Change(secrets.token_hex(8), number, key, client, token, at, pieces)
        self._changes[change.id] = change
        self._characters += _characters(change)
        while len(self._changes) > MOST or (self._characters > MOST_CHARACTERS and len(self._changes) > 1):
            self._drop(next(iter(self._changes)))
        made = MADE.get()
        if made is not None:
            made.append(change.id)
        self.announce()

    @property
    def changes(self) -> list[Change]:
        """Those that wait for a person, the oldest first."""
        return list(self._changes.values())

    @property
    def is_fresh(self) -> bool:
        """Whether a change waits that was made within the last hour."""
        last = next(reversed(self._changes.values()), None)
        return last is not None and last.time > time.time() - FRESH

    def find(self, id: str) -> Change | None:
        """A change that waits, by its id."""
        return self._changes.get(id)

    def keep(self, id: str, cell: str | None = None) -> bool:
        """A person keeps a change, or what it did to one cell; whether it still waited for that."""
        change = self._changes.get(id)
        if change is None:
            return False
        self._keep(change, [cell] if cell is not None else [piece.cell for piece in change.pieces])
        return True

    def kept(self, key: str, number: int) -> Set[str] | None:
        """The cells in which a person has kept a change; None where that is all of it."""
        return self._kept.get((key, number), frozenset())

    def _keep(self, change: Change, cells: Iterable[str]) -> None:
        change.kept.update(cells)
        self._kept[change.key, change.number] = frozenset(change.kept) if change.waits else None
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        if not change.waits:
            self._drop(change.id)
        self.announce()

    def undone(self, key: str, number: int) -> None:
        """A change was taken back, by whomever."""
        for change in self.changes:
            if change.key == key and change.number == number:
                self._drop(change.id)
                self.announce()

    def forget(self, cells: Iterable[str]) -> None:
        """What was done in these cells is not there any more: nobody need keep it."""
        for change in self.changes:
            gone = {piece.cell for piece in change.pieces}.intersection(cells)
            if not gone <= change.kept:
                self._keep(change, gone)

    def _drop(self, id: str) -> None:
        self._characters -= _characters(self._changes.pop(id))


def _nobody() -> None:
    """Nobody wants to know."""


def _weight(entry: Entry) -> int:
    return SAYS_MOST.index(entry.action)


def _characters(change: Change) -> int:
    return sum(len(piece.before or "") + len(piece.after or "") for piece in change.pieces)
