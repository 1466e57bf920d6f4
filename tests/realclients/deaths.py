"""`python -m realclients.deaths`: each real client has a call before, during and after the death of its sidecar."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from harness import JupyterProcess

from realclients.installed import KINDS, Kind, install
from realclients.running import LONGEST, Running, start

AT_ONCE = 1.0
"""Seconds within which a call that meets the end of its sidecar is answered."""
RUNS = "import time\nwith open({file!r}, 'a') as file:\n    file.write('x')\ntime.sleep({seconds})\nprint('whole')"


class Rounds:
    """One server whose sidecar is killed. Each client is there three times, and at each death once at each moment."""

    def __init__(self, server: JupyterProcess, clients: list[Running]) -> None:
        self.server = server
        self.clients = clients
        self.moments = (self._before, self._during, self._after)

    async def run(self, rounds: int) -> None:
        for self.number in range(rounds):
            await self._alive()
            self._dead: asyncio.Future[float] = asyncio.get_running_loop().create_future()
            self._waiting = len(self.clients)
            began = time.monotonic()
            await asyncio.gather(*(self.moments[(client.number + self.number) % 3](client) for client in self.clients))
            print(f"round {self.number + 1} of {rounds}: {time.monotonic() - began:.0f} s", flush=True)

    async def _alive(self) -> None:
        """Wait until the sidecar answers."""
        deadline = time.monotonic() + LONGEST
        while (await asyncio.to_thread(self._health)) != 200:
            assert time.monotonic() < deadline, "the sidecar did not come back"
            await asyncio.sleep(0.1)

    def _health(self) -> int:
        try:
            return self.server.get("mcp-proxy/healthz")[0]
        except OSError:
            return 0

    async def _death(self) -> float:
        """When the sidecar was killed, which is done once all clients have come here; it is dead then."""
        self._waiting -= 1
        if not self._waiting:
            sidecar = self.server.sidecar_pid()
            killed = time.monotonic()
            os.kill(sidecar, signal.SIGKILL)
            while Path(f"/proc/{sidecar}").exists():  # until the last of its threads has ended its connections are open
                await asyncio.sleep(0.001)
            self._dead.set_result(killed)
        return await self._dead

    def _code(self, client: Running, seconds: float = 0) -> tuple[Path, str]:
        """Code that counts how often it ran, and where."""
        name = f"{client.number}-{self.number}"
        return self.server.root / name, RUNS.format(file=name, seconds=seconds)

    async def _before(self, client: Running) -> None:
        """A call that is made when the sidecar has died: carried out once, and never twice."""
        file, code = self._code(client)
        await self._death()
        told = await client.until_there("execute_ipython", notebook=client.notebook, code=code)
        client.expect("whole" in told.text, "a call after the death does not work", told)
        client.expect(ran(file) == 1, f"a call after the death ran {ran(file)} times", told)

    async def _during(self, client: Running) -> None:
        """A call that meets the death: answered at once and not to be repeated; the next one works."""
        file, code = self._code(client, 5)
        call = asyncio.create_task(client.call("execute_ipython", notebook=client.notebook, code=code))
        while not file.exists() and not call.done():
            await asyncio.sleep(0.02)
        killed = await self._death()
        told = await call
        client.answered.append(told.at - killed)
        client.expect("may have been carried out" in told.text, "a call that met the death is not told so", told)
        await self._works(client)
        client.expect(ran(file) == 1, f"a call that met the death ran {ran(file)} times", told)

    async def _after(self, client: Running) -> None:
        """A call that was answered before the death, and the next one."""
        file, code = self._code(client)
        told = await client.call("execute_ipython", notebook=client.notebook, code=code)
        client.expect("whole" in told.text, "a call in quiet times does not work", told)
        await self._death()
        await self._works(client)
        client.expect(ran(file) == 1, f"a call that was answered ran {ran(file)} times", told)

    async def _works(self, client: Running) -> None:
        """The next call works without a person."""
        told = await client.until_there("list_cells", notebook=client.notebook)
        client.expect(not told.error, "the session did not outlive its sidecar", told)


def ran(file: Path) -> int:
    """How often code ran that counts in a file."""
    return len(file.read_text()) if file.exists() else 0


def verdict(kind: Kind, clients: list[Running]) -> bool:
    """Tell how it went with a client; whether all is well."""
    answered = sorted(seconds for client in clients for seconds in client.answered)
    wrong = sum((client.wrong for client in clients), Counter[str]())
    if slow := sum(seconds > AT_ONCE for seconds in answered):
        wrong[f"a call that met the death was answered after more than {AT_ONCE:.0f} s"] = slow
    print(
        f"{kind.name:24} {len(answered):3} deaths; answered within {max(answered, default=0):4.2f} s, "
        f"sent away {sum(client.sent_away for client in clients)} times; "
        + ("; ".join(f"{count} × {what}" for what, count in wrong.items()) or "all well")
    )
    return not wrong


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m realclients.deaths", description=__doc__)
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
            for kind in kinds:
                for _ in range(3):
                    clients.append(await start(kind, len(clients), below, home / "clients", server))
            for client in clients:
                for told in (
                    await client.outcome(),
                    await client.call("execute_ipython", notebook=client.notebook, code="1"),
                ):
                    assert not told.error, f"{client.kind.name}: {told.text}"
            await Rounds(server, clients).run(options.rounds)
        finally:
            for client in clients:
                await client.end()
            server.stop()
        verdicts = [verdict(kind, [client for client in clients if client.kind is kind]) for kind in kinds]
        return int(not all(verdicts))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
