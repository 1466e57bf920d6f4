"""Real parts for the tests: Jupyter servers as processes, MCP clients in both eras, requests of anybody's.

The browser stands apart in `harness.browser`: most tests do not load it.
"""

from __future__ import annotations

from harness.agents import ERAS, SLEEP, Agent, connect, sample_arguments, shows, text
from harness.kernels import connection_file, kernel_of, said_missing
from harness.machine import REPOSITORY, free_port, needs, own_world
from harness.notebooks import write_notebook
from harness.requests import INITIALIZE, as_client, login_cookie, post, refused
from harness.servers import TOKEN, JupyterProcess, StartJupyter
from harness.waiting import until

__all__ = [
    "ERAS",
    "INITIALIZE",
    "REPOSITORY",
    "SLEEP",
    "TOKEN",
    "Agent",
    "JupyterProcess",
    "StartJupyter",
    "as_client",
    "connect",
    "connection_file",
    "free_port",
    "kernel_of",
    "login_cookie",
    "needs",
    "own_world",
    "post",
    "refused",
    "said_missing",
    "sample_arguments",
    "shows",
    "text",
    "until",
    "write_notebook",
]
