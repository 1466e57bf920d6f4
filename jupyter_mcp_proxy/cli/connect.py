"""`jupyter mcp-proxy connect`: what connects a client to each running server; with a client's name, written for it."""

from __future__ import annotations

import argparse

from ..clients import BY_ID, DEFAULT_NAME, Target
from . import writes
from .output import PROGRAM, remark
from .printing import declare_client, where
from .servers import running, usable

_OF_A_CLIENT = ("server", "url", "file", "with_token", "print", "remove", "yes")

DESCRIPTION = """\
With a client's name: write a running server's entry into that client's own configuration file. It
shows what would change and asks; all else in the file stays to the letter. The entry has no token where
the client can sign in, which it does on a page of the server; else it has one that is made for it.

Without: find the Jupyter servers that you run on this machine, ask each whether it has the MCP endpoint,
and print what connects an MCP client to it.

What is printed then holds the server's token: that is the purpose of this command. Whoever has the token
can use the server as you can. --url-only prints no credential. What a client needs goes to stdout,
remarks go to stderr. A server makes a new token at each start unless you give it one (JUPYTER_TOKEN).

An agent does not need that token: `jupyter mcp-proxy token new` makes one that opens the MCP endpoint
and nothing else, has an end, can be narrowed to looking or editing, and is revoked by its name."""

EXAMPLES = """\
examples:
  jupyter mcp-proxy connect codex            write its file
  jupyter mcp-proxy connect vscode --file .vscode/mcp.json
  jupyter mcp-proxy connect zed --remove
  jupyter mcp-proxy connect
  jupyter mcp-proxy connect --client cursor
  jupyter mcp-proxy connect --client json > .mcp.json
  jupyter mcp-proxy connect --url-only
  jupyter mcp-proxy token new --name my-agent    a token for one agent, in place of the server's own

exit codes: 0 at least one endpoint was printed, or the file is as it shall be; 1 no server runs or none
has the endpoint, or nothing was written; 2 wrong usage."""


def declare(command: argparse.ArgumentParser) -> None:
    """The options."""
    declare_client(command)
    writes.declare(command)
    command.add_argument("--url-only", action="store_true", help="print the endpoints' URLs and no credential")


def run(options: argparse.Namespace) -> int:
    """Print what connects a client to each running server that has the endpoint, or write it for one client."""
    if options.to is not None:
        return writes.run(options)
    idle = [name for name in _OF_A_CLIENT if getattr(options, name)]
    if idle:
        remark(f"--{idle[0].replace('_', '-')} goes with a client's name: `{PROGRAM} connect codex`.")
        return 2
    found = [server for server in map(usable, running()) if server is not None]
    if not found:
        return 1
    names = [DEFAULT_NAME, *(f"{DEFAULT_NAME}-{number}" for number in range(2, len(found) + 1))]
    targets = [Target(server.endpoint, server.token, name) for name, server in zip(names, found, strict=True)]
    client = BY_ID[options.client]
    if options.url_only:
        print("\n".join(server.endpoint for server in found))
    elif client.is_command:
        for target, server in zip(targets, found, strict=True):
            print(f"{server.endpoint}  (notebooks in {server.root})")
            print(f"  {client.render([target])}")
    else:
        print(client.render(targets))
        remark(where(client))
    if not options.url_only and any(server.token for server in found):
        remark(
            "The token in this opens all of the server. One that opens the MCP endpoint only, has an end and can be "
            f"revoked:\n    {PROGRAM} token new --name my-agent"
        )
    return 0
