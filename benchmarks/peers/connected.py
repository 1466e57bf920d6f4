"""A side that runs: a client of it, a person in each of its notebooks, and its Jupyter server's own REST."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
from harness.people import Person, person
from mcp.client.client import Client
from mcp_types import CallToolResult, TextContent

from benchmarks.wire import Meter, metered

from .sides import RUNS, Call, Running, Side, cell_id

SIZES = (10, 100, 1000)
PRINTED = "for number in range(20_000):\n    print(f'{number:049}')"
TELLS = "import time\nfor number in range(12):\n    print('line', number, flush=True)\n    time.sleep(0.5)"
STARTED = "started"
SLEEPS = f"import time\nopen({STARTED!r}, 'w').close()\ntime.sleep(60)"
DIES = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
CELLS = ("1+1", PRINTED, TELLS, SLEEPS, DIES)
"""Of the notebook that runs."""
LONGEST = 20.0
"""Seconds that a call may take."""
NO_TOOL = "no such tool"


class Unable(Exception):
    """A side cannot do it; the message is what it answered."""


@dataclass
class Connected:
    """A side with its client."""

    side: Side
    running: Running
    client: Client
    meter: Meter
    people: dict[str, Person]

    async def call(self, call: Call | None, says: str = "", progress: Any = None) -> str:
        """The text of a call, which must say something and be no error."""
        if call is None:
            raise Unable(NO_TOOL)
        with anyio.move_on_after(LONGEST):
            result = await self.client.call_tool(*call, progress_callback=progress)
            assert isinstance(result, CallToolResult)
            told = "\n".join(block.text for block in result.content if isinstance(block, TextContent))
            if result.is_error or not re.search(says, told):
                raise Unable(f"answered: {shown(told)}")
            return told
        raise Unable(f"no answer within {LONGEST:.0f} s")

    def busy(self) -> list[str]:
        """The kernels of its server that are not idle."""
        return [kernel["id"] for kernel in self._ask("api/kernels") if kernel["execution_state"] != "idle"]

    async def settle(self) -> None:
        """Interrupt what runs, as a person does, until nothing does; a kernel that died may come back with time."""
        with anyio.move_on_after(5):
            while busy := await anyio.to_thread.run_sync(self.busy):
                for kernel in busy:
                    await anyio.to_thread.run_sync(self._ask, f"api/kernels/{kernel}/interrupt", b"{}")
                await anyio.sleep(0.3)

    def _ask(self, path: str, data: bytes | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self.running.server.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.running.server.url + path, data, headers)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.loads(response.read() or b"null")


def shown(told: str, length: int = 110) -> str:
    """The begin of an answer, in a line."""
    line = " ".join(told.split())
    return line if len(line) <= length else line[: length - 1] + "…"


def notebook_of(size: int) -> str:
    """The notebook of so many cells."""
    return f"cells-{size}.ipynb"


def value(number: int) -> str:
    """The source of a cell that is edited, for the time after so many edits."""
    return f"value = {number}"


@asynccontextmanager
async def connected(side: Side, running: Running) -> AsyncIterator[Connected]:
    """A client of a side that runs, with its notebooks opened: the one that runs at last, so it stays active."""
    ids = [cell_id(index) for index in range(max(SIZES))]
    for size in SIZES:
        running.server.write_notebook(notebook_of(size), *[value(0)] * size, ids=ids[:size])
    running.server.write_notebook(RUNS, *CELLS, ids=ids[: len(CELLS)])
    async with AsyncExitStack() as stack:
        people = {}
        for name in (*map(notebook_of, SIZES), RUNS):
            people[name] = await stack.enter_async_context(person(running.server, name, "Ada"))
        client, meter = await stack.enter_async_context(metered(running.url, running.token, side.era))
        one = Connected(side, running, client, meter, people)
        for name in people:
            if (call := side.open(name)) is not None:
                await one.call(call)
        yield one
