"""The clients that can connect, each with what connects it: the one table for the page and the command line.

Pure functions of names, URLs and tokens; imported by the command line and by the sidecar, so it imports nothing
but the standard library. JSON strings are valid in TOML and YAML too, so one way of quoting serves all files.
"""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote, urlencode, urlsplit

DEFAULT_NAME = "jupyter"
"""What a client calls the server."""

TIMEOUT = 300
"""Seconds that goose may wait for a reply; a call returns by itself long before."""


@dataclass(frozen=True)
class Target:
    """An endpoint that a client is to connect to; without a token where none is needed."""

    url: str
    token: str = ""
    name: str = DEFAULT_NAME

    @property
    def headers(self) -> dict[str, str]:
        """What every request has to carry."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    @property
    def entry(self) -> dict[str, Any]:
        """URL and headers, as most clients name them in JSON."""
        return {"url": self.url} | ({"headers": self.headers} if self.headers else {})


@dataclass(frozen=True)
class Link:
    """A link that a client's application opens. `payload` is readable, so that a token can be put into it later."""

    prefix: str
    payload: str
    encoding: Literal["base64", "percent", "none"]

    @property
    def href(self) -> str:
        """The link itself."""
        if self.encoding == "base64":
            return self.prefix + quote(base64.b64encode(self.payload.encode()), safe="")
        return self.prefix + (quote(self.payload, safe="") if self.encoding == "percent" else self.payload)


@dataclass(frozen=True)
class File:
    """A client's file of its person's own settings, and how an endpoint stands in it.

    In a path `{home}`, `{config}` (XDG_CONFIG_HOME), `{support}` (macOS), `{appdata}` (Windows), `{claude}`, `{codex}`
    and `{root}` (of the Jupyter server) are folders. Of several files the first one that there is, else the first.
    """

    paths: tuple[str, ...]
    keys: tuple[str, ...]
    entry: Callable[[Target], dict[str, Any]]
    darwin: tuple[str, ...] = ()
    windows: tuple[str, ...] = ()
    listed: bool = False
    """Whether the servers are a list, each with its name."""
    comments: bool = False
    """Whether comments and trailing commas may be in it."""


@dataclass(frozen=True)
class Client:
    """One client: what it is given, where that goes, and where its maker documents it."""

    id: str
    label: str
    language: Literal["shell", "json", "toml", "yaml"]
    where: str
    docs: str
    render: Callable[[Sequence[Target]], str]
    note: str = ""
    link: Callable[[Target], Link] | None = None
    signs_in: str = "It opens a page of this server in your browser when it first connects."
    """What has it sign in, once it has the URL and no token; empty for one that cannot."""
    file: File | None = None
    starts: Callable[[Sequence[str]], dict[str, Any]] | None = None
    """The entry with which it starts a program instead, where it takes nothing else."""

    @property
    def is_command(self) -> bool:
        """Whether it is given a line for a terminal, not a part of a file."""
        return self.language == "shell"


def claude_command(target: Target) -> str:
    """The command that adds an endpoint to Claude Code."""
    # The header comes last: the option takes all that follows it.
    return f"claude mcp add --transport http {shlex.quote(target.name)} {shlex.quote(target.url)}{_header(target)}"


def gemini_command(target: Target) -> str:
    """The command that adds an endpoint to Gemini CLI, for all projects."""
    add = "gemini mcp add --scope user --transport http"
    return f"{add} {shlex.quote(target.name)} {shlex.quote(target.url)}{_header(target)}"


def _header(target: Target) -> str:
    return "".join(f" --header {_quoted(f'{name}: {value}')}" for name, value in target.headers.items())


def _quoted(text: str) -> str:
    """In double quotes, which every shell understands, Windows' too; as POSIX has it where that is not enough."""
    return shlex.quote(text) if set(text) & set('"$`\\!%') else f'"{text}"'


def _named(target: Target) -> dict[str, Any]:
    """As Jupyter AI has it, after the Agent Client Protocol."""
    headers = [{"name": name, "value": value} for name, value in target.headers.items()]
    return {"type": "http", "name": target.name, "url": target.url, "headers": headers}


def _codex_entry(target: Target) -> dict[str, Any]:
    return {"url": target.url} | ({"http_headers": target.headers} if target.headers else {})


def _goose_entry(target: Target) -> dict[str, Any]:
    entry = {
        "enabled": True, "type": "streamable_http", "name": target.name, "description": "Jupyter notebooks",
        "uri": target.url, "timeout": TIMEOUT,
    }  # fmt: skip
    return entry | ({"headers": target.headers} if target.headers else {})


