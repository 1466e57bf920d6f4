"""What code asks whose client cannot be asked: shown to people in JupyterLab's panel, and answered through its API."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from harness import ERAS, TOKEN, Agent, JupyterProcess, StartJupyter, connect, post, text
from harness.panel import Stream, ask, watching

pytestmark = pytest.mark.anyio

ASKS = "print('before')\nname = input('name? ')\nprint('hello', name)"
MARKUP = "<img src=x onerror=alert(1)>"
SECRET = "correct-horse-battery-staple"


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def asked(stream: Stream, notebook: str) -> Any:
    """The question of a notebook's code, as soon as the panel shows it."""
    state = await stream.until("state", lambda state: any(q["notebook"] == notebook for q in state["questions"]))
    return next(q for q in state["questions"] if q["notebook"] == notebook)


async def taken_out(stream: Stream, notebook: str) -> None:
    await stream.until("state", lambda state: all(q["notebook"] != notebook for q in state["questions"]))


@asynccontextmanager
async def called(call: Callable[..., Awaitable[Any]], *arguments: Any, **more: Any) -> AsyncIterator[list[str]]:
    """A call that goes on while the block does, and what it has answered behind it."""
    answers: list[str] = []

    async def run() -> None:
        answer = await call(*arguments, **more)
        answers.append(answer if isinstance(answer, str) else text(answer))

    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(run)
            yield answers


def id_of(told: str) -> str:
    found = re.search(r"^([xb][0-9a-f]+) · ", told, re.MULTILINE)
    assert found, told
    return found[1]


async def kernel_is_idle(agent: Agent, name: str) -> None:
    with anyio.fail_after(20):
        assert (await agent.ok("execute_ipython", notebook=name, code="6 * 7")).endswith("42")


async def test_a_person_answers_in_the_panel_and_the_model_is_told_that_one_has(
    server: JupyterProcess, name: str, era: str
) -> None:
    server.write_notebook(name, ASKS)
    cell = server.read_notebook(name)["cells"][0]["id"]
    async with watching(server) as stream, connect(server, era, name=MARKUP) as agent:
        async with called(agent.call, "execute_cell", notebook=name, cell=0) as told:
            question = await asked(stream, name)
            assert question["client"] == MARKUP
            assert question["cell"] == cell
            assert question["prompt"] == "name? "
            assert question["password"] is False
            assert ask(server, "POST", "answer", {"question": question["id"], "answer": "Ada"}) == {"taken": True}
            await taken_out(stream, name)
        assert " · ok · " in told[0]
        assert "A person has answered what the code asked, in JupyterLab's MCP panel." in told[0]
        assert "before\nname? \nhello Ada" in told[0]
        assert ask(server, "POST", "answer", {"question": question["id"], "answer": "late"}) == {"taken": False}
        await kernel_is_idle(agent, name)


