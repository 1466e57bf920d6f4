"""`input()` and `getpass()` in a cell: asked of the client by elicitation, in both eras, and never a hang."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from harness import ERAS, Agent, JupyterProcess, StartJupyter, connect, connection_file, kernel_of, text
from mcp_types import ElicitResult, InputRequiredResult

from jupyter_mcp_proxy.errors import ServerError
from jupyter_mcp_proxy.execution.executions import Execution
from jupyter_mcp_proxy.execution.journal import Journal
from jupyter_mcp_proxy.execution.kernels import Kernels
from jupyter_mcp_proxy.execution.pause import Pause
from jupyter_mcp_proxy.execution.question import ANSWER_LIMIT, Question
from jupyter_mcp_proxy.execution.questions import UNANSWERED
from jupyter_mcp_proxy.execution.runner import Runner
from jupyter_mcp_proxy.execution.states import State
from jupyter_mcp_proxy.jupyter.server import JupyterServer

pytestmark = pytest.mark.anyio

ASKS = "print('before')\nname = input('name? ')\nprint('hello', name)"
SECRET = "correct-horse-battery-staple"


class Person:
    """Answers elicitations in turn: a text, or an action that is no answer."""

    def __init__(self, *answers: str | None, action: str = "decline") -> None:
        self.answers = list(answers)
        self.action: Any = action
        self.asked: list[Any] = []
        self.is_asked = anyio.Event()
        self.may_answer = anyio.Event()
        self.may_answer.set()

    async def __call__(self, context: Any, params: Any) -> ElicitResult:
        self.asked.append(params)
        self.is_asked.set()
        await self.may_answer.wait()
        answer = self.answers.pop(0) if self.answers else None
        if answer is None:
            return ElicitResult(action=self.action)
        assert list(params.requested_schema["properties"]) == ["answer"]
        assert params.requested_schema["properties"]["answer"]["type"] == "string"
        return ElicitResult(action="accept", content={"answer": answer})

    @property
    def messages(self) -> list[str]:
        return [params.message for params in self.asked]


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def with_person(server: JupyterProcess, era: str, person: Person | None, **options: Any) -> AsyncIterator[Agent]:
    with anyio.fail_after(60):
        async with connect(server, era, elicitation=person, **options) as agent:
            yield agent


def id_of(told: str) -> str:
    found = re.search(r"^([xb][0-9a-f]+) · ", told, re.MULTILINE)
    assert found, told
    return found[1]


async def kernel_is_idle(agent: Agent, name: str) -> None:
    """What comes next runs at once: nothing hangs in the kernel."""
    with anyio.fail_after(10):
        assert "42" in (await agent.ok("execute_ipython", notebook=name, code="6 * 7")).splitlines()


async def test_input_is_asked_of_the_client_and_the_cell_goes_on(server: JupyterProcess, name: str, era: str) -> None:
    server.write_notebook(name, ASKS, "len(name)")
    person = Person("Ada")
    async with with_person(server, era, person) as agent:
        told = await agent.ok("execute_cell", notebook=name, cell=0)
        assert " · ok · " in told
        assert "hello Ada" in told
        assert "before\nname? \nhello Ada" in told
        assert person.messages == ["name? "]
        assert (await agent.ok("execute_cell", notebook=name, cell=1)).endswith("3")
        assert "hello Ada" in await agent.ok("read_cell", notebook=name, cell=0)
        assert len(json.loads((server.root / name).read_text())["cells"]) == 2


async def test_several_questions_in_one_run_are_asked_in_turn(server: JupyterProcess, name: str, era: str) -> None:
    """Also without a cell, and where a cell is inserted: the call that brings an answer inserts and runs nothing."""
    server.write_notebook(name, "pass")
    person = Person("1", "", "3", "x", "y")
    async with with_person(server, era, person) as agent:
        code = "[input('a'), input(), input('c')]"
        told = await agent.ok("insert_execute_code_cell", notebook=name, source=code)
        assert "['1', '', '3']" in told
        assert len(person.asked) == 3
        assert (await agent.ok("list_cells", notebook=name)).count("input('a')") == 1
        assert "('x', 'y')" in await agent.ok("execute_ipython", notebook=name, code="input('p'), input('q')")


async def test_a_password_is_asked_for_as_one_and_kept_nowhere(server: JupyterProcess, name: str, era: str) -> None:
    server.write_notebook(name, "from getpass import getpass\nlen(getpass('token: '))")
    person = Person(SECRET)
    async with with_person(server, era, person) as agent:
        told = await agent.ok("execute_cell", notebook=name, cell=0)
        assert str(len(SECRET)) in told
        [message] = person.messages
        assert "PASSWORD" in message
        assert "token: " in message
        assert "seen by this MCP client" in message
        assert SECRET not in told
        await agent.ok("execute_ipython", notebook=name, code="pass")
    kept = [path for path in server.home.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert kept == []


@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_a_declined_question_interrupts_the_cell(
    server: JupyterProcess, name: str, era: str, action: str
) -> None:
    server.write_notebook(name, ASKS)
    async with with_person(server, era, Person(None, action=action)) as agent:
        told = await agent.ok("execute_cell", notebook=name, cell=0)
        assert " · interrupted · " in told
        assert ("declined" if action == "decline" else "dismissed") in told
        assert "name? " in told
        await kernel_is_idle(agent, name)


async def test_a_client_without_elicitation_is_told_at_once(server: JupyterProcess, name: str, era: str) -> None:
    server.write_notebook(name, ASKS)
    async with with_person(server, era, None) as agent:
        await agent.ok("execute_ipython", notebook=name, code="pass")
        with anyio.fail_after(10):
            told = await agent.fails("execute_cell", notebook=name, cell=0)
        assert " · interrupted · " in told
        assert "no MCP elicitation" in told
        assert "give the answers along in `stdin`" in told
        await kernel_is_idle(agent, name)
        assert "no MCP elicitation" in await agent.ok("read_cell", notebook=name, cell=0)
        with anyio.fail_after(10):
            told = await agent.fails("run_cells", notebook=name, cells=[0, 0])
        assert told.count("interrupted") >= 2
        await kernel_is_idle(agent, name)


async def test_without_elicitation_nothing_waits_after_the_call_has_returned(
    server: JupyterProcess, name: str, era: str
) -> None:
    server.write_notebook(name, "import time; time.sleep(1); input('late? ')")
    async with with_person(server, era, None) as agent:
        await agent.ok("execute_ipython", notebook=name, code="pass")
        told = await agent.ok("execute_cell", notebook=name, cell=0, wait=0.2)
        with anyio.fail_after(10):
            assert "no MCP elicitation" in await agent.fails("wait_execution", execution=id_of(told))
        await kernel_is_idle(agent, name)


async def test_a_question_after_the_call_has_returned_is_asked_by_wait_execution(
    server: JupyterProcess, name: str, era: str
) -> None:
    server.write_notebook(name, "import time; time.sleep(0.6)\nprint('got', input('late? '))")
    person = Person("yes")
    async with with_person(server, era, person) as agent:
        await agent.ok("execute_ipython", notebook=name, code="pass")
        execution = id_of(await agent.ok("execute_cell", notebook=name, cell=0, wait=0.1))
        told = ""
        while "waits for input" not in told:  # a call that does not wait asks nobody
            told = await agent.ok("wait_execution", execution=execution, wait=0)
            await anyio.sleep(0.05)
        assert "late?" in told
        assert person.asked == []
        behind = await agent.ok("execute_ipython", notebook=name, code="1", wait=0)
        assert f"Before it: {execution}. It waits for input" in behind
        told = await agent.ok("wait_execution", execution=execution)
        assert " · ok · " in told
        assert "got yes" in told


async def test_a_batch_asks_too_and_stops_where_it_is_declined(server: JupyterProcess, name: str, era: str) -> None:
    server.write_notebook(name, "a = input('a? ')", "b = input('b? ')", "print(a, b)")
    person = Person("1", "2", "3")
    async with with_person(server, era, person) as agent:
        told = await agent.ok("run_cells", notebook=name)
        assert " · ok · 3 of 3 cells" in told
        assert told.endswith("1 2")
        assert person.messages == ["a? ", "b? "]
        told = await agent.ok("run_cells", notebook=name)
        assert " · interrupted at the 2nd of 3; 1 not run (3) · " in told
        assert "declined" in told
        await kernel_is_idle(agent, name)


async def test_cancelling_the_call_while_it_asks_interrupts_the_cell(live: JupyterProcess, name: str) -> None:
    """In the old era, where the call goes on while its client is asked."""
    live.write_notebook(name, ASKS)
    person = Person("never")
    person.may_answer = anyio.Event()
    async with with_person(live, "legacy", person) as agent:
        await agent.ok("execute_ipython", notebook=name, code="pass")
        call = asyncio.create_task(agent.call("execute_cell", notebook=name, cell=0))
        await person.is_asked.wait()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await kernel_is_idle(agent, name)
        assert "KeyboardInterrupt" in await agent.ok("read_cell", notebook=name, cell=0)


async def test_a_client_that_goes_while_it_is_asked_interrupts_the_cell(server: JupyterProcess, name: str) -> None:
    """Also where its session ends in the moment in which its code is being interrupted: one in twenty did."""
    server.write_notebook(name, ASKS)
    async with connect(server, ERAS[0]) as other:
        await other.ok("execute_ipython", notebook=name, code="pass")
        for times in range(20):
            person = Person("never")
            person.may_answer = anyio.Event()
            async with with_person(server, "legacy", person) as agent:
                call = asyncio.create_task(agent.call("execute_cell", notebook=name, cell=0))
                await person.is_asked.wait()
                await anyio.sleep(times % 10 / 100)
            await asyncio.gather(call, return_exceptions=True)
            await kernel_is_idle(other, name)
            assert "KeyboardInterrupt" in await other.ok("read_cell", notebook=name, cell=0)


async def test_cancelling_wait_execution_while_it_asks_leaves_the_question(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, ASKS)
    person = Person("Ada", "Ada")
    person.may_answer = anyio.Event()
    async with with_person(server, "legacy", person) as agent:
        execution = id_of(await agent.ok("execute_cell", notebook=name, cell=0, wait=0))
        call = asyncio.create_task(agent.call("wait_execution", execution=execution))
        await person.is_asked.wait()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        assert "waits for input" in await agent.ok("wait_execution", execution=execution, wait=0)
        person.may_answer.set()
        assert "hello Ada" in await agent.ok("wait_execution", execution=execution)


async def test_code_that_asks_on_after_an_interrupt_is_ended(server: JupyterProcess, name: str, era: str) -> None:
    """It is told that there is no more input."""
    loop = "while True:\n    try:\n        input('again? ')\n    except KeyboardInterrupt:\n        print('no')"
    server.write_notebook(name, loop)
    for person in (None, Person("1", None)):
        async with with_person(server, era, person) as agent:
            with anyio.fail_after(20):
                result = await agent.call("execute_cell", notebook=name, cell=0)
            told = text(result)
            assert result.is_error == (person is None)
            assert " · interrupted · " in told
            assert ("declined" if person else "no MCP elicitation") in told
            assert "EOFError" in told
            await kernel_is_idle(agent, name)
        assert person is None or len(person.asked) == 2


async def test_a_debugger_is_answered_and_ended(server: JupyterProcess, name: str, era: str) -> None:
    server.write_notebook(name, "import pdb\nx = 1\npdb.set_trace()\ny = 2")
    person = Person("x + 41")
    for asked in (None, person):
        async with with_person(server, era, asked) as agent:
            told = text(await agent.call("execute_cell", notebook=name, cell=0))
            assert ("declined" if asked else "no MCP elicitation") in told
            await kernel_is_idle(agent, name)
    assert "\n42\n" in told
    assert person.messages == ["ipdb> ", "ipdb> "]


@asynccontextmanager
async def running_code_that_asks(
    server: JupyterProcess, name: str, folder: Path
) -> AsyncIterator[tuple[Runner, Execution, Question]]:
    """A runner in this process, with code in a real kernel that has asked for input."""
    server.write_notebook(name, "pass")
    api = JupyterServer(server.url, server.token)
    kernels = Kernels(api, "a-session", str(server.runtime))
    pause = Pause(str(folder), "run", os.getpid())
    async with api, kernels, Runner(api, kernels, Journal(str(folder), "run"), pause) as runner:
        kernel = await kernels.start(name, "python3")
        execution = runner.start(name, kernel.id, "input('x? ')", None, None)
        with anyio.fail_after(30):
            while execution.question is None:
                await execution.changed(execution.version)
        yield runner, execution, execution.question


async def test_a_question_that_was_taken_along_and_not_answered_stops_the_code(
    file: JupyterProcess, name: str, tmp_path: Path
) -> None:
    """A client of the new era that gives up tells nobody; its kernel is free again after an hour."""
    async with running_code_that_asks(file, name, tmp_path) as (runner, execution, question):
        with anyio.fail_after(30):
            question.handed_out = time.monotonic() - ANSWER_LIMIT + 60
            await runner.questions.stop_unanswered([execution])
            assert question.is_open
            question.handed_out -= 61
            await runner.questions.stop_unanswered([execution])
            await execution.written.wait()
        assert execution.state is State.INTERRUPTED
        assert execution.notes == [UNANSWERED]
    assert not list(tmp_path.iterdir())


async def test_a_refusal_whose_call_is_cancelled_stops_the_code(
    file: JupyterProcess, name: str, tmp_path: Path
) -> None:
    async with running_code_that_asks(file, name, tmp_path) as (runner, execution, question):
        with anyio.fail_after(30):
            async with anyio.create_task_group() as call:
                call.start_soon(runner.questions.refuse, execution, question, UNANSWERED)
                while not question.refused:
                    await anyio.lowlevel.checkpoint()
                call.cancel_scope.cancel()
            await execution.written.wait()
        assert execution.state is State.INTERRUPTED
        assert execution.refusals == 1


async def test_a_refusal_that_does_not_reach_the_kernel_is_tried_again(
    file: JupyterProcess, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then the question can still be answered."""

    async def fails(_: Any) -> None:
        raise ServerError("Interrupting kernel", 503, "busy")

    async with running_code_that_asks(file, name, tmp_path) as (runner, execution, question):
        with monkeypatch.context() as patch, pytest.raises(ServerError):
            patch.setattr(runner.questions, "_interrupt", fails)
            await runner.questions.refuse(execution, question, UNANSWERED)
        assert question.is_open
        with anyio.fail_after(30):
            await runner.questions.stop_unanswered([execution])
            await execution.written.wait()
        assert execution.state is State.INTERRUPTED
        assert execution.refusals == 1
        assert execution.notes == [UNANSWERED]


