"""What jupyter-server-proxy starts: the sidecar's command, environment, secret header and tile."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any, Literal

from jupyter_server.serverapp import ServerApp

from ..config import MCPProxy
from ..contract import ENV_PREFIX, IDENTITY_HEADERS, SECRET_HEADER, TIER_HEADER

READY_TIMEOUT = 60.0
"""Seconds that a sidecar may take to answer; the default of 5 is too few for a loaded machine."""


class Launch:
    """One way of starting the sidecar, with the secret that only this process and its sidecar know."""

    def __init__(self, relay: Literal["streaming", "buffered"]) -> None:
        self.relay = relay
        self.secret = secrets.token_hex(32)
        self.run_id = secrets.token_hex(8)
        self.config = MCPProxy(parent=ServerApp.instance() if ServerApp.initialized() else None)

    def command(self, port: int, unix_socket: str) -> list[str]:
        """The sidecar's command line: nothing in it is secret."""
        where = ["--unix-socket", unix_socket] if unix_socket else ["--port", str(port)]
        return [self.config.python, "-m", "jupyter_mcp_proxy.sidecar", *where]

    def environment(self) -> dict[str, str]:
        """What the sidecar is told, its one credential included; read and removed at its start."""
        server = ServerApp.instance()
        return self.config.environment() | {
            ENV_PREFIX + "SECRET": self.secret,
            ENV_PREFIX + "RUN_ID": self.run_id,
            ENV_PREFIX + "RELAY": self.relay,
            ENV_PREFIX + "PARENT_PID": str(os.getpid()),
            ENV_PREFIX + "SERVER_URL": server_url(server),
            ENV_PREFIX + "SERVER_SOCKET": server.sock or "",
            ENV_PREFIX + "SERVER_CERTIFICATE": server.certfile or "",
            ENV_PREFIX + "SERVER_TOKEN": server_token(server),
            ENV_PREFIX + "SERVER_OPEN": "" if server.identity_provider.auth_enabled else "1",
            ENV_PREFIX + "ROOT_DIR": str(server.root_dir),
            ENV_PREFIX + "RUNTIME_DIR": str(server.runtime_dir),
        }

    def request_headers(self) -> dict[str, str]:
        """What every forwarded request carries; the stock handler cannot say who calls, so the setting's tier."""
        return {SECRET_HEADER: self.secret, TIER_HEADER: self.config.tier}

    def server_process(self) -> dict[str, Any]:
        """The entry point's dictionary. jupyter-server-proxy takes plain functions and formats what they return."""

        def command(port: int, unix_socket: str) -> list[str]:
            return [_literal(part) for part in self.command(port, unix_socket)]

        def environment() -> dict[str, str]:
            return {name: _literal(value) for name, value in self.environment().items()}

        def request_headers_override() -> dict[str, str]:
            # The stock handler forwards whatever a client sends: it must not say who it is.
            return dict.fromkeys(IDENTITY_HEADERS, "") | self.request_headers()

        return {
            "command": command,
            "environment": environment,
            "request_headers_override": request_headers_override,
            "timeout": READY_TIMEOUT,
            "unix_socket": True if self.config.unix_socket else None,
            "update_last_activity": False,  # else an open stream with pings keeps an idle server from being culled
            "launcher_entry": {
                "title": "MCP",
                "icon_path": str(Path(__file__).parent.parent / "icon.svg"),
                "category": "Other",
            },
        }


def setup_mcp_proxy() -> dict[str, Any]:
    """The entry point of the group `jupyter_serverproxy_servers`.

    Serves buffered, with a limit of 300 s a request; where the extension is enabled its streaming
    relay answers instead and this declares only the tile.
    """
    return Launch("buffered").server_process()


def server_url(server: Any) -> str:
    """The URL at which this very process answers its own machine, ending with the base URL.

    Taken from the application, never from a request's Host header. Names that mean "here" become
    an address: on `localhost` another user may sit on the other address family.
    """
    if server.sock:
        return f"http://localhost{server.base_url}"
    scheme = "https" if server.certfile else "http"
    host = {
        "": "127.0.0.1",
        "*": "127.0.0.1",
        "0.0.0.0": "127.0.0.1",  # noqa: S104 - looked up, not bound
        "localhost": "127.0.0.1",
        "::": "::1",
    }.get(server.ip, server.ip)
    if ":" in host:
        host = f"[{host}]"
    return f"{scheme}://{host}:{server.port}{server.base_url}"


def server_token(server: Any) -> str:
    """The credential with which the sidecar calls its own server; empty where none is needed.

    Where a JupyterHub does the login, its identity provider's token is the server's own Hub token. The environment
    does not say so: Binder's servers have a Hub's environment and a plain token of their own.
    """
    return str(server.identity_provider.token or "")


def _literal(value: str) -> str:
    return value.replace("{", "{{").replace("}", "}}")
