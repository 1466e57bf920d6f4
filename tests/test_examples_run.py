"""Examples do what their page says: each command of ours is run against a real server, or says here why it is not."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from harness import TOKEN, JupyterProcess, connect
from harness.machine import MODULE
from harness.piped import world
from test_examples import ALL, BLOCKS, COMMANDS, SHELLS, commands

pytestmark = pytest.mark.anyio

RUN: dict[str, tuple[str, ...]] = {
    "--version": (),
    "config": (),
    "connect": (),
    "connect --client cursor": (),
    "connect --client json": (),
    "connect --url-only": (),
    "connect codex": (),
    "connect jupyter-ai": (),
    "connect vscode --file .vscode/mcp.json": (),
    "connect zed --remove": ("connect zed --yes",),
    "doctor": (),
    "doctor --json": (),
    "doctor --no-kernel": (),
    "doctor --server 8889": (),
    "log": (),
    "log --json --since 2026-11-20": (),
    'log --notebook "reports/*" --tool execute_cell --last 500': (),
    "log --since 2h --outcome error --outcome refused": (),
    "sidecar show": (),
    "snapshots": (),
    "token list": (),
    "token new --name claude": (),
    "token new --name my-agent": (),
    "token new --name reviewer --tier read --days 7": (),
    "token revoke reviewer": ("token new --name reviewer",),
}
"""What ends by itself, with what has to be run before."""
SERVES = (
    "serve --stdio",
    "serve --jupyter-url http://127.0.0.1:8888/ --stdio",
    "stdio",
    "stdio --server ~/work --tier read",
)
"""What a client starts: it greets, is answered, and closes stdin."""
FOLLOWS = ("log --follow",)
"""What goes on until Ctrl-C."""
HUB = "its host is a JupyterHub that is not there; tests/hub and tests/stdio do the same at one that is"
INSTALLS = (
    "it installs from the package index; tests/test_servers_part.py and tests/beside do it in environments of their own"
)
NOT_RUN = {
    "demo": "it starts a JupyterLab and goes on; tests/cli/test_demo.py runs it",
    "demo --exit": "tests/cli/test_demo.py runs it",
    "doctor --url https://hub.example.org/user/ann/": HUB,
    "doctor --url https://hub.example.org/user/ann/ --token-file ~/.mcp-token --needs read": HUB,
    "serve --jupyter-url http://127.0.0.1:8888/": "its port may be another's; tests/cli/test_serve.py runs it",
    "serve --jupyter-url http://jupyter:8888/ --host 0.0.0.0 --port 4040 --token-file /run/secrets/mcp": (
        "its host is a container's; tests/cli/test_serve.py has each option"
    ),
    "serve --jupyter-url https://hub.example.org/user/ada/ --jupyter-token-file token.txt": HUB,
    "sidecar install": INSTALLS,
    "sidecar install --from .": INSTALLS,
    "sidecar install --from ~/src/jupyter-mcp-proxy": INSTALLS,
    "sidecar remove --all": INSTALLS,
    "sidecar upgrade": INSTALLS,
    "snapshots --restore 20261120T213000123456 --to before.ipynb": (
        "the time is that of a snapshot of the reader's; tests/cli/test_cli.py restores one"
    ),
    "stdio --url https://hub.example.org/user/ada/": HUB,
}
"""What only its options are looked at of (test_examples.py), and why."""
OTHERS = {
    "pip install": "it installs what is published; .ci/distributions installs what will be",
    "python -m pip install": "the checkout is installed where this runs",
    "python -m venv": "this runs in one",
    "jupyter lab": "tests/harness starts servers so that they find a free port",
    "claude mcp add": "tests/realclients runs that line with Claude Code itself",
    "docker": "no container runs where the tests run; tests/test_packaging.py reads the Dockerfile",
    "python -m pytest": "this is it",
    "SEQUENCES=1000 python -m pytest": "this is it, for hours",
    "RUNS=1000 python -m pytest": "this is it, for hours",
    "TRIALS=200 SEED=2 python -m pytest": "this is it, for half an hour",
    "ruff": ".ci/run runs it",
    "(cd labextension": ".ci/run runs it",
    "sphinx-build": ".ci/run runs it",
    "python -m jupyter_mcp_proxy.tools.reference": "tests/tools compares docs/tools.md with it",
    "python -m benchmarks": "they take minutes and measure this machine",
    "PYTHONPATH=tests python -m": "these take minutes, and most need npm; .ci/nightly runs them",
    "ONLY=newest-3.13 .ci/matrix": ".ci/nightly runs it",
    ".ci/majors": ".ci/nightly runs it",
    ".ci/distributions": "a release runs it",
}
"""What a line for a shell begins with that is no command of ours, and why it is not run here."""
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "example", "version": "1"}},
}


class Reader:
    """Somebody who types what they read, in the folder of their server; an agent has worked in it."""

    def __init__(self, server: JupyterProcess) -> None:
        self.server = server
        given = {"JUPYTER_URL": server.url, "JUPYTER_TOKEN": TOKEN}
        self.environment = world(server) | given

    def words(self, command: str) -> list[str]:
        """What is typed, with this server's port and folder in place of those of the page."""
        port = str(self.server.port)
        text = re.sub(r"127\.0\.0\.1:8888\b", f"127.0.0.1:{port}", command)
        text = re.sub(r"--server 8889\b", f"--server {port}", text)
        return [*MODULE, *shlex.split(text.replace("~/work", str(self.server.root)))]

    def types(self, command: str) -> subprocess.CompletedProcess[str]:
        """Type it in a terminal, and say yes to what it asks."""
        mine, its = pty.openpty()
        try:
            os.write(mine, b"y\n")
            return subprocess.run(
                self.words(command), stdin=its, capture_output=True, text=True, timeout=100, cwd=self.server.root,
                env=self.environment,
            )  # fmt: skip
        finally:
            os.close(mine)
            os.close(its)

    def starts(self, words: list[str]) -> dict[str, object]:
        """A client starts it, and greets: its answer."""
        program = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            cwd=self.server.root, env=self.environment,
        )  # fmt: skip
        assert program.stdin is not None
        assert program.stdout is not None
        with program:
            program.stdin.write(json.dumps(HELLO) + "\n")
            program.stdin.flush()
            said = dict(json.loads(program.stdout.readline()))
            program.stdin.close()
            assert program.wait(20) == 0
        return said


