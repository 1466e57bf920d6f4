"""The sidecar's life: it proves itself, refuses strangers, and ends with its parent, never with 0 before it."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from harness import StartJupyter, connect, free_port, until
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from jupyter_mcp_proxy.contract import (
    CALLER_HEADER,
    ENV_PREFIX,
    EXIT_ADDRESS_TAKEN,
    EXIT_STOPPED,
    NONCE_HEADER,
    SECRET_HEADER,
    prove,
)
from jupyter_mcp_proxy.settings import Settings
from jupyter_mcp_proxy.sidecar.sessions import MOST, Sessions

pytestmark = pytest.mark.anyio

SECRET = "s3cret"


def environment(**more: str) -> dict[str, str]:
    settings = {
        "SECRET": SECRET,
        "SERVER_URL": "http://127.0.0.1:9/",
        "SERVER_TOKEN": "server-token",
        "RUNTIME_DIR": "/nonexistent",
        "RUN_ID": "run",
        "PARENT_PID": str(os.getpid()),
        **more,
    }
    return os.environ | {ENV_PREFIX + name: value for name, value in settings.items()}


class Sidecar:
    def __init__(self, port: int, stderr: int = subprocess.PIPE, **more: str) -> None:
        self.port = port
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jupyter_mcp_proxy.sidecar", "--port", str(port)],
            env=environment(**more),
            stderr=stderr,
        )

    def request(self, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): v for name, v in headers.items()})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def wait(self) -> Sidecar:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                self.request("/proof", **{NONCE_HEADER: "0"})
                return self
            except OSError:
                time.sleep(0.02)
        raise AssertionError("the sidecar did not answer")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@pytest.fixture
def sidecar() -> Iterator[Sidecar]:
    started = Sidecar(free_port()).wait()
    yield started
    started.stop()


async def test_without_the_secret_everything_is_refused(sidecar: Sidecar) -> None:
    """Another user of the machine who finds the port gets 403 and a sentence."""
    for path in ("/", "/mcp", "/healthz", "/anything"):
        for headers in ({}, {SECRET_HEADER: "guess"}, {SECRET_HEADER: ""}):
            status, body = sidecar.request(path, **headers)
            assert status == 403
            assert b"serves its own Jupyter server only" in body


async def test_it_proves_that_it_holds_the_secret_without_telling_it(sidecar: Sidecar) -> None:
    status, body = sidecar.request("/proof", **{NONCE_HEADER: "abc"})
    assert status == 200
    assert body.decode() == prove(SECRET, "abc", str(sidecar.port)) != prove("other", "abc", str(sidecar.port))
    assert body.decode() != prove(SECRET, "abc", "1"), "of no use to who passes the question on from elsewhere"
    assert SECRET.encode() not in body
    assert hashlib.sha256(SECRET.encode()).hexdigest().encode() not in body


async def test_connections_that_never_ask_are_closed_and_take_nobodys_place() -> None:
    """Slowloris with fewer descriptors than connections: a head that never ends, and nothing at all."""
    sidecar = Sidecar(free_port(), subprocess.DEVNULL).wait()  # asyncio logs more than a pipe takes
    resource.prlimit(sidecar.process.pid, resource.RLIMIT_NOFILE, (64, 64))
    descriptors = Path(f"/proc/{sidecar.process.pid}/fd")
    before = len(list(descriptors.iterdir()))
    with ExitStack() as held:
        held.callback(sidecar.stop)
        for number in range(100):
            connection = held.enter_context(socket.create_connection(("127.0.0.1", sidecar.port), timeout=10))
            connection.sendall(b"POST /mcp HTTP/1.1\r\nHost: x\r\n" if number % 2 else b"")
        await until(lambda: len(list(descriptors.iterdir())) > 60)
        await anyio.to_thread.run_sync(sidecar.wait)
        await until(lambda: len(list(descriptors.iterdir())) <= before + 1)
        assert sidecar.request("/proof", **{NONCE_HEADER: "0"})[0] == 200


async def test_a_foreign_origin_is_refused_behind_the_secret_too(sidecar: Sidecar) -> None:
    """jupyter-server-proxy's own handler passes the Origin on, so the door is here as well."""
    headers = {SECRET_HEADER: SECRET, "Origin": "https://evil.example"}
    assert sidecar.request("/healthz", **headers)[0] == 403
    headers["Origin"] = f"http://127.0.0.1:{sidecar.port}"
    assert sidecar.request("/healthz", **headers)[0] == 200


async def test_health_is_told_while_the_server_does_not_answer(sidecar: Sidecar) -> None:
    status, body = sidecar.request("/healthz", **{SECRET_HEADER: SECRET})
    assert status == 200
    assert b'"status":"ok"' in body
    assert b'"rtc":null' in body


async def test_credentials_are_neither_inherited_nor_shown() -> None:
    taken = dict(environment())
    settings = Settings.take(taken)
    assert settings.secret == SECRET
    assert SECRET not in taken.values()
    assert "server-token" not in taken.values()
    assert SECRET not in repr(settings)
    assert "server-token" not in repr(settings)


