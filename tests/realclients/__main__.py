"""`python -m realclients`: each real client has a call before, during and after the death of its sidecar."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import JupyterProcess, own_world

from realclients.installed import KINDS, Kind, command, install

AT_ONCE = 1.0
"""Seconds within which a call that meets the end of its sidecar is answered."""
LONGEST = 90.0
"""Seconds that any call may take: a sidecar that is killed often is started again after 30 s."""
RUNS = "import time\nwith open({file!r}, 'a') as file:\n    file.write('x')\ntime.sleep({seconds})\nprint('whole')"


@dataclass
class Outcome:
    """What a client was told, and how long after which moment (monotonic seconds)."""

    text: str
    error: bool
    at: float


@dataclass
class Running:
    """A client's program, and what went wrong with it."""

    kind: Kind
    process: asyncio.subprocess.Process
    wrong: Counter[str] = field(default_factory=Counter)
    answered: list[float] = field(default_factory=list)
    """Seconds between the death of the sidecar and the answer to the call that met it."""

    async def call(self, tool: str, **arguments: Any) -> Outcome:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"tool": tool, "arguments": arguments}).encode() + b"\n")
        await self.process.stdin.drain()
        return await self.outcome()

    async def outcome(self) -> Outcome:
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), LONGEST)
        said = json.loads(line or '{"text": "its program ended", "error": true}')
        return Outcome(said["text"], said["error"], time.monotonic())

    def expect(self, holds: bool, what: str, told: str) -> None:
        if not holds:
            self.wrong[what] += 1
            print(f"{self.kind.name}: {what}: {told[:300]}", flush=True)


class Rounds:
    """One server whose sidecar is killed, and clients that all meet each death."""

    def __init__(self, server: JupyterProcess, clients: list[Running]) -> None:
        self.server = server
        self.clients = clients
        self.number = 0

    async def run(self, rounds: int) -> None:
        for number in range(rounds):
            self.number = number
            for moment in (self._before, self._during, self._after):
                await self._alive()
                await asyncio.gather(*(moment(client) for client in self.clients))
            print(f"round {number + 1} of {rounds}", flush=True)

    async def _alive(self) -> None:
        """Wait until the sidecar answers, and kill it at a time at which all know of it."""
        deadline = time.monotonic() + LONGEST
        while (await asyncio.to_thread(self._health)) != 200:
            assert time.monotonic() < deadline, "the sidecar did not come back"
            await asyncio.sleep(0.1)
        self._killed: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._ready = 0

    def _health(self) -> int:
        try:
            return self.server.get("mcp-proxy/healthz")[0]
        except OSError:
            return 0

    async def _kill(self) -> float:
        """Kill the sidecar once all clients have come here; when that was."""
        self._ready += 1
        if self._ready == len(self.clients):
            os.kill(self.server.sidecar_pid(), signal.SIGKILL)
            self._killed.set_result(time.monotonic())
        return await self._killed

    def _cell(self, client: Running, moment: str, seconds: float) -> tuple[Path, str]:
        """Code that counts how often it ran, and where."""
        name = f"{self.clients.index(client)}-{moment}-{self.number}"
        return self.server.root / name, RUNS.format(file=name, seconds=seconds)

    async def _until_it_works(self, client: Running, code: str) -> str:
        """Call as long as the answer says that the call never left, as an agent would that is told so."""
        deadline = time.monotonic() + LONGEST
        while True:
            told = await client.call("execute_ipython", notebook=self._notebook(client), code=code)
            if not told.error or "may have been carried out" in told.text or time.monotonic() > deadline:
                return told.text
            await asyncio.sleep(0.5)

    def _notebook(self, client: Running) -> str:
        return f"{self.clients.index(client)}.ipynb"

    async def _before(self, client: Running) -> None:
        """A call that is made when the sidecar has just died: carried out once in the end, and never twice."""
        file, code = self._cell(client, "before", 0)
        await self._kill()
        told = await self._until_it_works(client, code)
        client.expect("whole" in told, "a call after the death does not work", told)
        ran = file.read_text() if file.exists() else ""
        client.expect(ran == "x", f"a call made just after the death ran {len(ran)} times", told)

    async def _during(self, client: Running) -> None:
        """A call that meets the death: answered at once and not to be repeated; the next one works."""
        file, code = self._cell(client, "during", 2)
        call = asyncio.create_task(client.call("execute_ipython", notebook=self._notebook(client), code=code))
        deadline = time.monotonic() + LONGEST
        while not file.exists() and not call.done() and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        killed = await self._kill()
        told = await call
        client.answered.append(told.at - killed)
        client.expect("may have been carried out" in told.text, "a call that met the death is not told so", told.text)
        await self._works(client)
        ran = file.read_text()
        client.expect(ran == "x", f"a call that met the death ran {len(ran)} times", told.text)

    async def _after(self, client: Running) -> None:
        """A call that has been answered, and the next one after the death."""
        file, code = self._cell(client, "after", 0)
        told = await client.call("execute_ipython", notebook=self._notebook(client), code=code)
        client.expect("whole" in told.text, "a call in quiet times does not work", told.text)
        await self._kill()
        await self._works(client)
        client.expect(file.read_text() == "x", "an answered call ran again", told.text)

    async def _works(self, client: Running) -> None:
        """The next call works without a person, at the latest when the sidecar is there again."""
        deadline = time.monotonic() + LONGEST
        while True:
            told = await client.call("list_cells", notebook=self._notebook(client))
            if not told.error or time.monotonic() > deadline:
                break
            await asyncio.sleep(0.5)
        client.expect(not told.error, "the session did not outlive its sidecar", told.text)


def verdict(clients: list[Running]) -> bool:
    """Tell each client's outcome; whether all is well."""
    well = True
    for client in clients:
        slow = sum(seconds > AT_ONCE for seconds in client.answered)
        if slow:
            client.wrong[f"a call that met the death was answered after more than {AT_ONCE:.0f} s"] += slow
        well = well and not client.wrong
        longest = max(client.answered, default=0.0)
        wrong = "; ".join(f"{count} × {what}" for what, count in client.wrong.items()) or "all well"
        print(f"{client.kind.name:24} answered within {longest:4.2f} s; {wrong}")
    return well


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m realclients", description=__doc__)
    parser.add_argument("names", nargs="*", help="clients by name; all without")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--installed", type=Path, help="a folder to keep the clients in")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="realclients-") as folder:
        home = Path(folder)
        below = options.installed or home / "installed"
        kinds = [kind for kind in KINDS if not options.names or kind.name in options.names]
        for kind in kinds:
            install(kind, below)
        (home / "clients").mkdir()
        server = JupyterProcess(home / "server").wait()
        clients: list[Running] = []
        try:
            for number, kind in enumerate(kinds):
                server.write_notebook(f"{number}.ipynb", "1")
                process = await asyncio.create_subprocess_exec(
                    *command(kind, below, server.endpoint, server.token), cwd=below / kind.folder,
                    env=own_world(home / "clients"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                    limit=2**22,
                )  # fmt: skip
                clients.append(Running(kind, process))
                ready = await clients[-1].outcome()
                assert not ready.error, f"{kind.name}: {ready.text}"
                await clients[-1].call("execute_ipython", notebook=f"{number}.ipynb", code="1")
            await Rounds(server, clients).run(options.rounds)
        finally:
            for client in clients:
                if client.process.returncode is None:
                    client.process.kill()
                await client.process.wait()
            server.stop()
        return int(not verdict(clients))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
