"""`jupyter mcp-proxy demo`: a temporary JupyterLab, and a real MCP client that works in it through the proxy.

A step is reported as done only where its effect was seen: the image decoded, the cell read back from disk.
"""

from __future__ import annotations

import asyncio
import base64
import io
import os
import secrets
import shutil
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Protocol

import anyio
import httpx2
import nbformat
import nbformat.v4
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, ImageContent, Implementation

from . import __version__
from .cli.servers import ENABLE
from .clients import Target, claude_command
from .contract import NAME

REQUIRED = ("jupyterlab", "ipykernel", "matplotlib")
NOTEBOOK = "demo.ipynb"
START_TIMEOUT = 90.0
STEP_TIMEOUT = 90.0
"""Seconds for a step; matplotlib's first import on a new machine builds a font cache."""
SAVE_TIMEOUT = 20.0
POLL = 0.05
TERMINATE_TIMEOUT = 3.0
"""Seconds until a server that was asked to end is killed: with collaboration it may hang at SIGTERM."""
LOG_TAIL = 2500
ROUNDS = 5

INTRODUCTION = """\
# jupyter-mcp-proxy

An MCP client inserts a cell below and runs it, in this notebook's own kernel.
With jupyter-collaboration you see that happen while you look."""

SAMPLE = ("import math\n\nvalues = [math.sin(x / 10) for x in range(100)]", "max(values)")

PLOT = """\
import matplotlib.pyplot as plt

xs = [x / 10 for x in range(100)]
plt.plot(xs, [x * (10 - x) for x in xs])
plt.title("Drawn through MCP")
plt.show()"""


class DemoError(Exception):
    """Something did not do what it should; the text says what, and the cure where there is one."""


def run(*, end: bool, port: int, keep: bool) -> int:
    """The demonstration. 0 if every step worked, 1 if not, 130 if interrupted during the steps."""
    screen = Screen(sys.stdout)
    folder = Path(mkdtemp(prefix="jupyter-mcp-proxy-demo-"))
    try:
        return asyncio.run(demonstrate(screen, folder, end=end, port=port))
    except DemoError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        if keep:
            screen.line(f"Kept: {folder}")
        else:
            remove(folder)


async def demonstrate(screen: Screen, folder: Path, *, end: bool, port: int) -> int:
    """Start a server in `folder`, show the steps, and stay up until a signal unless `end`; the exit code."""
    staying = False
    token = secrets.token_urlsafe(24)
    with_signals(asyncio.current_task())
    screen.line("A temporary JupyterLab, and an MCP client that works in it through the proxy:\n")
    try:
        async with jupyter_lab(folder, free_port(port), token) as lab:
            worked = await show_steps(screen, lab)
            if end or not worked:
                return 0 if worked else 1
            screen.line(farewell(lab))
            staying = True
            code = await lab.process.wait()
            if code != 0:
                raise DemoError(f"JupyterLab ended by itself with code {code}.\n{lab.log_tail()}")
            return 0
    except asyncio.CancelledError:
        return 0 if staying else 130


def farewell(lab: Lab) -> str:
    """What to do while the server stays up. It holds the server's token."""
    return (
        f"\nLook at it:  {lab.url}lab/tree/{NOTEBOOK}\n"
        f"Token:       {lab.token}\n\n"
        "Let an agent of yours work in it:\n\n"
        f"    {claude_command(Target(lab.endpoint, lab.token, 'jupyter-demo'))}\n\n"
        "(`claude mcp remove jupyter-demo` undoes that.) Ctrl-C ends the server and removes its folder."
    )


# -- what is needed -----------------------------------------------------------------------------------


def missing(modules: Sequence[str]) -> list[str]:
    """Which of these top-level modules are not installed."""
    return [module for module in modules if find_spec(module) is None]


def free_port(wanted: int = 0) -> int:
    """A port on loopback that nobody listens on: `wanted`, or any for 0. DemoError where it is taken."""
    with socket.socket() as probe:
        if os.name == "posix":  # as the server will: an old connection in TIME_WAIT is no obstacle
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as error:
            raise DemoError(
                f"Port {wanted} cannot be used ({error.strerror}). Leave --port out for a free one."
            ) from error
        return int(probe.getsockname()[1])


def command(port: int, root: Path) -> list[str]:
    """The server's command line: nothing in it is secret."""
    # Not `-m jupyter lab`: that runs the first jupyter-lab on PATH, maybe another Python's.
    parts = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.ip=127.0.0.1"]
    parts += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={root}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        parts.append("--allow-root")
    return parts


