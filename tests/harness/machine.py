"""What the tests take from the machine: ports, programs, the repository's own folder; and what they keep out."""

from __future__ import annotations

import os
import random
import shutil
import socket
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
MODULE = (sys.executable, "-m", "jupyter_mcp_proxy")
"""The command line, whatever is on PATH."""
PORTS = range(12_000, 32_000)
"""What `free_port` chooses from: none that is privileged, well known or ephemeral."""
WORKERS = 8
"""How many workers of pytest-xdist have ports of their own."""
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
    env.pop("PYTEST_CURRENT_TEST", None)  # where it sees that, ipykernel (7) does not take what subprocesses print
    return env | {
        "HOME": str(home),
        "JUPYTER_PLATFORM_DIRS": "1",
        "XDG_DATA_DIRS": str(home / "system" / "share"),
        "XDG_CONFIG_DIRS": str(home / "system" / "etc"),
    }


def free_port() -> int:
    """A port on loopback that nobody listens on, for a server that is about to be started.

    The system gives none of these to a socket that asks for any (Linux begins at 32768, others higher), so no kernel
    and no connection takes it before that server does; nor does another worker of pytest-xdist, which has others.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    while True:
        port = PORTS.start + WORKERS * random.randrange(len(PORTS) // WORKERS) + worker
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def needs(program: str, remedy: str = "") -> str:
    """The path of a program that a test uses; the test fails, not skips, where it is missing."""
    path = shutil.which(program)
    assert path, f"{program} is not installed. {remedy}".strip()
    return path
