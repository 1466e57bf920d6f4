"""What differs on purpose, and why. docs/behaviour.md tells it to people. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch

from corpus.differences import Difference


@dataclass(frozen=True)
class Known:
    """A difference that is meant: in which notebooks, and by which words of a cell's source it is known."""

    notebook: str
    words: str
    reason: str
    """The words of docs/behaviour.md."""


INPUT = "code that asks for input is interrupted where nobody can answer"

KNOWN: tuple[Known, ...] = (
    Known("own/input", "input(", INPUT),
    Known("own/input", "getpass(", INPUT),
)


def reason(notebook: str, difference: Difference) -> str | None:
    """Why something differs, where it is known."""
    for known in KNOWN:
        if fnmatch(notebook, known.notebook) and known.words in difference.source:
            return known.reason
    return None
