"""The command line. What a command needs is imported when it runs, so that `--help` is quick."""

from __future__ import annotations

import argparse
import sys
from io import TextIOWrapper

from .. import __version__
from . import config, connect, demo, doctor, log, serve, sidecar, snapshots, stdio, token
from .output import PROGRAM

DESCRIPTION = """\
AI agents work in your live Jupyter notebooks, under Jupyter's own login.

The package adds an MCP endpoint to your Jupyter server, at <server>/mcp-proxy/mcp.
It starts with the server; these commands help you to try it and to connect to it."""

EXAMPLES = """\
examples:
  jupyter mcp-proxy demo                    see it work, in a temporary JupyterLab
  jupyter mcp-proxy connect                 the line that connects Claude Code to your server
  jupyter mcp-proxy connect --client json   the same for clients that are configured with JSON
  jupyter mcp-proxy doctor                  what does not work, and what helps
  jupyter mcp-proxy stdio                   the endpoint for clients that start a local program
  jupyter mcp-proxy token new --name my-agent   a token for one agent, good for the endpoint only
  jupyter mcp-proxy log --follow            what agents do on your servers, call by call
  jupyter mcp-proxy config                  every setting, its value and its environment variable
  jupyter mcp-proxy serve --stdio           beside a server on which nothing is installed ($JUPYTER_URL)
  jupyter mcp-proxy snapshots               notebooks as they were before an agent first wrote to them

`jupyter mcp-proxy <command> --help` explains a command. Exit codes: 0 done, 1 not done (the reason
is on stderr), 2 wrong usage."""

COMMANDS = {
    "demo": (demo, "see it work, in a temporary JupyterLab"),
    "connect": (connect, "print what connects a client to your running server"),
    "doctor": (doctor, "find out what does not work, and what helps"),
    "serve": (serve, "serve MCP beside a Jupyter server on which nothing is installed"),
    "sidecar": (sidecar, "an environment of its own for the sidecar"),
    "stdio": (stdio, "the endpoint for clients that start a local program"),
    "token": (token, "make, list and revoke tokens for one agent each"),
    "log": (log, "what agents did on your servers"),
    "config": (config, "list every setting"),
    "snapshots": (snapshots, "notebooks as they were before an agent wrote to them"),
}


def main(argv: list[str] | None = None) -> int:
    """Run a command and return its exit code: 0 done, 1 not done, 2 wrong usage."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    parser = create_parser()
    options = parser.parse_args(argv)
    if options.command is None:
        parser.print_help(sys.stderr)
        return 2
    module, _ = COMMANDS[options.command]
    code: int = module.run(options)
    return code


def create_parser() -> argparse.ArgumentParser:
    """The command line with its help."""
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(PROGRAM, description=DESCRIPTION, epilog=EXAMPLES, formatter_class=style)
    parser.add_argument("--version", action="version", version=f"jupyter-mcp-proxy {__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="<command>")
    for name, (module, summary) in COMMANDS.items():
        module.declare(
            commands.add_parser(
                name, help=summary, description=module.DESCRIPTION, epilog=module.EXAMPLES, formatter_class=style
            )
        )
    return parser