async def test_a_password_is_shown_as_one_and_kept_nowhere(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "from getpass import getpass\nlen(getpass('token: '))")
    async with watching(server) as stream, connect(server) as agent:
        async with called(agent.call, "run_cells", notebook=name) as told:
            question = await asked(stream, name)
            assert question["password"] is True
            ask(server, "POST", "answer", {"question": question["id"], "answer": SECRET})
        assert "A person has answered" in told[0]
        assert str(len(SECRET)) in told[0]
        assert SECRET not in told[0]
        await kernel_is_idle(agent, name)
        assert SECRET not in json.dumps(ask(server, "GET", "status"))
    kept = [path for path in server.home.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert kept == []


async def test_a_person_refuses_and_the_code_is_interrupted(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, ASKS)
    async with watching(server) as stream, connect(server) as agent:
        async with called(agent.call, "execute_cell", notebook=name, cell=0) as told:
            question = await asked(stream, name)
            assert ask(server, "POST", "answer", {"question": question["id"], "refuse": True}) == {"taken": True}
        assert " · interrupted · " in told[0]
        assert "a person refused to answer" in told[0]
        await taken_out(stream, name)
        await kernel_is_idle(agent, name)


async def test_a_call_that_returns_meanwhile_says_whom_the_code_waits_for(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, ASKS)
    async with watching(server) as stream, connect(server) as agent:
        await agent.ok("execute_ipython", notebook=name, code="pass")
        async with called(agent.ok, "execute_cell", notebook=name, cell=0, wait=3) as told:
            question = await asked(stream, name)
        assert "It waits for a person to give input in JupyterLab's MCP panel: 'name?'; unanswered for 120 s" in told[0]
        assert " · running · " in told[0]
        async with called(agent.ok, "wait_execution", execution=id_of(told[0])) as told:
            ask(server, "POST", "answer", {"question": question["id"], "answer": "Ada"})
        assert "hello Ada" in told[0]


@pytest.mark.parametrize("how", ["interrupt_kernel", "restart_notebook", "stop", "call", "client"])
async def test_what_ends_the_run_takes_its_question_out_of_the_panel(
    server: JupyterProcess, name: str, how: str
) -> None:
    server.write_notebook(name, ASKS)
    async with watching(server) as stream, connect(server) as other:
        await other.ok("execute_ipython", notebook=name, code="pass")
        async with connect(server, "legacy") as agent:
            call = asyncio.create_task(agent.call("execute_cell", notebook=name, cell=0))
            question = await asked(stream, name)
            if how == "stop":
                assert ask(server, "POST", "stop", {})["stopped"] >= 1
            elif how == "call":
                call.cancel()
            elif how != "client":
                await other.ok(how, notebook=name)
            if how != "client":
                await taken_out(stream, name)
        if how == "client":
            await taken_out(stream, name)
        await asyncio.gather(call, return_exceptions=True)
        assert ask(server, "POST", "answer", {"question": question["id"], "answer": "late"}) == {"taken": False}
        await kernel_is_idle(other, name)


async def test_where_no_panel_is_open_the_code_is_interrupted_at_once(server: JupyterProcess, name: str) -> None:
    """Also where one was open until a moment ago."""
    server.write_notebook(name, ASKS)
    async with connect(server) as agent:
        async with watching(server) as stream:
            await stream.event()
        with anyio.fail_after(30):  # the relay has to see first that the page is gone
            while "no person has JupyterLab before them" not in (
                told := text(await agent.call("execute_cell", notebook=name, cell=0, wait=1))
            ):
                await agent.call("interrupt_kernel", notebook=name)
        assert "`stdin`" in told
        assert "MCP panel" in told


async def test_a_page_that_is_opened_anew_shows_what_waits(server: JupyterProcess, name: str) -> None:
    """Who looks something up in another tab comes back to the question."""
    server.write_notebook(name, ASKS)
    async with connect(server) as agent:
        async with watching(server) as stream:
            told = await agent.ok("execute_cell", notebook=name, cell=0, wait=0)
            question = await asked(stream, name)
        await anyio.sleep(0.5)
        async with watching(server) as stream:
            assert (await asked(stream, name))["id"] == question["id"]
            ask(server, "POST", "answer", {"question": question["id"], "answer": "Ada"})
            assert "hello Ada" in await agent.ok("wait_execution", execution=id_of(told))


LOOKS_ONLY = """
from jupyter_server.auth import Authorizer

class LooksOnly(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        return "/mcp-proxy/api/" not in handler.request.path or (action, resource) == ("read", "contents")
"""


async def test_who_may_not_run_code_can_neither_answer_nor_has_the_code_wait(
    start_jupyter: StartJupyter, name: str, tmp_path: Path
) -> None:
    (tmp_path / "looks_only.py").write_text(LOOKS_ONLY)
    server = start_jupyter(
        rtc=False,
        arguments=("--ServerApp.authorizer_class=looks_only.LooksOnly",),
        environment={"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])},
    )
    server.write_notebook(name, ASKS)
    async with watching(server) as stream, connect(server) as agent:
        await stream.event()
        assert "no person has JupyterLab before them" in await agent.fails("execute_cell", notebook=name, cell=0)
        headers = {"Authorization": f"Bearer {TOKEN}", "Content_Type": "application/json"}
        body = {"question": "any", "answer": "x"}
        status, _, answer = post(server, body, "mcp-proxy/api/answer", **headers)
        assert status == 403
        assert "needs the permission 'run'" in json.loads(answer)["message"]


async def test_answers_given_along_come_first(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "[input('a'), input('b')]")
    async with watching(server) as stream, connect(server) as agent:
        async with called(agent.ok, "execute_cell", notebook=name, cell=0, stdin=["given"]) as told:
            question = await asked(stream, name)
            assert question["prompt"] == "b"
            ask(server, "POST", "answer", {"question": question["id"], "answer": ""})
        assert "['given', '']" in told[0]


async def test_a_question_outlives_the_sidecar_and_is_put_to_a_person_again(
    start_jupyter: StartJupyter, name: str
) -> None:
    server = start_jupyter(rtc=False)
    server.write_notebook(name, ASKS)
    async with connect(server) as agent, watching(server) as stream:
        await agent.ok("execute_ipython", notebook=name, code="pass")
        execution = id_of(await agent.ok("execute_cell", notebook=name, cell=0, wait=0))
        await asked(stream, name)
    server.kill_sidecar()
    server.wait()
    async with watching(server) as stream, connect(server) as agent:
        await stream.event()
        async with called(agent.ok, "wait_execution", execution=execution) as told:
            question = await asked(stream, name)
            ask(server, "POST", "answer", {"question": question["id"], "answer": "Eve"})
        assert "hello Eve" in told[0]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"question": "x"}',
        b'{"question": "x", "answer": null}',
        b'{"question": "x", "answer": "\\ud800"}',
        b'{"question": "x", "refuse": false}',
        b'{"question": "x", "answer": "a", "refuse": true}',
        b'{"question": 1, "answer": "a"}',
    ],
)
async def test_nonsense_is_no_answer(live: JupyterProcess, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content_Type": "application/json"}
    status, _, answer = post(live, body, "mcp-proxy/api/answer", **headers)
    assert status == 400
    assert "question" in json.loads(answer)["message"]
