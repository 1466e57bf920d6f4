"""Agents of the command line, which a scripted model has make the calls: what they are told, and how they are asked."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import JupyterProcess, own_world

from jupyter_mcp_proxy.clients import CLIENTS, Target
from realclients.checks import COUNTS, FREE, PLOT, REFUSAL, SLEEPS, YES, busy
from realclients.installed import Kind
from realclients.model import Call, Model, playing

LONGEST = 120.0


@dataclass(frozen=True)
class Agent(Kind):
    """An agent: how it is given the endpoint, word for word as the connect page has it, and asked for something."""

    client: str = ""
    """Its id in the table of clients."""
    file: str = ""
    """The file that what the page prints goes into, below the home folder; without, it is a command."""
    asks: tuple[str, ...] = ()
    """In its words and in the environment {model} is the model's URL."""
    environment: tuple[tuple[str, str], ...] = ()
    settings: tuple[str, str] | None = None
    """A file of its own below the home folder, and what is in it before it is given the endpoint."""


CLAUDE = "node_modules/@anthropic-ai/claude-code-linux-x64/claude"
PROVIDER = 'model_providers.fake={name="fake",base_url="{model}/v1",wire_api="responses"}'
# From the model's address alone it concludes a way to log in ("gateway") that it refuses then (0.61).
GEMINI_SETTINGS = '{"security": {"auth": {"selectedType": "gemini-api-key"}}}'
OPENCODE = "node_modules/opencode-linux-x64/bin/opencode"
OPENCODE_MODEL = """{"provider": {"fake": {"npm": "@ai-sdk/openai-compatible", "options":
  {"baseURL": "{model}/v1", "apiKey": "none"}, "models": {"fake": {"name": "fake", "tool_call": true,
  "attachment": true, "modalities": {"input": ["text", "image"], "output": ["text"]}}}}}}"""
AGENTS = (
    Agent(
        "Claude Code", CLAUDE, ("@anthropic-ai/claude-code-linux-x64@2.1.332",), client="claude-code",
        asks=("-p", "go", "--allowedTools", "mcp__jupyter"),
        environment=(
            ("ANTHROPIC_BASE_URL", "{model}"), ("ANTHROPIC_API_KEY", "none"), ("ENABLE_TOOL_SEARCH", "false"),
            ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"), ("MCP_CONNECTION_NONBLOCKING", "0"),
        ),
    ),
    Agent(
        "Codex", "node_modules/.bin/codex", ("@openai/codex@0.171.0",), client="codex", file=".codex/config.toml",
        asks=(
            "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "-c", "model_provider=fake",
            "-c", PROVIDER, "-c", "model=fake", "go",
        ),
        environment=(("OPENAI_API_KEY", "none"),),
    ),
    Agent(
        "Gemini CLI", "node_modules/.bin/gemini", ("@google/gemini-cli@0.61.0",), client="gemini",
        settings=(".gemini/settings.json", GEMINI_SETTINGS),
        asks=("--skip-trust", "--yolo", "-m", "gemini-2.5-pro", "-p", "go"),
        environment=(("GOOGLE_GEMINI_BASE_URL", "{model}"), ("GEMINI_API_KEY", "none")),
    ),
    Agent(
        "goose", "node_modules/@aaif/goose-binary-linux-x64/bin/goose", ("@aaif/goose-binary-linux-x64@1.52.0",),
        client="goose", file=".config/goose/config.yaml", asks=("run", "--no-session", "-t", "go"),
        environment=(
            ("GOOSE_PROVIDER", "openai"), ("GOOSE_MODEL", "gpt-4o"), ("OPENAI_HOST", "{model}"),
            ("OPENAI_API_KEY", "none"), ("GOOSE_MODE", "auto"), ("GOOSE_DISABLE_KEYRING", "1"),
        ),
    ),
    Agent(
        "opencode", OPENCODE, ("opencode-ai@1.18.33",), client="opencode", file=".config/opencode/opencode.json",
        asks=("run", "--auto", "-m", "fake/fake", "go"),
        environment=(("OPENCODE_CONFIG_CONTENT", OPENCODE_MODEL), ("OPENCODE_DISABLE_AUTOUPDATE", "1")),
    ),
)  # fmt: skip


