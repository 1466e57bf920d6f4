"""The Jupyter servers that run on this machine, and what is wrong with their endpoints."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..contract import ENABLE, NAME
from ..store.processes import alive
from .output import PROGRAM, remark

HEALTH_TIMEOUT = 30.0
"""Seconds for a server's answer; where it does not warm up, the question itself starts the sidecar."""

LOOPBACK = frozenset({"127.0.0.1", "[::1]", "localhost"})


@dataclass(frozen=True)
class Server:
    """A running Jupyter server, as its info file tells."""

    url: str
    """As this machine reaches it, ending with the base URL."""
    token: str
    root: str
    base_url: str = "/"
    pid: int = 0

    @property
    def endpoint(self) -> str:
        """The URL that an MCP client is given."""
        return f"{self.url}{NAME}/mcp"

    @property
    def on_loopback(self) -> bool:
        """Whether a question to it stays on this machine."""
        return self.url.partition("://")[2].partition("/")[0].rpartition(":")[0] in LOOPBACK

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> Server:
        """The server of an info file. Wildcards become loopback: its own `url` has this machine's public name."""
        host = str(info.get("hostname") or "127.0.0.1")
        host = {"*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
        if not info.get("secure") and host == "localhost":
            # Another user may sit on the name's other address. Under TLS the certificate decides, and it has the name.
            host = "127.0.0.1"
        host = f"[{host}]" if ":" in host else host
        scheme = "https" if info.get("secure") else "http"
        base_url = str(info.get("base_url") or "/")
        url = f"{scheme}://{host}:{info['port']}{base_url}"
        return cls(
            url, str(info.get("token") or ""), str(info.get("root_dir") or ""), base_url, int(info.get("pid") or 0)
        )


class NoAnswer(Exception):
    """A server that does not answer; the text says why, with the cure."""


class NotAsked(NoAnswer):
    """A server that is not asked, since its token could go to somebody else."""


def running() -> list[Mapping[str, Any]]:
    """The info of each server that this user runs here; empty, with a remark that says why, where none is found."""
    folder = runtime_folder()
    try:
        infos = infos_in(folder)
    except OSError as error:
        remark(f"The servers' info files in {folder} cannot be read: {error}. Try again.")
        return []
    if not infos:
        remark(none_runs(folder))
    return infos


def none_runs(folder: Path) -> str:
    """What is said where no server runs."""
    return (
        f"No Jupyter server of yours runs on this machine (looked in {folder}).\n"
        "Start one with `jupyter lab` and run this command again, or see `jupyter mcp-proxy demo`."
    )


def runtime_folder() -> Path:
    """Where this user's servers say that they run."""
    from jupyter_core.paths import jupyter_runtime_dir

    return Path(jupyter_runtime_dir())


def infos_in(folder: Path) -> list[Mapping[str, Any]]:
    """The info of each server that runs, by the files of a folder. Raises OSError.

    Where it can be, without jupyter_server's `list_running_servers`: to load that takes a second.
    """
    if os.name == "nt":  # there a process is not asked after by a signal
        from jupyter_server.serverapp import list_running_servers

        return [info for info in list_running_servers(str(folder)) if "base_url" in info]
    infos: list[Mapping[str, Any]] = []
    # jupyter-server-mcp (0.3), which jupyter-ai brings, has a file of that kind too, without a base URL.
    for file in sorted(folder.glob("jpserver-*.json")):
        try:
            info = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue  # it has ended meanwhile
        except ValueError:
            continue  # it is being written
        pid = info.get("pid") if isinstance(info, dict) else None
        if isinstance(pid, int) and "port" in info and "base_url" in info and alive(pid):
            infos.append(info)
    return infos


def is_meant(server: Server, which: str) -> bool:
    """Whether a server is named by its URL or endpoint, its port, or its root folder."""
    from os.path import realpath

    port = server.url.partition("://")[2].partition("/")[0].rpartition(":")[2]
    return (
        which in (port, server.endpoint)
        or which.rstrip("/") == server.url.rstrip("/")
        or realpath(which) == realpath(server.root)
    )


def usable(info: Mapping[str, Any]) -> Server | None:
    """The server, if a client can connect to its endpoint; a remark says why not, or what to know."""
    server = reachable(info)
    if server is None:
        return None
    fault = ask(server)
    if fault:
        remark(f"{server.url}: {fault}")
        return None
    if not server.token:
        remark(f"{server.url} has no token: where it asks for none, whoever reaches it can use the endpoint.")
    remarks_on(server)
    return server


def reachable(info: Mapping[str, Any]) -> Server | None:
    """The server, if it has an address that clients can use; else a remark says so."""
    if info.get("sock"):
        remark(
            f"{info['sock']}: a Jupyter server on a Unix socket, which MCP clients cannot use. Start it with a port."
        )
        return None
    return Server.of(info)


def remarks_on(server: Server) -> None:
    """What a person should know who gives this server's address to a client."""
    if server.url.startswith("https:"):
        remark(
            f"{server.url} has its own certificate. A client must trust it; Node.js clients such as Claude Code "
            "take it from NODE_EXTRA_CA_CERTS=<certificate file>."
        )
    if os.environ.get("JUPYTERHUB_SERVICE_PREFIX"):
        remark(
            f"{server.url} is part of a JupyterHub and this is its address from inside. From elsewhere, use the URL on "
            f"the page of its tile, with a token made by `{PROGRAM} token new` or on the Hub's Token page."
        )


def ask(server: Server) -> str:
    """What is wrong with a server's endpoint, with the cure; nothing where it answers or cannot be asked safely."""
    try:
        return judge(server, *fetch(server, "healthz"))
    except NotAsked as error:
        remark(str(error))
        return ""
    except NoAnswer as error:
        return str(error)


def fetch(server: Server, path: str) -> tuple[int, bytes]:
    """The status and body of one of our paths, asked for with the server's own token. Raises NoAnswer."""
    from urllib.error import HTTPError
    from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

    class Stay(HTTPRedirectHandler):
        """A redirect is an answer: the token goes nowhere else."""

        def redirect_request(self, *_: Any) -> None:
            return None

    context = ssl.create_default_context()
    if server.url.startswith("https:"):
        if not server.on_loopback:
            raise NotAsked(f"{server.url} was not asked: it has HTTPS on an address that is not loopback.")
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    # Where a server has no token to give, its XSRF check takes the Referer for a sign that this is no other site.
    request = Request(f"{server.url}{NAME}/{path}", headers={"Referer": server.url})  # noqa: S310 - the scheme is ours
    if server.token:
        request.add_unredirected_header("Authorization", f"Bearer {server.token}")
    opener = build_opener(ProxyHandler({}), Stay(), HTTPSHandler(context=context))
    try:
        with opener.open(request, timeout=HEALTH_TIMEOUT) as response:
            return response.status, response.read()
    except HTTPError as error:
        with error:
            return error.code, error.read()
    except OSError as error:
        raise NoAnswer(f"no answer ({getattr(error, 'reason', None) or error}). Restart that server.") from error


def judge(server: Server, status: int, body: bytes) -> str:
    """What an answer of `healthz` says is wrong, with the cure."""
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    answer = answer if isinstance(answer, dict) else {}
    if status == 200 and answer.get("status") == "ok":
        if answer.get("relay") != "streaming":
            remark(
                f"{server.url} works, but cuts calls at 300 seconds: its extension is not enabled.\n"
                f"Run `{ENABLE}` in its environment and restart it."
            )
        return ""
    error = answer.get("error")
    if isinstance(error, dict):
        return f"the endpoint answers {status}: {error.get('message')}"
    return without_endpoint(status)


def without_endpoint(status: int) -> str:
    """What helps a server that answers so to one of our paths."""
    if status >= 500:
        return f"the server answers {status}; its log says why. Restart it."
    return (
        f"a Jupyter server without the MCP endpoint (it answers {status}).\n"
        "In that server's environment run `pip install jupyter-mcp-proxy`, then restart the server.\n"
        f"Where it is installed already, run `{ENABLE}` there, then restart;\n"
        "if that does not help, the server's log says why the extension was not loaded."
    )
