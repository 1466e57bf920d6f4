"""The two forms of a kernel message on a websocket, and what a message is recognised by."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jupyter_server.services.kernels.connection.base import deserialize_binary_message, serialize_binary_message

from jupyter_mcp_proxy.jupyter.messages import (
    Message,
    decode,
    decode_plain,
    encode,
    encode_plain,
    is_about_process,
    is_rate_notice,
    new_message,
    session_of,
)

TEXTS = st.text(st.characters(blacklist_categories=["Cs"]))
OBJECTS = st.dictionaries(TEXTS, st.none() | st.integers(-(2**53), 2**53) | TEXTS, max_size=4)
MESSAGES = st.builds(
    Message, st.sampled_from(["shell", "iopub"]), OBJECTS, OBJECTS, OBJECTS, OBJECTS, st.lists(st.binary(), max_size=3)
)


@given(MESSAGES)
def test_a_message_survives_either_form(message: Message) -> None:
    assert decode(encode(message)) == message
    assert decode_plain(encode_plain(message)) == message


@given(MESSAGES.filter(lambda message: bool(message.buffers)))
def test_the_form_without_a_subprotocol_is_jupyters_own(message: Message) -> None:
    said: dict[str, Any] = {
        "channel": message.channel,
        "header": message.header | {"date": None},
        "parent_header": message.parent,
        "metadata": message.metadata,
        "content": message.content,
        "buffers": message.buffers,
    }
    assert decode_plain(serialize_binary_message(said)).buffers == message.buffers
    ours = encode_plain(message)
    assert isinstance(ours, bytes)
    assert [bytes(buffer) for buffer in deserialize_binary_message(ours)["buffers"]] == message.buffers


@pytest.mark.parametrize("frame", ["[]", "{}", "nonsense", b"", b"\0\0\0\0", b"\0\0\0\x01\0\0\0\x08[]"])
def test_what_is_no_message_is_refused(frame: str | bytes) -> None:
    with pytest.raises(ValueError):
        decode_plain(frame)


def test_a_part_that_is_missing_is_empty() -> None:
    """A gateway's status of a kernel's process comes without some of them."""
    message = decode_plain(json.dumps({"channel": "iopub", "header": {"msg_type": "status"}, "parent_header": None}))
    assert (message.type, message.parent, message.content) == ("status", {}, {})


def stream(text: str, session: str = "ours", name: str = "stderr") -> Message:
    return Message("iopub", {"msg_type": "stream", "session": session}, {}, {}, {"name": name, "text": text})


def test_jupyters_notice_is_recognised_by_what_it_says_to_our_session() -> None:
    notice = "IOPub data rate exceeded.\nThe Jupyter server will temporarily stop sending output\n"
    assert is_rate_notice(stream(notice), "ours")
    assert is_rate_notice(stream("IOPub message rate exceeded.\n"), "ours")
    assert not is_rate_notice(stream(notice, session="the kernel's"), "ours")
    assert not is_rate_notice(stream(notice, name="stdout"), "ours")
    assert not is_rate_notice(stream("a warning of R's"), "ours")


def test_only_jupyter_says_that_a_process_ends_and_it_answers_nobody() -> None:
    def status(state: str, parent: dict[str, Any]) -> Message:
        return Message("iopub", {"msg_type": "status"}, parent, {}, {"execution_state": state})

    assert is_about_process(status("restarting", {}))
    assert is_about_process(status("dead", {}))
    assert not is_about_process(status("starting", {}))
    assert not is_about_process(status("dead", {"msg_id": "1"}))


def test_a_request_tells_its_session() -> None:
    request = new_message("shell", "kernel_info_request", {}, "mcp-proxy-1_2")
    assert session_of(str(request.header["msg_id"])) == "mcp-proxy-1_2"
