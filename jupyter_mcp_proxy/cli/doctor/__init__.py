"""`jupyter mcp-proxy doctor`: what does not work, and what helps."""

from __future__ import annotations

from .command import DESCRIPTION, EXAMPLES, declare, run

__all__ = ["DESCRIPTION", "EXAMPLES", "declare", "run"]
