"""The way through the Jupyter process: streams, disconnects, limits, and who may pass."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import stat
import sys
import textwrap
import time
from pathlib import Path

import anyio
import pytest
from harness import (
    ERAS,
    INITIALIZE,
    REPOSITORY,
    TOKEN,
    JupyterProcess,
    StartJupyter,
    as_client,
    connect,
    login_cookie,
    post,
    refused,
    sample_arguments,
    text,
)
from harness.sidecars import big_sidecar

from jupyter_mcp_proxy.contract import SECRET_HEADER
from jupyter_mcp_proxy.parent import launcher
from jupyter_mcp_proxy.parent.supervisor import restart_delay
from jupyter_mcp_proxy.parent.upstream import ImpostorError, Upstream

pytestmark = pytest.mark.anyio

THREE_SECONDS = "import time\nfor i in range(3):\n    print('at', time.time(), flush=True)\n    time.sleep(1)"

# -- streaming ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("era", ERAS)
async def test_progress_arrives_while_a_tool_runs(live: JupyterProcess, name: str, era: str) -> None:
    """Each line of a three-second cell reaches the client within 0.3 s of being printed."""
    live.write_notebook(name, THREE_SECONDS)
    delays: list[float] = []

    async def progress(_progress: float, _total: float | None, message: str | None) -> None:
        if message and message.startswith("at "):
            delays.append(time.time() - float(message.split()[1]))

    async with connect(live, era) as agent:
        await agent.ok("execute_ipython", notebook=name, code="pass")
        await agent.ok("execute_cell", progress, notebook=name, cell=0)
    assert len(delays) >= 3
    assert max(delays) < 0.3, delays


async def interrupted_after(server: JupyterProcess, name: str, path: Path, since: float) -> float:
    """Seconds from `since` until a cell noted in a file that it was interrupted."""
    with anyio.fail_after(20):
        while not path.exists():
            await anyio.sleep(0.02)
    return path.stat().st_mtime - since


@pytest.mark.parametrize("era", ERAS)
async def test_cancelling_a_call_interrupts_the_cell(server: JupyterProcess, name: str, era: str) -> None:
    """The new era closes its stream, the old one sends `notifications/cancelled`: the cell ends within a second."""
    mark = server.home / f"{name}.interrupted"
    source = f"""
        import time
        try:
            print("begun", flush=True)
            time.sleep(60)
        except KeyboardInterrupt:
            open({str(mark)!r}, "w").close()
            raise
    """
    server.write_notebook(name, textwrap.dedent(source))
    begun = anyio.Event()

    async def progress(_progress: float, _total: float | None, message: str | None) -> None:
        if message == "begun":
            begun.set()

    async with connect(server, era) as agent:
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: agent.call("execute_cell", progress, notebook=name, cell=0))
            await begun.wait()
            cancelled = time.time()
            group.cancel_scope.cancel()
        assert await interrupted_after(server, name, mark, cancelled) < 1
        await outputs_hold(server, name, "KeyboardInterrupt")


async def outputs_hold(server: JupyterProcess, name: str, expected: str) -> None:
    with anyio.fail_after(15):
        while expected not in (server.root / name).read_text():
            await anyio.sleep(0.1)


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_that_vanishes_while_it_waits_stops_its_cell(live: JupyterProcess, name: str, era: str) -> None:
    """The connection breaks without a word, as when a program is killed."""
    mark = live.home / f"{name}.interrupted"
    source = (
        f"import time\ntry:\n    print('begun', flush=True)\n    time.sleep(60)\n"
        f"except KeyboardInterrupt:\n    open({str(mark)!r}, 'w').close()\n    raise"
    )
    live.write_notebook(name, source)
    program = f"""
        import asyncio, os, sys
        sys.path.insert(0, {str(REPOSITORY / "tests")!r})
        from types import SimpleNamespace
        from harness import connect
        async def progress(p, t, message):
            if message == "begun":
                print("begun", flush=True)
        async def main():
            server = SimpleNamespace(endpoint={live.endpoint!r}, token={TOKEN!r})
            async with connect(server, {era!r}) as agent:
                await agent.call("execute_cell", progress, notebook={name!r}, cell=0)
        asyncio.run(main())
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(program), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"begun\n"
    process.kill()
    gone = time.time()
    await process.wait()
    assert await interrupted_after(live, name, mark, gone) < 1


