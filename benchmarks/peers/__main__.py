"""`python -m benchmarks.peers`: us and the nearest peers, line by line, and the page and chart of the documentation."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from .connected import connected
from .lines import COLD, IDLE_WITHIN, MEASURES, SLOW, Line, cold, until_listed
from .page import chart, page, table
from .sides import SIDES, Running, Side

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks"
ROUNDS = 15


async def measure(sides: Sequence[Side], running: Sequence[Running], only: Sequence[str], rounds: int) -> list[Line]:
    """Every line that is wanted, with everybody connected."""
    lines: list[Line] = []
    async with AsyncExitStack() as stack:
        each = [await stack.enter_async_context(connected(side, run)) for side, run in zip(sides, running, strict=True)]
        for name in only:
            began = time.monotonic()
            lines += await MEASURES[name](each, rounds)
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return lines


def main() -> None:
    """Measure, print and write."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    arguments.add_argument("--rounds", type=int, default=ROUNDS, help="rounds over all sides (default %(default)s)")
    arguments.add_argument("--only", nargs="+", choices=(*MEASURES, COLD), help="lines; only printed then")
    arguments.add_argument("--keep", type=Path, help="folder of the peers' environments, made if they are not there")
    arguments.add_argument("--into", type=Path, default=PAGE, help="folder of the page (default: docs/benchmarks)")
    options = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    only = options.only or [*MEASURES, COLD]
    with TemporaryDirectory(prefix="mcp-proxy-peers-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        sides = [kind((options.keep or home / "environments").absolute()) for kind in SIDES]
        names = [side.name for side in sides]
        lines: list[Line] = []
        if wanted := [name for name in only if name != COLD]:
            with ExitStack() as stack:
                running = [stack.enter_context(side.running(home / side.package)) for side in sides]
                for side, run in zip(sides, running, strict=True):
                    until_listed(run, side.era)
                lines += asyncio.run(measure(sides, running, wanted, options.rounds))
        if COLD in only:
            lines += cold(sides, home, max(1, options.rounds // SLOW))
        print(table(lines, names))
        if not options.only:
            facts = {
                "server": version("jupyter-server"),
                "collaboration": version("jupyter-collaboration"),
                "idle": IDLE_WITHIN,
            }
            options.into.mkdir(parents=True, exist_ok=True)
            (options.into / "peers.md").write_text(page(lines, {side.name: side.version() for side in sides}, facts))
            chart(lines, names, options.into / "peers.png")


if __name__ == "__main__":
    main()
