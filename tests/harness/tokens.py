"""Scoped tokens of a server, made as the command line does it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from harness import (
    JupyterProcess,
)
from jupyter_mcp_proxy.store.tokens import Place, TokenStore, utc_now


def store_of(server: JupyterProcess, **how: Any) -> TokenStore:
    return TokenStore(server.data / "mcp-proxy" / "tokens.json", **how)


def place_of(server: JupyterProcess) -> Place:
    return Place.of(str(server.root), server.base_url)


def make(server: JupyterProcess, name: str, tier: str = "run", **how: Any) -> str:
    """A new token of a server, made as the command line does it."""
    return store_of(server).create(place_of(server), name, tier, **how)[0]


def expired_token(server: JupyterProcess, name: str) -> str:
    past = store_of(server, now=lambda: utc_now() - timedelta(days=2))
    return past.create(place_of(server), name, days=1)[0]


API = "mcp-proxy/api/tokens"
