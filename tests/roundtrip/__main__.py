"""`python -m roundtrip`: the notebooks that packages ship, edited and undone in both modes, beside Jupyter's save."""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import anyio
from corpus.packages import PACKAGES, download, unpack
from harness import JupyterProcess, connect

from roundtrip.known import reason
from roundtrip.odd import ODD
from roundtrip.outcome import DIFFERS, EQUAL, UNSAVED, Outcome
from roundtrip.trip import QUICK_SAVE, trip

MORE = {"holoviews": "1.23.2"}
"""Distributions whose notebooks are opened and saved, and not run."""
FEWEST = 150
"""Notebooks of packages that must have been equal in each mode."""
AT_ONCE = 3
"""Clients, each with a notebook of its own."""
Notebooks = list[tuple[str, bytes]]


class RoundTrips:
    """Takes notebooks through one server and keeps the sums."""

    def __init__(self, server: JupyterProcess) -> None:
        self.server = server
        self.kinds: Counter[str] = Counter()
        self.known: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.edits = self.unexplained = 0

    async def run(self, notebooks: Notebooks) -> None:
        """Take all of them, some at a time."""
        left = iter(list(enumerate(notebooks)))
        async with anyio.create_task_group() as group:
            for _ in range(AT_ONCE):
                group.start_soon(self._work, left)

    async def _work(self, left: Iterator[tuple[int, tuple[str, bytes]]]) -> None:
        async with connect(self.server) as agent:
            for number, (name, written) in left:
                began = time.monotonic()
                outcome = await trip(self.server, agent, f"{number}/a.ipynb", written)
                self._tell(name, outcome, time.monotonic() - began)

    def _tell(self, name: str, outcome: Outcome, seconds: float) -> None:
        self.kinds[outcome.kind] += 1
        self.edits += outcome.made
        self.refusals.update(each.split(":", 1)[0] for each in outcome.refusals)
        why = reason(outcome) if outcome.kind != EQUAL else None
        if why is not None:
            self.known[why] += 1
        elif outcome.kind in (DIFFERS, UNSAVED):
            self.unexplained += 1
        told = "\n    " + outcome.told[:1500].replace("\n", "\n    ") if outcome.kind != EQUAL else ""
        print(f"{seconds:5.1f} s  {outcome.kind:9} {name}{told}", flush=True)

    def verdict(self, mode: str) -> str:
        """The sums."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.kinds.items()))
        refused = ", ".join(f"{count} {tool}" for tool, count in self.refusals.items()) or "none"
        lines = [
            f"{mode}: {self.kinds.total()} notebooks: {kinds}; {self.unexplained} that nobody explains",
            f"{mode}: {self.edits} edits made and undone; refused: {refused}",
            *(f"{count:5} {why}" for why, count in self.known.items()),
        ]
        return "\n".join(lines)


def shipped(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The notebooks of unpacked distributions, each content once."""
    seen = set()
    for file in sorted(folder.rglob("*.ipynb")):
        written = file.read_bytes()
        digest = hashlib.sha256(written).digest()
        if digest not in seen and file.is_file():
            seen.add(digest)
            yield str(file.relative_to(folder)), written


async def in_mode(mode: str, home: Path, notebooks: Notebooks) -> RoundTrips:
    """Take notebooks through a server with jupyter-collaboration, or one without."""
    live = mode == "live"
    server = JupyterProcess(home, rtc=live, arguments=(QUICK_SAVE,) if live else ())
    try:
        trips = RoundTrips(server.wait())
        await trips.run(notebooks)
    finally:
        server.stop()
    return trips


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m roundtrip", description=__doc__)
    parser.add_argument("names", nargs="*", help="patterns of the notebooks to take; all without")
    parser.add_argument("--sdists", type=Path, help="a folder with the distributions, or to keep them in")
    parser.add_argument("--as-they-are", action="store_true", help="fetch nothing: take what the folder has")
    parser.add_argument("--mode", choices=("live", "file"), help="one of them alone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="roundtrip-") as folder:
        home = Path(folder)
        sdists = options.sdists or home / "sdists"
        if not options.as_they_are:
            sdists.mkdir(exist_ok=True)
            download(sdists, PACKAGES | MORE)
        unpack(sdists, home / "packages", "*.ipynb")
        notebooks = [(f"odd/{name}", written) for name, written in ODD.items()] + list(shipped(home / "packages"))
        if options.names:
            notebooks = [each for each in notebooks if any(fnmatch(each[0], name) for name in options.names)]
        failed = False
        verdicts = []
        for mode in [options.mode] if options.mode else ["file", "live"]:
            trips = await in_mode(mode, home / mode, notebooks)
            verdicts.append(trips.verdict(mode))
            failed |= trips.unexplained > 0 or (not options.names and trips.kinds[EQUAL] < FEWEST)
        print("\n".join(verdicts))
        return int(failed)


if __name__ == "__main__":
    sys.exit(anyio.run(main))
