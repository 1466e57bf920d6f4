"""What nobody else can be asked is put to a person in JupyterLab's panel: how long, and what ends it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from harness import JupyterProcess

from jupyter_mcp_proxy.execution.executions import Execution
from jupyter_mcp_proxy.execution.journal import Journal
from jupyter_mcp_proxy.execution.kernels import Kernels
from jupyter_mcp_proxy.execution.pause import Pause
from jupyter_mcp_proxy.execution.people import People
from jupyter_mcp_proxy.execution.questions import ANSWERED, NOBODY, NOBODY_CAME, REFUSED, Questions
from jupyter_mcp_proxy.execution.runner import Runner
from jupyter_mcp_proxy.execution.states import State
from jupyter_mcp_proxy.jupyter.server import JupyterServer

pytestmark = pytest.mark.anyio

SWALLOWS = """
try:
    input('x? ')
except KeyboardInterrupt:
    import time; time.sleep(1)
'on'
"""


@asynccontextmanager
async def runner_with(
    server: JupyterProcess, name: str, folder: Path, *, patience: float = 60.0, present: bool = True
) -> AsyncIterator[tuple[Runner, str]]:
    """A runner in this process, with a kernel, and perhaps a person before the panel."""
    server.write_notebook(name, "pass")
    api = JupyterServer(server.url, server.token)
    kernels = Kernels(api, "a-session", str(server.runtime))
    pause = Pause(str(folder), "run", os.getpid())
    async with api, kernels, Runner(api, kernels, Journal(str(folder), "run"), pause) as runner:
        runner.questions.people.are_there = lambda: present
        runner.questions.people.patience = patience
        with anyio.fail_after(60):
            yield runner, (await kernels.start(name, "python3")).id


async def asked(people: People) -> str:
    """The id of the one question that stands in the panel, once it does."""
    while not people.shown():
        await anyio.sleep(0.02)
    [question] = people.shown()
    return str(question["id"])


def start(runner: Runner, name: str, kernel: str, code: str) -> Execution:
    return runner.start(name, kernel, code, None, None, can_ask=False)


async def test_what_a_person_answers_goes_to_the_code_and_the_run_says_that_one_has(
    file: JupyterProcess, name: str, tmp_path: Path
) -> None:
    async with runner_with(file, name, tmp_path) as (runner, kernel):
        questions: Questions = runner.questions
        execution = start(runner, name, kernel, "input('x? ') * 2")
        execution.client = "agent"
        id = await asked(questions.people)
        [shown] = questions.people.shown()
        assert {**shown, "id": "", "time": ""} == {
            "id": "",
            "time": "",
            "client": "agent",
            "notebook": name,
            "cell": None,
            "prompt": "x? ",
            "password": False,
        }
        assert await questions.take_from_person(id, "ab")
        assert await gone(questions.people)
        await execution.written.wait()
        assert execution.state is State.OK
        assert execution.notes == [ANSWERED]
        assert "abab" in execution.log.transcript.read(0, 1000)
        assert not await questions.take_from_person(id, "late")
    assert not list(tmp_path.iterdir())


async def gone(people: People) -> bool:
    while people.shown():
        await anyio.sleep(0.02)
    return True


async def test_what_a_person_refuses_is_interrupted(file: JupyterProcess, name: str, tmp_path: Path) -> None:
    async with runner_with(file, name, tmp_path) as (runner, kernel):
        execution = start(runner, name, kernel, "input('x? ')")
        assert await runner.questions.take_from_person(await asked(runner.questions.people), None)
        await execution.written.wait()
        assert execution.state is State.INTERRUPTED
        assert execution.notes == [REFUSED]
        assert not execution.unheard
        assert await gone(runner.questions.people)


async def test_what_no_person_answers_in_time_is_interrupted(file: JupyterProcess, name: str, tmp_path: Path) -> None:
    async with runner_with(file, name, tmp_path, patience=0.5) as (runner, kernel):
        execution = start(runner, name, kernel, "input('x? ')")
        await asked(runner.questions.people)
        await execution.written.wait()
        assert execution.state is State.INTERRUPTED
        assert execution.notes == [NOBODY_CAME.format(seconds=0.5)]
        assert execution.unheard
        assert runner.questions.people.shown() == []


async def test_a_question_that_a_client_has_taken_up_meanwhile_is_left_to_it(
    file: JupyterProcess, name: str, tmp_path: Path
) -> None:
    async with runner_with(file, name, tmp_path, patience=0.5) as (runner, kernel):
        execution = start(runner, name, kernel, "input('x? ') * 2")
        await asked(runner.questions.people)
        question = execution.question
        assert question is not None
        question.held = True
        assert await gone(runner.questions.people)
        assert question.is_open
        assert await runner.questions.answer(execution, question, "ab")
        await execution.written.wait()
        assert execution.state is State.OK


async def test_where_nobody_is_there_it_is_refused_at_once(file: JupyterProcess, name: str, tmp_path: Path) -> None:
    async with runner_with(file, name, tmp_path, present=False) as (runner, kernel):
        execution = start(runner, name, kernel, "input('x? ')")
        await execution.written.wait()
        assert execution.notes == [NOBODY]


async def test_an_interrupt_takes_the_question_out_of_the_panel_even_if_the_code_swallows_it(
    file: JupyterProcess, name: str, tmp_path: Path
) -> None:
    """And what the code does then is not interrupted when the time for an answer is over."""
    async with runner_with(file, name, tmp_path, patience=1.5) as (runner, kernel):
        execution = start(runner, name, kernel, SWALLOWS)
        id = await asked(runner.questions.people)
        await runner.stopping.interrupt(execution)
        assert await gone(runner.questions.people)
        assert not execution.finished.is_set()
        assert not await runner.questions.take_from_person(id, "late")
        await execution.written.wait()
        assert execution.state is State.OK
        assert execution.refusals == 0


async def test_the_death_of_the_kernel_takes_the_question_out_of_the_panel(
    file: JupyterProcess, name: str, tmp_path: Path
) -> None:
    async with runner_with(file, name, tmp_path) as (runner, kernel):
        code = "import os, threading; threading.Timer(2, os._exit, (1,)).start(); input('x? ')"
        execution = start(runner, name, kernel, code)
        await asked(runner.questions.people)
        assert await gone(runner.questions.people)
        await execution.written.wait()
        assert execution.state is State.KERNEL_DIED