class Asked:
    """An agent at a server, which is asked once for each script."""

    def __init__(self, agent: Agent, below: Path, home: Path, server: JupyterProcess) -> None:
        self._agent = agent
        self._program = str(below / agent.folder / agent.program)
        self._home = home
        self.server = server

    async def given(self) -> str:
        """Give it the endpoint, as the page says; what went wrong."""
        self._home.mkdir()
        if self._agent.settings:
            self._write(*self._agent.settings)
        client = next(one for one in CLIENTS if one.id == self._agent.client)
        printed = client.render([Target(self.server.endpoint, self.server.token)])
        if self._agent.file:
            self._write(self._agent.file, printed)
            return ""
        process = await self._start(shlex.split(printed)[1:], "")
        said, _ = await asyncio.wait_for(process.communicate(), LONGEST)
        return "" if process.returncode == 0 else said.decode()[-200:]

    def _write(self, name: str, text: str) -> None:
        file = self._home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    async def ask(self, script: Sequence[Call], before: dict[int, Callable[[], None]] | None = None) -> Model:
        """Have it make these calls; `before` is done at some of them."""
        with playing(script) as (model, url):
            model.before = before or {}
            process = await self._start(self._words(url), url)
            await asyncio.wait_for(process.communicate(), LONGEST)
            return model

    async def interrupt(self, script: Sequence[Call], started: Path) -> None:
        """Have it make these calls, and interrupt it as by Ctrl-C once a file is there; return when it has ended."""
        with playing(script) as (_, url):
            process = await self._start(self._words(url), url)
            deadline = time.monotonic() + 60
            while not started.exists() and process.returncode is None and time.monotonic() < deadline:
                await asyncio.sleep(0.05)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
            try:
                await asyncio.wait_for(process.communicate(), 10)
            except asyncio.TimeoutError:
                os.killpg(process.pid, signal.SIGKILL)
                await process.communicate()

    def _words(self, url: str) -> list[str]:
        return [word.replace("{model}", url) for word in self._agent.asks]

    async def _start(self, words: Sequence[str], url: str) -> asyncio.subprocess.Process:
        env = own_world(self._home) | {name: text.replace("{model}", url) for name, text in self._agent.environment}
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            self._program, *words, cwd=self._home, env=env, stdin=asyncio.subprocess.DEVNULL, stdout=pipe,
            stderr=asyncio.subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip


async def row(agent: Agent, number: int, below: Path, home: Path, server: JupyterProcess) -> list[str]:
    """What the table says of an agent: connects, and each check in the table's order."""
    asked = Asked(agent, below, home / f"agent-{number}", server)
    notebook = f"agent-{number}.ipynb"
    server.write_notebook(notebook, "1")
    if trouble := await asked.given():
        return [f"no: {trouble}"]

    def insert(source: str) -> Call:
        return "insert_execute_code_cell", {"notebook": notebook, "source": source}

    missing: Call = ("execute_cell", {"notebook": "missing.ipynb", "cell": 0})
    model = await asked.ask([insert(PLOT), insert(COUNTS), missing])
    plot, counts, refused = [*map(said, model.results), "", "", ""][:3]
    told = [YES if any(each.endswith("execute_cell") for each in model.offered) else "no: no tools offered"]
    told.append(told[0])
    told.append(YES if "image" in kinds(model.results[:1]) else f"no image: {plot[:120]}")
    told.append(f"{YES}, the answer; progress is not the model's" if "whole" in counts else f"no: {counts[:120]}")
    started = server.root / f"started-agent-{number}"
    await asked.interrupt([insert(SLEEPS.format(file=started.name))], started)
    told.append(await free(server, notebook))
    told.append(YES if REFUSAL in refused else f"not shown: {refused[:120]}")

    def kill() -> None:
        server.kill_sidecar()

    def wait() -> None:  # a scripted model is asked again at once, and would have come six times within the second
        time.sleep(1)

    look: Call = ("list_cells", {"notebook": notebook})
    model = await asked.ask([look, *[look] * 6], {1: kill, **dict.fromkeys(range(2, 7), wait)})
    after = [said(each) for each in model.results[1:]]
    worked = [index for index, text in enumerate(after) if "cells" in text and "rror" not in text]
    told.append(
        (YES + (f", after {worked[0]} of “come again”" if worked[0] else "")) if worked else f"no: {after[-1:]}"
    )
    return told


async def free(server: JupyterProcess, notebook: str) -> str:
    """Whether the kernel is idle soon after the agent was interrupted."""
    deadline = time.monotonic() + FREE
    while busy(server, notebook):
        if time.monotonic() > deadline:
            return f"no: the cell runs on after {FREE:.0f} s"
        await asyncio.sleep(0.05)
    return f"{YES}, by Ctrl-C"


def said(result: Any) -> str:
    """The text of a result, as the model was given it."""
    if isinstance(result, str):
        return result
    return "\n".join(part.get("text", "") for part in result or ())


def kinds(results: Sequence[Any]) -> set[str]:
    """The kinds of the parts of results."""
    parts = [part for result in results if isinstance(result, list) for part in result]
    return {str(part.get("type")).removeprefix("input_") for part in parts}
