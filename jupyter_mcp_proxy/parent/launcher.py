"""What jupyter-server-proxy starts: the sidecar's command, environment, secret header and tile."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from jupyter_core.paths import jupyter_path
from jupyter_server.serverapp import ServerApp
from traitlets.log import get_logger

from ..config import MCPProxy
from ..contract import (
    ENV_PREFIX,
    IDENTITY_HEADERS,
    SECRET_HEADER,
    TIER_HEADER,
    module_command,
    proposals_name,
    told_name,
)
from ..store import sidecars
from .beneath import environment_globs, python_path

LONGEST_SOCKET = 103
"""Bytes of a socket's path where the system gives it the fewest (macOS, with a zero at its end)."""
READY_TIMEOUT = 60.0
"""Seconds that a sidecar may take to answer; the default of 5 is too few for a loaded machine."""


class Launch:
    """One way of starting the sidecar, with the secret that only this process and its sidecar know."""

    def __init__(self, relay: Literal["streaming", "buffered"]) -> None:
        self.relay = relay
        self.secret = secrets.token_hex(32)
        self.run_id = secrets.token_hex(8)
        self.config = MCPProxy(parent=ServerApp.instance() if ServerApp.initialized() else None)

    @property
    def python(self) -> str | None:
        """The Python that runs the sidecar, as it is now; None where there is no sidecar."""
        return sidecars.chosen(self.config.python)

    def command(self, port: int, unix_socket: str) -> list[str]:
        """The sidecar's command line: nothing in it is secret."""
        where = ["--unix-socket", unix_socket] if unix_socket else ["--port", str(port)]
        python = self.python or self.config.python
        return [*module_command(python, "jupyter_mcp_proxy.sidecar.__main__"), *where]

    def environment(self) -> dict[str, str]:
        """What the sidecar is told, its one credential included; read and removed at its start."""
        server = ServerApp.instance()
        root = str(server.root_dir)
        read_only = [*self.config.read_only_paths, *environment_globs(root)]
        return self.config.environment() | {
            "PYTHONPATH": python_path(os.environ.get("PYTHONPATH", ""), root),
            ENV_PREFIX + "READ_ONLY_PATHS": json.dumps(read_only),
            ENV_PREFIX + "SECRET": self.secret,
            ENV_PREFIX + "RUN_ID": self.run_id,
            ENV_PREFIX + "RELAY": self.relay,
            ENV_PREFIX + "PARENT_PID": str(os.getpid()),
            ENV_PREFIX + "SERVER_URL": server_url(server),
            ENV_PREFIX + "SERVER_SOCKET": server.sock or "",
            ENV_PREFIX + "SERVER_CERTIFICATE": server.certfile or "",
            ENV_PREFIX + "SERVER_TOKEN": server_token(server),
            ENV_PREFIX + "SERVER_OPEN": "" if server.identity_provider.auth_enabled else "1",
            ENV_PREFIX + "ROOT_DIR": root,
            ENV_PREFIX + "NOTEBOOK_ENDINGS": json.dumps(notebook_endings(server.contents_manager)),
            ENV_PREFIX + "TRASH": "1" if getattr(server.contents_manager, "delete_to_trash", False) else "",
            ENV_PREFIX + "RUNTIME_DIR": str(server.runtime_dir),
        }

    def forget(self) -> None:
        """No sidecar comes any more: what one keeps for the next is not needed."""
        for name in (told_name(self.run_id), proposals_name(self.run_id)):
            with suppress(OSError):
                (Path(ServerApp.instance().runtime_dir) / name).unlink(missing_ok=True)

    def request_headers(self) -> dict[str, str]:
        """What every forwarded request carries; the stock handler cannot say who calls, so the setting's tier."""
        return {SECRET_HEADER: self.secret, TIER_HEADER: self.config.tier}

    def socket_path(self) -> str | None:
        """A path for the sidecar's socket, in a new folder that only this user can enter; None for a port instead.

        A socket's path has an end: 108 bytes on Linux, 104 elsewhere. Where the folder for temporary files is deeper
        than that, it stands in the system's own.
        """
        if not self.config.unix_socket:
            return None
        for folder in (tempfile.gettempdir(), "/tmp"):  # noqa: S108 - a new folder in it, of mode 0700
            if _fits("mcp-proxy-", folder):
                try:
                    return str(Path(tempfile.mkdtemp(prefix="mcp-proxy-", dir=folder)) / "socket")
                except OSError:
                    continue
        get_logger().warning(
            "mcp-proxy: no folder for a Unix socket (TMPDIR is too deep for one); the sidecar has a port"
        )
        return None

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
            "unix_socket": (_fits("jupyter-server-proxy-") and self.config.unix_socket) or self.socket_path(),
            "update_last_activity": False,  # else an open stream with pings keeps an idle server from being culled
            "launcher_entry": {
                # JupyterLab draws its icon in the categories of kernels only: our own tile stands in for it.
                "enabled": not has_panel(),
                "title": "Connect an AI agent",
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


def has_panel() -> bool:
    """Whether our extension of JupyterLab is installed, which has a tile of its own."""
    folders = [Path(folder, "jupyter-mcp-proxy") for folder in jupyter_path("labextensions")]
    return any((folder / "package.json").is_file() for folder in folders)


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


def notebook_endings(manager: Any) -> list[str]:
    """How the files end that a contents manager opens as notebooks; jupytext's (1.19) has a trait of them."""
    given = getattr(manager, "notebook_extensions", None) or []
    names = given.split(",") if isinstance(given, str) else given
    return list(dict.fromkeys([".ipynb", *(f".{str(name).strip().lstrip('.')}" for name in names)]))


def server_token(server: Any) -> str:
    """The credential with which the sidecar calls its own server; empty where none is needed.

    Where a JupyterHub does the login, its identity provider's token is the server's own Hub token. The environment
    does not say so: Binder's servers have a Hub's environment and a plain token of their own.
    """
    return str(server.identity_provider.token or "")


def _fits(prefix: str, folder: str | None = None) -> bool:
    """Whether a socket has room in a new folder that begins with the prefix, in one for temporary files."""
    return len(os.fsencode(f"{folder or tempfile.gettempdir()}/{prefix}12345678/socket")) <= LONGEST_SOCKET


def _literal(value: str) -> str:
    return value.replace("{", "{{").replace("}", "}}")
