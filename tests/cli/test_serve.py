"""`serve`: the MCP server beside a Jupyter server on which nothing is installed."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import httpx2
import pytest
from harness import ERAS, REPOSITORY, TOKEN, Agent, JupyterProcess, StartJupyter, shows
from harness.agents import SLEEP
from harness.hub import connect_to
from harness.slow_line import slow_line
from harness.tls import self_signed
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

from jupyter_mcp_proxy.cli.given import token_of
from jupyter_mcp_proxy.cli.serve import TOKENS, Unusable, _status, judge, jupyter_url

COMMAND = [sys.executable, "-m", "jupyter_mcp_proxy", "serve"]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterProcess]:
    """A Jupyter server that has nothing of ours."""
    off = "--ServerApp.jpserver_extensions={'jupyter_mcp_proxy': False, 'jupyter_server_proxy': False}"
    server = JupyterProcess(tmp_path_factory.mktemp("bare"), arguments=(off,), base_url="/user/ada/")
    yield server.wait(path="api/status")
    server.stop()


def environment(home: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "JUPYTER_RUNTIME_DIR": str(home / "runtime"), "JUPYTER_DATA_DIR": str(home / "data"), **more}


@contextmanager
def serving(home: Path, *arguments: str, **more: str) -> Iterator[tuple[str, Path, subprocess.Popen[str]]]:
    """`serve` as a process: its endpoint, the file of its token, and itself."""
    with subprocess.Popen(
        [*COMMAND, *arguments], env=environment(home, **more), stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            told = process.stderr.readline() + process.stderr.readline()
            found = re.search(r" at (\S+)\n.* in (\S+)\. ", told)
            assert found, told + process.stderr.read()
            yield found[1], Path(found[2]), process
        finally:
            process.terminate()


def answers(endpoint: str, token: str) -> int:
    """The status of a question to an endpoint, once it listens."""
    transport = httpx2.HTTPTransport(retries=8)
    with httpx2.Client(trust_env=False, transport=transport, timeout=60) as http:
        body = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        headers = {"Accept": "application/json, text/event-stream", "X-MCP-Proxy-Tier": "run"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return http.post(endpoint, json=body, headers=headers).status_code


@pytest.mark.anyio
@pytest.mark.parametrize("era", ERAS)
async def test_a_client_works_in_a_server_that_has_nothing_of_ours(
    bare: JupyterProcess, tmp_path: Path, era: str
) -> None:
    with serving(tmp_path, "--jupyter-url", bare.url, JUPYTER_TOKEN=TOKEN) as (endpoint, file, process):
        assert answers(endpoint, "") == answers(endpoint, "another") == 401
        assert file.stat().st_mode & 0o777 == 0o600
        async with connect_to(endpoint, file.read_text().strip(), era) as agent:
            created = await agent.ok("use_notebook", notebook=f"{era}/a.ipynb", create=True)
            assert "shared document" in created
            assert "42" in await agent.ok("insert_execute_code_cell", notebook=f"{era}/a.ipynb", source="print(6 * 7)")
            assert "42" in await agent.ok("read_cell", notebook=f"/{era}/a.ipynb", cell=0)
        assert healthy(endpoint, file)
        assert not healthy(endpoint, Path(__file__))  # which is no token
        for pid in (process.pid, *children(process.pid)):
            command = Path(f"/proc/{pid}/cmdline").read_text()
            assert TOKEN not in command
            assert file.read_text().strip() not in command
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert not file.exists()


def healthy(endpoint: str, token: Path) -> bool:
    """Whether the image's health check passes, with these in place of the image's own."""
    line = re.search(
        r"^HEALTHCHECK .* CMD (.*)$", (REPOSITORY / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert line is not None
    check = line[1].replace("http://127.0.0.1:4040/", endpoint.removesuffix("mcp")).replace("/data/token", str(token))
    assert endpoint.removesuffix("mcp") in check
    assert str(token) in check
    _, *arguments = json.loads(check)
    return subprocess.run([sys.executable, *arguments], stderr=subprocess.DEVNULL, timeout=60).returncode == 0


@pytest.mark.anyio
async def test_over_a_slow_line_to_the_server_an_agent_edits_runs_once_and_interrupts(
    bare: JupyterProcess, tmp_path: Path
) -> None:
    count = tmp_path / "count"
    once = f"print(open({str(count)!r}, 'a').write('x'))"
    bare.write_notebook("slow.ipynb", once, SLEEP)
    async with slow_line(bare, 0.1) as line:
        with ExitStack() as stack:
            serve = serving(tmp_path, "--jupyter-url", line.url, JUPYTER_TOKEN=TOKEN)
            endpoint, file, _ = await anyio.to_thread.run_sync(stack.enter_context, serve)
            await anyio.to_thread.run_sync(answers, endpoint, "")  # it listens
            async with connect_to(endpoint, file.read_text().strip(), ERAS[0]) as agent:
                await agent.ok("insert_cell", notebook="slow.ipynb", source="y = 1  # " + "z" * 20_000, index=2)
                await agent.ok("overwrite_cell_source", notebook="slow.ipynb", cell=2, source="y = 2")
                assert "ok" in await agent.ok("execute_cell", notebook="slow.ipynb", cell=0, wait=50)
                told = await agent.ok("execute_cell", notebook="slow.ipynb", cell=1, wait=1)
                execution = await shows(agent, told, "begun")
                assert "interrupted" in await agent.ok("interrupt_kernel", execution=execution)
                assert "y = 2" in await agent.ok("read_cell", notebook="slow.ipynb", cell=2)
    assert count.read_text() == "x"


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert found
    return [int(each) for each in found]


@pytest.mark.anyio
async def test_nobody_says_for_themselves_what_they_may_do(bare: JupyterProcess, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("of-the-endpoint\n")
    options = ("--jupyter-url", f"{bare.url}lab/", "--tier", "read", "--token-file", str(token))
    with serving(tmp_path, *options, JUPYTER_TOKEN=TOKEN) as (endpoint, file, _):
        assert file == token
        headers = {"Authorization": "Bearer of-the-endpoint", "X-MCP-Proxy-Tier": "run", "X-MCP-Proxy-Secret": "x"}
        answers(endpoint, "")  # it listens
        async with (
            httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http,
            Client(streamable_http_client(endpoint, http_client=http)) as client,
        ):
            agent = Agent(client)
            assert await agent.ok("list_files")
            assert "permission" in await agent.fails("write_file", path="x.txt", content="x")
    assert token.exists(), "a file that the person has named stays"


@pytest.mark.anyio
@pytest.mark.parametrize("era", ERAS)
async def test_by_stdio_it_takes_the_environment_of_jupyter_mcp_server(
    bare: JupyterProcess, tmp_path: Path, era: str
) -> None:
    told = environment(
        tmp_path, DOCUMENT_URL=bare.url, DOCUMENT_TOKEN=TOKEN, RUNTIME_URL=bare.url.rstrip("/"), RUNTIME_TOKEN=TOKEN,
        DOCUMENT_ID=f"stdio-{era}.ipynb", ALLOW_IMG_OUTPUT="false",
    )  # fmt: skip
    local = StdioServerParameters(command=COMMAND[0], args=[*COMMAND[1:], "--stdio"], env=told)
    async with Client(stdio_client(local), mode=era) as client:
        if era == "legacy":  # in the new one this client asks for no instructions unless it has to
            assert f"stdio-{era}.ipynb" in str(client.instructions)
        agent = Agent(client)
        await agent.ok("use_notebook", notebook=f"stdio-{era}.ipynb", create=True)
        plot = "from IPython.display import Image\nimport base64\nImage(base64.b64decode('" + PIXEL + "'))"
        result = await client.call_tool("insert_execute_code_cell", {"notebook": f"stdio-{era}.ipynb", "source": plot})
        assert {block.type for block in result.content} == {"text"}
        assert "ALLOW_IMG_OUTPUT" in str(result.content)


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.mark.parametrize("end", ["its input is closed", "it is told to end"])
def test_by_stdio_it_ends_within_two_seconds(bare: JupyterProcess, tmp_path: Path, end: str) -> None:
    told = environment(tmp_path, JUPYTER_URL=bare.url, JUPYTER_TOKEN=TOKEN)
    hello = (
        '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},'
        '"clientInfo":{"name":"x","version":"1"}}}\n'
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([*COMMAND, "--stdio"], env=told, text=True, **pipes) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(hello)
        process.stdin.flush()
        assert '"serverInfo"' in process.stdout.readline()
        if end == "its input is closed":
            process.stdin.close()
        else:
            process.terminate()
        assert process.wait(10) == 0


@pytest.mark.parametrize(
    ("given", "environment", "url"),
    [
        ("http://a:1", {}, "http://a:1/"),
        ("http://a:1/user/x/lab", {}, "http://a:1/user/x/"),
        ("https://a/tree/", {"JUPYTER_URL": "http://b/"}, "https://a/"),
        (None, {"JUPYTER_URL": "http://b"}, "http://b/"),
        (None, {"DOCUMENT_URL": "http://b", "RUNTIME_URL": "http://b/"}, "http://b/"),
    ],
)
def test_the_server_is_named_by_an_option_or_the_environment(
    given: str | None, environment: dict[str, str], url: str
) -> None:
    assert jupyter_url(given, environment) == url


@pytest.mark.parametrize(
    ("given", "environment", "reason"),
    [
        (None, {}, "Name the Jupyter server"),
        ("localhost:8888", {}, "no address"),
        ("http://a/?token=secret", {}, "others can see"),
        ("http://ada:secret@a/", {}, "others can see"),
        (None, {"DOCUMENT_URL": "http://a", "RUNTIME_URL": "http://b"}, "on two servers"),
    ],
)
def test_a_server_that_is_not_named_so_is_refused(given: str | None, environment: dict[str, str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        jupyter_url(given, environment)
    assert "secret" not in str(refused.value)


def test_a_token_comes_from_a_file_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text(" t0ken\n")
    monkeypatch.setenv("JUPYTER_TOKEN", "j")
    monkeypatch.setenv("RUNTIME_TOKEN", "r")
    assert token_of(tmp_path / "token", *TOKENS) == "t0ken"
    assert token_of(None, *TOKENS) == "j"
    with pytest.raises(ValueError, match="cannot be read"):
        token_of(tmp_path / "none")


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (200, b'{"kernels": 0}', ""),
        (200, b"<html>", "no Jupyter server"),
        (302, b"", "Token page"),
        (403, b"{}", "does not take the token"),
        (404, b"", "before /lab"),
        (503, b"", "is not running"),
    ],
)
def test_what_is_wrong_with_a_server_is_told_with_its_cure(status: int, body: bytes, fault: str) -> None:
    assert (fault in judge(status, body)) if fault else judge(status, body) == ""


def test_a_certificate_of_its_own_is_trusted_and_no_other(start_jupyter: StartJupyter, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    key, certificate = self_signed(tmp_path / "one")
    _, another = self_signed(tmp_path / "two")
    context = ssl.create_default_context(cafile=certificate)
    context.check_hostname = False
    arguments = (f"--ServerApp.certfile={certificate}", f"--ServerApp.keyfile={key}")
    server = start_jupyter(rtc=False, arguments=arguments, scheme="https", context=context)
    assert judge(*_status(server.url, TOKEN, certificate)) == ""
    with pytest.raises(Unusable, match="has another certificate"):
        _status(server.url, TOKEN, another)
    with pytest.raises(Unusable, match="name its file by --certificate"):
        _status(server.url, TOKEN, None)
    with pytest.raises(Unusable, match="does not hold one certificate"):
        _status(server.url, TOKEN, key)


def test_a_port_that_is_taken_takes_nobodys_token_away(bare: JupyterProcess, tmp_path: Path) -> None:
    with serving(tmp_path, "--jupyter-url", bare.url, JUPYTER_TOKEN=TOKEN) as (endpoint, file, _):
        token = file.read_text()
        answers(endpoint, "")  # it listens
        port = endpoint.rpartition(":")[2].partition("/")[0]
        ended = subprocess.run(
            [*COMMAND, "--jupyter-url", bare.url, "--port", port], env=environment(tmp_path, JUPYTER_TOKEN=TOKEN),
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert ended.returncode == 1
        assert "Leave out --port" in ended.stderr
        assert file.read_text() == token


@pytest.mark.parametrize("token", ["", "wrong"])
def test_a_token_that_is_not_taken_ends_it_at_once(bare: JupyterProcess, tmp_path: Path, token: str) -> None:
    ended = subprocess.run(
        [*COMMAND, "--jupyter-url", bare.url], env=environment(tmp_path, JUPYTER_TOKEN=token), capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "$JUPYTER_TOKEN" in ended.stderr
    assert "Traceback" not in ended.stderr
