"""What differs on purpose or by others, and why. docs/behaviour.md tells it to people. Pure."""

from __future__ import annotations

from roundtrip.outcome import UNSAVED, Outcome

KNOWN: dict[str, tuple[str, ...]] = {
    "numbers that JSON does not have: the room saves nothing, and each edit is refused": ("no number in JSON",),
    "integers beyond 64 bits: no room opens": ("beyond 64 bits",),
    "a code cell without outputs: Jupyter's save fails where no room makes it some": ("Unexpected error while saving",),
}
"""Reasons in the words of docs/behaviour.md, with what an outcome says where one holds."""


def reason(outcome: Outcome) -> str | None:
    """Why a file is not what Jupyter makes of it, where that is known: all of it is Jupyter's own."""
    if outcome.kind != UNSAVED:
        return None
    return next((why for why, words in KNOWN.items() if any(each in outcome.told for each in words)), None)
