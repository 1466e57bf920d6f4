"""Real parts for the tests: Jupyter servers as processes, MCP clients in both eras."""

from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import nbformat.v4
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, Implementation

TOKEN = "test-token-0123456789"
START_TIMEOUT = 60.0
ERAS = ("2026-07-28", "legacy")
SLEEP = "import time\nprint('begun', flush=True)\ntime.sleep(60)"
"""Code that runs until it is stopped, and shows that it does."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}},
}


def write_notebook(path: Path, *sources: str, **metadata: Any) -> Path:
    """Write a notebook of code cells, and return its path."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    path.write_text(nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata=metadata)))
    return path


class JupyterProcess:
    """A Jupyter server in a folder of its own, with nothing of the machine's user in it."""

    def __init__(
        self,
        home: Path,
        *,
        rtc: bool = True,
        arguments: tuple[str, ...] = (),
        token: str = TOKEN,
        base_url: str = "/",
        scheme: str = "http",
        environment: dict[str, str] | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.home = home
        self.root = home / "root"
        self.root.mkdir(parents=True, exist_ok=True)
        self.runtime = home / "runtime"
        self.data = home / "data"
        self.token = token
        self.port = free_port()
        self.base_url = base_url
        self.url = f"{scheme}://{host}:{self.port}{base_url}"
        self.endpoint = f"{self.url}mcp-proxy/mcp"
        self.guarantee = "live" if rtc else "file"
        self._log = (home / "server.log").open("ab")
        command = [
            sys.executable, "-m", "jupyter", "server", "--no-browser", "--allow-root",
            f"--ServerApp.port={self.port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={self.root}",
            f"--ServerApp.base_url={base_url}",
        ]  # fmt: skip
        if token:
            command.append(f"--IdentityProvider.token={token}")
        if not rtc:
            command.append("--ServerApp.jpserver_extensions=jupyter_server_ydoc=False")
        env = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
        env |= {
            "HOME": str(home),
            "JUPYTER_RUNTIME_DIR": str(self.runtime),
            "JUPYTER_DATA_DIR": str(self.data),
            "JUPYTER_CONFIG_DIR": str(home / "config"),
            "IPYTHONDIR": str(home / "ipython"),
            "JUPYTER_PLATFORM_DIRS": "1",
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            **(environment or {}),
        }
        self.process = subprocess.Popen(
            [*command, *arguments], env=env, cwd=home, stdout=self._log, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip

    @property
    def log(self) -> str:
        return (self.home / "server.log").read_text(errors="replace")

    def get(self, path: str, *, token: str | None = None, context: Any = None) -> tuple[int, bytes]:
        request = urllib.request.Request(self.url + path)
        credential = self.token if token is None else token
        if credential:
            request.add_header("Authorization", f"Bearer {credential}")
        try:
            with urllib.request.urlopen(request, timeout=30, context=context) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def wait(self, context: Any = None) -> JupyterProcess:
        """Return once the server and its sidecar answer."""
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log
            try:
                status, _ = self.get("mcp-proxy/healthz", context=context)
            except OSError:
                status = 0
            if status == 200:
                return self
            time.sleep(0.05)
        raise AssertionError(f"the server did not come up:\n{self.log[-4000:]}")

    def sidecar_pid(self) -> int:
        """The process id of the sidecar, found as a person would: by its command line and parent."""
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                command = (entry / "cmdline").read_bytes()
                parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
            except OSError:
                continue
            if b"jupyter_mcp_proxy.sidecar" in command and int(parent) == self.process.pid:
                return int(entry.name)
        raise AssertionError("no sidecar runs")

    def write_notebook(self, name: str, *sources: str, **metadata: Any) -> Path:
        return write_notebook(self.root / name, *sources, **metadata)

    def read_notebook(self, name: str) -> Any:
        """A notebook's content on disk. Jupyter writes in place: half of it may be there for a moment."""
        deadline = time.monotonic() + 5
        while True:
            try:
                return json.loads((self.root / name).read_text())
            except ValueError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
        self._log.close()


class Agent:
    """An MCP client as an agent uses it: calls that return text, and the images apart."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def call(self, tool: str, progress: Any = None, **arguments: Any) -> CallToolResult:
        result = await self.client.call_tool(tool, arguments, progress_callback=progress)
        assert isinstance(result, CallToolResult)
        return result

    async def ok(self, tool: str, progress: Any = None, **arguments: Any) -> str:
        """The text of a call that must succeed."""
        result = await self.call(tool, progress, **arguments)
        assert not result.is_error, text(result)
        return text(result)

    async def fails(self, tool: str, **arguments: Any) -> str:
        """The text of a call that must fail."""
        result = await self.call(tool, **arguments)
        assert result.is_error, text(result)
        return text(result)


def text(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if block.type == "text")


@asynccontextmanager
async def connect(
    server: JupyterProcess,
    era: str = ERAS[0],
    *,
    name: str | None = None,
    token: str | None = None,
    verify: Any = True,
    elicitation: Any = None,
) -> AsyncIterator[Agent]:
    """A real client of the server's endpoint, in one of the protocol's eras; without a name one that is new.

    With `elicitation`, a callback, it can be asked for input.
    """
    headers = {}
    credential = server.token if token is None else token
    if credential:
        headers["Authorization"] = f"Bearer {credential}"
    async with httpx2.AsyncClient(headers=headers, timeout=600, verify=verify, trust_env=False) as http:
        transport = streamable_http_client(server.endpoint, http_client=http)
        client_info = Implementation(name=name or f"pytest {secrets.token_hex(4)}", version="1")
        async with Client(transport, mode=era, client_info=client_info, elicitation_callback=elicitation) as client:
            yield Agent(client)


def needs(program: str, remedy: str = "") -> str:
    """The path of a program that a test uses; the test fails, not skips, where it is missing."""
    path = shutil.which(program)
    assert path, f"{program} is not installed. {remedy}".strip()
    return path


def post(
    server: JupyterProcess, body: Any = None, path: str = "mcp-proxy/mcp", method: str = "POST", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """One request as anybody on the network can make it; no header but those given."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    connection.request(method, server.base_url + path, data, sent)
    response = connection.getresponse()
    answer = response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    connection.close()
    return answer


def as_client(token: str | None = TOKEN, **headers: str) -> dict[str, str]:
    sent = {"Content_Type": "application/json", "Accept": "application/json, text/event-stream", **headers}
    return sent | ({"Authorization": f"Bearer {token}"} if token else {})


def refused(answer: tuple[int, dict[str, str], bytes], *words: str, status: int = 403) -> None:
    assert answer[0] == status, answer
    assert answer[1]["content-type"].startswith("application/json")
    message = json.loads(answer[2])
    assert message["jsonrpc"] == "2.0"
    assert message["id"] is None
    for word in words:
        assert word in message["error"]["message"]


def login_cookie(server: JupyterProcess) -> str:
    """The cookie of a person who has logged in, with Jupyter's XSRF token beside it as a browser has it."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", f"{server.base_url}tree?token={TOKEN}")
    response = connection.getresponse()
    response.read()
    cookies = [value.split(";")[0] for name, value in response.getheaders() if name.lower() == "set-cookie"]
    connection.close()
    assert any(cookie.startswith("username-") for cookie in cookies), cookies
    return "; ".join(cookies)


def sample_arguments(tool: str, notebook: str = "a.ipynb") -> dict[str, Any]:
    """Arguments with which a tool can be called, as far as its schema goes."""
    from jupyter_mcp_proxy.tools.server import CATALOGUE

    schema = CATALOGUE[tool].parameters
    examples = {"string": notebook, "integer": 0, "number": 0}
    return {name: examples.get(str(schema["properties"][name].get("type")), 0) for name in schema.get("required", [])}


async def until(condition: Callable[[], Any], seconds: float = 30) -> None:
    """Return once a condition holds that nobody tells us of."""
    with anyio.fail_after(seconds):
        while not condition():
            await anyio.sleep(0.05)


async def connection_file(server: JupyterProcess, agent: Agent, notebook: str) -> Path:
    """The connection file of a notebook's kernel, which is started, once the kernel has read and rewritten it."""
    used = await agent.ok("use_notebook", notebook=notebook, kernelspec="python3")
    kernel = re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", used)
    assert kernel, used
    file = server.runtime / f"kernel-{kernel[0]}.json"
    port = json.loads(file.read_text())["control_port"]

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    await until(listens)
    await anyio.sleep(1)  # a kernel that listens writes the file anew
    return file


def kernel_of(file: Path) -> str:
    """The id of the kernel that a connection file belongs to."""
    return file.stem.removeprefix("kernel-")


def said_missing(told: str) -> int:
    """How many messages a notice says to be missing; 0 without one."""
    found = re.search(r"may be missing: up to ([\d,]+) of", told)
    return int(found[1].replace(",", "")) if found else 0