@pytest.mark.slow
@pytest.mark.timeout(420)
@pytest.mark.parametrize("era", [ERAS[0]])
async def test_a_cell_of_330_seconds_completes_through_the_proxy(live: JupyterProcess, name: str, era: str) -> None:
    """No limit of 300 s cuts a call: two waits that together last longer, and one stream open all the while."""
    live.write_notebook(name, "import time\ntime.sleep(330)\nprint('after 330 s')")
    async with connect(live, era) as agent:
        told = await agent.ok("execute_cell", notebook=name, cell=0, wait=200)
        assert " · running · " in told
        told = await agent.ok("wait_execution", execution=told.split(" · ")[0].split("\n")[-1], wait=200)
        assert " · ok · 330" in told
        assert "after 330 s" in told


async def test_a_reply_of_any_size_passes_with_back_pressure(start_jupyter: StartJupyter, tmp_path: Path) -> None:
    """300 MB pass whole; while the client does not read, the sidecar is not read either."""
    chunks = 300 * 16
    server = start_jupyter(rtc=False, arguments=big_sidecar(tmp_path, chunks))
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", "/mcp-proxy/mcp", headers={"Authorization": f"Bearer {TOKEN}"})
    response = connection.getresponse()
    taken = -1
    with anyio.fail_after(20):
        while True:  # until it stands still
            now = json.loads(server.get("mcp-proxy/healthz")[1])["taken"]
            if now == taken:
                break
            taken = now
            await anyio.sleep(0.5)
    assert taken < 40_000_000
    size = 0
    while piece := await asyncio.to_thread(response.read, 1 << 20):
        size += len(piece)
    assert size == chunks * 65536
    connection.close()


async def test_a_body_over_the_limit_gets_413(start_jupyter: StartJupyter) -> None:
    server = start_jupyter(rtc=False, arguments=("--MCPProxy.max_body_size=20000",))
    status, _, body = post(server, b"x" * 20_001, **as_client())
    assert status == 413, body


# -- who may pass -------------------------------------------------------------------------------------


async def test_a_request_without_a_token_is_told_how_to_get_one(live: JupyterProcess) -> None:
    for method in ("POST", "GET", "DELETE"):
        answer = post(live, INITIALIZE, method=method, **as_client(None))
        refused(answer, "Authorization: Bearer", "python -m jupyter_mcp_proxy", status=401)
        assert "resource_metadata=" in answer[1]["www-authenticate"]


async def test_a_wrong_token_is_told_so(live: JupyterProcess) -> None:
    refused(post(live, INITIALIZE, **as_client("wrong")), "did not accept this token")
    refused(post(live, INITIALIZE, path="mcp-proxy/mcp?token=wrong", **as_client(None)), "did not accept this token")


@pytest.mark.parametrize("path", ["mcp-proxy/mcp", "mcp-proxy/api/status"])
async def test_a_right_token_under_a_name_that_jupyter_does_not_take_is_not_called_wrong(
    live: JupyterProcess, path: str
) -> None:
    """As behind a proxy or in a container; Jupyter itself says 403 and no more."""
    method = "POST" if path.endswith("mcp") else "GET"
    status, _, body = post(live, INITIALIZE, path, method, Host="lab.example.org:8888", **as_client())
    assert status == 403
    assert "lab.example.org:8888" in body.decode()
    assert "ServerApp.local_hostnames" in body.decode()
    assert "did not accept" not in body.decode()


