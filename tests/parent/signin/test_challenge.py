"""What the endpoint says to whom: kind of credential × state × client. `docs/behaviour.md` has the same table."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from harness import (
    INITIALIZE,
    REPOSITORY,
    TOKEN,
    JupyterProcess,
    StartJupyter,
    as_client,
    connect,
    login_cookie,
    post,
    refused,
)
from harness.signing_in import refresh, sign_in
from harness.tokens import expired_token, make, place_of, store_of

from jupyter_mcp_proxy.store.signins import SignIns
from jupyter_mcp_proxy.store.tokens import Place, utc_now

pytestmark = pytest.mark.anyio


def credential(server: JupyterProcess, kind: str) -> str | None:
    """What a request has in its Authorization."""
    elsewhere = Place("/elsewhere", "/")
    if kind == "none":
        return None
    if kind == "jupyter, right":
        return TOKEN
    if kind == "jupyter, wrong":
        return "wrong"
    if kind == "scoped, right":
        return make(server, f"matrix {utc_now()}")
    if kind == "scoped, unknown":
        return "jmp_80f6d181_wrong"
    if kind == "scoped, expired":
        return expired_token(server, f"matrix {utc_now()}")
    if kind == "scoped, revoked":
        token, kept = store_of(server).create(place_of(server), f"matrix {utc_now()}")
        store_of(server).revoke(kept.id)
        return token
    if kind == "scoped, elsewhere":
        return store_of(server).create(elsewhere, f"matrix {utc_now()}")[0]
    if kind == "sign-in, right":
        return str(sign_in(server)[1]["access_token"])
    if kind == "sign-in, unknown":
        return "jmp_s80f6d181_wrong"
    if kind == "sign-in, revoked":
        token = str(sign_in(server)[1]["access_token"])
        SignIns(store_of(server)).revoke(token.split("_")[1])
        return token
    if kind == "sign-in, access token expired":
        past = SignIns(store_of(server, now=lambda: utc_now() - timedelta(hours=2)))
        return past.begin(place_of(server), "past", "run", 30, "ann", "client", 3600).access
    if kind == "sign-in, expired":
        past = SignIns(store_of(server, now=lambda: utc_now() - timedelta(days=2)))
        return past.begin(place_of(server), "past", "run", 1, "ann", "client", 3600).access
    if kind == "sign-in, elsewhere":
        return SignIns(store_of(server)).begin(elsewhere, "past", "run", 1, "ann", "client", 3600).access
    assert kind == "sign-in, refresh token"
    return str(sign_in(server)[1]["refresh_token"])


CLIENTS = ("a program", "a program with cookies", "a page of this server", "a page of another origin")
OK, NO, ASK = "let in", "403", "401"
MATRIX = {
    "none": (ASK, NO, NO, NO),
    "jupyter, right": (OK, OK, OK, NO),
    "jupyter, wrong": (NO, NO, NO, NO),
    "scoped, right": (OK, OK, OK, NO),
    "scoped, unknown": (NO, NO, NO, NO),
    "scoped, expired": (NO, NO, NO, NO),
    "scoped, revoked": (NO, NO, NO, NO),
    "scoped, elsewhere": (NO, NO, NO, NO),
    "sign-in, right": (OK, OK, OK, NO),
    "sign-in, access token expired": (ASK, ASK, NO, NO),
    "sign-in, expired": (ASK, ASK, NO, NO),
    "sign-in, revoked": (ASK, ASK, NO, NO),
    "sign-in, elsewhere": (ASK, ASK, NO, NO),
    "sign-in, unknown": (ASK, ASK, NO, NO),
    "sign-in, refresh token": (NO, NO, NO, NO),
}


def headers_of(server: JupyterProcess, client: str) -> dict[str, str]:
    return {
        "a program": {},
        "a program with cookies": {"Cookie": login_cookie(server)},
        "a page of this server": {"Cookie": login_cookie(server), "Origin": server.url.rstrip("/")},
        "a page of another origin": {"Cookie": login_cookie(server), "Origin": "https://evil.example"},
    }[client]


@pytest.mark.parametrize("kind", MATRIX)
def test_who_is_challenged_and_who_is_refused(live: JupyterProcess, kind: str) -> None:
    token = credential(live, kind)
    for client, expected in zip(CLIENTS, MATRIX[kind], strict=True):
        for method in ("POST", "GET"):
            body = INITIALIZE if method == "POST" else None
            answer = post(live, body, method=method, **as_client(token, **headers_of(live, client)))
            if expected == OK:
                assert answer[0] not in (401, 403), (client, answer)
                continue
            refused(answer, status=int(expected))
            assert ("www-authenticate" in answer[1]) == (expected == ASK), (client, answer)
            assert "set-cookie" not in answer[1]


@pytest.mark.parametrize("given", ["", "Bearer ", "Bearer"])
def test_a_header_whose_variable_is_not_set_is_no_wish_to_sign_in(live: JupyterProcess, given: str) -> None:
    answer = post(live, INITIALIZE, **as_client(None, Authorization=given))
    refused(answer, status=403)
    assert "www-authenticate" not in answer[1]


@pytest.mark.parametrize("cookie", ["AWSALB=x; AWSALBCORS=y", "route=1.2.3", "my_xsrf=1; x=username-"])
def test_the_cookies_of_a_load_balancer_are_nobodys(live: JupyterProcess, cookie: str) -> None:
    """Programs that keep cookies send them: without a token they are challenged, with one let in."""
    answer = post(live, INITIALIZE, **as_client(None, Cookie=cookie))
    refused(answer, status=401)
    assert "www-authenticate" in answer[1]
    for kind in ("jupyter, right", "scoped, right", "sign-in, right"):
        assert post(live, INITIALIZE, **as_client(credential(live, kind), Cookie=cookie))[0] == 200, kind
    for more in ("_xsrf=2|a|b|1", "username-localhost-8888=x", "jupyterhub-session-id=x"):
        answer = post(live, INITIALIZE, **as_client(None, Cookie=f"{cookie}; {more}"))
        refused(answer, status=403)
        assert "www-authenticate" not in answer[1]


def test_a_client_of_before_is_told_to_register_anew(live: JupyterProcess) -> None:
    """It keeps its registration for a URL, and asks for another only where it hears `invalid_client`."""
    client, tokens = sign_in(live)
    status, told = refresh(live, f"{client[:-4]}AAAA", tokens["refresh_token"])
    assert (status, told["error"]) == (401, "invalid_client")


async def test_a_sign_in_does_no_more_than_the_settings_of_now_permit(start_jupyter: StartJupyter) -> None:
    server = start_jupyter(rtc=False, environment={"JUPYTER_MCP_PROXY_SIGNIN_TIERS": '["read"]'})
    signins = SignIns(store_of(server))
    wide = signins.begin(place_of(server), "before", "run", 300, "ann", "client", 3600).access
    async with connect(server, token=wide) as agent:
        await agent.ok("list_notebooks")
        assert "run" in await agent.fails("execute_ipython", notebook="a.ipynb", code="1")
    long_ago = SignIns(store_of(server, now=lambda: utc_now() - timedelta(days=40)))
    token = long_ago.begin(place_of(server), "before", "read", 300, "ann", "client", 41 * 24 * 3600).access
    refused(post(server, INITIALIZE, **as_client(token)), status=401)


def test_a_sign_in_made_under_a_clock_far_ahead_does_not_hold_for_years(live: JupyterProcess) -> None:
    ahead = SignIns(store_of(live, now=lambda: utc_now() + timedelta(days=3650)))
    token = ahead.begin(place_of(live), "ahead", "run", 30, "ann", "client", 3600).access
    refused(post(live, INITIALIZE, **as_client(token)), status=401)


def test_the_table_for_people_is_this_one() -> None:
    text = (Path(REPOSITORY) / "docs" / "behaviour.md").read_text()
    rows = re.findall(r"^\| ((?:none|jupyter|scoped|sign-in)[^|]*) \| (.*) \|$", text, re.MULTILINE)
    assert {kind: tuple(cells.split(" | ")) for kind, cells in rows} == MATRIX
    assert f"| | {' | '.join(CLIENTS)} |" in text


def test_the_challenge_names_where_to_sign_in_and_for_what(live: JupyterProcess) -> None:
    challenge = post(live, INITIALIZE, **as_client(None))[1]["www-authenticate"]
    place = f"http://127.0.0.1:{live.port}/mcp-proxy/.well-known/oauth-protected-resource"
    assert challenge == f'Bearer resource_metadata="{place}", scope="look edit run"'
    ended = post(live, INITIALIZE, **as_client("jmp_s80f6d181_wrong"))[1]["www-authenticate"]
    assert ended == f'Bearer error="invalid_token", resource_metadata="{place}", scope="look edit run"'


def test_health_is_not_challenged(live: JupyterProcess) -> None:
    status, headers, _ = post(live, None, "mcp-proxy/healthz", "GET")
    assert status == 403
    assert "www-authenticate" not in headers


PLACES = (
    "mcp-proxy/.well-known/oauth-protected-resource", "mcp-proxy/oauth/.well-known/openid-configuration",
    "mcp-proxy/oauth/authorize", "mcp-proxy/oauth/jwks", "mcp-proxy/oauth/consent.css",
    ".well-known/oauth-protected-resource",
)  # fmt: skip


@pytest.mark.parametrize("how", ["off", "no authentication", "nothing on offer"])
def test_where_nobody_can_sign_in_nothing_of_it_answers(start_jupyter: StartJupyter, how: str) -> None:
    """And the endpoint is as it was before there was signing in."""
    options: dict[str, object] = {
        "off": {"arguments": ("--MCPProxy.signin=False",)},
        "no authentication": {"token": "", "arguments": ("--IdentityProvider.token=",)},
        "nothing on offer": {"arguments": ("--MCPProxy.tier=read", "--MCPProxy.signin_tiers=run")},
    }[how]
    server = start_jupyter(rtc=False, **options)  # type: ignore[arg-type]
    for path in PLACES:
        assert post(server, None, path, "GET")[0] == 404, path
    for path in ("token", "register", "revoke"):
        assert post(server, b"{}", f"mcp-proxy/oauth/{path}")[0] in (403, 404), path
    status, headers, body = post(server, INITIALIZE, **as_client(None))
    assert "www-authenticate" not in headers
    assert status == (200 if how == "no authentication" else 403), body
    if how != "no authentication":
        token = SignIns(store_of(server)).begin(place_of(server), "before", "run", 1, "ann", "client", 3600).access
        refused(post(server, INITIALIZE, **as_client(token)), "switched off")


def test_a_sign_in_ends_by_the_list_at_once_with_both_its_tokens(live: JupyterProcess) -> None:
    client, tokens = sign_in(live)
    listed = json.loads(live.get("mcp-proxy/api/tokens")[1])["tokens"]
    signin = next(each for each in listed if each["id"] == tokens["access_token"].split("_")[1])
    assert signin["name"].startswith("By hand")
    assert (signin["kind"], signin["tier"], signin["state"]) == ("signin", "run", "active")
    status, _, _ = post(live, None, f"mcp-proxy/api/tokens/{signin['id']}", "DELETE", **as_client())
    assert status == 200
    refused(post(live, INITIALIZE, **as_client(tokens["access_token"])), "has ended", status=401)
    assert refresh(live, client, tokens["refresh_token"])[0] == 400