async def test_a_kernel_that_runs_our_code_is_told_to_be_busy_though_jupyter_has_missed_it(
    file: JupyterProcess, name: str, tmp_path: Path
) -> None:
    """Jupyter did not hear how a kernel began that it had just started."""
    async with running_code_that_asks(file, name, tmp_path) as (runner, execution, _):
        as_jupyter_has_it = {"id": execution.kernel_id, "execution_state": "idle"}
        assert runner.kept.state_of(as_jupyter_has_it) == "busy"
        with anyio.fail_after(30):
            await runner.stopping.interrupt(execution)
            await execution.written.wait()
        assert runner.kept.state_of(as_jupyter_has_it) == "idle"


async def test_an_interrupt_ends_the_call_that_asks(server: JupyterProcess, name: str) -> None:
    """The person stops the cell in JupyterLab instead of answering: the question is withdrawn."""
    server.write_notebook(name, ASKS)
    person = Person("never")
    person.may_answer = anyio.Event()
    async with with_person(server, "legacy", person) as agent, connect(server) as other:
        call = asyncio.create_task(agent.call("execute_cell", notebook=name, cell=0))
        await person.is_asked.wait()
        await other.ok("interrupt_kernel", notebook=name)
        assert " · interrupted · " in text(await call)
        await kernel_is_idle(agent, name)


