"""The notebooks that packages ship in their source distributions, and which of them both sides are to run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from corpus.running import for_kernel

PACKAGES = {
    "ipython": "8.12.3",
    "ipywidgets": "7.7.5",
    "jupytext": "1.19.6",
    "nbclient": "0.11.0",
    "nbconvert": "7.17.2",
    "nbformat": "5.11.1",
    "nbmake": "1.5.5",
    "nbsphinx": "0.9.8",
    "nbstripout": "0.9.1",
    "nbval": "0.11.0",
    "papermill": "2.7.0",
    "pytest-notebook": "0.11.0",
    "scrapbook": "0.5.0",
    "seaborn": "0.13.2",
    "tqdm": "4.70.1",
    "voila": "0.5.13",
}
"""Distributions that ship notebooks, and their versions: of IPython and ipywidgets the last ones that do."""

KERNEL_NEEDS = (
    "ipykernel==7.4.0",
    "ipywidgets==8.1.9",
    "matplotlib==3.11.2",
    "nbconvert==7.17.2",
    "pandas==3.1.1",
    "plotly==7.1.0",
    "seaborn==0.13.2",
    "sympy==1.14.0",
    "tqdm==4.70.1",
)
"""What the kernel's Python has for them; a notebook that wants more fails on both sides alike."""

PYTHON = ("python", "Python", "conda-env", "local", "py3")
"""How the names of kernels begin that a Python kernel stands in for."""

FETCHES = ("load_dataset(", "urlopen(", "requests.get(", "read_csv('http", "wbdata", "from vega_datasets")
"""Words in a notebook that fetches what it shows from elsewhere."""

LEFT_OUT = {
    "*[Aa]utokill.ipynb": "it kills its kernel, which ends nbconvert",
    "nbclient-*/Interrupt.ipynb": "it never ends",
    "nbclient-*/Parallel Execute ?.ipynb": "each waits for the other, which runs at the same time",
    "ipython-*/Raw Input in the Notebook.ipynb": "it asks for input until it is given",
    "ipython-*/Beyond Plain Python.ipynb": "what it shows is the machine: ports, disks, history",
    "nbformat-*/test4plus.ipynb": "jupyter-collaboration opens no notebook with a cell that has no source",
    "nbval-*/docs/source/index.ipynb": "it draws by lot",
    "voila-*/sleep10seconds.ipynb": "it only sleeps",
}
"""Which notebooks are not run, and why."""


@dataclass(frozen=True)
class Shipped:
    """A notebook in an unpacked distribution."""

    name: str
    file: Path
    content: dict[str, Any]

    def put(self, folder: Path) -> Path:
        """Put it into a new folder, with the small files that lie beside it."""
        folder.mkdir(parents=True)
        for beside in self.file.parent.iterdir():
            if beside.is_file() and beside.stat().st_size < 1_000_000:
                shutil.copy(beside, folder)
        placed = folder / self.file.name
        placed.write_text(for_kernel(self.content))
        return placed


def download(folder: Path, packages: Mapping[str, str] = PACKAGES) -> None:
    """Fetch the distributions with pip, as pip does it for anybody."""
    for name, version in packages.items():
        if not list(folder.glob(f"{name.replace('-', '[-_]')}-{version}.*")):
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", f"--no-binary={name}"]
            subprocess.run([*command, "--dest", str(folder), f"{name}=={version}"], check=True)


def unpack(folder: Path, into: Path, only: str = "*") -> None:
    """Unpack the distributions of a folder, or the files of some names in them."""
    for archive in sorted(folder.glob("*.tar.gz")):
        with tarfile.open(archive) as opened:
            opened.extractall(into, [each for each in opened if fnmatch(each.name, only)], filter="data")


def shipped(folder: Path) -> Iterator[Shipped]:
    """The notebooks of unpacked distributions that both sides are to run."""
    for file in sorted(folder.rglob("*.ipynb")):
        name = str(file.relative_to(folder))
        if left_out(name) is None and (content := runs_in_python(file.read_bytes())) is not None:
            yield Shipped(name, file, content)


def left_out(name: str) -> str | None:
    """Why a notebook is not run, if it is not."""
    return next((reason for pattern, reason in LEFT_OUT.items() if fnmatch(name, pattern)), None)


def runs_in_python(written: bytes) -> dict[str, Any] | None:
    """The content of a notebook of the current format that has Python code and all it needs; None for another file."""
    try:
        content: dict[str, Any] = json.loads(written)
    except ValueError:
        return None
    if any(word.encode() in written for word in FETCHES):
        return None
    if content.get("nbformat") != 4 or not isinstance(content.get("metadata"), dict):
        return None
    kernel = content["metadata"].get("kernelspec", {"name": "python3"})
    if not isinstance(kernel, dict) or not str(kernel.get("name", "python")).startswith(PYTHON):
        return None
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]
    return content if code else None
