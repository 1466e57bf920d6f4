"""What never arrived from a kernel is known by the numbers of what did."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_mcp_proxy.execution.executions import Execution
from jupyter_mcp_proxy.jupyter.messages import Message, Piece
from jupyter_mcp_proxy.jupyter.numbering import Numbering


def message(number: int, kind: str = "stream", parent: str = "ours", **content: Any) -> Message:
    channel = "shell" if kind.endswith("_reply") else "iopub"
    return Message(channel, {"msg_id": f"k_7_{number}", "msg_type": kind}, {"msg_id": parent}, {}, content)


def idle(number: int, parent: str) -> Message:
    return message(number, "status", parent, execution_state="idle")


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [([], 0), ([11, 12, 13], 0), ([12, 13], 1), ([11, 14, 14, 14], 2), ([9, 10, 11], 0), ([5011], 5000)],
)
def test_what_is_between_the_numbers_is_missing(numbers: list[int], missing: int) -> None:
    numbering = Numbering()
    numbering.expect("k_7_10")
    for number in numbers:
        numbering.take(message(number))
    assert numbering.missing() == missing


def test_a_reply_to_another_client_is_not_missing() -> None:
    """Its number is taken, and only that client gets it; that the kernel went idle after it, everybody hears."""
    numbering = Numbering()
    numbering.expect("k_7_10")
    for each in (message(11), message(12, "status", "theirs", execution_state="busy"), idle(14, "theirs"), message(15)):
        numbering.take(each)
    assert numbering.missing() == 0


def test_the_reply_that_went_to_a_process_that_is_no_more_is_not_missing() -> None:
    """Ours began before the line broke; another thread of the kernel spoke between its reply and its `idle`."""
    numbering = Numbering()
    numbering.expect("k_7_10")
    for each in (message(11, "error"), message(13, "status", "asked", execution_state="busy"), idle(14, "ours")):
        numbering.take(each)
    assert numbering.missing() == 0


def test_the_replies_to_two_requests_at_once_are_not_missing() -> None:
    numbering = Numbering()
    numbering.expect("k_7_10")
    one, two = (message(n, "status", p, execution_state="busy") for n, p in ((11, "one"), (13, "two")))
    for each in (one, two, idle(15, "one"), idle(16, "two")):
        numbering.take(each)
    assert numbering.missing() == 0, "12 and 14 are replies"


def test_a_reply_that_came_explains_nothing_else() -> None:
    numbering = Numbering()
    numbering.expect("k_7_10")
    for each in (message(12, "status", "asked", execution_state="busy"), message(13, "info_reply"), idle(14, "asked")):
        numbering.take(each)
    assert numbering.missing() == 1


def test_what_is_ahead_of_the_line_that_serves_is_not_a_gap_yet() -> None:
    """A reply overtakes broadcasts, and the websocket beside the ports is ahead of them or behind."""
    numbering = Numbering()
    numbering.expect("k_7_10")
    numbering.take(message(11))
    numbering.take(message(90, "kernel_info_reply"))
    numbering.take(message(95), beside=True)
    assert numbering.missing() == 0


def test_a_message_that_was_cut_is_not_the_newest() -> None:
    execution = Execution("x", "a.ipynb", "k", "")
    execution.feed(message(3, name="stdout", text="one"))
    whole = message(4)
    content = {"name": "stdout", "text": "half"}
    execution.feed(Piece("iopub", whole.header, whole.parent, {}, content, more=True))
    assert execution.newest == "k_7_3"
    execution.feed(Piece("iopub", whole.header, whole.parent, {}, content, offset=4))
    assert execution.newest == "k_7_4"


def test_without_a_beginning_it_counts_from_the_first_message() -> None:
    numbering = Numbering()
    numbering.expect("")
    for number in (100, 101, 103):
        numbering.take(message(number))
    assert numbering.missing() == 1


def test_a_kernel_that_numbers_nothing_or_was_restarted() -> None:
    numbering = Numbering()
    numbering.expect("5be4d3a2-ae34-4d10-9f4b-0c8a1c3f2d11")
    numbering.take(Message("iopub", {"msg_id": "9a1c8f0e-77aa-4f0e-8a50-9d0b0c6b4c11"}, {"msg_id": "ours"}, {}, {}))
    assert numbering.missing() is None
    numbering.expect("k_7_10")
    numbering.take(Message("iopub", {"msg_id": "k_9_500"}, {"msg_id": "ours"}, {}, {}))
    assert numbering.missing() == 0, "another process: what the old one sent is the death's to tell"