async def test_a_client_that_takes_the_question_along_and_goes_leaves_it_for_wait_execution(
    server: JupyterProcess, name: str
) -> None:
    """And an answer that comes too late is not taken for the next question."""
    server.write_notebook(name, "print(input('one? '), input('two? '))")
    person = Person("second", "third")
    async with with_person(server, ERAS[0], person, name="agent") as agent:
        arguments = {"notebook": name, "cell": 0}
        handed = await agent.client.session.call_tool("execute_cell", arguments, allow_input_required=True)
        assert isinstance(handed, InputRequiredResult)
        first = {"input": ElicitResult(action="accept", content={"answer": "first"})}
        again = await agent.client.session.call_tool(
            "execute_cell", arguments, input_responses=first, request_state=handed.request_state,
            allow_input_required=True,
        )  # fmt: skip
        assert isinstance(again, InputRequiredResult)
        late = await agent.client.call_tool(
            "execute_cell", arguments, input_responses=first, request_state=handed.request_state
        )
        told = text(late)
        assert "Your answer was not used" in told
        assert "first second" in told
        assert person.messages == ["two? "]


async def test_the_state_of_a_question_serves_its_client_and_its_call_only(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "print('got', input('one? '))", "print('other')")
    answer = {"input": ElicitResult(action="accept", content={"answer": "stolen"})}
    person = Person("mine")
    async with with_person(server, ERAS[0], person) as agent, connect(server, elicitation=Person()) as thief:
        arguments = {"notebook": name, "cell": 0}
        handed = await agent.client.session.call_tool("execute_cell", arguments, allow_input_required=True)
        assert isinstance(handed, InputRequiredResult)
        state = handed.request_state
        assert state is not None
        stolen = await thief.client.call_tool("execute_cell", arguments, input_responses=answer, request_state=state)
        assert stolen.is_error
        assert "another client" in text(stolen)
        for changed, forged in (({"notebook": name, "cell": 1}, state), (arguments, state[:-4] + "AAAA")):
            with pytest.raises(Exception, match="Invalid or expired requestState"):
                await agent.client.call_tool("execute_cell", changed, input_responses=answer, request_state=forged)
        bare = await agent.client.session.call_tool("execute_cell", arguments, input_responses=answer)
        assert bare.is_error
        assert "Nothing was run" in text(bare)
        listed = await agent.ok("list_kernels")
        assert "busy" in listed
        mine = {"input": ElicitResult(action="accept", content={"answer": "mine"})}
        told = text(await agent.client.call_tool("execute_cell", arguments, input_responses=mine, request_state=state))
        assert "got mine" in told
        assert "other" not in told


