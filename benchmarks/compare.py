"""`python -m benchmarks.compare`: the same session through our proxy and through Datalayer's jupyter-mcp-server."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from .comparison import Run, missed, table, verdicts
from .lean import NEW_ERA
from .other import REQUIREMENT, environment, other_server, versions
from .parts import JupyterProcess
from .session import Session, substance, write_notebook
from .sides import Other, Ours
from .wire import metered

PRINTED = 1_000_000
LITTLE = 1_000
ERAS = {"new": NEW_ERA, "old": "legacy"}


def main() -> None:
    """Do the session on both sides and print. The verdicts make no exit code, like those of `python -m benchmarks`."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    arguments.add_argument("--other", default=REQUIREMENT, help="what pip installs apart (default: the newest)")
    arguments.add_argument("--keep", type=Path, help="folder of the other's environment, made if it is not there")
    arguments.add_argument(
        "--printed", type=int, help=f"bytes that a cell prints (default {PRINTED:,}, then {LITTLE:,})"
    )
    arguments.add_argument("--era", choices=ERAS, default="new", help="era of MCP (default new)")
    options = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    with TemporaryDirectory(prefix="mcp-proxy-compare-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        installed = environment((options.keep or home / "other").absolute(), options.other)
        print(f"ours: jupyter-mcp-proxy {version('jupyter-mcp-proxy')}, mcp {version('mcp')}")
        print(f"other: {versions(installed)}")
        print(f"both, on a server of its own: jupyter-server {version('jupyter-server')}, ", end="")
        print(f"jupyter-collaboration {version('jupyter-collaboration')}; {options.era} era of MCP")
        _prepare_fonts(home)
        for printed in [options.printed] if options.printed else [PRINTED, LITTLE]:
            print(f"\nA cell prints {printed:,} bytes.")
            asyncio.run(compare(home / str(printed), installed, printed, ERAS[options.era]))


async def compare(home: Path, installed: Path, printed: int, era: str) -> None:
    """One session on each side, each on a Jupyter server of its own, and what came of it."""
    ours, our_root = await _ours(home / "ours", printed, era)
    theirs, their_root = await _theirs(home / "theirs", installed, printed, era)
    print(table(ours, theirs))
    print()
    for line in [*missed(ours), *missed(theirs), *verdicts(ours, theirs, aimed=printed == PRINTED)]:
        print(line)
    same = substance(our_root) == substance(their_root)
    print(f"{'equal' if same else 'NOT equal'}: the notebooks on the disk afterwards (ids, types, sources, outputs)")


async def _ours(home: Path, printed: int, era: str) -> tuple[Run, Path]:
    server = _jupyter(home, printed)
    try:
        server.wait()
        async with metered(server.endpoint, server.token, era) as (client, meter):
            return await Ours(client, meter).run(Session(server.root, printed)), server.root
    finally:
        server.stop()


async def _theirs(home: Path, installed: Path, printed: int, era: str) -> tuple[Run, Path]:
    server = _jupyter(home, printed)
    try:
        server.wait()
        with other_server(installed, home / "other", server) as endpoint:
            async with metered(endpoint.url, endpoint.token, era) as (client, meter):
                return await Other(client, meter).run(Session(server.root, printed)), server.root
    finally:
        server.stop()


def _jupyter(home: Path, printed: int) -> JupyterProcess:
    server = JupyterProcess(home, environment={"MPLCONFIGDIR": str(_fonts(home.parent.parent))})
    write_notebook(server.root, printed)
    return server


def _fonts(home: Path) -> Path:
    return home / "matplotlib"


def _prepare_fonts(home: Path) -> None:
    """Let matplotlib look at the fonts before, or the cell that plots says that it does so."""
    told = os.environ | {"MPLCONFIGDIR": str(_fonts(home))}
    subprocess.run([sys.executable, "-c", "import matplotlib.pyplot"], check=True, env=told, capture_output=True)


if __name__ == "__main__":
    main()
