"""`python -m benchmarks.large`: what a large notebook costs beside a small one, shared and as a file."""

from __future__ import annotations

import argparse
import asyncio
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat.v4

from .lean import NEW_ERA, LeanClient
from .parts import JupyterProcess, jupyter
from .report import HEAD, Verdict, row
from .timing import Sample, Series, round_robin

KINDS = ("live", "file")
ROUNDS = 60
QUICK_ROUNDS = 10
WARM_UP = 1
SIZES = {"small": 10, "large": 1000}
OUTPUT = 50_000
"""Characters of output in each cell of the large notebook; those of the small one have a line each."""
LINES = 10
TARGET = 1.5
NOTEBOOK = "benchmark.ipynb"
TOOLS = ("execute_cell", "insert_cell", "list_cells")


def main() -> None:
    """Measure and print, as `python -m benchmarks` does."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.large", description=__doc__)
    arguments.add_argument("--rounds", type=int, default=ROUNDS, help="rounds over all variants (default %(default)s)")
    arguments.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds, for a look")
    arguments.add_argument("--kind", choices=KINDS, help="only shared documents, or only files")
    options = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    told: list[str] = []
    print(HEAD)
    for kind in [options.kind] if options.kind else KINDS:
        with TemporaryDirectory(prefix="mcp-proxy-benchmarks-", ignore_cleanup_errors=True) as folder:
            rounds = QUICK_ROUNDS if options.quick else options.rounds
            series = asyncio.run(measure(Path(folder), kind, rounds))
        told += map(str, report(kind, series))
    print("", *told, sep="\n")


async def measure(home: Path, kind: str, rounds: int) -> dict[str, Series]:
    """All samples for one kind of document. Each size has a server of its own: neither waits for the other's saving."""
    with subject(home, kind, "small") as small, subject(home, kind, "large") as large:
        return await round_robin(small.variants() | large.variants(), rounds, WARM_UP)


def report(kind: str, series: dict[str, Series]) -> list[Verdict]:
    """Print the rows of one kind, and return what came of its targets."""
    verdicts = []
    for tool in TOOLS:
        small, large = (series[_name(kind, size, tool)] for size in SIZES)
        print(f"\n{kind} · {tool} (ratio to the small notebook)\n{row(small, small)}\n{row(large, small)}")
        text = f"{kind} · {tool}, 1,000 cells and 50 MB of outputs"
        verdicts.append(Verdict(text, large.p50 / small.p50, TARGET, "× 10 cells"))
    return verdicts


def _name(kind: str, size: str, what: str) -> str:
    return f"{kind} · {SIZES[size]} cells · {what}"


@contextmanager
def subject(home: Path, kind: str, size: str) -> Iterator[Subject]:
    """A server with a notebook that is open, and whose kernel runs."""
    with jupyter(home / size, rtc=kind == "live") as server:
        write_notebook(server.root / NOTEBOOK, SIZES[size], OUTPUT if size == "large" else 1)
        client = LeanClient(server.endpoint, NEW_ERA, {"Authorization": f"Bearer {server.token}"})
        try:
            found = Subject(kind, size, server, client)
            found.open()
            yield found
        finally:
            client.close()


def write_notebook(path: Path, cells: int, characters: int) -> None:
    """A notebook in which every cell has printed so many characters, in lines of 80."""
    text = (("x" * 79 + "\n") * (characters // 80 + 1))[:characters]
    made = []
    for number in range(cells):
        cell = nbformat.v4.new_code_cell(f"{number} - {number} + 1 + 1", execution_count=number + 1)
        cell.outputs.append(nbformat.v4.new_output("stream", name="stdout", text=text))
        made.append(cell)
    path.write_text(nbformat.writes(nbformat.v4.new_notebook(cells=made)))


@dataclass
class Subject:
    """An open notebook, and what is done with it."""

    kind: str
    size: str
    server: JupyterProcess
    client: LeanClient

    @property
    def middle(self) -> int:
        """A cell in the middle: whatever walks through the cells shows."""
        return SIZES[self.size] // 2

    def open(self) -> None:
        """The first opening, with the first of everything, is not measured."""
        self.call("use_notebook", notebook=NOTEBOOK)
        self.call("execute_cell", notebook=NOTEBOOK, cell=self.middle)
        self.delete(self.call("insert_cell", notebook=NOTEBOOK, source="", index=self.middle)[0])

    def variants(self) -> dict[str, Sample]:
        """Every variant of this notebook, by its name."""
        samples: list[Sample] = [self.execute, self.insert, self.list]
        return {_name(self.kind, self.size, what): sample for what, sample in zip(TOOLS, samples, strict=True)}

    def call(self, tool: str, **arguments: Any) -> tuple[str, float]:
        """A tool's reply, which is no error, and the seconds it took."""
        body, seconds = self.client.call(tool, arguments)
        assert b'"isError":true' not in body, body
        return body.decode(), seconds

    async def execute(self) -> float:
        """Run a cell that computes `1+1`, and has its output from the run before."""
        body, seconds = self.call("execute_cell", notebook=NOTEBOOK, cell=self.middle)
        assert " ok " in body, body
        return seconds

    async def insert(self) -> float:
        """Insert a cell; it is taken out again, not timed, so that the notebook stays what it is."""
        body, seconds = self.call("insert_cell", notebook=NOTEBOOK, source="pass", index=self.middle)
        self.delete(body)
        return seconds

    def delete(self, inserted: str) -> None:
        """Take out what `insert_cell` says that it has inserted."""
        cell = re.search(r"code cell (\S+) at", inserted)
        assert cell, inserted
        self.call("delete_cell", notebook=NOTEBOOK, cell=cell[1])

    async def list(self) -> float:
        """As many lines of either notebook."""
        start = self.middle - LINES // 2
        body, seconds = self.call("list_cells", notebook=NOTEBOOK, start=start, limit=LINES)
        assert f"{start + LINES - 1} " in body, body
        return seconds


if __name__ == "__main__":
    main()
