"""A player with a server's tools: what it calls is counted as a model would pay for it."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import Any

from mcp.client.client import Client
from mcp_types import CallToolResult, TextContent

CHARACTERS = 4
"""A token's characters, the estimate of the catalogue's budget (`docs/tools.md`)."""


@dataclass
class Score:
    """What a task took on one side, and whether its outcome is right."""

    task: str
    calls: int = 0
    characters: int = 0
    errors: int = 0
    outcome: bool = False
    lacks: list[str] = field(default_factory=list)
    """What does not hold, where the outcome is not right."""

    @property
    def tokens(self) -> int:
        """Of names, arguments and texts of results, rounded up."""
        return -(-self.characters // CHARACTERS)


class Player:
    """Calls tools, and counts. An error is an answer like any other: the task decides what it makes of it."""

    def __init__(self, client: Client, task: str, show: bool = False) -> None:
        self._client = client
        self._show = show
        self.score = Score(task)

    async def call(self, tool: str, **arguments: Any) -> str:
        """Call a tool; its text, as a model reads it."""
        result = await self._client.call_tool(tool, arguments)
        assert isinstance(result, CallToolResult)
        said = "\n".join(block.text for block in result.content if isinstance(block, TextContent))
        told = json.dumps(arguments, ensure_ascii=False)
        self.score.calls += 1
        self.score.errors += bool(result.is_error)
        self.score.characters += len(tool) + len(told) + len(said)
        if self._show:
            print(f"\n> {tool} {told}\n{said}", file=sys.stderr)
        return said