async def test_a_login_cookie_alone_is_refused_and_junk_beside_it_too(live: JupyterProcess) -> None:
    """Another site's page can make a browser send its cookie; it cannot send the token."""
    cookie = login_cookie(live)
    refused(post(live, INITIALIZE, **as_client(None, Cookie=cookie)), "cookie alone is not enough")
    refused(post(live, INITIALIZE, **as_client("junk", Cookie=cookie)), "did not accept this token")


@pytest.mark.parametrize("path", ["%6dcp", "/mcp", "mcp%3Fa=1", "%256dcp", "mcp/", "MCP", "./mcp", "x/../mcp", "proof"])
async def test_no_other_spelling_of_the_endpoint_gets_there_with_a_cookie(live: JupyterProcess, path: str) -> None:
    """The path is read once, for what is asked of the caller and for what is forwarded."""
    cookie = login_cookie(live)
    xsrf = cookie.split("_xsrf=")[1].split(";")[0]
    status, _, body = post(live, INITIALIZE, f"mcp-proxy/{path}", **as_client(None, Cookie=cookie, X_XSRFToken=xsrf))
    assert status in (403, 404), body
    assert b"serverInfo" not in body


async def test_a_page_of_another_origin_is_refused_even_with_the_token(live: JupyterProcess) -> None:
    refused(post(live, INITIALIZE, **as_client(Origin="https://evil.example")), "another origin")
    own = f"http://127.0.0.1:{live.port}"
    assert post(live, INITIALIZE, **as_client(Origin=own))[0] == 200


async def test_only_json_is_taken(live: JupyterProcess) -> None:
    """A form can be posted across origins without asking; JSON cannot."""
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        refused(post(live, INITIALIZE, **as_client(Content_Type=kind)), "application/json", status=415)


async def test_a_batch_is_refused_with_the_reason(live: JupyterProcess) -> None:
    refused(post(live, [INITIALIZE, INITIALIZE], **as_client()), "Send each JSON-RPC message by itself", status=400)
    refused(post(live, [INITIALIZE], **as_client(None)), "token", status=401)


async def test_each_of_jupyters_ways_to_send_the_token_works(live: JupyterProcess) -> None:
    for headers, path in (
        (as_client(None, Authorization=f"Bearer {TOKEN}"), "mcp-proxy/mcp"),
        (as_client(None, Authorization=f"token {TOKEN}"), "mcp-proxy/mcp"),
        (as_client(None), f"mcp-proxy/mcp?token={TOKEN}"),
    ):
        status, answered, _ = post(live, INITIALIZE, path=path, **headers)
        assert status == 200
        assert "set-cookie" not in answered, "a token must not turn into a login"


async def test_the_page_asks_for_login_and_its_api_for_the_xsrf_token(live: JupyterProcess) -> None:
    status, headers, _ = post(live, path="mcp-proxy/", method="GET")
    assert status == 302
    assert "/login" in headers["location"]
    status, _, body = post(live, path="mcp-proxy/", method="GET", Cookie=login_cookie(live))
    assert status == 200
    assert f"http://127.0.0.1:{live.port}/mcp-proxy/mcp".encode() in body
    assert TOKEN.encode() not in body
    status, _, _ = post(live, b"{}", path="mcp-proxy/", Cookie=login_cookie(live))
    assert status == 403


