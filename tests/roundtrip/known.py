"""What differs on purpose or by others, and why. docs/behaviour.md tells it to people. Pure."""

from __future__ import annotations

from roundtrip.outcome import Outcome

KNOWN: dict[str, tuple[str, ...]] = {}
"""Reasons in the words of docs/behaviour.md, with what an outcome says where one holds."""


def reason(outcome: Outcome) -> str | None:
    """Why a file is not what Jupyter makes of it, where that is known."""
    return next((why for why, words in KNOWN.items() if any(each in outcome.told for each in words)), None)
