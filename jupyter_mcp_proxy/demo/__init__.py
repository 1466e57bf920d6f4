"""`jupyter mcp-proxy demo`: a temporary JupyterLab, and a real MCP client that works in it through the proxy.

A step is reported as done only where its effect was seen: the image decoded, the cell read back from disk.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from ..clients import Target, claude_command
from .lab import NOTEBOOK, Lab, free_port, jupyter_lab, remove
from .screen import DemoError, Screen
from .tour import show_steps


def run(*, end: bool, port: int, keep: bool) -> int:
    """The demonstration. 0 if every step worked, 1 if not, 130 if interrupted during the steps."""
    screen = Screen(sys.stdout)
    folder = Path(mkdtemp(prefix="jupyter-mcp-proxy-demo-"))
    try:
        return asyncio.run(demonstrate(screen, folder, end=end, port=port))
    except DemoError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        if keep:
            screen.line(f"Kept: {folder}")
        else:
            remove(folder)


async def demonstrate(screen: Screen, folder: Path, *, end: bool, port: int) -> int:
    """Start a server in `folder`, show the steps, and stay up until a signal unless `end`; the exit code."""
    staying = False
    token = secrets.token_urlsafe(24)
    with_signals(asyncio.current_task())
    screen.line("A temporary JupyterLab, and an MCP client that works in it through the proxy:\n")
    try:
        async with jupyter_lab(folder, free_port(port), token) as lab:
            worked = await show_steps(screen, lab)
            if end or not worked:
                return 0 if worked else 1
            screen.line(farewell(lab))
            staying = True
            code = await lab.process.wait()
            if code != 0:
                raise DemoError(f"JupyterLab ended by itself with code {code}.\n{lab.log_tail()}")
            return 0
    except asyncio.CancelledError:
        return 0 if staying else 130


def farewell(lab: Lab) -> str:
    """What to do while the server stays up. It holds the server's token."""
    return (
        f"\nLook at it:  {lab.url}lab/tree/{NOTEBOOK}\n"
        f"Token:       {lab.token}\n\n"
        "Let an agent of yours work in it:\n\n"
        f"    {claude_command(Target(lab.endpoint, lab.token, 'jupyter-demo'))}\n\n"
        "(`claude mcp remove jupyter-demo` undoes that.) Ctrl-C ends the server and removes its folder."
    )


def with_signals(task: asyncio.Task[Any] | None) -> None:
    """Let the first SIGINT, SIGTERM or SIGHUP cancel a task; those after it change nothing, the end is bounded."""
    assert task is not None
    loop = asyncio.get_running_loop()
    asked = False

    def ask() -> None:
        nonlocal asked
        if not asked:
            asked = True
            task.cancel()

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        # Without handlers in the loop (Windows), Ctrl-C cancels the task by asyncio's own.
        with suppress(NotImplementedError, AttributeError):
            loop.add_signal_handler(getattr(signal, name), ask)
