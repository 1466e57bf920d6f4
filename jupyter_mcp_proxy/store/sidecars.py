"""Where the sidecar is, if this installation has none of its own: an environment below Jupyter's data directory.

Each version has its own, since server and sidecar must be of one version, and several environments share a data
directory. One that is not finished has no `made.json`, and is not used.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from .. import __version__
from .private import OURS

INSTALL = "sidecar install"
"""The command that makes one."""
MADE = "made.json"
_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Made:
    """An environment that holds a sidecar."""

    version: str
    requirement: str
    """What pip was told to install."""
    folder: Path

    @property
    def python(self) -> str:
        """Its Python."""
        return str(python_in(self.folder))


def has_own(package: Path = _PACKAGE) -> bool:
    """Whether this installation holds a sidecar: jupyter-mcp-proxy does, jupyter-mcp-proxy-server does not."""
    return (package / "sidecar" / "__main__.py").is_file()


def home() -> Path:
    """The folder of all such environments."""
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / OURS / "sidecar"


def python_in(folder: Path) -> Path:
    """The Python of a virtual environment."""
    return folder / "Scripts" / "python.exe" if os.name == "nt" else folder / "bin" / "python"


def made(version: str = __version__) -> Made | None:
    """The environment of a version, if it was finished and is still there."""
    folder = home() / version
    try:
        said = json.loads((folder / MADE).read_text(encoding="utf-8"))
        found = Made(str(said["version"]), str(said["requirement"]), folder)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if found.version == version and Path(found.python).exists() else None


def finish(found: Made) -> None:
    """From now on it is used."""
    said = asdict(found) | {"folder": str(found.folder)}
    (found.folder / MADE).write_text(json.dumps(said), encoding="utf-8")


def versions() -> list[str]:
    """Every version of which there is a folder, finished or not."""
    try:
        return sorted(entry.name for entry in home().iterdir() if entry.is_dir())
    except OSError:
        return []


def chosen(python: str) -> str | None:
    """The Python that runs the sidecar, where the setting says `python`; None where there is no sidecar at all."""
    if has_own() or os.path.abspath(python) != os.path.abspath(sys.executable):  # noqa: PTH100 - a venv's is a link
        return python
    found = made()
    return found.python if found else None
