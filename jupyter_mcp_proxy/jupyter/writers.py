"""Who has made the changes that come into a room, by the names that people have there."""

from __future__ import annotations

from typing import Any

from pycrdt import Awareness, Decoder

SOMEBODY = "somebody else"
"""Who is called so beside others: somebody who shows no name."""


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
        self.numbers: set[int] = set()
        """The replicas that have written in cells, as far as they are not people's; 0 for a deletion of nobody's."""

    def heard(self, event: Any) -> None:
        """A change of somebody else has come: pycrdt's TransactionEvent, whose types (0.14) leave its states out."""
        wrote = wrote_in(event)
        states = self._awareness.states
        people = {number: name_of(state) for number, state in states.items() if _is_person(state)}
        names = [people.get(number, "") for number in wrote] if wrote else people.values()
        self._names.update(names or [""])
        self.numbers.update((set(wrote) or ({0} if not people else set())) - people.keys())

    def take(self) -> str:
        """Their names, such as `Ann or Bob`; empty where nobody knows. Forgets them."""
        names, self._names = self._names, set()
        return " or ".join([*sorted(names - {""}), *([SOMEBODY] if "" in names else [])]) if names != {""} else ""


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