async def test_started_by_hand_it_says_what_to_do() -> None:
    bare = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
    ended = subprocess.run(
        [sys.executable, "-m", "jupyter_mcp_proxy.sidecar", "--port", "0"], env=bare, capture_output=True, text=True
    )
    assert ended.returncode == 2
    assert "started by Jupyter" in ended.stderr


async def test_a_taken_port_has_a_code_of_its_own(sidecar: Sidecar) -> None:
    second = Sidecar(sidecar.port)
    try:
        assert second.process.wait(20) == EXIT_ADDRESS_TAKEN
    finally:
        second.stop()


def ask(sidecar: Sidecar, method: str, caller: str, session: str = "") -> tuple[int, str]:
    """Say hello, or something in a session of the old era: the status, and the session that it was about."""
    headers = as_caller(caller, session)
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    body: dict[str, object] = {"jsonrpc": "2.0", "method": method, "params": hello if method == "initialize" else {}}
    if not method.startswith("notifications/"):
        body["id"] = 1
    with closing(http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=10)) as connection:
        connection.request("POST", "/mcp", json.dumps(body), headers)
        response = connection.getresponse()
        response.read()
        return response.status, response.getheader("mcp-session-id") or session


def as_caller(caller: str, session: str) -> dict[str, str]:
    headers = {SECRET_HEADER: SECRET, CALLER_HEADER: caller, "Content-Type": "application/json"}
    headers["Accept"] = "application/json, text/event-stream"
    return headers | ({"mcp-session-id": session} if session else {})


@contextmanager
def open_stream(sidecar: Sidecar) -> Iterator[None]:
    """An event stream of the old era, open for as long as the block runs."""
    _, session = ask(sidecar, "initialize", "t")
    connection = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=10)
    connection.request("GET", "/mcp", headers=as_caller("t", session))
    with closing(connection), closing(connection.getresponse()) as response:
        assert response.status == 200
        yield


async def test_each_answer_names_a_session_as_its_client_knows_it(sidecar: Sidecar) -> None:
    """TypeScript 1 takes the latest id that it is told: one of the inside would open nothing, here or after a crash."""
    _, session = ask(sidecar, "initialize", "me")
    for method in ("notifications/initialized", "tools/list", "nonsense"):
        assert ask(sidecar, method, "me", session)[1] == session
    for method, accepted in (("GET", "text/event-stream"), ("GET", "text/plain"), ("DELETE", "application/json")):
        with closing(http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=10)) as connection:
            connection.request(method, "/mcp", headers=as_caller("me", session) | {"Accept": accepted})
            with closing(connection.getresponse()) as response:
                assert response.getheader("mcp-session-id") in (session, None)


async def test_a_session_has_its_id_in_the_next_sidecar_too(sidecar: Sidecar) -> None:
    _, session = ask(sidecar, "initialize", "me")
    after = Sidecar(free_port()).wait()
    try:
        for method in ("notifications/initialized", "tools/list"):
            status, told = ask(after, method, "me", session)
            assert status < 300
            assert told == session
    finally:
        after.stop()


async def test_a_session_that_made_room_for_others_is_opened_again_where_it_is_used(sidecar: Sidecar) -> None:
    _, theirs = ask(sidecar, "initialize", "somebody else")
    mine = [ask(sidecar, "initialize", "me")[1] for _ in range(MOST)]
    assert len({theirs, *mine}) == MOST + 1
    assert ask(sidecar, "tools/list", "me", mine[0])[0] == 200  # it is used, so that the second is the oldest
    assert ask(sidecar, "initialize", "me")[0] == 200
    for session in (mine[1], mine[0], mine[2], mine[-1]):
        assert ask(sidecar, "tools/list", "me", session)[0] == 200
    assert ask(sidecar, "tools/list", "somebody else", theirs)[0] == 200


async def test_a_session_that_no_delete_has_ended_still_counts(sidecar: Sidecar) -> None:
    """One with a version that has no sessions ends none."""
    first, *more = [ask(sidecar, "initialize", "me")[1] for _ in range(MOST)]
    with closing(http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=10)) as connection:
        connection.request("DELETE", "/mcp", headers=as_caller("me", more[0]) | {"mcp-protocol-version": "2026-07-28"})
        assert connection.getresponse().status >= 400
    assert ask(sidecar, "tools/list", "me", more[0])[0] == 200
    assert ask(sidecar, "initialize", "me")[0] == 200
    assert ask(sidecar, "tools/list", "me", first)[0] == 200


async def test_a_session_that_its_client_has_ended_stays_so(sidecar: Sidecar) -> None:
    _, session = ask(sidecar, "initialize", "me")
    with closing(http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=10)) as connection:
        connection.request("DELETE", "/mcp", headers=as_caller("me", session))
        assert connection.getresponse().status == 200
    assert ask(sidecar, "tools/list", "me", session)[0] == 404