async def test_no_credential_is_in_the_servers_log(live: JupyterProcess) -> None:
    """Whatever becomes of a request: tornado would log what it refuses with the whole URL."""
    for path, headers in (
        ("mcp-proxy/mcp", {}),
        ("mcp-proxy/mcp/", {}),
        ("mcp-proxy/mcp", {"Content-Type": "text/plain"}),
        ("mcp-proxy/mcp", {"Origin": "https://example.org"}),
        ("mcp-proxy/api/tokens", {"Origin": "https://example.org"}),
        ("mcp-proxy/api/nothing", {}),
    ):
        post(live, INITIALIZE, path=f"{path}?token={TOKEN}", **as_client(None) | headers)
    assert "mcp-proxy/mcp/" in live.log
    assert TOKEN not in live.log


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "NONSENSE"])
async def test_a_method_that_nobody_knows_is_refused_and_no_more(live: JupyterProcess, method: str) -> None:
    log = len(live.log)
    for path in ("", "mcp", "healthz", "page.js", "api/status", "api/tokens", "nothing"):
        status, headers, body = post(live, None, f"mcp-proxy/{path}", method, **as_client())
        assert status == 405, path
        assert headers["content-type"].startswith("application/json")
        assert b"Method Not Allowed" in body
    assert "Traceback" not in live.log[log:]


# -- the process behind it ----------------------------------------------------------------------------


async def test_our_rule_stands_before_jupyter_server_proxys(live: JupyterProcess) -> None:
    """Extensions load in alphabetical order and the first rule wins; should that change, this fails."""
    health = json.loads(live.get("mcp-proxy/healthz")[1])
    assert health["status"] == "ok"
    assert health["relay"] == "streaming"
    assert health["rtc"] is True
    assert live.log.index("jupyter_mcp_proxy | extension was successfully loaded") < live.log.index(
        "jupyter_server_proxy | extension was successfully loaded"
    )


async def test_with_the_extension_disabled_the_entry_point_serves_and_says_so(start_jupyter: StartJupyter) -> None:
    server = start_jupyter(rtc=False, arguments=("--ServerApp.jpserver_extensions=jupyter_mcp_proxy=False",))
    assert json.loads(server.get("mcp-proxy/healthz")[1])["relay"] == "buffered"
    assert b"Degraded" in server.get("mcp-proxy/")[1]
    server.write_notebook("a.ipynb", "pass")
    for era in ERAS:
        async with connect(server, era) as agent:
            assert (await agent.ok("execute_ipython", notebook="a.ipynb", code="1 + 1")).endswith("2")
    evil = as_client(Origin="https://evil.example", Cookie=login_cookie(server))
    assert post(server, INITIALIZE, **evil)[0] == 403


async def test_the_plain_tile_is_not_offered_beside_our_own(live: JupyterProcess) -> None:
    """Our extension of JupyterLab is installed. The menu of Jupyter Notebook has the title all the same."""
    processes = json.loads(live.get("server-proxy/servers-info")[1])["server_processes"]
    entry = next(process for process in processes if process["name"] == "mcp-proxy")
    assert entry["launcher_entry"]["enabled"] is False
    assert entry["launcher_entry"]["title"] == "Connect an AI agent"


