"""What reaches the sidecar and what comes back: no credential goes there, nobody but us says who calls."""

from __future__ import annotations

import json
import time
import tracemalloc

import pytest
from tornado.httputil import HTTPHeaders

from jupyter_mcp_proxy.contract import (
    CALLER_HEADER,
    IDENTITY_HEADERS,
    SECRET_HEADER,
    TIER_HEADER,
    TOKEN_HEADER,
    TOKEN_NAME_HEADER,
    TOKEN_TIER_HEADER,
    USER_HEADER,
)
from jupyter_mcp_proxy.parent.forwarding import (
    DROPPED_RESPONSE_HEADERS,
    PERHAPS_DONE,
    SMALL_REPLY,
    Address,
    Caller,
    Headers,
    Reply,
    as_events,
    error_reply,
    errors_for,
    fingerprint,
    is_tool_call,
    read,
    request_headers,
    request_ids,
    target,
    told_for_now,
    went_away,
)
from jupyter_mcp_proxy.parent.policy import PATHS, Refused
from jupyter_mcp_proxy.store.tokens import ScopedToken

TOKEN = ScopedToken("1a", "Änne's agent", "edit", "", "", "/", "/", "digest")
ANN = Caller("1a", "änn", "edit", TOKEN)
JUPYTERS_OWN = Caller("fingerprint", "ann", "run", None)
HERE = Address("hub.example:8000", "https", "/user/ann/")
OURS = {SECRET_HEADER: "the secret", TIER_HEADER: "run"}

LARGEST = 16 * 1024 * 1024


def sent(received: dict[str, str], who: Caller = ANN) -> Headers:
    return request_headers(HTTPHeaders(received).get_all(), OURS, who, HERE)


# -- there ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["Authorization", "authorization", "Cookie", "Proxy-Authorization", "X-Xsrftoken", "Origin", "Referer", "Host",
     "X-Forwarded-For", "Connection", "Content-Length", "Transfer-Encoding", "X-Mcp-Something"],
)  # fmt: skip
def test_what_is_not_named_stays_here(name: str) -> None:
    headers = sent({name: "secret value"})
    assert "secret value" not in dict(headers).values()
    assert headers[0] == ("Host", "127.0.0.1")


@pytest.mark.parametrize(
    "name",
    ["Accept", "accept-language", "Content-Type", "Last-Event-ID", "User-Agent", "mcp-session-id", "MCP-Method"],
)
def test_what_mcp_needs_reaches_the_sidecar(name: str) -> None:
    assert "value" in dict(sent({name: "value"})).values()


@pytest.mark.parametrize("name", [*IDENTITY_HEADERS, TIER_HEADER, SECRET_HEADER, "X-Forwarded-Host"])
def test_a_client_cannot_say_who_it_is(name: str) -> None:
    """Each header that we set is there once, with our value."""
    named = [value for found, value in sent({name: "forged", name.lower(): "forged"}) if found.lower() == name.lower()]
    assert len(named) == 1
    assert named != ["forged"]


def test_the_sidecar_is_told_who_calls_and_where() -> None:
    headers = dict(sent({}))
    assert headers[SECRET_HEADER] == "the secret"
    assert headers[TIER_HEADER] == "edit"  # the caller's, not the setting's
    assert headers[USER_HEADER] == "%C3%A4nn"
    assert headers[CALLER_HEADER] == headers[TOKEN_HEADER] == "1a"
    assert headers[TOKEN_NAME_HEADER] == "%C3%84nne%27s%20agent"
    assert headers[TOKEN_TIER_HEADER] == "edit"
    assert headers["X-Forwarded-Host"] == "hub.example:8000"
    assert headers["X-Forwarded-Proto"] == "https"
    assert headers["X-Forwarded-Prefix"] == "/user/ann/mcp-proxy"
    headers = dict(sent({}, JUPYTERS_OWN))
    assert headers[CALLER_HEADER] == "fingerprint"
    assert headers[TOKEN_HEADER] == headers[TOKEN_NAME_HEADER] == headers[TOKEN_TIER_HEADER] == ""


