"""`jupyter mcp-proxy connect`: what connects a client to each running server."""

from __future__ import annotations

import argparse
import json

from .clients import claude_command, client_entry
from .output import PROGRAM, remark
from .servers import running, usable

DESCRIPTION = """\
Find the Jupyter servers that you run on this machine, ask each whether it has the MCP endpoint, and
print what connects an MCP client to it.

What is printed holds the server's token: that is the purpose of this command. Whoever has the token
can use the server as you can. --url-only prints no credential. What a client needs goes to stdout,
remarks go to stderr. A server makes a new token at each start unless you give it one (JUPYTER_TOKEN).

An agent does not need that token: `jupyter mcp-proxy token new` makes one that opens the MCP endpoint
and nothing else, has an end, can be narrowed to looking or editing, and is revoked by its name."""

EXAMPLES = """\
examples:
  jupyter mcp-proxy connect
  jupyter mcp-proxy connect --client json > .mcp.json
  jupyter mcp-proxy connect --url-only
  jupyter mcp-proxy token new --name my-agent    a token for one agent, in place of the server's own

exit codes: 0 at least one endpoint was printed, 1 no server runs or none has the endpoint."""


def declare(command: argparse.ArgumentParser) -> None:
    """The options."""
    command.add_argument(
        "--client", choices=("claude-code", "json"), default="claude-code",
        help="claude-code: a `claude mcp add` line; json: {\"mcpServers\": ...} (default: %(default)s)",
    )  # fmt: skip
    command.add_argument("--url-only", action="store_true", help="print the endpoints' URLs and no credential")


def run(options: argparse.Namespace) -> int:
    """Print what connects a client to each running server that has the endpoint."""
    found = [server for server in map(usable, running()) if server is not None]
    if not found:
        return 1
    names = ["jupyter", *(f"jupyter-{number}" for number in range(2, len(found) + 1))]
    if options.url_only:
        print("\n".join(server.endpoint for server in found))
    elif options.client == "json":
        servers = {name: client_entry(server.endpoint, server.token) for name, server in zip(names, found, strict=True)}
        print(json.dumps({"mcpServers": servers}, indent=2))
    else:
        for name, server in zip(names, found, strict=True):
            print(f"{server.endpoint}  (notebooks in {server.root})")
            print(f"  {claude_command(name, server.endpoint, server.token)}")
    if not options.url_only and any(server.token for server in found):
        remark(
            "The token in this opens all of the server. One that opens the MCP endpoint only, has an end and can be "
            f"revoked:\n    {PROGRAM} token new --name my-agent"
        )
    return 0
