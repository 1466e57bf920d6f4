"""A client's program that runs: what it is told a line at a time, and what it says."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import JupyterProcess, own_world

from realclients.installed import Kind, command

LONGEST = 90.0
"""Seconds that any call may take: a sidecar that is killed often is started again after 30 s."""
COMES_AGAIN = re.compile(r"\b[Rr]etry (in|then)\b|\b503\b")
"""What a call is told that is to be made again."""


@dataclass
class Outcome:
    """What a client was told, and when (monotonic seconds)."""

    text: str
    error: bool
    at: float
    images: int = 0
    progress: list[float] = field(default_factory=list)
    """When it was told of progress."""


@dataclass
class Running:
    """A client's program, in a notebook of its own, and what went wrong with it."""

    kind: Kind
    number: int
    process: asyncio.subprocess.Process
    wrong: Counter[str] = field(default_factory=Counter)
    answered: list[float] = field(default_factory=list)
    """Seconds between the death of the sidecar and the answer to the call that met it."""
    sent_away: int = 0
    """How often a call was told to come again, since the sidecar was not there."""

    @property
    def notebook(self) -> str:
        return f"{self.number}.ipynb"

    async def call(self, tool: str, **arguments: Any) -> Outcome:
        await self.tell(tool=tool, arguments=arguments)
        return await self.outcome()

    async def tell(self, **line: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(line).encode() + b"\n")
        await self.process.stdin.drain()

    async def outcome(self) -> Outcome:
        assert self.process.stdout is not None
        progress: list[float] = []
        while True:
            line = await asyncio.wait_for(self.process.stdout.readline(), LONGEST)
            said = json.loads(line or '{"text": "its program ended", "error": true}')
            if "progress" not in said:
                return Outcome(said["text"], said["error"], time.monotonic(), said.get("images", 0), progress)
            progress.append(time.monotonic())

    async def until_there(self, tool: str, **arguments: Any) -> Outcome:
        """Call again as long as the answer says so, as an agent would, and never else."""
        deadline = time.monotonic() + LONGEST
        while True:
            told = await self.call(tool, **arguments)
            if not told.error or time.monotonic() > deadline or not COMES_AGAIN.search(told.text):
                return told
            self.sent_away += 1
            await asyncio.sleep(0.5)

    def expect(self, holds: bool, what: str, told: Outcome) -> None:
        if not holds:
            self.wrong[what] += 1
            print(f"{self.kind.name}: {what}: {told.text[:300]}", flush=True)

    async def end(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.kill()
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.process.wait(), 5)


async def start(kind: Kind, number: int, below: Path, home: Path, server: JupyterProcess, token: str = "") -> Running:
    """Start a client's program, with a notebook of its own; the first outcome is that it has connected."""
    credential = token or server.token
    server.write_notebook(f"{number}.ipynb", "1")
    stdio = [sys.executable, "-m", "jupyter_mcp_proxy", "stdio", "--url", server.endpoint]
    env = own_world(home) | {"STDIO": json.dumps(stdio), "JUPYTER_MCP_PROXY_TOKEN": credential}
    if "PYTHONPATH" in os.environ and kind.program.endswith(".py"):  # ours is for what it starts, not for itself
        env["PYTHONPATH"] = os.environ["PYTHONPATH"]
    process = await asyncio.create_subprocess_exec(
        *command(kind, below, server.endpoint, credential), cwd=below / kind.folder, env=env,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**22,
    )  # fmt: skip
    return Running(kind, number, process)