@pytest.fixture(scope="module")
async def reader(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Reader]:
    server = JupyterProcess(tmp_path_factory.mktemp("reader"), rtc=False)
    try:
        server.wait()
        server.write_notebook("a.ipynb", "1")
        async with connect(server) as agent:
            await agent.ok("list_cells", notebook="a.ipynb")
        yield Reader(server)
    finally:
        server.stop()


def test_each_command_is_run_or_says_why_not() -> None:
    given = {command for _, command in COMMANDS}
    tables = (set(RUN), set(SERVES), set(FOLLOWS), set(NOT_RUN))
    assert sum(map(len, tables)) == len(set().union(*tables)), "a command stands in two tables"
    assert set().union(*tables) == given


def lines() -> Iterator[tuple[str, str]]:
    """The lines for a shell that are no command of ours."""
    for example in BLOCKS:
        if example.kind in SHELLS:
            for line in example.text.splitlines():
                for part in re.split(r"&& ", line.partition(" #")[0]):
                    if part.strip() and not commands(type(example)(example.page, "sh", part.strip())):
                        yield example.page, part.strip()


def test_each_other_line_for_a_shell_says_why_it_is_not_run() -> None:
    used = set()
    for page, line in lines():
        fitting = [words for words in OTHERS if line.startswith(words)]
        if line.startswith((". .venv", "mypy", "lint-imports", "npm ", "python -m jupyter_mcp_proxy demo")):
            continue  # parts of a line whose beginning has its reason
        assert fitting, f"{page}: {line}"
        used.update(fitting)
    assert used == set(OTHERS)


@pytest.mark.parametrize("command", RUN)
def test_a_command_does_what_it_is_given_for(reader: Reader, command: str) -> None:
    for before in RUN[command]:
        assert reader.types(before).returncode in (0, 1)  # 1: it was there before
    done = reader.types(command)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    assert done.stdout or done.stderr


@pytest.mark.parametrize("command", SERVES)
def test_what_a_client_starts_answers_it(reader: Reader, command: str) -> None:
    assert "result" in reader.starts(reader.words(command))


@pytest.mark.parametrize("command", FOLLOWS)
def test_what_goes_on_is_ended_by_ctrl_c(reader: Reader, command: str) -> None:
    program = subprocess.Popen(
        reader.words(command), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=reader.environment
    )
    assert program.stdout is not None
    with program:
        assert "list_cells" in program.stdout.readline()
        time.sleep(0.3)
        assert program.poll() is None
        program.send_signal(signal.SIGINT)
        assert "Traceback" not in program.communicate(timeout=20)[1]


def test_what_a_configuration_has_a_client_start_answers_it(reader: Reader) -> None:
    started = 0
    for example in ALL:
        if example.kind == "json" and "mcpServers" in example.text:
            for server in json.loads(example.text)["mcpServers"].values():
                if server.get("command") == "uvx":  # from the package index; here it is what is being tested
                    assert "result" in reader.starts([*MODULE, *server["args"][1:]])
                    started += 1
    assert started
