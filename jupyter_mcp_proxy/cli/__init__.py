"""`jupyter mcp-proxy <command>`: try it, connect a client, make tokens for agents, look at the settings."""

from __future__ import annotations

from .parser import create_parser, main

__all__ = ["create_parser", "main"]