def _started(command: Sequence[str]) -> dict[str, Any]:
    return {"command": command[0], "args": list(command[1:])}


def _commands(command: Callable[[Target], str]) -> Callable[[Sequence[Target]], str]:
    return lambda targets: "\n".join(map(command, targets))


def _json(wrap: Callable[[dict[str, Any]], dict[str, Any]], entry: Callable[[Target], dict[str, Any]]) -> Any:
    return lambda targets: json.dumps(wrap({target.name: entry(target) for target in targets}), indent=2)


def _plain(target: Target) -> dict[str, Any]:
    return target.entry


def _http(target: Target) -> dict[str, Any]:
    return {"type": "http", **target.entry}


def _opencode(target: Target) -> dict[str, Any]:
    # It would rather sign in than send the header that it was given.
    return {"type": "remote", **target.entry} | ({"oauth": False} if target.headers else {})


def _bridged(target: Target) -> dict[str, Any]:
    """Through mcp-remote. The header's value is in the environment: on Windows spaces in arguments get lost."""
    arguments = ["-y", "mcp-remote", target.url, "--transport", "http-only"]
    address = urlsplit(target.url)
    if address.scheme == "http" and address.hostname not in ("localhost", "127.0.0.1"):
        arguments.append("--allow-http")
    if not target.token:
        return {"command": "npx", "args": arguments}
    arguments += ["--header", "Authorization:${AUTH_HEADER}"]
    return {"command": "npx", "args": arguments, "env": {"AUTH_HEADER": target.headers["Authorization"]}}


def _codex(targets: Sequence[Target]) -> str:
    return "\n\n".join("\n".join(_codex_lines(target)) for target in targets)


def _codex_lines(target: Target) -> list[str]:
    lines = [f"[mcp_servers.{target.name}]", f"url = {json.dumps(target.url)}"]
    if target.headers:
        pairs = ", ".join(f"{name} = {json.dumps(value)}" for name, value in target.headers.items())
        lines.append(f"http_headers = {{ {pairs} }}")
    return lines


def _goose(targets: Sequence[Target]) -> str:
    return "\n".join(["extensions:", *(line for target in targets for line in _goose_lines(target))])


def _goose_lines(target: Target) -> list[str]:
    lines = [
        f"  {target.name}:",
        "    enabled: true",
        "    type: streamable_http",
        f"    name: {target.name}",
        "    description: Jupyter notebooks",
        f"    uri: {json.dumps(target.url)}",
        f"    timeout: {TIMEOUT}",
    ]
    if target.headers:
        lines += ["    headers:", *(f"      {name}: {json.dumps(value)}" for name, value in target.headers.items())]
    return lines


def _cursor_link(target: Target) -> Link:
    prefix = f"cursor://anysphere.cursor-deeplink/mcp/install?name={quote(target.name)}&config="
    return Link(prefix, json.dumps(target.entry), "base64")


def _vscode_link(target: Target) -> Link:
    return Link("vscode:mcp/install?", json.dumps({"name": target.name, **_http(target)}), "percent")


def _goose_link(target: Target) -> Link:
    query: list[tuple[str, str]] = [
        ("type", "streamable_http"), ("url", target.url), ("id", target.name), ("name", target.name),
        ("description", "Jupyter notebooks"), ("timeout", str(TIMEOUT)),
    ]  # fmt: skip
    # goose decodes a header's value once more after the query, and cuts it at a second `=`.
    query += [("header", f"{name}={quote(value, safe='')}") for name, value in target.headers.items()]
    return Link("goose://extension?", urlencode(query, quote_via=quote), "none")