async def test_more_questions_than_a_client_follows_go_on_with_wait_execution(file: JupyterProcess, name: str) -> None:
    """The SDK's client gives up after ten rounds of one call; the run is not lost then."""
    file.write_notebook(name, "print('sum', sum(int(input(f'{i}? ')) for i in range(12)))")
    person = Person(*["1"] * 12)
    async with with_person(file, ERAS[0], person) as agent:
        told = await agent.ok("execute_cell", notebook=name, cell=0)
        assert "waits for input: '10?'" in told
        assert "sum 12" in await agent.ok("wait_execution", execution=id_of(told))
        assert len(person.asked) == 12


async def test_a_question_outlives_the_sidecar(server: JupyterProcess, name: str, era: str) -> None:
    """A killed sidecar's question is asked again, not forgotten: the kernel would wait for ever."""
    server.write_notebook(name, ASKS)
    async with with_person(server, era, Person()) as agent:
        await agent.ok("execute_ipython", notebook=name, code="pass")
        cell = id_of(await agent.ok("execute_cell", notebook=name, cell=0, wait=0))
        told = ""
        while "waits for input" not in told:
            told = await agent.ok("wait_execution", execution=cell, wait=0)
    server.kill_sidecar()
    server.wait()
    person = Person("Eve")
    async with with_person(server, era, person) as agent:
        told = await agent.ok("wait_execution", execution=cell)
        assert " · ok" in told
        assert "hello Eve" in told
        assert person.messages == ["name? "]
        assert "hello Eve" in await agent.ok("read_cell", notebook=name, cell=0)


