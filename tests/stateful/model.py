"""What a notebook must be after each act, as pure functions of what it was. Shares no code with the package.

Each line that anybody types holds a word that is written nowhere else (`w17a`, by the actor `a`), so a word says where
a text has gone, and whose it was.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

WORD = re.compile(r"w\d+[a-z]")


class Cell(NamedTuple):
    """A cell as the oracle knows it; an empty id stands for any that is new."""

    id: str
    source: str

    @property
    def lines(self) -> list[str]:
        """Where cells are split and merged, empty lines are nobody's text."""
        return [line for line in self.source.split("\n") if line]


State = tuple[Cell, ...]


def words(state: Iterable[Cell]) -> list[str]:
    return [word for cell in state for word in WORD.findall(cell.source)]


def ids(state: Iterable[Cell]) -> list[str]:
    return [cell.id for cell in state]


def source_of(state: State, cell: str) -> str | None:
    return next((each.source for each in state if each.id == cell), None)


def inserted(state: State, index: int, source: str, id: str = "") -> State:
    return (*state[:index], Cell(id, source), *state[index:])


def rewritten(state: State, cell: str, source: str) -> State:
    return tuple(each._replace(source=source) if each.id == cell else each for each in state)


def deleted(state: State, cell: str) -> State:
    return tuple(each for each in state if each.id != cell)


def moved(state: State, cell: str, to: int) -> State:
    rest = deleted(state, cell)
    (one,) = (each for each in state if each.id == cell)
    return (*rest[:to], one, *rest[to:])


def split(state: State, cell: str) -> State:
    """Its first line stays, the others are a new cell behind it."""
    index = ids(state).index(cell)
    first, rest = state[index].source.split("\n", 1)
    return inserted(rewritten(state, cell, first), index + 1, rest)


def merged(state: State, first: str, second: str) -> State:
    """In the order in which they stand, whoever is named first; ValueError where they are not one behind the other."""
    if first in ids(state) and ids(state).index(second) + 1 == ids(state).index(first):
        first, second = second, first
    if ids(state).index(second) != ids(state).index(first) + 1:
        raise ValueError(second)
    source = "\n".join(filter(None, (source_of(state, first), source_of(state, second))))
    return rewritten(deleted(state, second), first, source)


def same(state: State, expected: State) -> bool:
    """Whether the cells are the expected ones, in order, with their text."""
    return len(state) == len(expected) and all(
        one.lines == two.lines and two.id in (one.id, "") for one, two in zip(state, expected, strict=True)
    )


@dataclass
class Step:
    """What one acknowledged call of an agent has done, as the oracle saw it."""

    before: State
    after: State
    act: int
    """The number of the act; what came later may have touched the same cells."""
    moved: str = ""
    """The cell that it moved, where that is all."""
    sure: bool = True
    """Whether nobody acted at the same time."""

    @property
    def added(self) -> set[str]:
        return set(words(self.after)) - set(words(self.before))

    @property
    def removed(self) -> set[str]:
        return set(words(self.before)) - set(words(self.after))

    @property
    def cells(self) -> set[str]:
        """The cells that it made, removed, or changed the text of."""
        return set(ids(set(self.before) ^ set(self.after))) | {self.moved} - {""}

    def unsure(self) -> Step:
        """The same, of which less is asked: what it left may have been made anew."""
        return replace(self, sure=False)

    def has_left_nothing(self, state: State) -> bool:
        """Whether the cells that it left are all gone: there is nothing to take back in them."""
        left = self.cells & set(ids(self.after))
        return self.before == self.after or (bool(left) and not left & set(ids(state)))

    def is_spent(self, state: State) -> bool:
        """Whether nothing of it is left to be taken back: all that it wrote is gone, and it took nothing away; or what
        it moved is where it was, between what is left."""
        wrote = bool(self.added) and not self.removed and self.before != self.after
        there_now = set(words(cell for cell in state if cell.id in self.cells))  # a split may have taken it elsewhere
        is_back = bool(self.moved) and _above(self.moved, self.before, state) == _above(self.moved, state, self.before)
        return self.has_left_nothing(state) or is_back or (wrote and not self.added & there_now)


def _above(cell: str, state: State, other: State) -> set[str]:
    """What stands above a cell, of what is in another state, too; all of it where the cell is not there."""
    order = [each for each in ids(state) if each in ids(other)]
    return set(order[: order.index(cell)] if cell in order else order)


@dataclass
class Knowledge:
    """What an agent has been told: the cells by any of its results, their texts and hashes where it has read them."""

    order: list[str] = field(default_factory=list)
    read: dict[str, tuple[str, str]] = field(default_factory=dict)
    """For each cell its source and that one's hash."""
    steps: list[Step] = field(default_factory=list)


def undone(before: State, after: State, step: Step) -> str:
    """What is wrong with a step that was taken back; empty where nothing is. Others may have acted since."""
    was, now = words(before), words(after)
    lost, came = set(was) - set(now), set(now) - set(was)
    if not lost <= step.added:
        return f"undo took {sorted(lost - step.added)} along"
    if not came <= step.removed:
        return f"undo brought {sorted(came - step.removed)}"
    for cell in before:
        if cell.id not in step.cells and source_of(after, cell.id) != cell.source:
            return f"undo changed {cell}, which was not in {sorted(step.cells)}"
    return ""


def twice(state: State, revived: Collection[str] = ()) -> list[str]:
    """Words that are in the notebook more than once, which nobody has written; those that were `revived` may be."""
    found = words(state)
    return sorted({word for word in found if found.count(word) > 1 and word not in revived}) or repeated(ids(state))


def repeated(names: Sequence[str]) -> list[str]:
    return sorted({f"id {name}" for name in names if names.count(name) > 1})
