"""`jupyter mcp-proxy <command>`: try it, connect a client to a running server, look at the settings.

The libraries that a command needs are imported inside it, so that `--help` is quick.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import ssl
import sys
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import TextIOWrapper
from typing import Any

from . import __version__
from .contract import ENV_PREFIX, NAME

PROGRAM = "jupyter mcp-proxy"
ENABLE = "jupyter server extension enable jupyter_mcp_proxy"
HEALTH_TIMEOUT = 30.0
"""Seconds for a server's answer; where it does not warm up, the question itself starts the sidecar."""

LOOPBACK = frozenset({"127.0.0.1", "[::1]", "localhost"})

DESCRIPTION = """\
AI agents work in your live Jupyter notebooks, under Jupyter's own login.

The package adds an MCP endpoint to your Jupyter server, at <server>/mcp-proxy/mcp.
It starts with the server; these commands help you to try it and to connect to it."""

EXAMPLES = """\
examples:
  jupyter mcp-proxy demo                    see it work, in a temporary JupyterLab
  jupyter mcp-proxy connect                 the line that connects Claude Code to your server
  jupyter mcp-proxy connect --client json   the same for clients that are configured with JSON
  jupyter mcp-proxy config                  every setting, its value and its environment variable
  jupyter mcp-proxy snapshots               notebooks as they were before an agent first wrote to them

`jupyter mcp-proxy <command> --help` explains a command. Exit codes: 0 done, 1 not done (the reason
is on stderr), 2 wrong usage."""

DEMO = """\
Start a temporary JupyterLab with a small notebook, connect an MCP client to it through the proxy,
and show each step with its time: list the tools, open the notebook, insert and run a cell that
plots, check that the file has it, run code. Then the server stays up, for you to look at and to
connect your own agent to, until Ctrl-C.

Nothing of yours is read or changed: configuration, data and notebooks are in a temporary folder,
which goes away with the server. Needs pip install "jupyter-mcp-proxy[demo]"."""

DEMO_EXAMPLES = """\
examples:
  jupyter mcp-proxy demo             look at it; Ctrl-C ends it
  jupyter mcp-proxy demo --exit      check an installation: ends with 0 if every step worked

exit codes: 0 every step worked (and Ctrl-C afterwards), 1 a step failed or something is missing,
130 Ctrl-C during the steps."""

CONNECT = """\
Find the Jupyter servers that you run on this machine, ask each whether it has the MCP endpoint, and
print what connects an MCP client to it.

What is printed holds the server's token: that is the purpose of this command. Whoever has the token
can use the server as you can. --url-only prints no credential. What a client needs goes to stdout,
remarks go to stderr. A server makes a new token at each start unless you give it one (JUPYTER_TOKEN)."""

CONNECT_EXAMPLES = """\
examples:
  jupyter mcp-proxy connect
  jupyter mcp-proxy connect --client json > .mcp.json
  jupyter mcp-proxy connect --url-only

exit codes: 0 at least one endpoint was printed, 1 no server runs or none has the endpoint."""

CONFIG = """\
List every setting: its default, its value in this environment, what it does, and how to set it in
Jupyter's configuration or by an environment variable. Configuration files are not read: a server may
be started with others. Where both set something, Jupyter's configuration wins."""

CONFIG_EXAMPLES = """\
examples:
  jupyter mcp-proxy config
  JUPYTER_MCP_PROXY_TIER=read jupyter mcp-proxy config

exit codes: 0 listed, 1 an environment variable has a value that its setting cannot take."""


SNAPSHOTS = """\
List the notebooks as they were before an agent first wrote to them since the server's start, newest
first, or write one of them to a file. The last ten of each notebook are kept."""

SNAPSHOTS_EXAMPLES = """\
examples:
  jupyter mcp-proxy snapshots
  jupyter mcp-proxy snapshots --restore 20261120T213000123456 --to before.ipynb

exit codes: 0 listed or restored, 1 there is no such snapshot, or the file is there already."""


