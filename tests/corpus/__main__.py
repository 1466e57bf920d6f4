"""`python -m corpus`: the notebooks that packages ship, run by both, and every difference that is not known."""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import tempfile
import time
import venv
from collections import Counter
from dataclasses import replace
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

import anyio
from harness import JupyterProcess, connect

from corpus.differences import Difference, Notebook, Sides, compare, restless
from corpus.known import reason
from corpus.packages import KERNEL_NEEDS, Shipped, download, shipped, unpack
from corpus.running import QUICK_SAVE, by_nbconvert, by_run_cells, install_kernel, ran_by_nbconvert

FEWEST = 60
"""Notebooks that must have been compared."""
AT_ONCE = 20
"""Notebooks that one process of nbconvert runs."""


class Corpus:
    """Runs notebooks on both sides, tells what differs, and keeps the sums."""

    def __init__(self, home: Path, server: JupyterProcess) -> None:
        self.home = home
        self.server = server
        folders = (server.root, server.home, home / "theirs", home / "again")
        self.places = (*map(str, folders), *(f"~/{folder.name}" for folder in folders))
        self.compared = self.cells = self.unexplained = self.moving = self.not_run = 0
        self.known: Counter[str] = Counter()

    async def run(self, notebooks: list[Shipped]) -> None:
        """Run all of them, some at a time: one nbconvert for each is mostly its start."""
        numbers = itertools.count()
        while some := notebooks[:AT_ONCE]:
            del notebooks[:AT_ONCE]
            await self._run({f"{next(numbers)}": each for each in some})

    async def _run(self, some: dict[str, Shipped]) -> None:
        theirs = self._by_nbconvert("theirs", some)
        found: dict[str, Sides] = {}
        async with connect(self.server) as agent:
            for number, content in theirs.items():
                began = time.monotonic()
                path = str(some[number].put(self.server.root / number).relative_to(self.server.root))
                right = partial(self._is_right, some[number], content)
                found[number] = Sides(await by_run_cells(self.server, agent, path, right), content, self.places)
                print(f"{time.monotonic() - began:5.1f} s  {some[number].name}", flush=True)
        differ = {number: some[number] for number, sides in found.items() if self._differences(some[number], sides)}
        for number, again in self._by_nbconvert("again", differ).items():
            moves = restless(theirs[number], again, self.places)
            self.moving += len(moves)
            found[number] = replace(found[number], restless=moves)
        for number, sides in found.items():
            self._tell(some[number], sides)
        self.not_run += len(some) - len(found)

    def _by_nbconvert(self, folder: str, notebooks: dict[str, Shipped]) -> dict[str, Notebook]:
        """What nbconvert makes of notebooks; of those that it cannot run nothing, and a word of why."""
        files = {number: each.put(self.home / folder / number) for number, each in notebooks.items()}
        failed = by_nbconvert(self.server.data, list(files.values()), self.home)
        for number, file in files.items():
            if file in failed:
                print(f"nbconvert does not run {notebooks[number].name}: {failed[file]}", flush=True)
        return {number: ran_by_nbconvert(file) for number, file in files.items() if file not in failed}

    def _is_right(self, notebook: Shipped, theirs: Notebook, ours: Notebook) -> bool:
        return not self._differences(notebook, Sides(ours, theirs, self.places))

    def _differences(self, notebook: Shipped, sides: Sides) -> list[Difference]:
        """What differs and is not meant."""
        return [each for each in compare(sides) if reason(notebook.name, each) is None]

    def _tell(self, notebook: Shipped, sides: Sides) -> None:
        self.compared += 1
        self.cells += sum(cell["cell_type"] == "code" for cell in sides.ours["cells"])
        for found in compare(sides):
            why = reason(notebook.name, found)
            if why is None:
                self.unexplained += 1
                print(f"DIFFERS  {notebook.name}\n    " + str(found).replace("\n", "\n    "), flush=True)
            else:
                self.known[why] += 1

    def verdict(self) -> str:
        """The sums."""
        lines = [
            f"{self.compared} notebooks, {self.cells} code cells; {self.unexplained} differences that nobody explains",
            f"{self.not_run} notebooks that nbconvert does not run, for the reasons above: nothing to compare with",
            f"{self.moving} cells differ from one run of nbconvert to the next: of these the kinds of outputs count",
            *(f"{count:5} {why}" for why, count in self.known.items()),
        ]
        return "\n".join(lines)


def kernel_python(home: Path) -> str:
    """A Python of its own for the kernel, with what the notebooks want."""
    venv.create(home / "venv", with_pip=True)
    python = str(home / "venv" / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", *KERNEL_NEEDS], check=True)
    return python


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m corpus", description=__doc__)
    parser.add_argument("names", nargs="*", help="patterns of the notebooks to run; all without")
    parser.add_argument("--python", help="a Python whose kernel runs them, in place of one that is made")
    parser.add_argument("--sdists", type=Path, help="a folder with the distributions, or to keep them in")
    parser.add_argument("--file", action="store_true", help="in a server without jupyter-collaboration")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="corpus-") as folder:
        home = Path(folder)
        sdists = options.sdists or home / "sdists"
        sdists.mkdir(exist_ok=True)
        download(sdists)
        unpack(sdists, home / "packages")
        notebooks = [
            each
            for each in shipped(home / "packages")
            if not options.names or any(fnmatch(each.name, name) for name in options.names)
        ]
        install_kernel(home / "server" / "data", options.python or kernel_python(home))
        server = JupyterProcess(home / "server", rtc=not options.file, arguments=() if options.file else (QUICK_SAVE,))
        try:
            corpus = Corpus(home, server.wait())
            await corpus.run(notebooks)
        finally:
            server.stop()
        print(corpus.verdict())
        return int(corpus.unexplained > 0 or (not options.names and corpus.compared < FEWEST))


if __name__ == "__main__":
    sys.exit(anyio.run(main))
