"""What differs on purpose, and why. docs/behaviour.md tells it to people. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatch

from corpus.differences import Difference

INPUT = "code that asks for input is interrupted where nobody can answer"
PAGER = "help and `%pycat` are outputs (the pager)"
LATE = "what threads and tasks put out after the end of their cell goes into that cell"
CHECKPOINT = "a folder `.ipynb_checkpoints` beside the notebook"


@dataclass(frozen=True)
class Known:
    """A difference that is meant: in which notebooks, and what in a cell's source it is known by."""

    reason: str
    """The words of docs/behaviour.md."""
    notebook: str
    source: re.Pattern[str]
    adds: bool = False
    """Whether all that nbconvert has must be here, too."""

    def explains(self, notebook: str, difference: Difference) -> bool:
        """Whether this is why something differs."""
        if difference.what != "outputs" or not fnmatch(notebook, self.notebook):
            return False
        lost = set(difference.theirs.splitlines()) - set(difference.ours.splitlines())
        return bool(self.source.search(difference.source)) and not (self.adds and lost)


KNOWN: tuple[Known, ...] = (
    Known(CHECKPOINT, "ipython-*/Rich Output.ipynb", re.compile(r"FileLinks\(")),
    Known(LATE, "*", re.compile(r"\b(ensure_future|create_task)\("), adds=True),
    Known(INPUT, "*", re.compile(r"\b(input|getpass)\(|^%debug", re.MULTILINE)),
    Known(
        PAGER,
        "*",
        re.compile(r"^[^#\n]*\?\??\s*$|^\s*\?|^\s*%(pinfo|psource|pdoc|pdef|pfile|pycat|quickref|magic)", re.MULTILINE),
        adds=True,
    ),
)


def reason(notebook: str, difference: Difference) -> str | None:
    """Why something differs, where it is known."""
    return next((known.reason for known in KNOWN if known.explains(notebook, difference)), None)
