"""A body that is small and has very many parts holds up nobody: it is refused undecoded."""

from __future__ import annotations

import json
from typing import Any

import pytest
from harness import JupyterProcess
from harness.requests import as_client, post, refused

from jupyter_mcp_proxy.contract import MOST_VALUES, values

MANY = MOST_VALUES + 1
TEXT = 'x = [1, {"a": 2}]  # \\ "\\" [,\n'
"""What a string must not end by, or be counted for."""


def of(value: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": value}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1_000_000,
        b'{"a":' * 1_000_000,
        b'"' * 1_000_000 + b"," * MANY,
        of([0] * MANY),
        of([{}] * MANY),
        of(["\\"] * MANY),
        of({str(key): TEXT for key in range(MANY)}),
        b'{"params":{' + b'"a":1,' * MANY + b'"a":1}}',
    ],
    ids=["deep", "deep objects", "quotes", "numbers", "objects", "backslashes", "keys", "one key"],
)
def test_a_body_of_more_values_than_calls_have_is_counted_as_one(body: bytes) -> None:
    assert values(body) > MOST_VALUES


@pytest.mark.parametrize(
    "value",
    [
        TEXT * MANY,
        [TEXT * 1000] * 100,
        {"a\\": "," * MANY, '"': "[" * MANY},
        [0] * (MOST_VALUES - 10),
        "\\" * MANY + ",",
    ],
    ids=["a long source", "many sources", "odd names", "as many as may be", "backslashes"],
)
def test_a_text_is_one_value_however_long_and_whatever_is_in_it(value: Any) -> None:
    assert values(of(value)) <= MOST_VALUES


def test_a_body_of_very_many_values_is_refused_by_a_server_and_a_long_text_is_not(file: JupyterProcess) -> None:
    call = {"name": "write_file", "arguments": {"path": "long.py", "content": TEXT * 20_000}}
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    sent = as_client(MCP_Protocol_Version="2026-07-28", Mcp_Method="tools/call", Mcp_Name="write_file")
    refused(post(file, of({**call, "more": [0] * MANY, "_meta": meta}), **sent), "100,000 JSON values", status=400)
    assert not (file.root / "long.py").exists()
    answer = post(file, of({**call, "_meta": meta}), **sent)
    assert answer[0] == 200, answer
    assert (file.root / "long.py").read_text() == TEXT * 20_000


@pytest.mark.parametrize("id", ["null", "1.5", "1e3", "true", "[1]", '{"a":1}'])
@pytest.mark.parametrize("method", ["tools/list", "initialize", "nonsense"])
def test_a_request_whose_id_is_no_text_and_no_integer_is_answered_with_an_error(
    file: JupyterProcess, method: str, id: str
) -> None:
    """JSON-RPC has `null` and fractions as ids, MCP has not; who sends one waits for an answer all the same."""
    body = b'{"jsonrpc":"2.0","id":%b,"method":"%b","params":{}}' % (id.encode(), method.encode())
    refused(post(file, body, **as_client()), "`id`", "text or an integer", status=400)


@pytest.mark.parametrize(
    "body",
    [
        b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"id":null}}',
        b'{"jsonrpc":"2.0","method":"notifications/initialized"}',
        b'{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}',
        b'{"jsonrpc":"2.0","id" : -3 ,"method":"ping","params":{"a":{"id":null}}}',
        b'{"jsonrpc":"2.0","id":"null","method":"ping"}',
    ],
    ids=["a parameter", "none", "an answer", "negative", "a text"],
)
def test_what_has_another_id_or_needs_none_is_passed_on(file: JupyterProcess, body: bytes) -> None:
    status, _, answer = post(file, body, **as_client())
    assert b"text or an integer" not in answer
    assert status in (200, 202, 400), answer