CLIENTS = (
    Client(
        "claude-code", "Claude Code", "shell", "Run this in a terminal", "https://code.claude.com/docs/en/mcp",
        _commands(claude_command),
        note="For every project of yours, add --scope user.",
        # `claude mcp login` right after `claude mcp add` (2.1.332) looks at the origin's root alone and fails.
        signs_in="Then start claude, and in it: /mcp → jupyter → Authenticate.",
        file=File(("{claude}/.claude.json",), ("mcpServers",), _http),
    ),
    Client(
        "claude-desktop", "Claude Desktop", "json", "claude_desktop_config.json (Settings → Developer → Edit Config)",
        "https://github.com/geelen/mcp-remote",
        _json(lambda servers: {"mcpServers": servers}, _bridged),
        note="Its configuration file takes local programs only, so this runs the bridge mcp-remote, which needs "
        "Node.js 18 or newer; restart Claude Desktop afterwards. A custom connector does not do on your own machine: "
        "Anthropic's servers make its connection, so they would have to reach this address.",
        file=File(
            ("{config}/Claude/claude_desktop_config.json",), ("mcpServers",), _bridged,
            darwin=("{support}/Claude/claude_desktop_config.json",),
            windows=("{appdata}/Claude/claude_desktop_config.json",),
        ),
        starts=_started,
    ),
    Client(
        "cursor", "Cursor", "json", "~/.cursor/mcp.json, or .cursor/mcp.json in a project", "https://cursor.com/docs/mcp",
        _json(lambda servers: {"mcpServers": servers}, _plain),
        link=_cursor_link,
        file=File(("{home}/.cursor/mcp.json",), ("mcpServers",), _plain, comments=True),
    ),
    Client(
        "vscode", "VS Code", "json", ".vscode/mcp.json, or the command “MCP: Open User Configuration”",
        "https://code.visualstudio.com/docs/copilot/customization/mcp-servers",
        _json(lambda servers: {"servers": servers}, _http),
        link=_vscode_link,
        file=File(
            ("{config}/Code/User/mcp.json",), ("servers",), _http, comments=True,
            darwin=("{support}/Code/User/mcp.json",), windows=("{appdata}/Code/User/mcp.json",),
        ),
    ),
    Client(
        "codex", "Codex", "toml", "~/.codex/config.toml", "https://developers.openai.com/codex/mcp",
        _codex,
        signs_in="Then, in a terminal: codex mcp login jupyter.",
        note="To keep the token out of the file, put it in an environment variable and write "
        "bearer_token_env_var = \"NAME\" in place of http_headers.",
        file=File(("{codex}/config.toml",), ("mcp_servers",), _codex_entry),
    ),
    Client(
        "gemini", "Gemini CLI", "shell", "Run this in a terminal", "https://geminicli.com/docs/tools/mcp-server/",
        _commands(gemini_command),
        note="Gemini CLI connects in folders that it trusts only.",
        signs_in="Then start gemini, and in it: /mcp auth jupyter.",
        file=File(("{home}/.gemini/settings.json",), ("mcpServers",), _http, comments=True),
    ),
    Client(
        "zed", "Zed", "json", "Zed's settings.json (the command “zed: open settings file”)",
        "https://zed.dev/docs/ai/mcp",
        _json(lambda servers: {"context_servers": servers}, _plain),
        file=File(
            ("{config}/zed/settings.json",), ("context_servers",), _plain, comments=True,
            darwin=("{home}/.config/zed/settings.json",), windows=("{appdata}/Zed/settings.json",),
        ),
    ),
    Client(
        "goose", "goose", "yaml", "~/.config/goose/config.yaml (Windows: %APPDATA%\\Block\\goose\\config\\config.yaml)",
        "https://block.github.io/goose/docs/getting-started/using-extensions",
        _goose,
        note="The link is for goose Desktop.",
        link=_goose_link,
        file=File(
            ("{config}/goose/config.yaml",), ("extensions",), _goose_entry,
            windows=("{appdata}/Block/goose/config/config.yaml",),
        ),
    ),
    Client(
        "opencode", "opencode", "json", "~/.config/opencode/opencode.json, or opencode.json in a project",
        "https://opencode.ai/docs/mcp-servers",
        _json(lambda servers: {"$schema": "https://opencode.ai/config.json", "mcp": {"servers": servers}}, _opencode),
        signs_in="Then, in a terminal: opencode mcp auth jupyter.",
        note='Older versions of opencode 1 want the entry directly below "mcp", without "servers".',
        file=File(
            ("{config}/opencode/opencode.json", "{config}/opencode/opencode.jsonc"), ("mcp", "servers"), _opencode,
            comments=True,
        ),
    ),
    Client(
        "json", "JSON", "json", ".mcp.json in a project, or another client's file of this form",
        "https://modelcontextprotocol.io/clients",
        _json(lambda servers: {"mcpServers": servers}, _http),
        file=File((), ("mcpServers",), _http, comments=True),
    ),
)  # fmt: skip
"""Every client, in the order in which they are offered."""

JUPYTER_AI = Client(
    "jupyter-ai", "Jupyter AI", "json", ".jupyter/mcp_settings.json in the root folder of the server",
    "https://jupyter-ai.readthedocs.io/",
    lambda targets: json.dumps({"mcp_servers": [_named(target) for target in targets]}, indent=2),
    note="Its agents cannot sign in, so the file has a token; keep it out of version control.",
    signs_in="",
    file=File(("{root}/.jupyter/mcp_settings.json",), ("mcp_servers",), _named, listed=True),
)  # fmt: skip
"""Stands in Jupyter itself, whose page is not needed to find it; the command line alone writes its file."""

BY_ID = {client.id: client for client in CLIENTS}
