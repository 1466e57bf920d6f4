"""The command line of the doctor."""

from __future__ import annotations

import argparse
from pathlib import Path

from ...contract import TIERS
from ..given import TOKEN_VARIABLE, server_of, token_of
from ..output import remark

DESCRIPTION = f"""\
Find out what does not work between an agent and your notebooks, step by step: each step that fails
says what helps.

First the installation, in this environment: versions, Jupyter's configuration, the server extension,
a sidecar of its own, collaboration, kernels, folders. Then a server: the one that you run on this
machine, or that of --url; where none runs, one of its own with your configuration, on a free port, in
a temporary folder. It asks for the endpoint as clients of both eras of MCP do, sees that streams
really stream, follows what a client reads before it signs in, and runs a line of code in a notebook
of its own, mcp-proxy-doctor-<number>.ipynb, which it deletes again (--no-kernel leaves that out).

For a server elsewhere give its address with --url, and a token in the environment variable
{TOKEN_VARIABLE} or in a file (--token-file): never on the command line, where other users of the
machine see it. No credential is printed, whatever is found."""

EXAMPLES = f"""\
examples:
  jupyter mcp-proxy doctor                          all of it, for what runs here
  jupyter mcp-proxy doctor --no-kernel              leave your server's notebooks and kernels alone
  jupyter mcp-proxy doctor --server 8889            where you run more than one: its URL, port or root folder
  {TOKEN_VARIABLE}=... jupyter mcp-proxy doctor --url https://hub.example.org/user/ann/
  jupyter mcp-proxy doctor --url https://hub.example.org/user/ann/ --token-file ~/.mcp-token --needs read
  jupyter mcp-proxy doctor --json | jq '.findings[] | select(.state == "failed")'

marks: a check mark for what is good, ! for what works with something to know, a cross for what does
not work, - for what could not be looked at.

exit codes: 0 all that an agent needs works, 1 nothing could be looked at (the reason is on stderr),
2 wrong usage, else the code of the first step that failed:
  10 package   11 configuration   12 extension   13 entry point   14 sidecar   15 proof
  16 collaboration   17 collaboration store   18 kernelspecs   19 store   20 files
  30 server   31 token   32 hub   33 relay   34 round trip 2025-11-25   35 round trip 2026-07-28
  36 streaming   37 sign-in   38 clocks   39 kernel   40 transport"""


def declare(command: argparse.ArgumentParser) -> None:
    """The options."""
    command.add_argument("--url", type=address, metavar="URL", help="a server elsewhere, or its endpoint")
    command.add_argument("--token-file", type=Path, metavar="FILE", help="the file that holds the token for --url")
    command.add_argument("--server", metavar="WHICH", help="URL, port or root folder of one that runs here")
    command.add_argument(
        "--needs", choices=TIERS, default="run", help="what the token has to permit (default: %(default)s)"
    )
    command.add_argument("--no-kernel", action="store_true", help="make no notebook and start no kernel")
    command.add_argument("--strict", action="store_true", help="what is only to know counts as failed")
    command.add_argument("--json", action="store_true", help="the findings as JSON, for scripts")


def address(text: str) -> str:
    """A server's URL from the command line."""
    try:
        return server_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def run(options: argparse.Namespace) -> int:
    """Look at everything, tell, and return the code."""
    from .checkup import Checkup

    if options.url and options.server:
        remark("Either --url, for a server elsewhere, or --server, for one that runs here.")
        return 2
    if options.token_file and not options.url:
        remark("--token-file goes with --url; the token of a server that runs here is known.")
        return 2
    try:
        token = token_of(options.token_file) if options.url else ""
    except ValueError as error:
        remark(str(error))
        return 1
    return Checkup(options, token).run()
