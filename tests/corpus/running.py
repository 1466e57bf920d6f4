"""Runs a notebook as an agent does, with `run_cells`, and as `jupyter nbconvert --execute` does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anyio
from harness import Agent, JupyterProcess, own_world, text

from corpus.differences import Notebook

KERNEL = "corpus"
"""The kernelspec that runs the corpus on both sides."""
CELL_SECONDS = 60
QUICK_SAVE = "--YDocExtension.document_save_delay=0.2"
"""The argument of a server that writes a shared document soon after it has changed."""
LATE = 30.0
"""Seconds that a notebook's file has to become what it should be, once all cells have run."""
GOES_ON = re.compile(r"^(b\w+) · (queued|running)", re.MULTILINE)


def install_kernel(data: Path, python: str = sys.executable) -> None:
    """Make a Python's kernel known, under the corpus' name, below a data directory of Jupyter's."""
    spec = data / "kernels" / KERNEL
    spec.mkdir(parents=True, exist_ok=True)
    command = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    # IPython spells files below HOME with `~`: it is the same on both sides.
    about = {"argv": command, "display_name": KERNEL, "language": "python", "env": {"HOME": str(data)}}
    (spec / "kernel.json").write_text(json.dumps(about))


def for_kernel(content: Notebook) -> str:
    """A notebook as it is given to both sides: as it was, but for the kernel that runs it."""
    metadata = {**content["metadata"], "kernelspec": {"name": KERNEL, "display_name": KERNEL, "language": "python"}}
    return json.dumps({**content, "metadata": metadata}, ensure_ascii=False)


async def by_run_cells(
    server: JupyterProcess, agent: Agent, path: str, right: Callable[[Notebook], bool], seconds: float = 300
) -> Notebook:
    """The notebook as it is on disk once all its cells have run and it is `right`, or has had its time for that."""
    told = text(await agent.call("run_cells", notebook=path, stop_on_error=False, wait=min(seconds, 280)))
    deadline = time.monotonic() + seconds
    while (execution := GOES_ON.search(told)) and time.monotonic() < deadline:
        told = text(await agent.call("wait_execution", execution=execution[1], wait=30))
    deadline = time.monotonic() + LATE
    while not right(found := server.read_notebook(path)) and time.monotonic() < deadline:
        await anyio.sleep(0.1)
    await agent.call("restart_notebook", notebook=path, shutdown=True)
    await agent.call("unuse_notebook", notebook=path)
    content: Notebook = found
    return content


def by_nbconvert(data: Path, files: Sequence[Path], home: Path) -> dict[Path, str]:
    """Run notebooks; what `ran` names is then beside each. What nbconvert said of those that it could not run."""
    home.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--allow-errors",
        f"--ExecutePreprocessor.timeout={CELL_SECONDS}",
    ]  # fmt: skip
    environment = own_world(home) | {
        "JUPYTER_DATA_DIR": str(data),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "IPYTHONDIR": str(home / "ipython"),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }
    failed: dict[Path, str] = {}
    left = list(files)
    while left:
        said = subprocess.run(
            [*command, *map(str, left)], env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        left = [file for file in left if not ran(file).exists()]
        if left:  # it ends with the first that it cannot run
            failed[left.pop(0)] = said.stderr.decode(errors="replace")[-1000:]
    return failed


def ran(file: Path) -> Path:
    """Where nbconvert writes a notebook that it has run."""
    return file.with_suffix(".nbconvert.ipynb")


def ran_by_nbconvert(file: Path) -> Any:
    """What nbconvert made of a notebook."""
    return json.loads(ran(file).read_text())
