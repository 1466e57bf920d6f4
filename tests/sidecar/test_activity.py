"""What agents do, as the panel in JupyterLab is told, and how a person pauses and stops them."""

from __future__ import annotations

import http.client
import json
from typing import Any

import anyio
import pytest
from harness import ERAS, SLEEP, TOKEN, JupyterProcess, StartJupyter, connect, login_cookie, post, text
from harness.panel import ask, watching
from mcp_types import ElicitResult

from jupyter_mcp_proxy.jupyter.kernel import WebSocketChannel
from jupyter_mcp_proxy.jupyter.messages import Message
from jupyter_mcp_proxy.jupyter.server import JupyterServer
from jupyter_mcp_proxy.store.audit import audit_file

pytestmark = pytest.mark.anyio

MARKUP = "<img src=x onerror=alert(1)>"
ROUTES = [
    ("GET", "activity"), ("GET", "status"), ("POST", "pause"), ("POST", "stop"), ("POST", "answer"),
    ("POST", "asking"), ("GET", "request?id=none"), ("POST", "allow"),
    ("GET", "changes"), ("GET", "changes?id=none"), ("POST", "keep"), ("POST", "undo"),
    ("POST", "accept"), ("POST", "reject"), ("POST", "review"),
    ("GET", "snapshots"), ("GET", "snapshots?notebook=none&time=none"), ("POST", "restore"),
]  # fmt: skip
BODIES = {
    "pause": b'{"paused": true}',
    "stop": b"{}",
    "answer": b'{"question": "none", "refuse": true}',
    "asking": b'{"ask": false}',
    "allow": b'{"request": "none", "verdict": "once"}',
    "keep": b'{"changes": []}',
    "undo": b'{"change": "none"}',
    "accept": b'{"proposals": []}',
    "reject": b'{"proposals": []}',
    "review": b'{"on": false}',
    "restore": b'{"notebook": "none", "time": "none"}',
}
SECRET = "nobody-else-shall-read-it"


@pytest.fixture
def paused_no_more(live: JupyterProcess) -> Any:
    yield
    ask(live, "POST", "pause", {"paused": False})


# -- the stream ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("era", ERAS)
async def test_the_stream_tells_of_a_call_when_it_begins_and_when_it_ends(
    server: JupyterProcess, name: str, era: str
) -> None:
    server.write_notebook(name, "import time; time.sleep(0.5)")
    cell = server.read_notebook(name)["cells"][0]["id"]
    async with watching(server) as stream, connect(server, era, name=MARKUP) as agent:
        kind, state = await stream.event()
        assert stream.head == ["retry: 2000"]
        assert kind == "state"
        assert state["paused"] is False
        assert state["tier"] == "run"
        assert isinstance(state["calls"], list)
        await agent.ok("execute_cell", notebook=name, cell=0)
        begun = await stream.call("execute_cell", "running")
        assert begun["notebook"] == name
        assert begun["client"] == MARKUP
        assert begun["token"] is None
        assert begun["ms"] is None
        ended = await stream.call("execute_cell", "ok")
        assert ended["id"] == begun["id"]
        assert ended["cell"] == cell
        assert ended["ms"] >= 500
        state = await stream.until("state", lambda state: any(c["name"] == MARKUP for c in state["clients"]))
        assert "calls" not in state


async def test_a_call_is_told_with_the_id_of_the_cell_that_it_means(live: JupyterProcess, name: str) -> None:
    live.write_notebook(name, "1", "2")
    ids = [cell["id"] for cell in live.read_notebook(name)["cells"]]
    async with connect(live) as agent, watching(live) as stream:
        inserted = await agent.ok("insert_cell", notebook=name, source="3")
        new = (await stream.call("insert_cell", "ok"))["cell"]
        assert f"cell {new[:8]} at" in inserted
        for tool, more in [
            ("read_cell", {}),
            ("edit_cell", {"edits": [{"old": "2", "new": "4"}]}),
            ("overwrite_cell_source", {"source": "5"}),
            ("move_cell", {"index": 1}),
            ("delete_cell", {}),
        ]:
            await agent.ok(tool, notebook=name, cell=1, **more)
            assert (await stream.call(tool, "ok"))["cell"] == ids[1], tool
        await agent.ok("insert_execute_code_cell", notebook=name, source="6")
        assert (await stream.call("insert_execute_code_cell", "ok"))["cell"] not in (None, *ids)


