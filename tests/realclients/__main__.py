"""`python -m realclients`: what each client can do with the endpoint, as a table."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from harness import JupyterProcess

from realclients import agents
from realclients.checks import CHECKS, YES, checked
from realclients.installed import KINDS, MORE, Kind, install
from realclients.running import start

HEAD = f"| client | connects | {' | '.join(CHECKS)} |\n{'|---' * (len(CHECKS) + 2)}|"


async def row(kind: Kind, number: int, below: Path, home: Path, server: JupyterProcess) -> list[str]:
    """What the table says of a client: all of the checks, one after the other, in one connection."""
    if isinstance(kind, agents.Agent):
        return await agents.row(kind, number, below, home, server)
    client = await start(kind, number, below, home, server)
    try:
        connected = await client.outcome()
        if connected.error:
            return [f"no: {connected.text[:120]}"]
        return [YES, *[await checked(check, server, client) for check in CHECKS.values()]]
    finally:
        await client.end()


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m realclients", description=__doc__)
    parser.add_argument("names", nargs="*", help="clients by name; all without")
    parser.add_argument("--installed", type=Path, help="a folder to keep the clients in")
    options = parser.parse_args()
    kinds = [kind for kind in (*KINDS, *MORE, *agents.AGENTS) if not options.names or kind.name in options.names]
    rows: list[str] = []
    unexpected = False
    with tempfile.TemporaryDirectory(prefix="realclients-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        below = options.installed or home / "installed"
        for kind in kinds:
            install(kind, below)
        (home / "clients").mkdir()
        server = JupyterProcess(home / "server").wait()
        try:
            for number, kind in enumerate(kinds):
                told = await row(kind, number, below, home / "clients", server)
                told += ["–"] * (len(CHECKS) + 1 - len(told))
                for name, what in zip(("connects", *CHECKS), told, strict=True):
                    unexpected |= what.startswith("no") and name != kind.known
                rows.append(
                    f"| {kind.title} | {' | '.join(' '.join(what.replace('|', '/').split()) for what in told)} |"
                )
                print(rows[-1], flush=True)
        finally:
            server.stop()
    print("\n".join(("", HEAD, *rows)))
    return int(unexpected)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