def environment(folder: Path, token: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """The server's environment: its token, and folders of its own instead of the user's."""
    kept = {name: value for name, value in inherited.items() if not name.startswith("JUPYTER")}
    return kept | {
        "JUPYTER_TOKEN": token,
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "IPYTHONDIR": str(folder / "ipython"),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }


def sample_notebook() -> Any:
    """The notebook that the demonstration works in."""
    cells = [nbformat.v4.new_markdown_cell(INTRODUCTION), *map(nbformat.v4.new_code_cell, SAMPLE)]
    spec = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": spec})


def remove(folder: Path) -> None:
    """Remove a folder, though a process that is just ending may still write a last file into it."""
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)
    print(f"{folder} could not be removed; remove it by hand.", file=sys.stderr)


# -- the server ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab of ours."""

    process: asyncio.subprocess.Process
    url: str
    token: str
    folder: Path

    @property
    def endpoint(self) -> str:
        """The URL that an MCP client is given."""
        return f"{self.url}{NAME}/mcp"

    @property
    def root(self) -> Path:
        """The folder with the notebooks."""
        return self.folder / "notebooks"

    def log_tail(self) -> str:
        """The end of the server's log, without the token."""
        text = (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")
        return "The end of its log:\n\n" + text[-LOG_TAIL:].replace(self.token, "...")

    def http(self) -> httpx2.AsyncClient:
        """A client for this server; no proxy of the machine comes between."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx2.AsyncClient(headers=headers, timeout=STEP_TIMEOUT, trust_env=False)

    async def ready(self) -> None:
        """Return once the server answers. DemoError with the end of its log where it ends or never does."""
        deadline = time.monotonic() + START_TIMEOUT
        async with self.http() as http:
            while time.monotonic() < deadline:
                if self.process.returncode is not None:
                    raise DemoError(f"JupyterLab ended with code {self.process.returncode}.\n{self.log_tail()}")
                with suppress(httpx2.TransportError):
                    if (await http.get(f"{self.url}api/status", timeout=5)).status_code == 200:
                        return
                await asyncio.sleep(POLL)
        raise DemoError(f"JupyterLab did not answer within {START_TIMEOUT:.0f} s.\n{self.log_tail()}")


@asynccontextmanager
async def jupyter_lab(folder: Path, port: int, token: str) -> AsyncIterator[Lab]:
    """A JupyterLab in `folder`, started but maybe not ready; afterwards neither it nor its kernels run."""
    root = folder / "notebooks"
    root.mkdir()
    nbformat.write(sample_notebook(), root / NOTEBOOK)
    with (folder / "server.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command(port, root),
            env=environment(folder, token, os.environ),
            cwd=root,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is ours to answer
        )
    try:
        yield Lab(process, f"http://127.0.0.1:{port}/", token, folder)
    finally:
        await stop(process)


async def stop(process: asyncio.subprocess.Process) -> None:
    """End a server with its kernels and sidecar, within about 6 s however it behaves."""
    import psutil  # type: ignore[import-untyped,unused-ignore]  # a dependency of ipykernel

    # Kernels and the sidecar have sessions of their own, so the server's process group is without them.
    descendants = []
    with suppress(psutil.NoSuchProcess):
        descendants = psutil.Process(process.pid).children(recursive=True)
    with suppress(ProcessLookupError):
        process.terminate()
    with anyio.move_on_after(TERMINATE_TIMEOUT):
        await process.wait()
    if process.returncode is None:
        if sys.platform == "win32":
            process.kill()
        else:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    _, alive = await asyncio.to_thread(psutil.wait_procs, descendants, 2.0)
    for survivor in alive:
        with suppress(psutil.NoSuchProcess):
            survivor.kill()
    await asyncio.to_thread(psutil.wait_procs, alive, 1.0)


def with_signals(task: asyncio.Task[Any] | None) -> None:
    """Let the first SIGINT, SIGTERM or SIGHUP cancel a task; those after it change nothing, the end is bounded."""
    assert task is not None
    loop = asyncio.get_running_loop()
    asked = False

    def ask() -> None:
        nonlocal asked
        if not asked:
            asked = True
            task.cancel()

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        # Without handlers in the loop (Windows), Ctrl-C cancels the task by asyncio's own.
        with suppress(NotImplementedError, AttributeError):
            loop.add_signal_handler(getattr(signal, name), ask)


# -- the steps ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shown:
    """What a step did, as far as that was seen, and what came back."""

    text: str
    came_back: str = ""


class Screen:
    """Where the demonstration is told, in the characters that it can show."""

    def __init__(self, stream: TextStream) -> None:
        self.stream = stream
        self.done, self.failed = ("✓", "✗") if can_show("✓✗", stream.encoding) else ("ok", "FAILED")

    def line(self, text: str) -> None:
        """Tell something now, though the output may be a pipe."""
        print(text, file=self.stream, flush=True)

    async def step(self, doing: str, step: Callable[[], Awaitable[Shown]]) -> bool:
        """Take a step and tell how it went and how long it took. Whether it worked."""
        started = time.monotonic()
        try:
            shown = await step()
        except DemoError as error:
            self._tell(self.failed, started, f"{doing}: {error}")
            return False
        except Exception as error:  # whatever a step meets is its reason
            self._tell(self.failed, started, f"{doing}: {reason(error)}")
            return False
        self._tell(self.done, started, f"{doing}: {shown.text}", shown.came_back)
        return True

    def _tell(self, mark: str, started: float, text: str, came_back: str = "") -> None:
        milliseconds = (time.monotonic() - started) * 1000
        lines = [f"{mark} {milliseconds:7.0f} ms  {text}"]
        lines += [f"{'':14}| {line}" for line in came_back.strip().splitlines()]
        self.line("\n".join(lines))


class TextStream(Protocol):
    """What `print` needs, and the encoding."""

    @property
    def encoding(self) -> str: ...

    def write(self, text: str, /) -> object: ...

    def flush(self) -> object: ...


class Tour:
    """The steps that an MCP client takes in the sample notebook."""

    def __init__(self, client: Client, root: Path) -> None:
        self.client = client
        self.file = root / NOTEBOOK

    async def call(self, tool: str, **arguments: Any) -> CallToolResult:
        """Call a tool within the time that a step has; DemoError with the tool's own text where it fails."""
        try:
            with anyio.fail_after(STEP_TIMEOUT):
                result = await self.client.call_tool(tool, arguments)
        except TimeoutError as error:
            raise DemoError(f"no answer within {STEP_TIMEOUT:.0f} s") from error
        if not isinstance(result, CallToolResult) or result.is_error:
            raise DemoError(texts(result) if isinstance(result, CallToolResult) else f"an unexpected answer: {result}")
        return result

    async def list_tools(self) -> Shown:
        """List the tools; each that the tour needs must be there."""
        names = [tool.name for tool in (await self.client.list_tools()).tools]
        absent = {"use_notebook", "insert_execute_code_cell", "execute_ipython"} - set(names)
        if absent:
            raise DemoError(f"the server lacks {', '.join(sorted(absent))}; it has {', '.join(names) or 'none'}")
        return Shown(f"{len(names)} tools", wrapped(names))

    async def open_notebook(self) -> Shown:
        """Open the sample notebook; every cell must be in the outline."""
        text = texts(await self.call("use_notebook", notebook=NOTEBOOK))
        first_lines = [source.partition("\n")[0] for source in (INTRODUCTION, *SAMPLE)]
        if not all(line in text for line in first_lines):
            raise DemoError(f"the outline lacks cells of the notebook:\n{text}")
        return Shown(f"{NOTEBOOK}, {len(first_lines)} cells", text)

    async def plot(self) -> Shown:
        """Insert and run a cell that plots; an image that decodes and is not blank must come back."""
        result = await self.call("insert_execute_code_cell", notebook=NOTEBOOK, source=PLOT)
        image = next((block for block in result.content if isinstance(block, ImageContent)), None)
        if image is None:
            raise DemoError(f"no image came back:\n{texts(result)}")
        return Shown(f"a plot came back, {picture(image)}", texts(result))

    async def saved(self) -> Shown:
        """Wait until the notebook on disk has the new cell with its image."""
        deadline = time.monotonic() + SAVE_TIMEOUT
        while time.monotonic() < deadline:
            with suppress(OSError, ValueError, nbformat.reader.NotJSONError):
                notebook = nbformat.read(self.file, as_version=4)
                for index, cell in enumerate(notebook.cells):
                    if cell.source == PLOT and any("image/png" in output.get("data", {}) for output in cell.outputs):
                        return Shown(f"{NOTEBOOK} has the new cell (index {index}) with its image")
            await asyncio.sleep(POLL)
        raise DemoError(f"{NOTEBOOK} lacks the new cell or its image, {SAVE_TIMEOUT:.0f} s after it ran")

    async def execute(self) -> Shown:
        """Run 1+1 a few times without a cell; each must come back as 2."""
        times = []
        for _ in range(ROUNDS):
            started = time.monotonic()
            text = texts(await self.call("execute_ipython", notebook=NOTEBOOK, code="1+1"))
            times.append((time.monotonic() - started) * 1000)
            if text.strip().splitlines()[-1:] != ["2"]:
                raise DemoError(f"1+1 came back as:\n{text}")
        return Shown(f"1+1 is 2, {ROUNDS} times: {', '.join(f'{ms:.1f}' for ms in times)} ms", text)


async def show_steps(screen: Screen, lab: Lab) -> bool:
    """Take the steps one after the other until one fails. Whether all worked."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(lab.http())
        tours: list[Tour] = []

        async def start() -> Shown:
            await lab.ready()
            return Shown(f"{version('jupyterlab')} at {lab.url}")

        async def health() -> Shown:
            return judge(await http.get(f"{lab.url}{NAME}/healthz"))

        async def connect() -> Shown:
            transport = streamable_http_client(lab.endpoint, http_client=http)
            info = Implementation(name="jupyter-mcp-proxy-demo", title="Demo agent", version=__version__)
            # No time limit around this: the client's own scopes stay open after it. The HTTP client has one.
            client = await stack.enter_async_context(Client(transport, client_info=info))
            tours.append(Tour(client, lab.root))
            return Shown(f"it speaks protocol {client.protocol_version}")

        if not (
            await screen.step("start JupyterLab", start)
            and await screen.step("ask the MCP endpoint", health)
            and await screen.step("connect an MCP client", connect)
        ):
            return False
        tour = tours[0]
        return (
            await screen.step("list the tools", tour.list_tools)
            and await screen.step("use_notebook", tour.open_notebook)
            and await screen.step("insert_execute_code_cell", tour.plot)
            and await screen.step("look at the file", tour.saved)
            and await screen.step("execute_ipython", tour.execute)
        )


def judge(answer: httpx2.Response) -> Shown:
    """What `healthz` says; DemoError with the cure where the endpoint is not what it should be."""
    if answer.status_code == 404:
        raise DemoError(f"the server has no MCP endpoint. Run `{ENABLE}` in this environment and try again")
    if answer.status_code != 200:
        raise DemoError(f"it answers {answer.status_code}: {answer.text[:500]}")
    health = answer.json()
    if health["relay"] != "streaming":
        raise DemoError(f"its extension is not enabled. Run `{ENABLE}` in this environment and try again")
    kind = "edits appear live in JupyterLab" if health["rtc"] else "notebooks are edited as files"
    return Shown(f"version {health['version']}, {kind}")


def picture(image: ImageContent) -> str:
    """An image's type and size; DemoError where it does not decode or shows nothing."""
    from PIL import Image, UnidentifiedImageError

    data = base64.b64decode(image.data)
    try:
        with Image.open(io.BytesIO(data)) as opened:
            darkest, brightest = opened.convert("L").getextrema()
            size = "{} x {}".format(*opened.size)
    except (UnidentifiedImageError, OSError) as error:
        raise DemoError(f"the image that came back cannot be decoded: {error}") from error
    if darkest == brightest:
        raise DemoError("the image that came back is blank")
    return f"{image.mime_type}, {size}, {len(data) / 1000:.1f} kB"


def texts(result: CallToolResult) -> str:
    """The text of a result."""
    return "\n".join(block.text for block in result.content if block.type == "text")


def wrapped(names: Sequence[str], width: int = 90) -> str:
    """Names, as many in a line as fit."""
    lines = [""]
    for name in names:
        if lines[-1] and len(lines[-1]) + len(name) + 1 > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {name}".strip()
    return "\n".join(lines)


def can_show(text: str, encoding: str | None) -> bool:
    """Whether an encoding has these characters."""
    try:
        text.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def reason(error: BaseException) -> str:
    """An unexpected error in one line; of a group, its first."""
    while isinstance(getattr(error, "exceptions", None), tuple):
        error = error.exceptions[0]  # type: ignore[attr-defined]
    return f"{type(error).__name__}: {error}"