async def test_where_all_sessions_are_busy_the_oldest_makes_room_for_the_new_one() -> None:
    """Played: that many calls at once would be a load, not a test."""
    ended: list[str] = []
    number = 0
    hold = anyio.Event()

    async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal number
        headers = Headers(scope=scope)
        session = headers.get("mcp-session-id")
        if scope["method"] == "DELETE":
            ended.append(session or "")
        elif session is None:
            number += 1
            session = f"s{number}"
        else:
            await hold.wait()
        start = {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"mcp-session-id", (session or "").encode())],
        }
        await send(start)
        await send({"type": "http.response.body", "body": b""})

    sessions = Sessions(endpoint, "secret", most=2)

    async def call(session: str = "") -> None:
        headers = [(b"mcp-session-id", session.encode())] if session else []

        async def nothing(_: object = None) -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        await sessions({"type": "http", "method": "POST", "headers": headers}, nothing, nothing)  # type: ignore[arg-type]

    await call()
    await call()
    async with anyio.create_task_group() as group:
        group.start_soon(call, "s1")
        group.start_soon(call, "s2")
        await anyio.wait_all_tasks_blocked()
        await call()
        assert ended == ["s1"]
        hold.set()
    await call()
    assert ended == ["s1", "s2"]


async def test_a_session_is_its_callers_alone(sidecar: Sidecar) -> None:
    _, session = ask(sidecar, "initialize", "me")
    assert ask(sidecar, "tools/list", "somebody else", session)[0] == 404
    with closing(http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=10)) as connection:
        connection.request("DELETE", "/mcp", headers=as_caller("somebody else", session))
        assert connection.getresponse().status == 404
    assert ask(sidecar, "tools/list", "me", session)[0] == 200
    with closing(http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=10)) as connection:
        connection.request("DELETE", "/mcp", headers=as_caller("me", session))
        assert connection.getresponse().status == 200
    assert ask(sidecar, "tools/list", "me", session)[0] == 404


async def test_told_to_stop_it_ends_within_three_seconds_with_streams_open_and_not_with_zero(sidecar: Sidecar) -> None:
    """jupyter-server-proxy takes 0 for final and would never start it again."""
    with open_stream(sidecar):
        sidecar.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert sidecar.process.wait(10) == EXIT_STOPPED != 0
        assert time.monotonic() - began < 3


async def test_ctrl_c_is_its_parents_to_answer(sidecar: Sidecar) -> None:
    sidecar.process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        sidecar.process.wait(1)
    assert sidecar.request("/healthz", **{SECRET_HEADER: SECRET})[0] == 200


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP, signal.SIGTERM])
async def test_it_is_gone_within_five_seconds_of_its_server(start_jupyter: StartJupyter, number: int) -> None:
    """However the server ended; SIGKILL and SIGHUP leave it no time to say goodbye."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # begun by `nohup`, tests would start servers that ignore it
    try:
        server = start_jupyter(rtc=False)
    finally:
        signal.signal(signal.SIGHUP, before)
    async with connect(server, "legacy") as agent:
        await agent.ok("list_files")
        pid = server.sidecar_pid()
        server.process.send_signal(number)
        server.process.wait(10)
        with anyio.fail_after(5):
            while Path(f"/proc/{pid}").exists():
                await anyio.sleep(0.02)


async def test_it_is_there_again_after_a_crash(start_jupyter: StartJupyter) -> None:
    server = start_jupyter(rtc=False)
    server.write_notebook("a.ipynb", "pass")
    before = server.sidecar_pid()
    os.kill(before, signal.SIGKILL)
    with anyio.fail_after(20):
        while True:
            status, _ = server.get("mcp-proxy/healthz")
            if status == 200:
                break
            assert status == 503
            await anyio.sleep(0.1)
    assert server.sidecar_pid() != before
    async with connect(server) as agent:
        assert (await agent.ok("execute_ipython", notebook="a.ipynb", code="1 + 1")).endswith("2")


async def test_its_argument_list_and_environment_files_hold_no_credential(start_jupyter: StartJupyter) -> None:
    server = start_jupyter(rtc=False)
    command = Path(f"/proc/{server.sidecar_pid()}/cmdline").read_bytes()
    assert server.token.encode() not in command
    assert b"SECRET" not in command


async def test_the_server_ends_though_an_agent_has_a_notebook_open(start_jupyter: StartJupyter) -> None:
    """jupyter-collaboration does not end while somebody is in one of its rooms, so we leave them first."""
    server = start_jupyter(rtc=True)
    server.write_notebook("a.ipynb", "pass")
    async with connect(server) as agent:
        await agent.ok("use_notebook", notebook="a.ipynb")
        await agent.ok("execute_ipython", notebook="a.ipynb", code="pass")
        pid = server.sidecar_pid()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(8) == 0
    assert not Path(f"/proc/{pid}").exists()
    assert not list(server.runtime.glob("mcp-proxy-*"))
