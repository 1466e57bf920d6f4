"""The clients: a program around a library that signs in by itself, or the commands that a person types."""

from __future__ import annotations

from dataclasses import dataclass

from realclients.installed import TYPESCRIPT_1, Kind

NATIVE_CLAUDE = "@anthropic-ai/claude-code-linux-x64@2.1.332"
GEMINI = """{"security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": false}}}"""
OPENCODE = """{"mcp": {"jup": {"type": "remote", "url": "{url}"}}}"""


@dataclass(frozen=True)
class Client(Kind):
    """A client. In its commands and files {url}, {notebook}, {png}, {call} and {folder} stand for what it is given.

    {call} is the arguments of the call whose answer has an image.
    """

    commands: tuple[tuple[str, ...], ...] = ()
    connected: str = ""
    """What the last command says (a regular expression) where the client has no way to make a call without a model."""
    file: tuple[str, str] | None = None
    """A configuration file below the home folder, as the client's documentation has it."""
    terminal: str = ""
    """A word of the command that has to be on a terminal."""
    done: str = ""
    """What that command says (a regular expression) when it has done what it is for, where it then goes on."""
    typed: tuple[tuple[str, str], ...] = ()
    """What the person types there, each when the terminal shows something (a regular expression)."""
    cannot: str = ""
    """The place where it is known not to get in; docs/signin.md says why."""
    environment: tuple[tuple[str, str], ...] = ()

    @property
    def version(self) -> str:
        return self.packages[-1].rpartition("@")[2].rpartition("==")[2]


def library(name: str, program: str, *packages: str, arguments: tuple[str, ...] = ()) -> Client:
    return Client(name, program, packages, arguments)


def node(*words: str) -> tuple[str, ...]:
    """A command of the packages' own."""
    return ("{folder}/node_modules/.bin/" + words[0], *words[1:])


def claude(*words: str) -> tuple[str, ...]:
    return ("{folder}/node_modules/@anthropic-ai/claude-code-linux-x64/claude", "mcp", *words)


CLIENTS = (
    library("TypeScript SDK 1", "typescript1.mjs", TYPESCRIPT_1),
    library("TypeScript client 2", "typescript2.mjs", "@modelcontextprotocol/client@2.4.0"),
    library("Python SDK 1", "python1.py", "mcp==1.30.0"),
    library("Python SDK 2", "python2.py", "mcp==2.3.0", arguments=("2026-07-28",)),
    library("Python SDK 2, old era", "python2.py", "mcp==2.3.0", arguments=("legacy",)),
    library("mcp-remote", "mcp_remote.mjs", TYPESCRIPT_1, "mcp-remote@0.15.1"),
    library("fastmcp", "fastmcp_client.py", "fastmcp==4.2.3"),
    Client(
        "Claude Code", "", (NATIVE_CLAUDE,),
        commands=(
            claude("add", "--transport", "http", "jup", "{url}"), claude("list"), claude("login", "jup"),
            claude("list"),
        ),
        connected=r"jup:.*Connected", terminal="login",
    ),
    Client(
        "Claude Code, login first", "", (NATIVE_CLAUDE,),
        commands=(claude("add", "--transport", "http", "jup", "{url}"), claude("login", "jup")),
        connected=r"Authenticated with", terminal="login", cannot="JupyterHub",
    ),
    Client(
        "Codex", "", ("@openai/codex@0.171.0",),
        commands=(
            node("codex", "mcp", "add", "jup", "--url", "{url}"), ("node", "{folder}/codex.mjs", "{notebook}", "{png}"),
        ),
    ),
    Client(
        "opencode", "", ("opencode-ai@1.18.33",),
        commands=(node("opencode", "mcp", "auth", "jup"), node("opencode", "mcp", "list")),
        connected=r"jup.*connected",
        file=(".config/opencode/opencode.json", OPENCODE),
    ),
    Client(
        "MCP Inspector", "", ("@modelcontextprotocol/inspector@2.12.0",),
        commands=(
            node(
                "mcp-inspector", "--cli", "{url}", "--transport", "http", "--method", "tools/call",
                "--tool-name", "insert_execute_code_cell", "--tool-args-json", "{call}", "--format", "json",
            ),
        ),
        terminal="--cli",
    ),
    Client(
        "Gemini CLI", "", ("@google/gemini-cli@0.61.0",),
        commands=(
            node("gemini", "mcp", "add", "--scope", "user", "--transport", "http", "jup", "{url}"),
            node("gemini", "--skip-trust"), node("gemini", "mcp", "list"),
        ),
        connected=r"jup:.*Connected",
        file=(".gemini/settings.json", GEMINI), terminal="--skip-trust",
        typed=(("Type your message", "/mcp auth jup"), ("> /mcp auth jup", "\r"), ("Do you want to continue", "\r")),
        done=r"Successfully authenticated",
        environment=(("GEMINI_API_KEY", "none"),),  # it asks for a way to reach a model first, and reaches none
    ),
)  # fmt: skip
