"""What the tests take from the machine: ports, programs, the repository's own folder."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def needs(program: str, remedy: str = "") -> str:
    """The path of a program that a test uses; the test fails, not skips, where it is missing."""
    path = shutil.which(program)
    assert path, f"{program} is not installed. {remedy}".strip()
    return path
