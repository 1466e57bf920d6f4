"""`stdio`: which server it is, and what opens it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import anyio
import pytest
from harness import TOKEN, JupyterProcess, StartJupyter
from harness.machine import MODULE
from harness.piped import Piped, own_tokens, piped, world
from harness.tokens import make, store_of
from mcp.shared.exceptions import MCPError

from jupyter_mcp_proxy.cli.given import token_of
from jupyter_mcp_proxy.cli.local import chosen
from jupyter_mcp_proxy.cli.servers import Server
from jupyter_mcp_proxy.cli.stdio import endpoint_of
from jupyter_mcp_proxy.stdio.ways import Unreachable

HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "lines", "version": "1"}}
HEAVY = ("httpx", "jupyter_server", "mcp", "pycrdt", "pydantic", "starlette", "tornado", "traitlets", "uvicorn")


def server(port: int, root: Path) -> Server:
    return Server(f"http://127.0.0.1:{port}/", "secret", str(root))


def test_the_server_is_the_one_whose_root_holds_the_folder_the_deepest_first(tmp_path: Path) -> None:
    (tmp_path / "work" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "work")
    outer, inner, other = server(1, tmp_path), server(2, tmp_path / "work"), server(3, tmp_path / "elsewhere")
    servers = [outer, inner, other]
    assert chosen(servers, None, tmp_path / "work" / "deep", "") is inner
    assert chosen(servers, None, tmp_path / "link", "") is inner
    assert chosen(servers, None, tmp_path, "") is outer
    assert chosen([other], None, tmp_path, "") is other, "where only one runs it is meant from everywhere"
    assert chosen(servers, "3", tmp_path, "") is other
    assert chosen(servers, str(tmp_path / "link"), tmp_path, "") is inner


def test_where_it_is_not_clear_which_is_meant_they_are_listed_and_none_is_taken(tmp_path: Path) -> None:
    one, two = server(1, tmp_path / "a"), server(2, tmp_path / "a")
    for folder in (tmp_path / "a", tmp_path / "b"):
        with pytest.raises(Unreachable, match="Several Jupyter servers") as refused:
            chosen([one, two], None, folder, "")
        assert f"--server {one.url}  (notebooks in {one.root})" in str(refused.value)
        assert f"--server {two.url}" in str(refused.value)
        assert "secret" not in str(refused.value)
    with pytest.raises(Unreachable, match="No running server has the URL, port or root folder '4'"):
        chosen([one, two], "4", tmp_path, "")
    with pytest.raises(Unreachable, match="none runs"):
        chosen([], None, tmp_path, "none runs")


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("http://127.0.0.1:8888", "http://127.0.0.1:8888/mcp-proxy/mcp"),
        ("http://127.0.0.1:8888/lab", "http://127.0.0.1:8888/mcp-proxy/mcp"),
        ("https://hub.example.org/user/ada/", "https://hub.example.org/user/ada/mcp-proxy/mcp"),
        ("https://hub.example.org/user/ada/mcp-proxy/", "https://hub.example.org/user/ada/mcp-proxy/mcp"),
        ("https://hub.example.org/user/ada/mcp-proxy/mcp", "https://hub.example.org/user/ada/mcp-proxy/mcp"),
    ],
)
def test_a_servers_url_leads_to_its_endpoint(url: str, endpoint: str) -> None:
    assert endpoint_of(url) == endpoint


@pytest.mark.parametrize("url", ["http://h/?token=s3cret", "http://ada:s3cret@h/", "h:8888", "ftp://h/"])
def test_a_url_with_a_credential_or_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(ValueError) as refused:
        endpoint_of(url)
    assert "?token=s3cret" not in str(refused.value)
    assert ":s3cret@" not in str(refused.value)


def test_a_token_comes_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_MCP_PROXY_TOKEN", "from-the-environment")
    assert token_of(None) == "from-the-environment"
    (tmp_path / "token").write_text("from-a-file\n")
    assert token_of(tmp_path / "token") == "from-a-file"
    (tmp_path / "token").write_text("two\nlines")
    with pytest.raises(ValueError, match="no token"):
        token_of(tmp_path / "token")
    with pytest.raises(ValueError, match="cannot be read"):
        token_of(tmp_path / "nothing")


@pytest.mark.parametrize("arguments", [["--url", "http://h/?token=x"], ["--token-file", "x"], ["--tier", "no"]])
def test_wrong_usage_is_told_at_once(arguments: list[str]) -> None:
    done = subprocess.run([*MODULE, "stdio", *arguments], capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr


def test_without_a_server_every_request_is_answered_with_the_cure(tmp_path: Path) -> None:
    client = Piped(dict(os.environ) | {"JUPYTER_RUNTIME_DIR": str(tmp_path)}, tmp_path)
    for id in (1, 2):
        client.say("initialize", HELLO, id)
        assert "Start one with `jupyter lab`" in client.answer(id)["error"]["message"]
    _, said = client.end()
    assert "No Jupyter server of yours runs" in said


@pytest.mark.anyio
async def test_a_url_and_a_token_from_the_environment_lead_to_a_server(file: JupyterProcess, label: str) -> None:
    nowhere = {"JUPYTER_RUNTIME_DIR": str(file.home / "none"), "JUPYTER_MCP_PROXY_TOKEN": make(file, label, "read")}
    client = Piped(world(file) | nowhere, file.root, "--url", file.url)
    client.say("initialize", HELLO, 1)
    assert client.answer(1)["result"]["protocolVersion"] == "2025-06-18"
    client.end()
    refused = Piped(world(file) | nowhere | {"JUPYTER_MCP_PROXY_TOKEN": "wrong"}, file.root, "--url", file.url)
    refused.say("initialize", HELLO, "x")
    assert "error" in refused.answer("x")
    refused.end()


@pytest.mark.anyio
async def test_what_it_may_do_is_narrowed_by_a_tier(file: JupyterProcess, name: str) -> None:
    file.write_notebook(name, "1")
    async with piped(file, "legacy", "--tier", "read") as agent:
        await agent.ok("list_cells", notebook=name)
        assert "run" in await agent.fails("execute_ipython", notebook=name, code="1")


@pytest.mark.anyio
async def test_a_person_who_revokes_its_token_has_ended_it(file: JupyterProcess) -> None:
    there = own_tokens(file)
    async with piped(file, "legacy") as agent:
        await agent.ok("list_files")
        (made,) = own_tokens(file).keys() - there
        store_of(file).revoke(made)
        with anyio.fail_after(30), pytest.raises(MCPError, match="revoked"):
            await agent.ok("list_files")


@pytest.mark.anyio
async def test_a_server_that_knows_no_scoped_tokens_is_opened_with_its_own(
    start_jupyter: StartJupyter, tmp_path: Path
) -> None:
    plain = start_jupyter(rtc=False, arguments=("--ServerApp.jpserver_extensions=jupyter_mcp_proxy=False",))
    log = tmp_path / "log"
    async with piped(plain, "legacy", log=log) as agent:
        await agent.ok("list_files")
    assert "its own token is used" in log.read_text()
    assert TOKEN not in log.read_text()
    async with piped(plain, "2026-07-28") as agent:
        await agent.ok("list_files")


@pytest.mark.anyio
async def test_a_server_that_is_started_later_is_found(file: JupyterProcess, tmp_path: Path) -> None:
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    there = own_tokens(file)
    client = Piped(world(file) | {"JUPYTER_RUNTIME_DIR": str(runtime)}, file.root)
    client.say("initialize", HELLO, 1)
    assert "error" in client.answer(1)
    (info,) = file.runtime.glob("jpserver-*.json")
    (runtime / info.name).write_text(info.read_text())
    client.say("initialize", HELLO, 2)
    assert "result" in client.answer(2)
    client.end()
    assert own_tokens(file).keys() <= there.keys()


def test_it_starts_without_what_it_does_not_need(file: JupyterProcess) -> None:
    command = [sys.executable, "-X", "importtime", *MODULE[1:], "stdio"]
    begun = time.monotonic()
    with subprocess.Popen(
        command, env=world(file), cwd=file.root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        line = b'{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}\n'
        _, told = process.communicate(line, timeout=60)
    assert time.monotonic() - begun < 30
    loaded = {row.rpartition("|")[2].strip() for row in told.decode().splitlines() if row.startswith("import time:")}
    assert "jupyter_mcp_proxy.stdio.bridge" in loaded
    assert loaded.isdisjoint(HEAVY)
