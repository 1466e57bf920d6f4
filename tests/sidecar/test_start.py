"""What the sidecar loads before it listens; the rest comes once it does (`tools/state.py`)."""

from __future__ import annotations

import subprocess
import sys

LATER = ("httpx", "websockets", "zmq", "pycrdt", "jupyter_ydoc", "nbformat", "PIL")
"""What opens the workspace or draws images: together they take as long to load as MCP itself does."""


def loaded_by(module: str) -> set[str]:
    """What of `LATER` is there once a fresh interpreter has imported this."""
    code = f"import sys, {module}; print(*(name for name in {LATER} if name in sys.modules))"
    return set(subprocess.check_output([sys.executable, "-c", code], text=True).split())


def test_what_answers_first_loads_nothing_that_can_wait() -> None:
    assert loaded_by("jupyter_mcp_proxy.sidecar.app") == set()


def test_the_workspace_loads_it() -> None:
    """So the test above looks for names that there are."""
    assert {"httpx", "websockets", "zmq"} <= loaded_by("jupyter_mcp_proxy.workspace")
