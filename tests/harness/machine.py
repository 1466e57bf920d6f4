"""What the tests take from the machine: ports, programs, the repository's own folder; and what they keep out."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
OF_THE_MACHINE = ("JUPYTER", "IPYTHON", "MPL", "XDG_", "PYTHONSTARTUP", "PYTHONUSERBASE")
"""How the names begin by which a machine, a person's session or another server would reach into a test's server."""


def own_world(home: Path) -> dict[str, str]:
    """The environment of a program below which there is no Jupyter but that of this Python, and of `home`.

    With JUPYTER_PLATFORM_DIRS jupyter_core (5) asks platformdirs for the system's folders, and that asks XDG_DATA_DIRS
    and XDG_CONFIG_DIRS: so /usr/local/share/jupyter with the kernelspecs in it, and /etc/jupyter, are out of sight.
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith(OF_THE_MACHINE)}
    for name in [name for name in env if name.lower().endswith("_proxy")]:  # urllib would ask it for 127.0.0.1
        del env[name]
    return env | {
        "HOME": str(home),
        "JUPYTER_PLATFORM_DIRS": "1",
        "XDG_DATA_DIRS": str(home / "system" / "share"),
        "XDG_CONFIG_DIRS": str(home / "system" / "etc"),
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def needs(program: str, remedy: str = "") -> str:
    """The path of a program that a test uses; the test fails, not skips, where it is missing."""
    path = shutil.which(program)
    assert path, f"{program} is not installed. {remedy}".strip()
    return path
