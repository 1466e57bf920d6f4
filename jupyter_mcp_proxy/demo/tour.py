"""The steps that an MCP client takes in the sample notebook."""

from __future__ import annotations

import asyncio
import base64
import io
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import anyio
import httpx2
import nbformat
import nbformat.v4
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, ImageContent, Implementation

from .. import __version__
from ..contract import ENABLE, NAME
from .lab import INTRODUCTION, NOTEBOOK, POLL, SAMPLE, STEP_TIMEOUT, Lab
from .screen import DemoError, Screen, Shown

SAVE_TIMEOUT = 20.0
ROUNDS = 5

PLOT = """\
import matplotlib.pyplot as plt

xs = [x / 10 for x in range(100)]
plt.plot(xs, [x * (10 - x) for x in xs])
plt.title("Drawn through MCP")
plt.show()"""


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
