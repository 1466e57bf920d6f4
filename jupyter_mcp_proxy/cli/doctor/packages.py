"""What is installed in a Python, against what this package declares. Run in the sidecar's Python too."""

from __future__ import annotations

import json
import platform
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version

from ... import __version__

PACKAGE = "jupyter-mcp-proxy"
SERVER_PART = f"{PACKAGE}-server"
"""The distribution of what runs in the Jupyter process alone."""
SHOWN = ("jupyter-server", "jupyter-server-proxy", "mcp", "jupyterlab", "jupyter-collaboration", "ipykernel")


@dataclass(frozen=True)
class Conflict:
    """A requirement that is not met."""

    name: str
    wanted: str
    """As pip takes it: the name with its limits."""
    found: str | None
    """The version that is there; None for none."""


@dataclass(frozen=True)
class Packages:
    """What a Python has."""

    version: str
    python: str
    versions: dict[str, str]
    conflicts: tuple[Conflict, ...]
    error: str = ""
    """Why nothing of this can be told."""
    twice: bool = False
    """Whether both distributions are installed, of which each holds files of the other."""

    @property
    def is_short_of_something(self) -> bool:
        """Whether something is not there at all."""
        return bool(self.error) or any(conflict.found is None for conflict in self.conflicts)

    @classmethod
    def parsed(cls, text: str) -> Packages:
        """What `main` has printed. Raises ValueError or TypeError for anything else."""
        said = json.loads(text)
        return cls(said["version"], said["python"], said["versions"], tuple(Conflict(**c) for c in said["conflicts"]))


def look() -> Packages:
    """What this Python has."""
    versions = {name: found for name in SHOWN if (found := installed(name)) is not None}
    names = [name for name in (PACKAGE, SERVER_PART) if installed(name) is not None]
    declared = [each for name in names or [PACKAGE] for each in requires(name) or []]
    return Packages(
        __version__,
        platform.python_version(),
        versions,
        tuple(conflicts(declared)),
        twice=names == [PACKAGE, SERVER_PART],
    )


def conflicts(declared: list[str]) -> list[Conflict]:
    """Which of the declared requirements are not met here; those of extras do not count."""
    from packaging.requirements import Requirement

    found = []
    for requirement in map(Requirement, declared):
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        there = installed(requirement.name)
        if there is None or not requirement.specifier.contains(there, prereleases=True):
            found.append(Conflict(requirement.name, f"{requirement.name}{requirement.specifier}", there))
    return found


def installed(name: str) -> str | None:
    """The version of a distribution; None where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def main() -> int:
    """Print what this Python has, as JSON."""
    try:
        print(json.dumps(asdict(look())))
    except PackageNotFoundError:
        print(f"{PACKAGE} is not installed for {sys.executable}", file=sys.stderr)
        return 1
    return 0