async def test_code_without_a_cell_that_asks_outlives_the_sidecar(server: JupyterProcess, name: str) -> None:
    """Its client in the new era does not even notice: it comes back with the answer to the next process."""
    server.write_notebook(name, "pass")
    person = Person("Eve")
    person.may_answer = anyio.Event()
    others = server.journals()
    async with with_person(server, ERAS[0], person) as agent:
        await agent.ok("execute_ipython", notebook=name, code="pass")
        call = asyncio.create_task(agent.ok("execute_ipython", notebook=name, code="print('hello', input('who? '))"))
        await person.is_asked.wait()
        server.kill_sidecar()
        server.wait()
        person.may_answer.set()
        told = await call
        assert "hello Eve" in told
        assert "what it printed before it asked for input is lost" in told
        await kernel_is_idle(agent, name)
    assert server.journals() <= others


async def test_a_question_that_nobody_heard_is_told_as_possible(server: JupyterProcess, name: str) -> None:
    """The kernel asks while the sidecar is dead; it drops what nobody takes on its ports."""
    server.write_notebook(name, "import time; time.sleep(0.5); input('lost? ')")
    async with with_person(server, ERAS[0], Person()) as agent:
        await agent.ok("execute_ipython", notebook=name, code="pass")
        execution = id_of(await agent.ok("execute_cell", notebook=name, cell=0, wait=0.2))
    server.kill_sidecar()
    server.wait()
    async with with_person(server, ERAS[0], Person()) as agent:
        told = ""
        while "only interrupt_kernel ends it" not in told:
            assert " · running · " in told or not told
            told = await agent.ok("wait_execution", execution=execution, wait=0.2)
        await agent.ok("interrupt_kernel", execution=execution)
        await kernel_is_idle(agent, name)


