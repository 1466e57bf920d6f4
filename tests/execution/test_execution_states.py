"""The states of an execution, from the kernel's own messages."""

from __future__ import annotations

import pytest

from jupyter_mcp_proxy.execution.executions import Execution
from jupyter_mcp_proxy.execution.question import answered
from jupyter_mcp_proxy.execution.states import DROPPED, State
from jupyter_mcp_proxy.jupyter.messages import Message, decode, encode, new_message

pytestmark = pytest.mark.anyio


def message(kind: str, **content: object) -> Message:
    return Message("iopub", {"msg_type": kind}, {}, {}, dict(content))


def run(*messages: Message, interrupt: bool = False) -> Execution:
    execution = Execution("x1", "a.ipynb", "k", "1", "cell")
    execution.interrupt_wanted = interrupt
    for each in messages:
        execution.feed(each)
    return execution


BUSY = message("status", execution_state="busy")
IDLE = message("status", execution_state="idle")


async def test_an_execution_is_queued_until_its_kernel_begins_it() -> None:
    assert run().state is State.QUEUED
    assert run(BUSY).state is State.RUNNING


async def test_it_ends_when_both_the_reply_and_idle_have_come_in_any_order() -> None:
    reply = message("execute_reply", status="ok", execution_count=3)
    assert run(BUSY, reply).state is State.RUNNING
    assert run(BUSY, reply, IDLE).state is State.OK
    assert run(BUSY, IDLE, reply).state is State.OK
    assert run(BUSY, IDLE, reply).count == 3


async def test_an_exception_is_an_error_and_a_wanted_one_an_interrupt() -> None:
    failed = message("execute_reply", status="error", ename="ValueError")
    assert run(BUSY, failed, IDLE).state is State.ERROR
    assert run(BUSY, failed, IDLE, interrupt=True).state is State.INTERRUPTED
    stopped = message("execute_reply", status="error", ename="KeyboardInterrupt")
    assert run(BUSY, stopped, IDLE).state is State.INTERRUPTED


@pytest.mark.parametrize("status", ["aborted", "abort"])
async def test_what_was_never_run_is_not_told_as_done(status: str) -> None:
    execution = run(message("execute_reply", status=status), IDLE)
    assert execution.state is State.INTERRUPTED
    assert "not run" in execution.notes[0]


async def test_what_somebody_else_interrupted_is_not_told_as_never_run() -> None:
    execution = run(BUSY, message("execute_input", execution_count=2), message("execute_reply", status="abort"), IDLE)
    assert execution.state is State.INTERRUPTED
    assert not execution.notes


@pytest.mark.parametrize("missing", [0, 3, None])
async def test_what_only_was_busy_and_idle_before_the_line_broke_may_have_been_aborted(missing: int | None) -> None:
    """Also where we have noted that messages are missing: a note of ours is nothing that the code has put out."""
    execution = run(BUSY, IDLE)
    execution.came_back(missing)
    execution.end_incomplete()
    assert execution.state is State.LOST


async def test_what_has_put_something_out_has_run_though_its_count_is_missing() -> None:
    execution = run(BUSY, message("stream", name="stdout", text="whole"))
    execution.came_back(2)
    execution.feed(IDLE)
    assert execution.state is State.OK


async def test_a_final_state_stays() -> None:
    execution = run(BUSY)
    execution.finish(State.KERNEL_DIED, "gone")
    execution.feed(message("execute_reply", status="ok"))
    execution.feed(IDLE)
    assert execution.state is State.KERNEL_DIED


async def test_what_the_server_writes_in_the_kernels_name_is_told_as_dropped_output() -> None:
    execution = run(BUSY)
    execution.feed(message("stream", name="stderr", text="IOPub data rate exceeded."), from_server=True)
    assert execution.notes == [DROPPED]
    assert DROPPED in execution.log.outputs[-1]["text"]


def question(number: int) -> Message:
    return Message("stdin", {"msg_type": "input_request", "msg_id": f"q{number}"}, {}, {}, {"prompt": f"{number}? "})


async def test_a_question_is_open_until_it_is_answered_or_the_code_goes_on() -> None:
    execution = run(BUSY, question(1))
    first = execution.question
    assert first is not None
    assert first.is_open
    assert execution.log.outputs[-1]["text"] == "1? \n"
    execution.feed(answered(first))
    assert execution.question is None
    assert first.settled.is_set()
    for end in (message("error", ename="KeyboardInterrupt"), message("execute_reply", status="ok")):
        assert run(BUSY, question(1), end).question is None
    died = run(BUSY, question(1))
    died.finish(State.KERNEL_DIED)
    assert died.question is None


async def test_an_answer_settles_the_question_that_it_belongs_to() -> None:
    """The next one may be there before the answer to the first is recorded."""
    first = run(BUSY, question(1)).question
    assert first is not None
    execution = run(BUSY, question(1), question(2), answered(first))
    assert execution.question is not None
    assert execution.question.id == "q2"


async def test_a_question_that_comes_again_is_asked_once() -> None:
    """From the journal and from the server's buffer."""
    first = run(BUSY, question(1)).question
    assert first is not None
    assert run(BUSY, question(1), answered(first), question(1)).question is None


async def test_a_message_survives_the_wire() -> None:
    sent = new_message("shell", "execute_request", {"code": "é"}, "session", {"cellId": "c"})
    sent = Message(sent.channel, sent.header, sent.parent, sent.metadata, sent.content, [b"\x00\xff"])
    assert decode(encode(sent)) == sent


async def test_a_frame_that_is_no_message_is_refused() -> None:
    with pytest.raises(ValueError, match="not a kernel message"):
        decode(b"\x01\x00")
