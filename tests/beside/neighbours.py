"""The neighbours: what is installed for each, and how it is seen that it is there."""

from __future__ import annotations

import os
import subprocess
import venv
from dataclasses import dataclass
from pathlib import Path

from harness import REPOSITORY

PARENT = REPOSITORY / "jupyter_mcp_proxy" / "parent"


@dataclass(frozen=True)
class Neighbour:
    """A package beside ours."""

    package: str
    version: str
    """What pip may choose; docs/beside.md names it."""
    together: bool = False
    """Whether all of ours goes into one environment with it; else the server's part, with a sidecar of its own."""
    tab: str = ""
    """A part of the id of its tab in JupyterLab's sidebars."""
    endpoint: str = ""
    """The path of its own endpoint."""
    uses_us: str = ""
    """The program in its environment that makes a call as its agents do, by what `connect` has written for it."""


NEIGHBOURS = (
    Neighbour("jupyter-ai", ">=3.2,<4", tab="JupyterlabChat", uses_us="jupyter_ai.py"),
    Neighbour("notebook-intelligence", ">=6.2,<7", tab="notebook-intelligence"),
    Neighbour("jupyter-mcp-server", ">=2.2,<3", together=True, endpoint="mcp"),
)


def plain() -> dict[str, str]:
    """The environment of a program that is to see nothing of this checkout."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def install(neighbour: Neighbour, below: Path) -> Path:
    """Its environment, with ours in it; made unless it is there. The Python in it."""
    python = below / neighbour.package / "bin" / "python"
    if not (below / neighbour.package / "installed").exists():
        venv.create(below / neighbour.package, with_pip=True)
        uv = installer(below / "tools")
        # jupyter-mcp-server needs JupyterLab's parts, and names none of them.
        ours = [f"{REPOSITORY}[lab]"] if neighbour.together else [str(PARENT), "jupyterlab", "ipykernel"]
        wanted = [neighbour.package + neighbour.version, *ours]
        subprocess.run([uv, "pip", "install", "-q", "--python", python, *wanted], check=True, env=plain())
        (below / neighbour.package / "installed").touch()
    return python


def installer(folder: Path) -> Path:
    """uv, which finds in seconds the versions for which pip tries one after the other for minutes."""
    if not (folder / "bin" / "uv").exists():
        venv.create(folder, with_pip=True)
        subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "-qq", "uv"], check=True, env=plain())
    return folder / "bin" / "uv"


def versions(python: Path) -> dict[str, str]:
    """What is installed there."""
    told = subprocess.run([python, "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True, env=plain())
    return dict(line.split("==") for line in told.stdout.split() if "==" in line)