def test_a_fingerprint_tells_two_tokens_apart_and_nothing_else() -> None:
    assert fingerprint("secret", "one") == fingerprint("secret", "one")
    assert len({fingerprint("secret", "one"), fingerprint("secret", "two"), fingerprint("other", "one")}) == 3
    assert len(fingerprint("secret", "")) == 16


def test_the_query_goes_along_without_the_token() -> None:
    mcp = PATHS["mcp"]
    assert target(mcp, {}) == "/mcp"
    assert target(mcp, {"token": [b"abc"]}) == "/mcp"
    assert (
        target(mcp, {"token": [b"abc"], "a b": [b"1", b"&="], "c": ["ä".encode()]})
        == "/mcp?a%20b=1&a%20b=%26%3D&c=%C3%A4"
    )
    assert target(PATHS[""], {"x": [b"\xff"]}) == "/?x=%EF%BF%BD"
    assert target(PATHS["api/status"], {}) == "/api/status"


def test_only_a_tool_call_counts_as_work() -> None:
    call = b'{"jsonrpc":"2.0","id":1,"method":"tools/call"}'
    assert is_tool_call(PATHS["mcp"], call)
    assert not is_tool_call(PATHS["mcp"], b'{"method":"ping"}')
    assert not is_tool_call(PATHS["api/stop"], call)


# -- and back -------------------------------------------------------------------------------------------


def test_what_is_between_the_sidecar_and_us_does_not_come_back() -> None:
    dropped = [(name.title().encode(), b"x") for name in DROPPED_RESPONSE_HEADERS]
    reply = Reply.of([*dropped, (b"Content-Type", b"text/event-stream"), (b"Set-X", b"1"), (b"Set-X", b"\xe4")])
    assert reply.headers == [("Content-Type", "text/event-stream"), ("Set-X", "1"), ("Set-X", "ä")]
    assert not reply.in_one_piece


@pytest.mark.parametrize(("length", "in_one_piece"), [(0, True), (SMALL_REPLY, True), (SMALL_REPLY + 1, False)])
def test_a_small_reply_is_sent_in_one_piece(length: int, in_one_piece: bool) -> None:
    reply = Reply.of([(b"content-length", str(length).encode())])
    assert reply.headers == [("content-length", str(length))]
    assert reply.in_one_piece is in_one_piece


@pytest.mark.parametrize("kind", ["endpoint", "health", None])
def test_an_error_is_json_rpc_that_clients_show(kind: str | None) -> None:
    headers, body = error_reply(kind, 403, Refused(403, "Why."))  # type: ignore[arg-type]
    assert headers == {"Content-Type": "application/json"}
    assert json.loads(body) == {"jsonrpc": "2.0", "id": None, "error": {"code": -32001, "message": "Why."}}


def test_the_page_is_told_an_error_in_json_that_is_not_stored() -> None:
    headers, body = error_reply("api", 405, Refused(405, "Use POST here."))
    assert headers == {"Content-Type": "application/json", "Cache-Control": "no-store"}
    assert json.loads(body) == {"message": "Use POST here."}


@pytest.mark.parametrize(("retry_after", "told"), [(0.0, None), (0.2, "1"), (2.0, "2"), (29.6, "30")])
def test_when_to_try_again_is_told_where_it_is_known(retry_after: float, told: str | None) -> None:
    headers, _ = error_reply("endpoint", 503, Refused(503, "Not yet.", retry_after))
    assert headers.get("Retry-After") == told


def test_an_error_that_nobody_foresaw_has_its_statuss_name() -> None:
    assert json.loads(error_reply("endpoint", 500, None)[1])["error"]["message"] == "Internal Server Error"
    assert json.loads(error_reply("api", 599, None)[1]) == {"message": "The request failed"}


