"""`python -m corpus`: the notebooks that packages ship, run by both, and every difference that is not known."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

import anyio
from harness import JupyterProcess, connect

from corpus.differences import Difference, Notebook, Sides, compare, restless
from corpus.known import reason
from corpus.packages import KERNEL_NEEDS, Shipped, download, shipped, unpack
from corpus.running import QUICK_SAVE, by_nbconvert, by_run_cells, install_kernel, ran_by_nbconvert

FEWEST = 60
"""Notebooks that must have been compared."""


class Corpus:
    """Both sides' folders, and what differs between them."""

    def __init__(self, home: Path, server: JupyterProcess, notebooks: list[Shipped]) -> None:
        self.home = home
        self.server = server
        self.notebooks = notebooks
        self.theirs: dict[str, Notebook] = {}
        self.ours: dict[str, Notebook] = {}
        self.moves: dict[str, set[int]] = {}
        """The cells of a notebook that differ from one run of nbconvert to the next."""

    async def run(self) -> None:
        """Run all on both sides, and once more by nbconvert what differs."""
        print(f"nbconvert runs {len(self.notebooks)} notebooks", flush=True)
        self.theirs = self._by_nbconvert("theirs", self.notebooks)
        async with connect(self.server) as agent:
            for notebook in self.notebooks:
                if notebook.name not in self.theirs:
                    continue
                began = time.monotonic()
                path = notebook.put(self.server.root, self.notebooks.index(notebook)).relative_to(self.server.root)
                self.ours[notebook.name] = await by_run_cells(self.server, agent, str(path), self._is_right(notebook))
                print(f"{time.monotonic() - began:5.1f} s  {notebook.name}", flush=True)
        differ = [each for each in self.notebooks if any(found.cell is not None for found in self.differences(each))]
        print(f"nbconvert runs {len(differ)} once more", flush=True)
        for name, again in self._by_nbconvert("again", differ).items():
            self.moves[name] = restless(self.theirs[name], again, self._places)

    def _by_nbconvert(self, folder: str, notebooks: list[Shipped]) -> dict[str, Notebook]:
        """What nbconvert makes of notebooks; of those that it cannot run nothing, and a word of why."""
        files = {each.name: each.put(self.home / folder, self.notebooks.index(each)) for each in notebooks}
        failed = by_nbconvert(self.server.data, list(files.values()), self.home)
        for name, file in files.items():
            if file in failed:
                print(f"nbconvert does not run {name}: {failed[file]}", flush=True)
        return {name: ran_by_nbconvert(file) for name, file in files.items() if file not in failed}

    @property
    def _places(self) -> tuple[str, ...]:
        return (str(self.server.root), str(self.server.home), str(self.home / "theirs"), str(self.home / "again"))

    def _is_right(self, notebook: Shipped) -> Callable[[Notebook], bool]:
        return lambda ours: not self.differences(notebook, ours)

    def differences(self, notebook: Shipped, ours: Notebook | None = None) -> list[Difference]:
        """What differs and cannot be explained."""
        found = self._all_differences(notebook, ours)
        return [each for each in found if reason(notebook.name, each) is None]

    def _all_differences(self, notebook: Shipped, ours: Notebook | None = None) -> list[Difference]:
        ours = ours or self.ours.get(notebook.name)
        if ours is None:
            return []
        moves = self.moves.get(notebook.name, set())
        return compare(Sides(ours, self.theirs[notebook.name], self._places, restless=moves))

    def verdict(self) -> int:
        """Tell what differs, and the sums; how many differences nobody explains, and notebooks nobody ran."""
        known: dict[str, int] = {}
        bad = len(self.notebooks) - len(self.ours)
        for notebook in self.notebooks:
            for found in self._all_differences(notebook):
                why = reason(notebook.name, found)
                if why is None:
                    bad += 1
                    print(f"\n{notebook.name}\n    " + str(found).replace("\n", "\n    "))
                else:
                    known[why] = known.get(why, 0) + 1
        cells = sum(cell["cell_type"] == "code" for each in self.ours.values() for cell in each["cells"])
        print(f"\n{len(self.ours)} notebooks, {cells} code cells; {bad} differences that nobody explains")
        moving = sum(map(len, self.moves.values()))
        print(f"{moving} cells differ from one run of nbconvert to the next: of these the kinds of outputs count")
        for why, count in sorted(known.items()):
            print(f"{count:5} {why}")
        return bad


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
            corpus = Corpus(home, server.wait(), notebooks)
            await corpus.run()
        finally:
            server.stop()
        enough = bool(options.names) or len(corpus.ours) >= FEWEST
        return 0 if corpus.verdict() == 0 and enough else 1


if __name__ == "__main__":
    sys.exit(anyio.run(main))
