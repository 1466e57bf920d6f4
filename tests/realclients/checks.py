"""The checks: what a person would try with a client first, and what goes wrong in an afternoon."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable

from harness import JupyterProcess

from realclients.running import LONGEST, Outcome, Running

PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.show()"
COUNTS = (
    "import time\nfor number in range(12):\n    print('second', number, flush=True)\n    time.sleep(1)\nprint('whole')"
)
SLEEPS = "import time\nopen({file!r}, 'w').close()\ntime.sleep(60)"
REFUSAL = "There is no notebook"
FREE = 5.0
"""Seconds after a client's cancel within which the kernel is idle."""
YES = "yes"


class Unmeasured(Exception):
    """Why a check says nothing of a client."""


Check = Callable[[JupyterProcess, Running], Awaitable[str]]
"""What the table says: YES, YES with something worth telling, or what went wrong."""


async def lists(server: JupyterProcess, client: Running) -> str:
    await client.tell(list=True)
    told = await client.outcome()
    return YES if "execute_cell" in told.text else wrong(told)


async def plot(server: JupyterProcess, client: Running) -> str:
    told = await client.call("insert_execute_code_cell", notebook=client.notebook, source=PLOT)
    return YES if told.images else f"no image: {wrong(told)}"


async def progress(server: JupyterProcess, client: Running) -> str:
    told = await client.call("insert_execute_code_cell", notebook=client.notebook, source=COUNTS)
    if "whole" not in told.text:
        return wrong(told)
    if client.kind.silent:
        raise Unmeasured("the answer comes; its API tells no progress")
    return f"{YES}, {len(told.progress)} times" if told.progress else "none told"


async def cancel(server: JupyterProcess, client: Running) -> str:
    started = server.root / f"started-{client.number}"
    source = SLEEPS.format(file=started.name)
    await client.tell(tool="insert_execute_code_cell", arguments={"notebook": client.notebook, "source": source})
    deadline = time.monotonic() + 30
    while not started.exists() and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    await client.tell(cancel=True)
    cancelled = time.monotonic()
    await client.outcome()
    while busy(server, client.notebook):
        if time.monotonic() > cancelled + FREE:
            await client.call("interrupt_kernel", notebook=client.notebook)
            return f"no: the cell runs on after {FREE:.0f} s"
        await asyncio.sleep(0.05)
    return YES


async def refusal(server: JupyterProcess, client: Running) -> str:
    told = await client.call("execute_cell", notebook="missing.ipynb", cell=0)
    return YES if REFUSAL in told.text else f"not shown: {wrong(told)}"


async def death(server: JupyterProcess, client: Running) -> str:
    server.kill_sidecar()
    told = await client.until_there("list_cells", notebook=client.notebook)
    if told.error:
        return f"no: {wrong(told)}"
    return f"{YES}, after {client.sent_away} of “come again”" if client.sent_away else YES


CHECKS: dict[str, Check] = {
    "lists": lists,
    "plot is an image": plot,
    "progress in 12 s": progress,
    "cancel frees the kernel": cancel,
    "refusal's text": refusal,
    "sidecar killed": death,
}
"""In this order, after the client has connected."""


async def checked(check: Check, server: JupyterProcess, client: Running) -> str:
    """What the table says of a check."""
    try:
        return await asyncio.wait_for(check(server, client), LONGEST + 10)
    except Unmeasured as reason:
        return f"– ({reason})"
    except (asyncio.TimeoutError, ConnectionError, AssertionError) as problem:
        return f"no: {type(problem).__name__}"


def busy(server: JupyterProcess, notebook: str) -> bool:
    """Whether the notebook's kernel runs something."""
    sessions = json.loads(server.get("api/sessions")[1])
    return any(one["path"] == notebook and one["kernel"]["execution_state"] == "busy" for one in sessions)


def wrong(told: Outcome) -> str:
    return re.sub(r"\s+", " ", told.text)[:120].replace("|", "/") or "nothing"