@pytest.mark.parametrize(
    ("body", "status", "id"),
    [
        (b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{}}', 200, 7),
        (b'{"jsonrpc":"2.0","id":"a","method":"ping"}', 200, "a"),
        (b'{"jsonrpc":"2.0","method":"notifications/cancelled"}', 202, None),
        (b'{"jsonrpc":"2.0","id":7,"result":{}}', 202, None),
    ],
)
def test_a_client_in_a_conversation_meets_no_error_status_while_the_sidecar_is_not_there(
    body: bytes, status: int, id: int | str | None
) -> None:
    """Python SDK 1 would take it for the end of its connection."""
    told = told_for_now(read(body, LARGEST), "Not yet.")
    assert told is not None
    assert told[0] == status
    error = {"jsonrpc": "2.0", "id": id, "error": {"code": -32001, "message": "Not yet."}}
    assert (json.loads(told[1]) == error) if status == 200 else told[1] == ""


@pytest.mark.parametrize(
    "body",
    [
        b'{"jsonrpc":"2.0","id":1,"method":"initialize"}', b'{"jsonrpc":"2.0","id":1,"method":"server/discover"}',
        b"", b"nonsense", b"[]", b"{}", b"[" * 100_000,
    ],
)  # fmt: skip
def test_who_only_connects_is_told_by_the_status_that_the_sidecar_is_not_there(body: bytes) -> None:
    assert told_for_now(read(body, LARGEST), "Not yet.") is None


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 20_000_000,
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[' + b"[]," * 4_000_000 + b"[]]}",
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"a":"' + b"x" * 100_000_000 + b'"}}',
    ],
    ids=["deep", "many", "long"],
)
def test_what_the_sidecar_would_not_take_is_not_decoded_here_either(body: bytes) -> None:
    """Decoding the second takes seconds and 500 MB of Jupyter's own process."""
    tracemalloc.start()
    began = time.process_time()
    assert read(body, LARGEST) is None
    took, (_, most) = time.process_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert took < 1
    assert most < 3 * len(body)


def test_a_long_text_is_answered_by_its_id() -> None:
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"a":"' + b"[," * 1_000_000 + b'"}}'
    assert request_ids(read(body, LARGEST)) == [1]


def test_a_sidecar_that_went_away_is_back_in_seconds() -> None:
    assert (went_away().status, went_away().retry_after) == (503, 2.0)


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        (b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{}}', [7]),
        (b'{"jsonrpc":"2.0","id":"a","method":"tools/list"}', ["a"]),
        (b'[{"id":1,"method":"x"},{"id":2,"method":"y"},{"method":"notifications/z"}]', [1, 2]),
        (b'{"jsonrpc":"2.0","method":"notifications/initialized"}', []),
        (b'{"jsonrpc":"2.0","id":7,"result":{}}', []),
        (b'{"id":true,"method":"x"}', []),
        (b"nonsense", []),
        (b"[" * 100_000, []),
    ],
)
def test_who_waits_for_an_answer_stands_in_the_request(body: bytes, ids: list[int | str]) -> None:
    assert request_ids(read(body, LARGEST)) == ids


@pytest.mark.parametrize("sent", [b"", b"a\n\n", b"}\r\n\r\n", b'ta: {"cut'])
def test_an_error_ends_a_stream_as_an_event_of_its_own(sent: bytes) -> None:
    events = (sent + as_events(errors_for([7], "gone"), sent)).replace(b"\r\n", b"\n").split(b"\n\n")
    [line] = [event for event in events if event.startswith(b"event: message\ndata: ")]
    told = json.loads(line.removeprefix(b"event: message\ndata: "))
    assert (told["id"], told["error"]["message"]) == (7, "gone")


def test_a_call_that_may_have_been_carried_out_is_never_advised_to_be_repeated() -> None:
    assert "do not simply call again" in PERHAPS_DONE
    assert "retry" not in PERHAPS_DONE
