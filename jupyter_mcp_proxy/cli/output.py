"""What the commands say beside their output."""

from __future__ import annotations

import sys

PROGRAM = "jupyter mcp-proxy"


def printable(text: str) -> str:
    """A text that others have chosen, with whatever is not a plain character (ANSI, line ends, bidi marks) escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def remark(text: str) -> None:
    """Tell the person something that is not the command's output."""
    print(text, file=sys.stderr)
