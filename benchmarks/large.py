"""`python -m benchmarks.large`: what a large notebook costs beside a small one, shared and as a file."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
import sys
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat.v4

from .lean import NEW_ERA, LeanClient
from .parts import JupyterProcess, jupyter
from .report import HEAD, Verdict, row
from .timing import Sample, Series, round_robin, timed

ROUNDS = {"live": 60, "file": 6}
QUICK_ROUNDS = {"live": 10, "file": 2}
WARM_UP = 1
SIZES = {"small": 10, "large": 1000}
OUTPUT = 50_000
"""Characters of output in each cell of the large notebook; those of the small one have a line each."""
LINES = 10
TARGET = 1.5
NOTEBOOK = "benchmark.ipynb"
TOOLS = ("execute_cell", "insert_cell", "list_cells")
GET = "bare GET of its hash"
PUT = "bare PUT of its content"
WRITES = {"execute_cell": 2, "insert_cell": 1}
"""How often a tool writes the file; each time it is hashed before and after."""


def main() -> None:
    """Measure and print, as `python -m benchmarks` does."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.large", description=__doc__)
    arguments.add_argument("--rounds", type=int, help=f"rounds over all variants (default {ROUNDS})")
    arguments.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds, for a look")
    arguments.add_argument("--kind", choices=list(ROUNDS), help="only shared documents, or only files")
    options = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    told: list[str] = []
    print(HEAD)
    for kind in [options.kind] if options.kind else list(ROUNDS):
        rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)[kind]
        with TemporaryDirectory(prefix="mcp-proxy-benchmarks-", ignore_cleanup_errors=True) as folder:
            series = asyncio.run(measure(Path(folder), kind, rounds))
        told += map(str, report(kind, series))
        told += beside_jupyter(series) if kind == "file" else []
    print("", *told, sep="\n")


async def measure(home: Path, kind: str, rounds: int) -> dict[str, Series]:
    """All samples for one kind of document. Each size has a server of its own: neither waits for the other's saving."""
    with subject(home, kind, "small") as small, subject(home, kind, "large") as large:
        return await round_robin(small.variants() | large.variants(), rounds, WARM_UP)


def report(kind: str, series: dict[str, Series]) -> list[Verdict]:
    """Print the rows of one kind, and return what came of its targets."""
    verdicts = []
    for tool in [*TOOLS, GET, PUT]:
        small, large = (series.get(_name(kind, size, tool)) for size in SIZES)
        if small is None or large is None:
            continue
        print(f"\n{kind} · {tool} (ratio to the small notebook)\n{row(small, small)}\n{row(large, small)}")
        if tool in TOOLS:
            text = f"{kind} · {tool}, 1,000 cells and 50 MB of outputs"
            verdicts.append(Verdict(text, large.p50 / small.p50, TARGET, "× 10 cells"))
    return verdicts


def beside_jupyter(series: dict[str, Series]) -> list[str]:
    """What a tool took of the large file, in terms of the bare requests that it cannot do without."""
    get, put = (series[_name("file", "large", what)].p50 for what in (GET, PUT))
    lines = []
    for tool, writes in WRITES.items():
        bare = writes * (put + 2 * get)
        ratio = series[_name("file", "large", tool)].p50 / bare
        lines.append(f"         file · {tool}: {ratio:.2f} × its bare requests to Jupyter ({bare:.0f} ms)")
    return lines


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
        samples: dict[str, Sample] = {
            "execute_cell": self.execute,
            "insert_cell": self.insert,
            "list_cells": self.list,
        }
        if self.kind == "file":
            samples |= {GET: self.get, PUT: self.put}
        return {_name(self.kind, self.size, what): sample for what, sample in samples.items()}

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

    async def get(self) -> float:
        """What Jupyter needs to say whether the file is what it was."""
        return await self.request("GET", "?type=notebook&content=0&hash=1")

    async def put(self) -> float:
        """What Jupyter needs to take the file's content and write it."""
        content = self.server.read_notebook(NOTEBOOK)
        body = json.dumps({"type": "notebook", "format": "json", "content": content}).encode()
        return await self.request("PUT", "", body)

    async def request(self, method: str, query: str, body: bytes | None = None) -> float:
        """The seconds of one bare request for the notebook to Jupyter's Contents API."""
        url = f"{self.server.url}api/contents/{NOTEBOOK}{query}"
        headers = {"Authorization": f"token {self.server.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(url, body, headers, method=method)

        def exchange() -> None:
            with urllib.request.urlopen(request, timeout=60) as response:
                response.read()

        return await timed(_async(exchange))


def _async(function: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    async def call() -> None:
        function()

    return call


if __name__ == "__main__":
    main()
