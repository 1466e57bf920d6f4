"""What is read of a message that passes by, and how events are taken apart."""

from __future__ import annotations

import json

import pytest
from mcp.shared.inbound import decode_header_value

from jupyter_mcp_proxy.stdio.messages import Events, Message, answered_id, error, header_value, one_line, told_by

VERSION = {"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}


def message(**said: object) -> Message:
    return Message.of(json.dumps({"jsonrpc": "2.0", **said}).encode())


def test_a_request_is_told_from_a_notification_and_from_an_answer() -> None:
    assert message(method="ping", id=0).is_request
    assert message(method="ping", id="").is_request
    assert not message(method="notifications/initialized").is_request
    assert not message(id=1, result={}).is_request


@pytest.mark.parametrize("line", [b"", b"x", b"[]", b'"text"', b"{", b"\xff"])
def test_a_line_that_is_no_object_is_no_message(line: bytes) -> None:
    with pytest.raises(ValueError):
        Message.of(line)


def test_a_request_of_the_new_era_has_its_headers_and_one_of_the_old_era_none() -> None:
    call = message(method="tools/call", id=1, params={"name": "list_cells", **VERSION})
    assert call.headers() == {
        "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "list_cells"
    }  # fmt: skip
    assert message(method="tools/list", id=1, params=VERSION).headers()["Mcp-Method"] == "tools/list"
    assert message(method="tools/call", id=1, params={"name": "list_cells"}).headers() == {}
    assert message(method="tools/call", id=1, params=[]).headers() == {}


@pytest.mark.parametrize("text", ["a", "a b", "größe", " edge ", "", "=?base64?YQ==?=", "a\nb", "☃"])
def test_a_header_says_any_text_as_the_protocol_has_it(text: str) -> None:
    value = header_value(text)
    assert value.isascii()
    assert value.isprintable()
    assert decode_header_value(value) == text


def test_only_a_call_and_an_answer_to_the_server_are_never_said_twice() -> None:
    assert message(method="tools/call", id=1).may_change_something
    assert message(id=1, result={}).may_change_something
    assert not message(method="tools/list", id=1).may_change_something
    assert not message(method="initialize", id=1).may_change_something


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_events_are_the_same_in_whatever_pieces_they_come(size: int) -> None:
    stream = (
        b": a comment\r\n\r\nevent: message\r\nid: 1\r\ndata:\r\n\r\n"
        b'data: {"a":\ndata: 1}\n\nevent: message\ndata:{"b": 2}\nretry: 5\n\ndata: cut off'
    )
    events = Events()
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert [json.loads(data) for piece in pieces for data in events.feed(piece)] == [{"a": 1}, {"b": 2}]


def test_a_message_on_several_lines_becomes_one_that_says_the_same() -> None:
    said = {"text": "two\nlines\r\n", "more": [1, 2]}
    line = one_line(json.dumps(said, indent=2).replace("\n", "\r\n").encode())
    assert b"\n" not in line
    assert json.loads(line) == said


def test_an_answer_is_told_from_what_the_server_asks() -> None:
    assert answered_id(b'{"jsonrpc": "2.0", "id": 1, "result": {}}') == (True, 1, {})
    assert answered_id(error("a", "no")) == (True, "a", {"code": -32001, "message": "no"})
    assert not answered_id(b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}')[0]
    assert not answered_id(b"no JSON")[0]
    assert told_by(b"<html>") == {}
