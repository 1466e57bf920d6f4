"""`jupyter mcp-proxy stdio`: the endpoint of a running server, for clients that start local programs only."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..contract import NAME, TIERS
from .given import server_of, token_of
from .output import remark

if TYPE_CHECKING:
    from ..stdio.ways import Way

DESCRIPTION = """\
An MCP server on stdin and stdout that passes every message on to a running Jupyter server's endpoint,
in both protocol eras: for clients that start a local program. The client starts it; remarks go to stderr.

Without --url it finds the server among those that you run on this machine: the one whose root folder the
current folder is in, or the only one. It makes a token for itself, which opens the endpoint and nothing
else, and revokes it when it ends. Where the server is restarted, on another port too, it connects anew.

With --url the token comes from the environment variable JUPYTER_MCP_PROXY_TOKEN, or from a file. Without
one it opens a page of that server in your browser, where you sign in and allow it, once for all clients."""

EXAMPLES = """\
examples:
  jupyter mcp-proxy stdio
  jupyter mcp-proxy stdio --server ~/work --tier read
  JUPYTER_MCP_PROXY_TOKEN=jmp_... jupyter mcp-proxy stdio --url https://hub.example.org/user/ada/
  jupyter mcp-proxy stdio --url https://hub.example.org/user/ada/
  claude mcp add jupyter -- jupyter-mcp-proxy stdio

exit codes: 0 stdin has ended, 2 wrong usage."""


def declare(command: argparse.ArgumentParser) -> None:
    """The options."""
    which = command.add_mutually_exclusive_group()
    which.add_argument(
        "--server", metavar="WHICH", help="URL, port or root folder of the server, where you run more than one"
    )
    which.add_argument("--url", help="a server's URL or its endpoint's, on this machine or another; no token in it")
    command.add_argument(
        "--token-file", metavar="FILE", type=Path, help="with --url: a file with the token, else the environment has it"
    )
    command.add_argument(
        "--no-browser", action="store_true",
        help="with --url: to sign in, only print the page's address to stderr, and open no browser",
    )  # fmt: skip
    command.add_argument(
        "--tier", choices=TIERS, default="run",
        help="without --url: the most that the token permits that is made (default: %(default)s)",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Pass messages on until stdin ends."""
    try:
        way = way_of(options)
    except ValueError as error:
        remark(str(error))
        return 2
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(way))
    sys.stderr.flush()
    os._exit(0)  # a thread may still wait for stdin, or for whoever should read stdout


async def serve(way: Way) -> None:
    """Pass messages on until stdin ends, or somebody ends this process."""
    from ..stdio.bridge import Bridge
    from ..stdio.pipes import Pipes
    from ..stdio.ways import Unreachable

    if sys.stdin.isatty():
        remark("An MCP client starts this and writes its messages to stdin. Ctrl-D ends it; --help says more.")
    pipes = Pipes()
    try:
        await asyncio.to_thread(way.find)
    except Unreachable as unreachable:
        remark(str(unreachable))  # and every request is answered with it, until a person has done something
    task = asyncio.current_task()
    assert task is not None
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        with suppress(NotImplementedError, AttributeError):  # on Windows the loop cannot
            asyncio.get_running_loop().add_signal_handler(getattr(signal, name), task.cancel)
    with suppress(asyncio.CancelledError):
        await Bridge(way, pipes.write, remark).run(pipes.lines())
    pipes.flush(0.2)


def way_of(options: argparse.Namespace) -> Way:
    """How to come to the server. Raises ValueError for options that make no sense."""
    if options.url is None:
        if options.token_file is not None:
            raise ValueError("--token-file goes with --url: for a server that is found here a token is made.")
        if options.no_browser:
            raise ValueError("--no-browser goes with --url: for a server that is found here nobody signs in.")
        from .local import Local

        return Local(options.server, options.tier)
    from ..stdio.ways import Given

    if options.tier != "run":
        raise ValueError("--tier goes without --url: there the token says what is permitted.")
    url, token = endpoint_of(options.url), token_of(options.token_file)
    if token:
        return Given(url, token)
    from .signin.way import SignedIn

    return SignedIn(url, browser=not options.no_browser)


def endpoint_of(url: str) -> str:
    """The endpoint of a URL that may be the server's. Raises ValueError."""
    return f"{server_of(url)}{NAME}/mcp"