async def test_what_goes_wrong_is_told_apart(live: JupyterProcess, name: str) -> None:
    live.write_notebook(name, "1/0")
    async with connect(live) as agent, watching(live) as stream:
        await agent.fails("read_cell", notebook="not-there.ipynb", cell=0)
        assert (await stream.call("read_cell", "error"))["notebook"] == "not-there.ipynb"
        await agent.ok("execute_cell", notebook=name, cell=0)
        assert await stream.call("execute_cell", "error")
        with anyio.move_on_after(1):
            await agent.call("execute_ipython", notebook=name, code=SLEEP)
        assert await stream.call("execute_ipython", "cancelled")
        await agent.fails("execute_cell", notebook=name)
        assert await stream.call("execute_cell", "error")


async def test_a_run_that_outlives_its_call_is_under_way_until_it_ends(live: JupyterProcess, name: str) -> None:
    mark = live.home / f"{name}.go"
    live.write_notebook(name, f"import os, time\nwhile not os.path.exists({str(mark)!r}): time.sleep(0.05)")
    async with connect(live, name="long runner") as agent, watching(live) as stream:
        await agent.ok("list_cells", notebook=name)
        await agent.ok("execute_cell", notebook=name, cell=0, wait=0.2)
        begun = await stream.call("execute_cell", "running")
        state = ask(live, "GET", "status")
        (client,) = [client for client in state["clients"] if client["name"] == "long runner"]
        assert client["user"] == begun["user"] == "anonymous"
        assert client["doing"]["id"] == begun["id"]
        mark.touch()
        assert (await stream.call("execute_cell", "ok"))["ms"] >= 200
        assert await stream.until(
            "state", lambda s: any(c["name"] == "long runner" and c["doing"] is None for c in s["clients"])
        )


@pytest.mark.usefixtures("paused_no_more")
@pytest.mark.parametrize("era", ERAS)
async def test_a_run_that_asks_a_person_waits_and_its_answer_is_no_new_beginning(
    live: JupyterProcess, name: str, era: str
) -> None:
    """The answer is taken while agents are paused, and is nowhere in the audit."""
    live.write_notebook(name, "print('got', input('name? '))")
    asked = anyio.Event()
    answer = anyio.Event()

    async def person(_context: Any, _params: Any) -> ElicitResult:
        asked.set()
        await answer.wait()
        return ElicitResult(action="accept", content={"answer": SECRET})

    async with (
        connect(live, era, name="asker", elicitation=person) as agent,
        watching(live) as stream,
        anyio.create_task_group() as group,
    ):

        async def run() -> None:
            assert f"got {SECRET}" in await agent.ok("execute_cell", notebook=name, cell=0)

        group.start_soon(run)
        assert await stream.call("execute_cell", "waiting")
        with anyio.fail_after(20):
            await asked.wait()
        ask(live, "POST", "pause", {"paused": True})
        answer.set()
        last = await stream.until("call", lambda call: call["outcome"] == "ok" and call["cell"] and call["ms"])
        assert last["tool"] == "execute_cell"
    with anyio.fail_after(10):
        while any(client["doing"] for client in ask(live, "GET", "status")["clients"] if client["name"] == "asker"):
            await anyio.sleep(0.05)
    assert SECRET not in audit_file(live.data).read_text()


async def test_a_scoped_token_is_told_by_its_name(live: JupyterProcess, name: str) -> None:
    live.write_notebook(name)
    made = ask(live, "GET", "tokens")
    assert made["tokens"] is not None
    headers = {"Authorization": f"Bearer {TOKEN}", "Content_Type": "application/json"}
    _, _, answer = post(live, {"name": name[:60], "tier": "read"}, "mcp-proxy/api/tokens", **headers)
    token = json.loads(answer)["token"]
    async with connect(live, token=token) as agent, watching(live) as stream:
        await agent.fails("insert_cell", notebook=name, source="1")
        call = await stream.call("insert_cell", "refused")
    assert call["token"] == name[:60]
    assert token not in json.dumps(ask(live, "GET", "status"))