def main(argv: list[str] | None = None) -> int:
    """Run a command and return its exit code: 0 done, 1 not done, 2 wrong usage."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    parser = create_parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help(sys.stderr)
        return 2
    if arguments.command == "demo":
        return demo(arguments.exit, arguments.port, arguments.keep)
    if arguments.command == "connect":
        return connect(arguments.client, arguments.url_only)
    if arguments.command == "snapshots":
        return snapshots(arguments.restore, arguments.to)
    return config()


def create_parser() -> argparse.ArgumentParser:
    """The command line with its help."""
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(PROGRAM, description=DESCRIPTION, epilog=EXAMPLES, formatter_class=style)
    parser.add_argument("--version", action="version", version=f"jupyter-mcp-proxy {__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="<command>")

    def add(name: str, summary: str, description: str, epilog: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=summary, description=description, epilog=epilog, formatter_class=style)

    command = add("demo", "see it work, in a temporary JupyterLab", DEMO, DEMO_EXAMPLES)
    command.add_argument("--exit", action="store_true", help="end after the steps instead of staying up")
    command.add_argument(
        "--port", type=port_number, default=0, metavar="N", help="port of JupyterLab (default: a free one)"
    )
    command.add_argument("--keep", action="store_true", help="keep the temporary folder, with the server's log")

    command = add("connect", "print what connects a client to your running server", CONNECT, CONNECT_EXAMPLES)
    command.add_argument(
        "--client", choices=("claude-code", "json"), default="claude-code",
        help="claude-code: a `claude mcp add` line; json: {\"mcpServers\": ...} (default: %(default)s)",
    )  # fmt: skip
    command.add_argument("--url-only", action="store_true", help="print the endpoints' URLs and no credential")

    add("config", "list every setting", CONFIG, CONFIG_EXAMPLES)

    command = add("snapshots", "notebooks as they were before an agent wrote to them", SNAPSHOTS, SNAPSHOTS_EXAMPLES)
    command.add_argument("--restore", metavar="TIME", help="the snapshot to write to a file, as it is listed")
    command.add_argument("--to", metavar="FILE", help="the file to write; it must not be there yet")
    return parser


def port_number(text: str) -> int:
    """A TCP port from the command line."""
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{number} is not a port: 1 to 65535, or 0 for a free one")
    return number


# -- demo ---------------------------------------------------------------------------------------------


def demo(end: bool, port: int, keep: bool) -> int:
    """Run the demonstration; see `demo.py`."""
    from .demo import REQUIRED, missing, run

    absent = missing(REQUIRED)
    if absent:
        remark(
            f'The demo needs {", ".join(absent)}, not installed here:\n\n    pip install "jupyter-mcp-proxy[demo]"\n'
        )
        return 1
    return run(end=end, port=port, keep=keep)


# -- connect ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Server:
    """A running Jupyter server, as its info file tells."""

    url: str
    """As this machine reaches it, ending with the base URL."""
    token: str
    root: str

    @property
    def endpoint(self) -> str:
        """The URL that an MCP client is given."""
        return f"{self.url}{NAME}/mcp"

    @property
    def on_loopback(self) -> bool:
        """Whether a question to it stays on this machine."""
        return self.url.partition("://")[2].partition("/")[0].rpartition(":")[0] in LOOPBACK

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> Server:
        """The server of an info file. Wildcards become loopback: its own `url` has this machine's public name."""
        host = str(info.get("hostname") or "127.0.0.1")
        host = {"*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
        if not info.get("secure") and host == "localhost":
            # Another user may sit on the name's other address. Under TLS the certificate decides, and it has the name.
            host = "127.0.0.1"
        host = f"[{host}]" if ":" in host else host
        scheme = "https" if info.get("secure") else "http"
        url = f"{scheme}://{host}:{info['port']}{info.get('base_url') or '/'}"
        return cls(url, str(info.get("token") or ""), str(info.get("root_dir") or ""))


def connect(client: str, url_only: bool) -> int:
    """Print what connects a client to each running server that has the endpoint."""
    from jupyter_core.paths import jupyter_runtime_dir
    from jupyter_server.serverapp import list_running_servers

    folder = jupyter_runtime_dir()
    try:
        infos = list(list_running_servers(folder))
    except OSError as error:
        remark(f"The servers' info files in {folder} cannot be read: {error}. Try again.")
        return 1
    if not infos:
        remark(
            f"No Jupyter server of yours runs on this machine (looked in {folder}).\n"
            "Start one with `jupyter lab` and run this command again, or see `jupyter mcp-proxy demo`."
        )
        return 1
    found = [server for server in map(usable, infos) if server is not None]
    if not found:
        return 1
    names = ["jupyter", *(f"jupyter-{number}" for number in range(2, len(found) + 1))]
    if url_only:
        print("\n".join(server.endpoint for server in found))
    elif client == "json":
        servers = {name: client_entry(server.endpoint, server.token) for name, server in zip(names, found, strict=True)}
        print(json.dumps({"mcpServers": servers}, indent=2))
    else:
        for name, server in zip(names, found, strict=True):
            print(f"{server.endpoint}  (notebooks in {server.root})")
            print(f"  {claude_command(name, server.endpoint, server.token)}")
    return 0


def usable(info: Mapping[str, Any]) -> Server | None:
    """The server, if a client can connect to its endpoint; a remark says why not, or what to know."""
    if info.get("sock"):
        remark(
            f"{info['sock']}: a Jupyter server on a Unix socket, which MCP clients cannot use. Start it with a port."
        )
        return None
    server = Server.of(info)
    fault = ask(server)
    if fault:
        remark(f"{server.url}: {fault}")
        return None
    if not server.token:
        remark(f"{server.url} has no token: where it asks for none, whoever reaches it can use the endpoint.")
    if server.url.startswith("https:"):
        remark(
            f"{server.url} has its own certificate. A client must trust it; Node.js clients such as Claude Code "
            "take it from NODE_EXTRA_CA_CERTS=<certificate file>."
        )
    if os.environ.get("JUPYTERHUB_SERVICE_PREFIX"):
        remark(
            f"{server.url} is part of a JupyterHub and this is its address from inside. From elsewhere, use the URL on "
            "the MCP tile's page and a token of your own, from the Hub's Token page."
        )
    return server


def ask(server: Server) -> str:
    """What is wrong with a server's endpoint, with the cure; nothing where it answers or cannot be asked safely."""
    from urllib.error import HTTPError
    from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

    class Stay(HTTPRedirectHandler):
        """A redirect is an answer: the token goes nowhere else."""

        def redirect_request(self, *_: Any) -> None:
            return None

    context = ssl.create_default_context()
    if server.url.startswith("https:"):
        if not server.on_loopback:
            remark(f"{server.url} was not asked: it has HTTPS on an address that is not loopback.")
            return ""
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = Request(f"{server.url}{NAME}/healthz")  # noqa: S310 - the scheme is ours
    if server.token:
        request.add_unredirected_header("Authorization", f"Bearer {server.token}")
    opener = build_opener(ProxyHandler({}), Stay(), HTTPSHandler(context=context))
    try:
        with opener.open(request, timeout=HEALTH_TIMEOUT) as response:
            return judge(server, response.status, response.read())
    except HTTPError as error:
        with error:
            return judge(server, error.code, error.read())
    except OSError as error:
        return f"no answer ({getattr(error, 'reason', None) or error}). Restart that server."


def judge(server: Server, status: int, body: bytes) -> str:
    """What an answer of `healthz` says is wrong, with the cure."""
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    answer = answer if isinstance(answer, dict) else {}
    if status == 200 and answer.get("status") == "ok":
        if answer.get("relay") != "streaming":
            remark(
                f"{server.url} works, but cuts calls at 300 seconds: its extension is not enabled.\n"
                f"Run `{ENABLE}` in its environment and restart it."
            )
        return ""
    error = answer.get("error")
    if isinstance(error, dict):
        return f"the endpoint answers {status}: {error.get('message')}"
    if status >= 500:
        return f"the server answers {status}; its log says why. Restart it."
    return (
        f"a Jupyter server without the MCP endpoint (it answers {status}).\n"
        "In that server's environment run `pip install jupyter-mcp-proxy`, then restart the server.\n"
        f"Where it is installed already, run `{ENABLE}` there, then restart;\n"
        "if that does not help, the server's log says why the extension was not loaded."
    )


def claude_command(name: str, endpoint: str, token: str) -> str:
    """The command that adds an endpoint to Claude Code; it holds the token."""
    command = f"claude mcp add --transport http {name} {shlex.quote(endpoint)}"
    if not token:
        return command
    header = f"Authorization: Bearer {token}"
    safe = not set(header) & set('"$`\\!')
    return f"{command} --header " + (f'"{header}"' if safe else shlex.quote(header))


def client_entry(endpoint: str, token: str) -> dict[str, Any]:
    """An endpoint as clients have it in their JSON configuration; it holds the token."""
    entry: dict[str, Any] = {"type": "http", "url": endpoint}
    if token:
        entry["headers"] = {"Authorization": f"Bearer {token}"}
    return entry


# -- config -------------------------------------------------------------------------------------------


def config() -> int:
    """List every setting of `MCPProxy`."""
    from .config import MCPProxy

    try:
        settings = MCPProxy()
    except ValueError as error:
        remark(str(error))
        return 1
    traits = sorted(MCPProxy.class_traits(config=True).items())
    print("\n".join(describe(name, trait, getattr(settings, name)) for name, trait in traits))
    return 0


def snapshots(restore: str | None, to: str | None) -> int:
    """List the snapshots, or write one to a file that is not there yet."""
    from .notebook.snapshots import stored

    found = stored()
    if restore is None:
        for snapshot in found:
            print(f"{snapshot.time}  {snapshot.file.stat().st_size:>10,} bytes  {snapshot.notebook}  ({snapshot.root})")
        if not found:
            remark("There are no snapshots: no agent has written to a notebook here.")
        return 0
    chosen = next((snapshot for snapshot in found if snapshot.time == restore), None)
    if chosen is None:
        remark(f"There is no snapshot {restore}. `{PROGRAM} snapshots` lists them.")
        return 1
    if to is None:
        remark("Name the file to write with --to.")
        return 1
    try:
        with open(to, "x", encoding="utf-8") as file:  # noqa: PTH123 - named by the person, as any path
            file.write(chosen.file.read_text(encoding="utf-8"))
    except OSError as error:
        remark(f"{to} could not be written: {error.strerror}.")
        return 1
    print(f"Wrote {chosen.notebook} as it was at {chosen.time} to {to}.")
    return 0


def describe(name: str, trait: Any, value: object) -> str:
    """A setting as lines: its help, default, value, configuration line and environment variable."""
    variable = ENV_PREFIX + name.upper()
    default = trait.default()
    now = f"{value!r}  (from {variable})" if variable in os.environ else f"{value!r}  (the default)"
    lines: Iterable[str] = (
        name,
        textwrap.indent(textwrap.fill(trait.help, 96), "  "),
        f"  default      {default!r}",
        f"  now          {now}",
        f"  config file  c.MCPProxy.{name} = {default!r}",
        f"  environment  {variable}",
        "",
    )
    return "\n".join(lines)


def remark(text: str) -> None:
    """Tell the person something that is not the command's output."""
    print(text, file=sys.stderr)
