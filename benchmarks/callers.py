"""`python -m benchmarks.callers`: what a call costs the Jupyter process, by a scoped token and by one of a sign-in.

Counted is its processor time, which other programs on the machine do not add to; beside it stands the clock's.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from .calls import NO_OP, callers
from .lean import NEW_ERA, LeanClient
from .parts import jupyter
from .report import SIGNED_IN_TARGET, Verdict

PAIRS = 60
CALLS = 50
"""Calls of one caller in a row: of one call the processor's time could not be told apart from what else goes on."""


def main() -> None:
    """Measure in pairs, one caller right after the other, in turn the other way round, and print the medians."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.callers", description=__doc__)
    arguments.add_argument("--pairs", type=int, default=PAIRS, help="pairs (default %(default)s)")
    options = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    with (
        TemporaryDirectory(prefix="mcp-proxy-benchmarks-", ignore_cleanup_errors=True) as folder,
        jupyter(Path(folder)) as server,
    ):
        clients = {way.name: LeanClient(way.url, NEW_ERA, way.headers) for way in callers(server)}
        for client in clients.values():
            visit(client, server.process.pid)
        used: dict[str, list[float]] = {name: [] for name in clients}
        took: dict[str, list[float]] = {name: [] for name in clients}
        for number in range(options.pairs):
            for name in sorted(clients, reverse=bool(number % 2)):
                processor, clock = visit(clients[name], server.process.pid)
                used[name].append(processor)
                took[name].append(clock)
    print(f"{'ms a call, medians':34} {'processor':>10} {'clock':>10}")
    for name in clients:
        print(f"{name:34} {statistics.median(used[name]):10.3f} {statistics.median(took[name]):10.3f}")
    scoped, signed_in = used.values()
    ratio = statistics.median(mine / other for mine, other in zip(signed_in, scoped, strict=True))
    print(Verdict("the relay's work for who has signed in", ratio, SIGNED_IN_TARGET, "× a scoped token's"))


def visit(client: LeanClient, pid: int) -> tuple[float, float]:
    """Milliseconds of one call: of the process' time on a processor, and of the clock."""
    before = on_processor(pid)
    seconds = [client.call(*NO_OP)[1] for _ in range(CALLS)]
    return (on_processor(pid) - before) / CALLS / 1e6, statistics.median(seconds) * 1e3


def on_processor(pid: int) -> int:
    """Nanoseconds that a process has had of the processors, with all its threads."""
    return time.clock_gettime_ns((~pid << 3) | 2)  # what `clock_getcpuclockid` of glibc makes of a process' id


if __name__ == "__main__":
    main()
