"""`jupyter mcp-proxy <command>`: try it, connect a client, find out what is wrong, make tokens for agents."""

from __future__ import annotations

from .parser import create_parser, main

__all__ = ["create_parser", "main"]
