"""Who has made the changes that come into a room, by the names that people have there."""

from __future__ import annotations

import time
from typing import Any

from pycrdt import Awareness, Decoder

SOMEBODY = "somebody else"
"""Who is called so beside others: somebody who shows no name."""
AT_ONCE = 0.5
"""Seconds in which a server that has read a file anew says so. What people change it has written after a second."""


def name_of(state: dict[str, Any]) -> str:
    """The name in somebody's state."""
    return str(state["user"].get("display_name") or state["user"].get("name") or "somebody")


class Writers:
    """Those who have written since we last asked.

    A replica writes under a number of its own, which in JupyterLab is that of its state in the room's awareness, too
    (y-protocols: `Awareness.clientID` is the document's). A deletion does not say whose it is: where several are there,
    it may be each one's.
    """

    def __init__(self, awareness: Awareness) -> None:
        self._awareness = awareness
        self._names: set[str] = set()
        self._unnamed: set[int] = set()
        """The replicas that have written and showed no name then; 0 for a deletion where nobody showed one."""
        self._in_cells: dict[int, float] = {}
        """When replicas that are not known to be people's have last written in cells; 0 as above."""

    def heard(self, event: Any) -> None:
        """A change of cells has come: pycrdt's TransactionEvent, whose types (0.14) leave its states out."""
        wrote = wrote_in(event)
        people = self._people()
        if wrote or not people:
            unnamed = (set(wrote) or {0}) - people.keys()
            self._names.update(people[number] for number in wrote if number in people)
            self._unnamed |= unnamed
            self._in_cells.update(dict.fromkeys(unnamed, time.monotonic()))
        else:
            self._names.update(people.values())

    def take(self) -> str:
        """Their names, such as `Ann or Bob`; empty where nobody knows. Forgets them.

        Who was there before us is known by name only when they move or, in JupyterLab, after 15 s at most.
        """
        names, people = self._names, self._people()
        unnamed = self._unnamed - people.keys()
        names |= {people[number] for number in self._unnamed - unnamed}
        self._names, self._unnamed = set(), set()
        return " or ".join([*sorted(names), *([SOMEBODY] if unnamed else [])]) if names else ""

    def has_read_file(self, wrote: list[int]) -> bool:
        """Whether the replica that now says that the file and the document are the same, which is the server's, has
        changed cells itself since this was last asked: it had read a file that is another. Of a deletion nobody says
        whose it is: it is the server's where the server says so at once."""
        at, people = self._in_cells, self._people()
        self._in_cells = {}
        just_now = at.pop(0, 0.0) > time.monotonic() - AT_ONCE
        return just_now or any(number in at and number not in people for number in wrote)

    def forget(self) -> None:
        """Nothing of agents' is here that a file could be without."""
        self._in_cells.clear()

    def _people(self) -> dict[int, str]:
        states = self._awareness.states
        return {number: name_of(state) for number, state in states.items() if _is_person(state)}


def wrote_in(event: Any) -> list[int]:
    """The replicas that have written in a change."""
    before, after = _clocks(event.before_state), _clocks(event.after_state)
    return [number for number, clock in after.items() if clock > before.get(number, 0)]


def _is_person(state: dict[str, Any] | None) -> bool:
    return bool(state and state.get("user") and not state.get("agent"))


def _clocks(vector: bytes) -> dict[int, int]:
    """How much each replica has written, from Yjs' state vector."""
    decoder = Decoder(vector)
    return {decoder.read_var_uint(): decoder.read_var_uint() for _ in range(decoder.read_var_uint())}
