"""`python -m benchmarks`: everything that the README of this folder describes, in one run."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from .calls import all_variants, ways
from .parts import STOCK, jupyter, sidecar
from .report import table, verdicts
from .startup import start_up
from .timing import Series, round_robin

ROUNDS = 150
QUICK_ROUNDS = 15
WARM_UP = 5


def main() -> None:
    """Measure and print. The verdicts are for people: they do not make an exit code, the machine may be loaded."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    arguments.add_argument("--rounds", type=int, default=ROUNDS, help=f"rounds over all variants (default {ROUNDS})")
    arguments.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds, for a look")
    options = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    rounds = QUICK_ROUNDS if options.quick else options.rounds
    with TemporaryDirectory(prefix="mcp-proxy-benchmarks-", ignore_cleanup_errors=True) as folder:
        series = asyncio.run(measure(Path(folder), rounds))
    print(table(series))
    print()
    for verdict in verdicts(series):
        print(verdict)


async def measure(home: Path, rounds: int) -> dict[str, Series]:
    """All samples of a run."""
    with (
        jupyter(home / "relay") as relay,
        jupyter(home / "stock", *STOCK) as stock,
        sidecar(home / "direct", relay) as direct,
    ):
        starts = start_up(home / "starts", relay, max(4, rounds // 10))
        async with all_variants(ways(relay, stock, direct), relay) as variants:
            return await round_robin(variants, rounds, WARM_UP) | starts


if __name__ == "__main__":
    main()
