"""Which of an author's changes are meant by what is to be taken back. Pure."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Protocol, TypeVar


class Changes(Protocol):
    """A change that can be taken back."""

    @property
    def number(self) -> int:
        """Its first number in the history."""

    @property
    def cells(self) -> Set[str]:
        """The cells that it changed."""


S = TypeVar("S", bound=Changes)


def meant(steps: Sequence[S], since: int | None, only: int | None) -> list[S]:
    """The steps to take back, of all of an author's from the oldest: the newest first.

    Those from the number `since` on; or the one with the number `only`, and the later ones on whose cells it stands;
    or the last.
    """
    if since is not None:
        return [step for step in reversed(steps) if step.number >= since]
    if only is None:
        return list(steps[-1:])
    found: list[S] = []
    cells: set[str] = set()
    for step in steps:
        if step.number == only or not cells.isdisjoint(step.cells):
            found.append(step)
            cells |= step.cells
    return found[::-1]
