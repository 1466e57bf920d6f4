"""An endpoint in the words of the clients that connect to it."""

from __future__ import annotations

import shlex
from typing import Any


def claude_command(name: str, endpoint: str, token: str) -> str:
    """The command that adds an endpoint to Claude Code; it holds the token."""
    command = f"claude mcp add --transport http {name} {shlex.quote(endpoint)}"
    if not token:
        return command
    header = f"Authorization: Bearer {token}"
    safe = not set(header) & set('"$`\\!')
    return f"{command} --header " + (f'"{header}"' if safe else shlex.quote(header))


def client_entry(endpoint: str, token: str) -> dict[str, Any]:
    """An endpoint as clients have it in their JSON configuration; it holds the token."""
    entry: dict[str, Any] = {"type": "http", "url": endpoint}
    if token:
        entry["headers"] = {"Authorization": f"Bearer {token}"}
    return entry
