"""Who is let in, and what whoever is not is told: decided from facts, without a server."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tornado.httputil import HTTPHeaders

from jupyter_mcp_proxy.parent import policy
from jupyter_mcp_proxy.parent.policy import PATHS, Asked, Login, Refused

ENDPOINT, HEALTH, STOP, STATUS = (PATHS[name] for name in ("mcp", "healthz", "api/stop", "api/status"))
JSON = {"Content-Type": "application/json"}
BEARER = {"Authorization": "Bearer abc"}
BY_TOKEN = Login(known=True, by_token=True)
BY_COOKIE = Login(known=True, by_token=False)
UNKNOWN = Login(known=False, by_token=False)
WITHOUT_LOGIN = Login(known=True, by_token=False, enabled=False)


def asked(method: str = "GET", body: bytes = b"", token: str | None = None, **headers: str) -> Asked:
    """A request with these headers, underscores standing for hyphens, and a token in its query."""
    named = HTTPHeaders({name.replace("_", "-"): value for name, value in headers.items()})
    return Asked(method, named, {"token": [token.encode()]} if token else {}, body)


def with_headers(method: str, *headers: dict[str, str], body: bytes = b"") -> Asked:
    merged: dict[str, str] = {}
    for some in headers:
        merged |= some
    return Asked(method, HTTPHeaders(merged), {}, body)


# -- which path -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["%6dcp", "/mcp", "mcp/", "MCP", "mcp ", "api", "api/tokens", "proof", "page.html"])
def test_another_spelling_of_a_path_is_no_path(name: str) -> None:
    assert name not in PATHS
    with pytest.raises(Refused, match="/user/ann/mcp-proxy/mcp, without a slash") as refused:
        policy.meant(PATHS.get(name), asked(), "/user/ann/")
    assert refused.value.status == 404


@pytest.mark.parametrize("name", PATHS)
def test_no_path_is_a_websocket(name: str) -> None:
    assert policy.meant(PATHS[name], asked(), "/") is PATHS[name]
    with pytest.raises(Refused) as refused:
        policy.meant(PATHS[name], asked(upgrade="WebSocket"), "/")
    assert refused.value.status == 405


# -- what a request says --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "token"),
    [
        (asked(authorization="Bearer jmp_1_a"), "jmp_1_a"),
        (asked(authorization="token jmp_1_a "), "jmp_1_a"),
        (asked(authorization="BEARER  jmp_1_a"), "jmp_1_a"),
        (asked(token="jmp_1_a"), "jmp_1_a"),
        (asked(authorization="Bearer jmp_1_a", token="jmp_2_b"), "jmp_1_a"),
        (asked(authorization="Bearer other", token="jmp_2_b"), "jmp_2_b"),
        (asked(authorization="Basic jmp_1_a"), None),
        (asked(authorization="Bearer x", token="y"), None),
        (asked(), None),
    ],
)
def test_a_scoped_token_is_found_where_jupyter_would_look_for_its_own(request_: Asked, token: str | None) -> None:
    assert request_.scoped_token == token


@pytest.mark.parametrize(
    ("kind", "is_json"),
    [
        ("application/json", True),
        ("Application/JSON ; charset=utf-8", True),
        ("application/json-seq", False),
        ("text/plain", False),
        ("", False),
    ],
)
def test_json_is_what_claims_to_be_it(kind: str, is_json: bool) -> None:
    assert asked(content_type=kind).is_json is is_json


@pytest.mark.parametrize(
    ("origin", "host", "matches"),
    [
        (None, "h", True),
        (None, None, True),
        ("https://h", "h", True),
        ("http://H:8888", "h:8888", True),
        ("https://h:8888", "h", False),
        ("https://other", "h", False),
        ("https://h.other", "h", False),
        ("null", "h", False),
        ("https://h", None, False),
    ],
)
def test_a_page_of_another_origin_is_refused(origin: str | None, host: str | None, matches: bool) -> None:
    headers = {name: value for name, value in (("origin", origin), ("host", host)) if value is not None}
    assert policy.origin_matches(origin, host) is matches
    if matches:
        policy.check_origin(asked(**headers))
        return
    with pytest.raises(Refused) as refused:
        policy.check_origin(asked(**headers))
    assert refused.value.status == 403
    assert str(origin) in str(refused.value)


# -- clients --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("login", [BY_TOKEN, WITHOUT_LOGIN])
def test_a_client_with_a_token_or_on_a_server_without_login_is_let_in(login: Login) -> None:
    policy.check_client(ENDPOINT, with_headers("POST", JSON, BEARER), login)
    policy.check_client(ENDPOINT, with_headers("GET", BEARER), login)


@pytest.mark.parametrize(
    ("request_", "login", "status", "message"),
    [
        (with_headers("POST", JSON), UNKNOWN, 403, policy.UNAUTHENTICATED),
        (with_headers("POST", JSON, BEARER), UNKNOWN, 403, policy.REJECTED),
        (asked(token="abc"), UNKNOWN, 403, policy.REJECTED),
        (with_headers("POST", JSON), BY_COOKIE, 403, policy.COOKIE_ONLY),
        (with_headers("POST", JSON, BEARER), BY_COOKIE, 403, policy.REJECTED),
        (with_headers("POST", BEARER), BY_TOKEN, 415, "Send JSON-RPC"),
        (with_headers("POST", BEARER, {"Content-Type": "text/plain"}), WITHOUT_LOGIN, 415, "Send JSON-RPC"),
        (with_headers("POST", BEARER, JSON, body=b' \n[{"jsonrpc": "2.0"}]'), BY_TOKEN, 400, "Send each JSON-RPC"),
    ],
)
def test_every_other_client_is_told_why_not(request_: Asked, login: Login, status: int, message: str) -> None:
    with pytest.raises(Refused) as refused:
        policy.check_client(ENDPOINT, request_, login)
    assert refused.value.status == status
    assert str(refused.value).startswith(message)
    assert refused.value.retry_after == 0


def test_health_is_told_to_whom_jupyter_knows_by_whatever_it_knows_them() -> None:
    policy.check_client(HEALTH, asked(), BY_COOKIE)
    policy.check_client(HEALTH, asked("POST"), BY_TOKEN)
    with pytest.raises(Refused):
        policy.check_client(HEALTH, asked(), UNKNOWN)


# -- people ---------------------------------------------------------------------------------------------


def test_a_token_made_for_an_agent_does_not_open_what_is_for_people() -> None:
    policy.check_no_agent(asked(authorization="Bearer abc"))
    with pytest.raises(Refused, match="tokens made for agents") as refused:
        policy.check_no_agent(asked(token="jmp_1_a"))
    assert refused.value.status == 403


def test_whom_jupyter_knows_and_refuses_lacks_the_xsrf_token() -> None:
    assert str(policy.not_logged_in(True)) == policy.NO_XSRF
    assert str(policy.not_logged_in(False)) == policy.SIGN_IN


@pytest.mark.parametrize(
    ("request_", "login"),
    [
        (asked(), BY_COOKIE),
        (with_headers("GET", BEARER), BY_TOKEN),
        (with_headers("POST", JSON, body=b"x" * 10), BY_COOKIE),
        (with_headers("POST", JSON, BEARER), WITHOUT_LOGIN),
    ],
)
def test_a_person_who_is_logged_in_is_let_in(request_: Asked, login: Login) -> None:
    policy.check_person(request_, login, 10)


@pytest.mark.parametrize(
    ("request_", "login", "status"),
    [
        (asked(), UNKNOWN, 403),
        (with_headers("GET", BEARER), BY_COOKIE, 403),
        (asked("POST"), BY_COOKIE, 415),
        (with_headers("POST", JSON, body=b"x" * 11), BY_COOKIE, 413),
        (asked("DELETE", b"x" * 11), BY_COOKIE, 413),
    ],
)
def test_every_other_person_is_not(request_: Asked, login: Login, status: int) -> None:
    with pytest.raises(Refused) as refused:
        policy.check_person(request_, login, 10)
    assert refused.value.status == status


@pytest.mark.parametrize(
    ("user", "name"),
    [
        (SimpleNamespace(username="ann", name="Ann"), "ann"),
        (SimpleNamespace(username="0" * 32, name="Anonymous Io"), "anonymous"),
        (SimpleNamespace(username="0" * 32, name="Ann"), "0" * 32),
        (SimpleNamespace(username=None), "anonymous"),
        (None, "anonymous"),
    ],
)
def test_a_name_that_jupyter_makes_up_is_nobodys(user: object, name: str) -> None:
    assert policy.username(user) == name


# -- what they may do -----------------------------------------------------------------------------------


def test_a_path_of_the_api_takes_its_method_only() -> None:
    policy.check_method(STATUS, asked("GET"))
    policy.check_method(ENDPOINT, asked("DELETE"))
    with pytest.raises(Refused, match=r"^Use POST here\.$") as refused:
        policy.check_method(STOP, asked("GET"))
    assert refused.value.status == 405


@pytest.mark.parametrize(("tier", "permitted"), [("run", True), ("edit", False), ("read", False), (None, False)])
def test_a_person_stops_only_what_they_may_run(tier: str | None, permitted: bool) -> None:
    if permitted:
        policy.check_tier(STOP, tier)
        return
    with pytest.raises(Refused, match="'run'") as refused:
        policy.check_tier(STOP, tier)
    assert refused.value.status == 403


@pytest.mark.parametrize(
    ("granted", "limit", "tier"),
    [
        ({"read": True, "edit": True, "run": True}, "run", "run"),
        ({"read": True, "edit": True, "run": True}, "edit", "edit"),
        ({"read": True, "edit": False, "run": True}, "run", "read"),
        ({"read": False, "edit": True, "run": True}, "run", None),
        ({}, "read", None),
    ],
)
def test_a_tier_holds_only_where_those_below_it_do(granted: dict[str, bool], limit: str, tier: str | None) -> None:
    assert policy.highest_tier(granted, limit) == tier


def test_of_two_tiers_the_lower_one_holds() -> None:
    assert policy.lower_tier("run", "read") == policy.lower_tier("read", "edit") == "read"


def test_who_may_not_even_read_is_told_so_by_name() -> None:
    assert policy.at_least_read("read", None) == "read"
    with pytest.raises(Refused, match="does not let ann read") as refused:
        policy.at_least_read(None, SimpleNamespace(username="ann"))
    assert refused.value.status == 403
