"""Where the messages of a kernel belong: without a kernel."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from jupyter_mcp_proxy.execution.executions import Execution
from jupyter_mcp_proxy.execution.router import Router
from jupyter_mcp_proxy.execution.states import State
from jupyter_mcp_proxy.jupyter.messages import Message

numbers = count()


def message(kind: str, request: str = "", session: str = "theirs", **content: Any) -> Message:
    header = {"msg_type": kind, "msg_id": f"m{next(numbers)}"}
    return Message("iopub", header, {"msg_id": request, "session": session}, {}, content)


def display(kind: str, text: str, id: str, request: str = "") -> Message:
    return message(kind, request, data={"text/plain": text}, metadata={}, transient={"display_id": id})


class Heard:
    """A router with two executions, and what it has told of them."""

    def __init__(self) -> None:
        self.late: list[str] = []
        self.captured: list[tuple[str, bool]] = []
        self.router = Router(
            late=lambda execution: self.late.append(execution.id),
            captured=lambda widget, ended: self.captured.append((widget, ended)),
        )
        self.first, self.second = self.execution("x1", "r1"), self.execution("x2", "r2")

    def execution(self, id: str, request: str) -> Execution:
        execution = Execution(id, "a.ipynb", "k", "", f"cell-{id}")
        execution.request_id = request
        self.router.add(execution)
        return execution

    def output_widget(self, id: str, request: str = "") -> None:
        state = {"_model_name": "OutputModel", "msg_id": request, "outputs": []}
        self.router.overhear(
            message("comm_open", comm_id=id, target_name="jupyter.widget", data={"state": state}), "ours"
        )


@pytest.fixture
def heard() -> Heard:
    return Heard()


def told(execution: Execution) -> str:
    return execution.log.transcript.read(0, 1000)


def test_what_comes_after_the_end_belongs_to_the_request_that_it_answers(heard: Heard) -> None:
    heard.first.finish(State.OK)
    heard.router.overhear(message("stream", "r1", name="stdout", text="late\n"), "ours")
    heard.router.overhear(message("stream", "unknown", name="stdout", text="another's\n"), "ours")
    assert told(heard.first) == "late\n"
    assert told(heard.second) == ""
    assert heard.late == ["x1"]
    assert heard.first.late is not None
    assert heard.first.state is State.OK


@pytest.mark.parametrize("question", ["kernel_info_request", "comm_open", "comm_msg"])
def test_what_a_thread_prints_amid_a_frontends_question_belongs_to_what_ran_last(heard: Heard, question: str) -> None:
    def stray() -> None:
        printed = message("stream", "q1", name="stdout", text="of a thread\n")
        printed.parent["msg_type"] = question
        heard.router.overhear(printed, "ours")
        idle = message("status", "q1", execution_state="idle")
        idle.parent["msg_type"] = question
        heard.router.overhear(idle, "ours")

    stray()
    heard.router.take(heard.first, message("execute_input", execution_count=1, code=""))
    stray()
    assert told(heard.first) == "of a thread\n"
    assert not heard.first.replied.is_set()
    heard.router.overhear(message("execute_input", "a person's", execution_count=2, code=""), "ours")
    stray()
    assert told(heard.first) == "of a thread\n"
    assert told(heard.second) == ""


def test_what_a_kernel_says_of_a_comm_that_it_does_not_know_is_no_cells_output(heard: Heard) -> None:
    heard.router.take(heard.first, message("execute_input", execution_count=1, code=""))
    logged = message("stream", "q1", name="stderr", text="No such comm: 1\n")
    logged.parent["msg_type"] = "comm_msg"
    heard.router.overhear(logged, "ours")
    assert told(heard.first) == ""


def test_what_an_output_widget_takes_of_a_callback_is_not_printed_in_a_cell(heard: Heard) -> None:
    heard.router.take(heard.first, message("execute_input", execution_count=1, code=""))
    heard.output_widget("w", "c1")
    printed = message("stream", "c1", name="stdout", text="of a callback\n")
    printed.parent["msg_type"] = "comm_msg"
    heard.router.overhear(printed, "ours")
    assert told(heard.first) == ""


def test_a_message_that_comes_again_is_taken_once(heard: Heard) -> None:
    heard.first.finish(State.OK)
    again = message("stream", "r1", name="stdout", text="late\n")
    heard.router.overhear(again, "ours")
    heard.router.overhear(again, "ours")
    assert told(heard.first) == "late\n"


@pytest.mark.parametrize("kind", ["update_display_data", "display_data"])
def test_a_display_shows_its_new_state_in_every_output_of_its_id(heard: Heard, kind: str) -> None:
    heard.router.take(heard.first, display("display_data", "0%", "bar"))
    heard.first.finish(State.OK)
    heard.router.take(heard.second, display(kind, "100%", "bar"))
    assert told(heard.first) == "100%\n"
    assert told(heard.second) == ("100%\n" if kind == "display_data" else "")
    assert heard.late == ["x1"]


def test_the_result_of_a_cell_is_a_display_when_it_has_an_id(heard: Heard) -> None:
    heard.router.take(heard.first, display("execute_result", "0", "r"))
    heard.router.take(heard.second, display("update_display_data", "1", "r"))
    assert told(heard.first) == "1\n"
    assert heard.first.log.outputs[0]["output_type"] == "execute_result"


def test_what_somebody_else_runs_changes_the_displays_of_ours(heard: Heard) -> None:
    heard.router.take(heard.first, display("display_data", "0%", "bar"))
    heard.router.overhear(display("update_display_data", "50%", "bar", "theirs"), "ours")
    assert told(heard.first) == "50%\n"


def test_an_older_state_that_comes_again_changes_nothing(heard: Heard) -> None:
    shown = display("display_data", "0%", "bar")
    heard.router.take(heard.first, shown)
    heard.router.take(heard.second, display("display_data", "100%", "bar"))
    heard.router.take(heard.first, shown)
    assert told(heard.first) == told(heard.second) == "100%\n"


def test_what_was_cleared_is_not_shown_again(heard: Heard) -> None:
    heard.router.take(heard.first, display("display_data", "0%", "bar"))
    heard.router.take(heard.first, message("clear_output", wait=False))
    heard.router.take(heard.second, display("update_display_data", "100%", "bar"))
    assert heard.first.log.outputs == []


def test_an_output_widget_takes_what_its_request_puts_out_until_it_is_left(heard: Heard) -> None:
    heard.output_widget("w", request="r1")
    heard.router.take(heard.first, message("stream", name="stdout", text="captured\n"))
    heard.router.take(heard.second, message("stream", name="stdout", text="not this\n"))
    heard.router.take(heard.first, message("comm_msg", comm_id="w", data={"state": {"msg_id": ""}}))
    heard.router.take(heard.first, message("stream", name="stdout", text="not this either\n"))
    assert [output["text"] for output in heard.router.widgets.captured("w").outputs] == ["captured\n"]
    assert [output["text"] for output in heard.first.log.outputs] == ["not this either\n"]
    assert heard.captured == [("w", False)]


def test_clearing_within_an_output_widget_leaves_the_cell_alone(heard: Heard) -> None:
    heard.router.take(heard.first, message("stream", name="stdout", text="result: 42\n"))
    heard.output_widget("w", request="r1")
    heard.router.take(heard.first, message("clear_output", wait=False))
    assert [output["text"] for output in heard.first.log.outputs] == ["result: 42\n"]


def test_what_a_kernel_repeats_of_our_own_words_is_no_news(heard: Heard) -> None:
    heard.output_widget("w", request="r1")
    heard.router.take(heard.first, message("stream", name="stdout", text="captured\n"))
    echo = {"method": "echo_update", "state": {"outputs": []}}
    heard.router.overhear(message("comm_msg", session="ours", comm_id="w", data=echo), "ours")
    assert len(heard.router.widgets.captured("w").outputs) == 1
    heard.router.overhear(message("comm_msg", session="a person's", comm_id="w", data=echo), "ours")
    assert heard.router.widgets.captured("w").outputs == []


def test_what_a_kernel_showed_stays_when_its_process_has_ended(heard: Heard) -> None:
    heard.router.take(heard.first, display("display_data", "50%", "bar"))
    heard.router.close()
    heard.router.overhear(display("update_display_data", "100%", "bar"), "ours")
    heard.router.overhear(message("stream", "r1", name="stdout", text="late\n"), "ours")
    assert told(heard.first) == "50%\n"
