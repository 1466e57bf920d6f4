"""What agents, persons and misfortune do to a notebook and its kernel."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import anyio
from harness import Agent, JupyterProcess, post, text

RUN = re.compile(r"\bx[0-9a-f]{2}\d+\b")
CELLS = 8
PATIENCE = 30.0
"""Seconds that a call may take, besides the wait that it asks for: half of the minute that Jupyter gives up after."""
CANCELLED = (0.02, 0.1, 0.3, 0.6, 1.0)
CODE = "import os, time\nwith open({witness!r}, 'a') as file:\n    file.write('{cell}\\n')\n"
CODE += "print('begin', flush=True)\ntime.sleep({seconds})\nprint('end')"


class Acts:
    """The acts upon one notebook, and what was seen of them."""

    def __init__(self, server: JupyterProcess, agents: list[Agent], key: str, lot: Random) -> None:
        self.server, self.agents, self.key, self.lot = server, agents, key, lot
        self.path = f"{key}.ipynb"
        self.witness = server.home / f"{key}.ran"
        self.free = list(range(CELLS))
        self.asked: Counter[int] = Counter()
        self.runs: list[str] = []
        self.wrong: list[str] = []
        self.story: list[str] = []
        self.began = time.monotonic()
        sources = [
            CODE.format(witness=str(self.witness), cell=cell, seconds=lot.choice([0, 0, 0.3, 1]))
            for cell in range(CELLS)
        ]
        server.write_notebook(self.path, *sources, kernelspec={"name": "python3", "display_name": "Python 3"})

    async def call(self, tool: str, cancelled: float | None = None, **arguments: Any) -> str:
        """What a call told, which it must in time."""
        began, limit = time.monotonic(), arguments.get("wait", 0) + PATIENCE
        told = "cancelled"
        with anyio.move_on_after(cancelled if cancelled is not None else limit + 60):
            told = text(await self.lot.choice(self.agents).call(tool, **arguments))
        took = time.monotonic() - began
        self.story.append(f"{began - self.began:5.2f} +{took:.2f} {tool} {json.dumps(arguments)} -> {told[:200]!r}")
        if took > limit:
            self.wrong.append(f"{tool} took {took:.1f} s")
        self.runs += [run for run in RUN.findall(told) if run not in self.runs]
        return told

    def cells(self, count: int) -> list[int]:
        """Cells that nobody has run yet: each is run once."""
        taken = sorted(self.free[:count])
        del self.free[:count]
        self.asked.update(taken)
        return taken

    def waits(self) -> float:
        return self.lot.choice([0, 0.1, 1, 4])

    async def run_one(self) -> None:
        for cell in self.cells(1):
            await self.call("execute_cell", notebook=self.path, cell=cell, wait=self.waits())

    async def run_several(self) -> None:
        if cells := self.cells(4):
            await self.call("run_cells", notebook=self.path, cells=cells, wait=self.waits())

    async def run_code(self) -> None:
        await self.call("execute_ipython", notebook=self.path, code="6 * 7", wait=self.waits())

    async def run_and_go(self) -> None:
        for cell in self.cells(1):
            cancelled = self.lot.choice(CANCELLED)
            await self.call("execute_cell", notebook=self.path, cell=cell, wait=5, cancelled=cancelled)

    async def interrupt(self) -> None:
        await self.call("interrupt_kernel", notebook=self.path)

    async def restart(self) -> None:
        await self.call("restart_notebook", notebook=self.path)

    async def restart_and_go(self) -> None:
        await self.call("restart_notebook", notebook=self.path, cancelled=self.lot.choice(CANCELLED))

    async def shut_down(self) -> None:
        await self.call("restart_notebook", notebook=self.path, shutdown=True)

    async def assign(self) -> None:
        await self.call("assign_kernel_to_notebook", notebook=self.path, kernel="python3")

    async def move(self) -> None:
        new = f"{self.key}-{self.lot.randrange(10**6)}.ipynb"
        await self.call("move_file", path=self.path, to=new)
        if (self.server.root / new).exists():
            self.path = new

    async def ask_jupyter(self, method: str, path: str) -> Any:
        """A person's request, by JupyterLab."""
        own = {"Authorization": f"Bearer {self.server.token}"}
        body = (await anyio.to_thread.run_sync(lambda: post(self.server, None, path, method, **own)))[2]
        return json.loads(body) if body else None

    async def sessions(self) -> list[dict[str, Any]]:
        found = await self.ask_jupyter("GET", "api/sessions")
        return [session for session in found if session["path"].startswith(self.key)]

    async def person_restarts(self) -> None:
        for session in await self.sessions():
            await self.ask_jupyter("POST", f"api/kernels/{session['kernel']['id']}/restart")

    async def person_shuts_down(self) -> None:
        for session in await self.sessions():
            await self.ask_jupyter("DELETE", f"api/sessions/{session['id']}")

    async def kernel_is_killed(self) -> None:
        for session in await self.sessions():
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    if f"kernel-{session['kernel']['id']}.json".encode() in (process / "cmdline").read_bytes():
                        os.kill(int(process.name), signal.SIGKILL)
                except OSError:
                    continue


FIRST = (Acts.run_one, Acts.run_several, Acts.run_code, Acts.run_and_go)
THEN = (
    *FIRST, Acts.interrupt, Acts.restart, Acts.restart_and_go, Acts.shut_down, Acts.assign, Acts.move,
    Acts.person_restarts, Acts.person_shuts_down, Acts.kernel_is_killed,
)  # fmt: skip
RESTARTS = (Acts.restart, Acts.restart_and_go, Acts.person_restarts)
SHUTDOWNS = (Acts.shut_down, Acts.person_shuts_down, Acts.assign)
