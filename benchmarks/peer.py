"""`python -m benchmarks.peer`: a cell with `1+1` in an open notebook, by us and by `jupyter-mcp-live`."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from jupyter_mcp_proxy.jupyter.room import Room
from jupyter_mcp_proxy.jupyter.server import JupyterServer

from .calls import ERAS, NOTEBOOK, ONE_PLUS_ONE_CELL, ONE_PLUS_ONE_SAYS, Way, sdk_client, sdk_sample
from .other import install
from .parts import JupyterProcess, jupyter
from .report import HEAD, row
from .timing import Sample, Series, round_robin

PEER = "jupyter-mcp-live==0.6.2"
BESIDE = ("jupyter-server", "jupyter-collaboration", "ipykernel")
"""What both sides have in the same version."""
ROUNDS = 60
WARM_UP = 5
ITS_TOOL = "--MCPExtensionApp.mcp_tools=jupyter_mcp_live.execution_tools:execute_cell"
ITS_CALL = (
    "execute",
    {"code": f"return await call_tool('execute_cell', {{'notebook_path': {NOTEBOOK!r}, 'position_index': 0}})"},
)
"""It shows its tools to a client only through one that runs code."""


def main() -> None:
    """Measure and print, as `python -m benchmarks` does."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.peer", description=__doc__)
    arguments.add_argument("--rounds", type=int, default=ROUNDS, help="rounds over both (default %(default)s)")
    arguments.add_argument("--keep", type=Path, help="folder of its environment, made if it is not there")
    arguments.add_argument("--era", choices=ERAS, default="new", help="era of MCP (default new)")
    options = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    with TemporaryDirectory(prefix="mcp-proxy-benchmarks-", ignore_cleanup_errors=True) as folder:
        installed = (options.keep or Path(folder) / "peer").absolute()
        if not installed.exists():
            install(installed, PEER, *(f"{each}=={version(each)}" for each in BESIDE))
        series = asyncio.run(measure(Path(folder), installed, ERAS[options.era], options.rounds))
    print(HEAD)
    for one in series.values():
        print(row(one, series["jupyter-mcp-proxy"]))


async def measure(home: Path, installed: Path, era: str, rounds: int) -> dict[str, Series]:
    """All samples of a run. Each side has a Jupyter server of its own, with the same versions."""
    theirs = JupyterProcess(home / "theirs", python=str(installed / "bin" / "python"), arguments=(ITS_TOOL,))
    try:
        with jupyter(home / "ours") as ours:
            theirs.wait(path="api/status")
            async with AsyncExitStack() as stack:
                variants = {
                    "jupyter-mcp-proxy": await stack.enter_async_context(
                        variant(ours, ours.endpoint, era, ONE_PLUS_ONE_CELL)
                    ),
                    PEER: await stack.enter_async_context(variant(theirs, f"{theirs.url}mcp", era, ITS_CALL)),
                }
                return await round_robin(variants, rounds, WARM_UP)
    finally:
        theirs.stop()


@asynccontextmanager
async def variant(
    server: JupyterProcess, url: str, era: str, call: tuple[str, dict[str, object]]
) -> AsyncIterator[Sample]:
    """A client of one side, whose notebook a person has open: only then does the peer write to the shared document."""
    server.write_notebook(NOTEBOOK, "1+1")
    way = Way(url, url, {"Authorization": f"Bearer {server.token}"})
    async with (
        JupyterServer(server.url, server.token) as api,
        Room(api, NOTEBOOK),
        sdk_client(way, era) as client,
    ):
        yield sdk_sample(client, *call, ONE_PLUS_ONE_SAYS)


if __name__ == "__main__":
    main()