def test_without_our_extension_of_jupyterlab_there_is_the_plain_tile(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(launcher, "jupyter_path", lambda *parts: [str(tmp_path)])
    tile = launcher.setup_mcp_proxy()["launcher_entry"]
    assert tile["enabled"] is True
    assert Path(tile["icon_path"]).read_text().startswith("<svg")


async def test_a_process_that_grabbed_the_port_learns_nothing() -> None:
    """The first thing sent is a question that only our sidecar can answer; the secret is never in it."""
    heard = bytearray()

    async def impostor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n" + b"0" * 64)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(impostor, "127.0.0.1", 0)
    async with server:
        with pytest.raises(ImpostorError):
            await Upstream.open(server.sockets[0].getsockname()[1], None, "the-secret")
    assert b"the-secret" not in heard
    assert SECRET_HEADER.lower().encode() not in bytes(heard).lower()


async def test_a_sidecar_that_cannot_start_gets_503_and_a_pause(start_jupyter: StartJupyter, tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    program = tmp_path / "broken"
    program.write_text(f"#!/bin/sh\necho started >> {starts}\nexit 7\n")
    program.chmod(0o755)
    server = start_jupyter(rtc=False, wait=False, arguments=(f"--MCPProxy.python={program}",))
    answer: tuple[int, dict[str, str], bytes] = (0, {}, b"")
    with anyio.fail_after(40):
        while answer[0] != 503:
            await anyio.sleep(0.2)
            try:
                answer = await asyncio.to_thread(post, server, INITIALIZE, **as_client())
            except OSError:
                continue
    refused(answer, "etry", status=503)
    assert int(answer[1]["retry-after"]) >= 1
    status, _, body = await asyncio.to_thread(post, server, INITIALIZE | {"method": "ping"}, **as_client())
    assert (status, json.loads(body)["id"]) == (200, INITIALIZE["id"])  # an error status would end Python SDK 1
    assert "etry" in json.loads(body)["error"]["message"]
    await anyio.sleep(5)
    assert len(starts.read_text().splitlines()) <= 6


def test_the_pause_between_starts_doubles_and_forgets() -> None:
    assert restart_delay([], 100) == 0
    assert restart_delay([99], 100) == 0
    assert [restart_delay([99.0] * count, 100) for count in (2, 3, 4, 12)] == [1, 2, 4, 30]
    assert restart_delay([10, 20, 30], 100) == 0


async def test_tool_calls_are_activity_and_idle_streams_are_not(start_jupyter: StartJupyter) -> None:
    server = start_jupyter(rtc=False)

    def last_activity() -> str:
        return json.loads(server.get("api/status?no_track_activity=1")[1])["last_activity"]

    server.write_notebook("a.ipynb", "pass")
    async with connect(server, "legacy") as agent:
        await agent.ok("list_files")
        before = last_activity()
        await anyio.sleep(1.5)
        assert last_activity() == before, "the open event stream of the old era must not count"
        await agent.ok("list_files")
        assert last_activity() > before


async def test_the_sidecar_listens_on_a_private_unix_socket_when_asked(start_jupyter: StartJupyter) -> None:
    server = start_jupyter(rtc=False, arguments=("--MCPProxy.unix_socket=True",))
    server.write_notebook("a.ipynb", "pass")
    async with connect(server) as agent:
        assert (await agent.ok("execute_ipython", notebook="a.ipynb", code="1 + 1")).endswith("2")
    command = Path(f"/proc/{server.sidecar_pid()}/cmdline").read_bytes().split(b"\0")
    socket = Path(os.fsdecode(command[command.index(b"--unix-socket") + 1]))
    assert stat.S_ISSOCK(socket.stat().st_mode)
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700


async def test_a_caller_may_do_no_more_than_the_setting_allows(start_jupyter: StartJupyter) -> None:
    """The list of tools is the same for everyone; a call beyond the tier is a clear error and does nothing."""
    from jupyter_mcp_proxy.tools.server import TOOLS

    server = start_jupyter(rtc=False, arguments=("--MCPProxy.tier=read",))
    path = server.write_notebook("a.ipynb", "1 + 1")
    before = path.read_text()
    async with connect(server) as agent:
        assert {tool.name for tool in (await agent.client.list_tools()).tools} == set(TOOLS)
        assert "1 + 1" in await agent.ok("list_cells", notebook="a.ipynb")
        for name, spec in TOOLS.items():
            if spec.tier == "read":
                continue
            told = text(await agent.call(name, **sample_arguments(name)))
            assert f"needs the permission {spec.tier!r}; this connection has 'read'" in told
            assert "MCPProxy.tier" in told
        told = await agent.fails("use_notebook", notebook="new.ipynb", create=True)
        assert "Creating a notebook needs the permission 'edit'" in told
        told = await agent.fails("use_notebook", notebook="a.ipynb", kernelspec="python3")
        assert "Starting a kernel needs the permission 'run'" in told
    assert path.read_text() == before
    assert not (server.root / "new.ipynb").exists()
    assert json.loads(server.get("api/kernels")[1]) == []
