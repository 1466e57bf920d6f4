"""What the commands say beside their output."""

from __future__ import annotations

import sys

PROGRAM = "jupyter mcp-proxy"


def remark(text: str) -> None:
    """Tell the person something that is not the command's output."""
    print(text, file=sys.stderr)