async def test_the_status_says_what_there_is(server: JupyterProcess) -> None:
    state = ask(server, "GET", "status")
    assert state["guarantee"] == server.guarantee
    assert state["degraded"] is False
    assert state["version"]
    assert {"paused", "tier", "clients", "calls"} <= set(state)


async def test_a_stream_keeps_no_server_alive(start_jupyter: StartJupyter) -> None:
    server = start_jupyter(rtc=False)

    def last() -> str:
        return str(json.loads(server.get("api/status")[1])["last_activity"])

    before = last()
    async with watching(server) as stream:
        await stream.event()
        ask(server, "GET", "status")
        ask(server, "POST", "pause", {"paused": True})
        await stream.until("state", lambda state: state["paused"])
    assert last() == before


# -- the pause ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("paused_no_more")
async def test_while_paused_an_edit_fails_with_nothing_written_and_reading_works(
    live: JupyterProcess, name: str
) -> None:
    live.write_notebook(name, "x = 1")
    before = (live.root / name).read_bytes()
    async with connect(live) as agent, watching(live) as stream:
        await agent.ok("use_notebook", notebook=name)
        assert ask(live, "POST", "pause", {"paused": True}) == {"paused": True}
        assert (await stream.until("state", lambda state: state["paused"]))["paused"] is True
        for tool, more in [
            ("overwrite_cell_source", {"cell": 0, "source": "y = 2"}),
            ("insert_cell", {"source": "y = 2"}),
            ("execute_cell", {"cell": 0}),
            ("use_notebook", {"kernelspec": "python3"}),
        ]:
            refusal = await agent.fails(tool, notebook=name, **more)
            assert "A person has paused agents in JupyterLab; nothing was changed." in refusal, tool
            assert await stream.call(tool, "refused")
        assert "paused" in await agent.fails("write_file", path="new.txt", content="x")
        assert not (live.root / "new.txt").exists()
        read = await agent.ok("read_cell", notebook=name, cell=0)
        assert "x = 1" in read
        assert "a person has paused agents" in read
        assert (live.root / name).read_bytes() == before
        assert ask(live, "POST", "pause", {"paused": False}) == {"paused": False}
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="y = 2")


@pytest.mark.usefixtures("paused_no_more")
async def test_a_batch_begins_no_further_cell_while_paused_and_goes_on_after_the_release(
    live: JupyterProcess, name: str
) -> None:
    mark = live.home / f"{name}.go"
    wait = f"import os, time\nprint('begun', flush=True)\nwhile not os.path.exists({str(mark)!r}): time.sleep(0.05)"
    live.write_notebook(name, wait, "print('second')")
    begun = anyio.Event()
    answer: list[str] = []

    async def progress(_progress: float, _total: float | None, message: str | None) -> None:
        if message and "begun" in message:
            begun.set()

    async with connect(live) as agent, anyio.create_task_group() as group:

        async def run() -> None:
            answer.append(await agent.ok("run_cells", progress, notebook=name))

        group.start_soon(run)
        with anyio.fail_after(20):
            await begun.wait()
        ask(live, "POST", "pause", {"paused": True})
        mark.touch()
        async with connect(live) as other:
            with anyio.fail_after(20):
                while "[1]" not in await other.ok("list_cells", notebook=name):
                    await anyio.sleep(0.05)
            await other.ok("wait_execution", execution=(await running(other, name)), wait=0.5)
            assert "[2]" not in await other.ok("list_cells", notebook=name)
        ask(live, "POST", "pause", {"paused": False})
    assert answer
    async with connect(live) as agent:
        assert "[2]" in await agent.ok("list_cells", notebook=name)


async def running(agent: Any, notebook: str) -> str:
    """The id of the newest execution of a notebook that runs or waits."""
    for line in (await agent.ok("list_notebooks")).splitlines():
        if line.startswith(f"{notebook}  "):
            return str(line.rsplit(" ", 1)[1])
    raise AssertionError("nothing runs")


