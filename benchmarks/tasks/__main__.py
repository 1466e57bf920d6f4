"""`python -m benchmarks.tasks`: the six tasks of `docs/agent-tasks.md` on both sides, counted."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.lean import NEW_ERA
from benchmarks.other import Endpoint, environment, other_server, versions
from benchmarks.parts import JupyterProcess, jupyter
from benchmarks.wire import metered

from . import ours, peers
from .notebooks import write
from .playbill import CALLS, TOKENS, play, table
from .playing import Score


async def _ours(server: JupyterProcess, pause: float, show: bool) -> list[Score]:
    async with metered(server.endpoint, server.token, NEW_ERA) as (client, _):
        return await play(ours, client, server, pause, show)


async def _theirs(endpoint: Endpoint, server: JupyterProcess, pause: float, show: bool) -> list[Score]:
    async with metered(endpoint.url, endpoint.token, NEW_ERA) as (client, _):
        return await play(peers, client, server, pause, show)


def main() -> None:
    """Play and print. The limits make no exit code."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.tasks", description=__doc__)
    arguments.add_argument("--pause", type=float, default=1.0, help="seconds of an epoch of the loop (default 1)")
    arguments.add_argument("--side", choices=("ours", "other"), help="only one side (default: both)")
    arguments.add_argument("--keep", type=Path, help="folder of the other's environment, made if it is not there")
    arguments.add_argument("--show", action="store_true", help="show every call and its answer")
    options = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    with TemporaryDirectory(prefix="mcp-proxy-tasks-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        if options.side != "other":
            with jupyter(home / "ours") as server:
                write(server, options.pause)
                scores = asyncio.run(_ours(server, options.pause, options.show))
            print(table("jupyter-mcp-proxy", scores))
            print(f"to reach: all right, at most {CALLS} calls and {TOKENS:,} tokens", flush=True)
        if options.side != "ours":
            installed = environment((options.keep or home / "other").absolute())
            with jupyter(home / "theirs") as server, other_server(installed, home / "process", server) as endpoint:
                write(server, options.pause)
                scores = asyncio.run(_theirs(endpoint, server, options.pause, options.show))
            print(versions(installed))
            print(table("jupyter-mcp-server", scores))


if __name__ == "__main__":
    main()