async def test_a_kernel_that_has_only_the_websocket_asks_too(server: JupyterProcess, name: str, era: str) -> None:
    """As a remote one has: its connection file is not readable here."""
    server.write_notebook(name, ASKS)
    person = Person("Ada")
    async with with_person(server, era, person) as agent:
        file = await connection_file(server, agent, name)
        whole = file.read_text()
        file.unlink()
        try:
            assert "hello Ada" in await agent.ok("execute_cell", notebook=name, cell=0)
            assert re.search(rf"{kernel_of(file)}.*  websocket", await agent.ok("list_kernels"))
            assert "declined" in await agent.ok("execute_cell", notebook=name, cell=0)
            await kernel_is_idle(agent, name)
        finally:
            file.write_text(whole)


async def test_without_the_extension_only_the_new_era_can_be_asked(start_jupyter: StartJupyter, era: str) -> None:
    """There a reply arrives in one piece: a question would come with the result that waits for its answer."""
    server = start_jupyter(rtc=False, arguments=("--ServerApp.jpserver_extensions=jupyter_mcp_proxy=False",))
    server.write_notebook("a.ipynb", ASKS)
    async with with_person(server, era, Person("Ada")) as agent:
        if era == "legacy":
            told = await agent.fails("execute_cell", notebook="a.ipynb", cell=0)
            assert "no MCP elicitation over this connection" in told
        else:
            assert "hello Ada" in await agent.ok("execute_cell", notebook="a.ipynb", cell=0)
        await kernel_is_idle(agent, "a.ipynb")


async def test_a_client_that_cannot_be_asked_gives_the_answers_along(
    server: JupyterProcess, name: str, era: str
) -> None:
    """On each tool that runs code, in order; a password is written nowhere."""
    server.write_notebook(name, ASKS, "import getpass\nlen(getpass.getpass('pass? '))", "[input('a'), input('b')]")
    async with with_person(server, era, None) as agent:
        told = await agent.ok("execute_cell", notebook=name, cell=0, stdin=["Ada", "left over"])
        assert "before\nname? \nhello Ada" in told
        told = await agent.ok("execute_ipython", notebook=name, code="int(input()) + int(input())", stdin=["40", "2"])
        assert told.endswith("42")
        told = await agent.ok("insert_execute_code_cell", notebook=name, source="input('?') * 2", stdin=["x"])
        assert told.endswith("'xx'")
        told = await agent.ok("run_cells", notebook=name, cells=[0, 1, 2], stdin=["Bo", SECRET, "1", "2"])
        assert SECRET not in told
        assert str(len(SECRET)) in await agent.ok("read_cell", notebook=name, cell=1)
        assert "['1', '2']" in await agent.ok("read_cell", notebook=name, cell=2)
        assert SECRET not in (server.root / name).read_text()
        await kernel_is_idle(agent, name)


async def test_where_more_is_asked_than_was_given_along_the_client_is_asked(
    server: JupyterProcess, name: str, era: str
) -> None:
    server.write_notebook(name, "[input('a'), input('b')]")
    person = Person("asked")
    async with with_person(server, era, person) as agent:
        assert "['given', 'asked']" in await agent.ok("execute_cell", notebook=name, cell=0, stdin=["given"])
        assert person.messages == ["b"]
    async with with_person(server, era, None) as agent:
        assert "`stdin`" in await agent.fails("execute_cell", notebook=name, cell=0, stdin=["given"])
        await kernel_is_idle(agent, name)