async def test_the_pause_outlives_a_crash_of_the_sidecar_and_not_a_restart_of_jupyter(
    start_jupyter: StartJupyter,
) -> None:
    server = start_jupyter(rtc=False)
    server.write_notebook("a.ipynb", "1")
    ask(server, "POST", "pause", {"paused": True})
    server.kill_sidecar()
    server.wait()
    async with connect(server) as agent:
        assert "paused" in await agent.fails("insert_cell", notebook="a.ipynb", source="2")
    files = list(server.runtime.glob("mcp-proxy-*.paused"))
    assert len(files) == 1
    assert files[0].stat().st_mode & 0o777 == 0o600
    server.stop()
    again = JupyterProcess(server.home, rtc=False).wait()
    try:
        assert ask(again, "GET", "status")["paused"] is False
        assert not list(server.runtime.glob("mcp-proxy-*.paused"))
        async with connect(again) as agent:
            await agent.ok("insert_cell", notebook="a.ipynb", source="2")
    finally:
        again.stop()


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"paused": 1}', b'{"paused": true, "more": 1}', b"{" * 5000])
async def test_nonsense_does_not_pause(live: JupyterProcess, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content_Type": "application/json"}
    status, _, answer = post(live, body, "mcp-proxy/api/pause", **headers)
    assert status == 400
    assert "paused" in json.loads(answer)["message"]
    assert ask(live, "GET", "status")["paused"] is False


# -- the stop -----------------------------------------------------------------------------------------


async def test_stop_ends_what_agents_run_and_queued_and_nothing_of_peoples(live: JupyterProcess, name: str) -> None:
    live.write_notebook(name, SLEEP, "print('never')")
    theirs = f"theirs-{name}"
    live.write_notebook(theirs, "print('mine')")
    results: list[str] = []
    begun = anyio.Event()

    async def progress(_progress: float, _total: float | None, message: str | None) -> None:
        if message and "begun" in message:
            begun.set()

    async with JupyterServer(live.url, live.token) as api:
        session = await api.start_session(theirs, {"name": "python3"})
        async with WebSocketChannel(api, session["kernel"]["id"], "a-person") as channel:
            await channel.answers(30)
            replies: list[Message] = []
            code = {"code": "import time; time.sleep(6)", "silent": False, "allow_stdin": False}
            await channel.send(channel.new_request("shell", "execute_request", code), replies.append)
            async with connect(live) as agent, anyio.create_task_group() as group:

                async def run() -> None:
                    results.append(text(await agent.call("run_cells", progress, notebook=name)))

                group.start_soon(run)
                with anyio.fail_after(30):
                    await begun.wait()
                    behind = await agent.ok("execute_cell", notebook=theirs, cell=0, wait=0.2)
                    assert " · queued" in behind
                    assert ask(live, "POST", "stop", {}) == {"stopped": 3}
            with anyio.fail_after(30):
                while not any(message.type == "execute_reply" for message in replies):
                    await anyio.sleep(0.05)
            reply = next(message for message in replies if message.type == "execute_reply")
            assert reply.content["status"] == "ok"
    assert "interrupted" in results[0]
    assert "never" not in results[0]


# -- who may ask --------------------------------------------------------------------------------------


def attempt(server: JupyterProcess, method: str, what: str, **headers: str) -> tuple[int, bytes]:
    """One request; of a stream that is let in, no more than its head."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    body = BODIES.get(what, b"{}") if method == "POST" else None
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, f"{server.base_url}mcp-proxy/api/{what}", body, sent)
    response = connection.getresponse()
    answer = b"" if response.status == 200 else response.read()
    connection.close()
    return response.status, answer


def xsrf_of(cookie: str) -> str:
    return next(part.split("=", 1)[1] for part in cookie.split("; ") if part.startswith("_xsrf="))


JSON = {"Content_Type": "application/json"}


@pytest.mark.parametrize(("method", "what"), ROUTES)
@pytest.mark.usefixtures("paused_no_more")
async def test_only_a_page_of_this_server_or_jupyters_token_may_ask(
    live: JupyterProcess, method: str, what: str
) -> None:
    cookie = login_cookie(live)
    own = f"http://127.0.0.1:{live.port}"
    xsrf = {"X_XSRFToken": xsrf_of(cookie)}
    assert attempt(live, method, what, Cookie=cookie, **xsrf, **JSON, Origin=own)[0] == 200
    assert attempt(live, method, what, Authorization=f"Bearer {TOKEN}", **JSON)[0] == 200
    headers = {"Authorization": f"Bearer {TOKEN}", **JSON}
    _, _, made = post(live, {"name": f"{method} {what}", "tier": "run"}, "mcp-proxy/api/tokens", **headers)
    scoped = json.loads(made)["token"]
    for case, status, refused in [
        ("nobody", 403, JSON),
        ("cookie alone", 403, {"Cookie": cookie, **JSON}),
        ("a wrong XSRF token", 403, {"Cookie": cookie, "X_XSRFToken": "2|junk", **JSON}),
        ("foreign origin", 403, {"Cookie": cookie, **xsrf, **JSON, "Origin": "https://evil.example"}),
        ("null origin", 403, {"Cookie": cookie, **xsrf, **JSON, "Origin": "null"}),
        ("foreign origin, token", 403, {"Authorization": f"Bearer {TOKEN}", **JSON, "Origin": "https://evil.example"}),
        ("junk token beside a cookie", 403, {"Cookie": cookie, "Authorization": "Bearer junk", **JSON}),
        ("junk token beside cookie and XSRF", 403, {"Cookie": cookie, **xsrf, "Authorization": "Bearer junk", **JSON}),
        ("scoped token", 403, {"Authorization": f"Bearer {scoped}", **JSON}),
        ("scoped token beside cookie and XSRF", 403, {"Cookie": cookie, **xsrf, "Authorization": f"token {scoped}"}),
    ]:
        answer = attempt(live, method, what, **refused)
        assert answer[0] == status, (case, answer)
        assert json.loads(answer[1])["message"], case
    # Without the header Jupyter takes the page that it comes from for a GET, and for nothing else.
    here = {"Cookie": cookie, "Referer": f"{own}/lab", **JSON}
    assert attempt(live, method, what, **here)[0] == (200 if method == "GET" else 403)
    assert attempt(live, method, what, **{**here, "Referer": "https://evil.example/lab"})[0] == 403
    if method == "POST":
        form = {"Content_Type": "application/x-www-form-urlencoded"}
        assert attempt(live, method, what, Cookie=cookie, **form)[0] == 403
        assert attempt(live, method, what, Cookie=cookie, **xsrf, **form)[0] == 415
        assert attempt(live, method, what, Cookie=cookie, **xsrf, Content_Type="text/plain")[0] == 415
    other = "GET" if method == "POST" else "POST"
    assert attempt(live, other, what, Authorization=f"Bearer {TOKEN}", **JSON)[0] == 405


@pytest.mark.parametrize("spelling", ["api//pause", "api/pause/", "API/pause", "api/../api/pause", "api", "api/"])
async def test_another_spelling_of_a_path_leads_nowhere(live: JupyterProcess, spelling: str) -> None:
    status, _, _ = post(live, {"paused": True}, f"mcp-proxy/{spelling}", Authorization=f"Bearer {TOKEN}", **JSON)
    assert status == 404
    assert ask(live, "GET", "status")["paused"] is False


async def test_an_escaped_path_is_under_the_same_rules(live: JupyterProcess) -> None:
    cookie = login_cookie(live)
    status, _, _ = post(live, {"paused": True}, "mcp-proxy/api%2fpause", Cookie=cookie, **JSON)
    assert status == 403
    assert ask(live, "GET", "status")["paused"] is False


async def test_where_the_extension_is_disabled_only_the_state_can_be_had(start_jupyter: StartJupyter) -> None:
    """jupyter-server-proxy's own handler asks for no XSRF token."""
    server = start_jupyter(rtc=False, arguments=("--ServerApp.jpserver_extensions=jupyter_mcp_proxy=False",))
    assert ask(server, "GET", "status")["degraded"] is True
    cookie = login_cookie(server)
    for method, what in ROUTES:
        if what != "status":
            status, answer = attempt(server, method, what, Cookie=cookie, **JSON)
            assert status == 403
            assert b"jupyter server extension enable" in answer
    assert ask(server, "GET", "status")["paused"] is False
