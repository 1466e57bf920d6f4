"""Ways in that are none: what somebody without a right tries on the sign-in, of which nothing is admitted."""

from __future__ import annotations

import html
import re
import secrets
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from harness import INITIALIZE, JupyterProcess, StartJupyter, as_client, login_cookie, post
from harness.signing_in import (
    CALLBACK,
    FORM,
    OAUTH,
    VERIFIER,
    Browser,
    ask,
    authorize_url,
    client_id,
    exchange,
    refresh,
    register,
    sign_in,
    went_to,
)
from harness.tokens import store_of

EVIL = "https://evil.example/callback"


def opens(server: JupyterProcess, token: str) -> bool:
    """Whether a token opens the endpoint."""
    return post(server, INITIALIZE, **as_client(token))[0] == 200


# -- codes ----------------------------------------------------------------------------------------------


def test_a_code_used_twice_is_refused_and_ends_what_came_of_it(live: JupyterProcess) -> None:
    client = client_id(live)
    code = Browser(live).allow(authorize_url(live, client))["code"]
    status, tokens = exchange(live, client, code)
    assert status == 200
    assert opens(live, tokens["access_token"])
    assert exchange(live, client, code)[0] == 400
    assert not opens(live, tokens["access_token"])
    assert refresh(live, client, tokens["refresh_token"])[0] == 400


@pytest.mark.parametrize(
    "changed",
    [
        {"code_verifier": None}, {"code_verifier": ""}, {"code_verifier": "w" * 50}, {"code_verifier": "v" * 42},
        {"redirect_uri": EVIL}, {"redirect_uri": CALLBACK + "/"}, {"client_id": None}, {"client_id": "another"},
        {"resource": "https://evil.example/mcp"}, {"grant_type": "password"},
        {"grant_type": "client_credentials"}, {"grant_type": None},
    ],
)  # fmt: skip
def test_a_code_is_good_for_what_it_was_given_for(live: JupyterProcess, changed: dict[str, str | None]) -> None:
    """And for one attempt: what has failed once is not tried again."""
    client = client_id(live)
    code = Browser(live).allow(authorize_url(live, client))["code"]
    status, told = exchange(live, client, code, **changed)
    assert (status, set(told)) == (400, {"error", "error_description"})
    assert exchange(live, client, "made-up")[0] == 400
    if "grant_type" not in changed:
        assert exchange(live, client, code)[0] == 400


def test_another_clients_code_is_refused(live: JupyterProcess) -> None:
    one, other = client_id(live, client_name="one"), client_id(live, client_name="other")
    code = Browser(live).allow(authorize_url(live, one))["code"]
    assert exchange(live, other, code)[0] == 400


# -- what a client may ask for --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {"code_challenge": None}, {"code_challenge_method": None}, {"code_challenge_method": "plain"},
        {"code_challenge": VERIFIER, "code_challenge_method": "plain"}, {"code_challenge": "short"},
        {"response_type": "token"}, {"response_type": None}, {"resource": "https://evil.example/mcp"},
        {"resource": "mcp-proxy/mcp"}, {"state": "x" * 3000},
    ],
)  # fmt: skip
def test_a_request_that_lacks_something_is_answered_with_an_error_and_no_code(
    live: JupyterProcess, changed: dict[str, str | None]
) -> None:
    _, headers, body = Browser(live).open(authorize_url(live, client_id(live), **changed))
    link = re.search(r'<a id="continue" href="([^"]+)"', body)
    assert link, body
    told = dict(parse_qsl(urlsplit(html.unescape(link[1])).query))
    # The page waits for a click: a link alone shall not open a program of the person's.
    assert "refresh" not in headers
    assert headers["referrer-policy"] == "no-referrer"
    assert told["error"] in ("invalid_request", "unsupported_response_type", "invalid_target")
    assert "code" not in told
    assert "Allow" not in body


def test_no_answer_goes_to_this_server_itself(live: JupyterProcess) -> None:
    redirect = f"{live.url}api/kernels"
    url = authorize_url(live, client_id(live, redirect_uris=[redirect]), redirect_uri=redirect)
    status, headers, _ = Browser(live).open(url)
    assert status == 400
    assert "refresh" not in headers


def test_what_is_no_token_of_ours_writes_nothing(live: JupyterProcess) -> None:
    client, _ = sign_in(live)
    file = store_of(live).file
    before = file.stat().st_ino
    for token in ("junk", "jmr_s00000000_a.b", ""):
        assert refresh(live, client, token)[0] == 400
    assert file.stat().st_ino == before


@pytest.mark.parametrize(
    "redirect",
    [
        EVIL, "http://127.0.0.1:7357/other", "http://127.0.0.1:7357/callback?x=1", "https://127.0.0.1:7357/callback",
        "http://localhost:7357/callback", "http://127.0.0.1@evil.example/callback", "http://127.0.0.1:x/callback",
        "http://127.0.0.1.evil.example/callback", "//evil.example/callback", "javascript:alert(1)", "",
        "http://127.0.0.1:7357/callback#x", "http://127.0.0.1:7357/callback/../callback", "http://127.0.0.1\\@evil/callback",
    ],
)  # fmt: skip
def test_another_redirect_than_the_registered_one_gets_nothing_not_even_an_error(
    live: JupyterProcess, redirect: str
) -> None:
    client = client_id(live, redirect_uris=[CALLBACK, "http://127.0.0.1:1/second"])
    status, headers, body = Browser(live).open(authorize_url(live, client, redirect_uri=redirect))
    assert status == 400
    assert "location" not in headers
    assert "refresh" not in headers
    assert "evil" not in body


def test_the_port_of_a_redirect_on_loopback_is_free(live: JupyterProcess) -> None:
    """A program takes the one that is free (RFC 8252)."""
    other = CALLBACK.replace("7357", "54321")
    status, _, body = Browser(live).open(authorize_url(live, client_id(live), redirect_uri=other))
    assert status == 200
    assert "127.0.0.1:54321" in body


@pytest.mark.parametrize(
    "redirect",
    [
        EVIL, "http://claude.ai/callback", "https://claude.ai.evil.example/", "javascript:alert(1)", "data:text/html,x",
        "file:///etc/passwd", "vbscript:x", "ms-msdt:/id", "https://claude.ai@evil.example/", "http://192.168.0.1/cb",
        "http://0.0.0.0/cb", "https://claude.ai/x#y", "cursor", "", 7, None, ["x"], "x" * 1000,
        "http://127.0.0.1/\r\nX: y", "http://127.0.0.1/<script>", "http://[::1", "http://[::1%;x]/", "com.evil.app:/cb",
    ],
)  # fmt: skip
def test_nobody_registers_a_redirect_that_the_settings_do_not_name(live: JupyterProcess, redirect: object) -> None:
    status, told = register(live, redirect_uris=[redirect])
    assert (status, told["error"]) == (400, "invalid_redirect_uri")
    assert register(live, redirect_uris=[CALLBACK, redirect])[0] == 400


# -- the person -----------------------------------------------------------------------------------------


def test_nobody_is_shown_the_page_without_a_login(live: JupyterProcess) -> None:
    """The login page comes first, and knows the way back."""
    url = authorize_url(live, client_id(live))
    status, headers, _ = Browser(live, cookie="").open(url)
    assert status == 302
    assert headers["location"].startswith("/login?next=%2Fmcp-proxy%2Foauth%2Fauthorize%3F")


def test_consent_needs_the_login_and_the_xsrf_token_of_one_browser(live: JupyterProcess) -> None:
    """Another site's form, another person's login, a form from an older page: none of them consents."""
    browser, other = Browser(live), Browser(live)
    client = client_id(live)
    form = browser.form(browser.open(authorize_url(live, client))[2]) | {"answer": "allow"}
    xsrf_cookie = next(part for part in browser.cookie.split("; ") if part.startswith("_xsrf="))
    for given, cookie, headers in (
        (form, "", {}),
        (form, xsrf_cookie, {}),
        ({**form, "_xsrf": ""}, browser.cookie, {}),
        ({**form, "_xsrf": "2|aaaa|bbbb|1"}, browser.cookie, {}),
        ({name: value for name, value in form.items() if name != "_xsrf"}, browser.cookie, {}),
        (form, other.cookie, {}),
        (form, browser.cookie, {"Origin": "https://evil.example"}),
        (form, browser.cookie, {"Origin": "null"}),
    ):
        status, told, _ = post(
            live, urlencode(given).encode(), f"{OAUTH}/authorize", Content_Type=FORM, **{"Cookie": cookie, **headers}
        )
        assert status in (403, 404), (given, cookie, headers)
        assert "location" not in told
        assert "refresh" not in told
    assert "code=" in went_to(browser.send(form, Origin=f"http://127.0.0.1:{live.port}"))


def test_an_agents_token_consents_to_nothing(live: JupyterProcess) -> None:
    """An agent that may look does not let itself, or another, run code."""
    _, tokens = sign_in(live, tier="read")
    url = authorize_url(live, client_id(live))
    path = url.removeprefix(live.url)
    for headers in ({"Authorization": f"Bearer {tokens['access_token']}"}, {"Authorization": "Bearer jmp_x_y"}):
        assert post(live, None, path, "GET", **headers)[0] == 403
        assert post(live, None, path, "GET", **headers, Cookie=login_cookie(live))[0] == 403
        body = b'{"name": "x", "tier": "run"}'
        assert post(live, body, "mcp-proxy/api/tokens", Content_Type="application/json", **headers)[0] == 403


def test_what_the_person_did_not_see_is_not_allowed(live: JupyterProcess) -> None:
    browser = Browser(live)
    form = browser.form(browser.open(authorize_url(live, client_id(live)))[2]) | {"answer": "allow"}
    for changed in ({"tier": "root"}, {"tier": ""}, {"days": "9999"}, {"days": "nan"}, {"days": "-1"}, {"days": ""}):
        assert browser.send(form | changed)[0] == 400
    for changed in ({"redirect_uri": EVIL}, {"client_id": "x"}):
        status, headers, _ = browser.send(form | changed)
        assert status == 400
        assert "refresh" not in headers
    assert "error=access_denied" in went_to(browser.send(form | {"answer": ""}))
    assert "code=" not in went_to(browser.send(form | {"answer": "deny"}))


def test_no_page_is_put_into_a_frame_runs_a_script_or_is_kept(live: JupyterProcess) -> None:
    browser = Browser(live)
    client = client_id(live, client_name='<script>alert(1)</script>" onload="x')
    status, headers, page = browser.open(authorize_url(live, client))
    assert status == 200
    pages = [
        (headers, page),
        browser.open(authorize_url(live, client, redirect_uri=EVIL))[1:],
        browser.send(browser.form(page) | {"answer": "allow"})[1:],
        browser.send({})[1:],
    ]
    for headers, page in pages:
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert headers["x-frame-options"] == "DENY"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert "<script" not in page
        assert 'onload="' not in page


# -- registrations --------------------------------------------------------------------------------------


def test_a_registration_that_was_changed_or_made_up_is_none(live: JupyterProcess, start_jupyter: StartJupyter) -> None:
    good, browser = client_id(live), Browser(live)
    middle = len(good) // 2
    changed = good[:middle] + ("A" if good[middle] != "A" else "B") + good[middle + 1 :]
    elsewhere = client_id(start_jupyter(rtc=False))
    for bad in (changed, good[:-3], good + "AAAA", "jmc_", "jmc_AAAA", "x", "", elsewhere, "jmc_" + "A" * 100_000):
        if len(bad) < 60_000:  # a longer line is no request at all
            assert browser.open(authorize_url(live, bad))[0] in (400, 414)
    assert browser.open(authorize_url(live, good))[0] == 200


def test_registrations_are_small_and_nothing_is_kept_of_them(live: JupyterProcess) -> None:
    assert register(live, client_name="x" * 1_000_000)[0] == 413
    assert register(live, redirect_uris=[f"http://127.0.0.1/{n}" for n in range(9)])[0] == 400
    status, _, _ = post(live, b"[" * 9_000, f"{OAUTH}/register", Content_Type="application/json")
    assert status == 400
    client_id(live)
    before = store_of(live).file.read_bytes()
    for number in range(200):
        client_id(live, client_name=f"client {number}")
    assert store_of(live).file.read_bytes() == before


@pytest.mark.slow
def test_ten_thousand_registrations_grow_nothing(start_jupyter: StartJupyter) -> None:
    server = start_jupyter(rtc=False)

    def memory() -> int:
        with open(f"/proc/{server.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    for _ in range(500):
        client_id(server)
    files, before = sorted(server.data.rglob("*")), memory()
    for number in range(10_000):
        client_id(server, client_name=f"client {number}")
    assert sorted(server.data.rglob("*")) == files
    assert memory() - before < 5_000


# -- tokens ---------------------------------------------------------------------------------------------


def test_a_refresh_token_used_again_after_its_successor_ends_the_sign_in(live: JupyterProcess) -> None:
    """At once; one whose successor was not used yet, after the moment in which windows of a program may share it."""
    client, first = sign_in(live)
    status, second = refresh(live, client, first["refresh_token"])
    assert status == 200
    assert second["refresh_token"] != first["refresh_token"]
    assert opens(live, second["access_token"])
    status, third = refresh(live, client, second["refresh_token"])
    assert status == 200
    assert refresh(live, client, first["refresh_token"])[0] == 400
    assert not opens(live, third["access_token"])
    assert not opens(live, second["access_token"])
    assert not opens(live, first["access_token"])
    assert refresh(live, client, third["refresh_token"])[0] == 400


def test_a_refresh_token_is_good_for_its_client_and_whole(live: JupyterProcess) -> None:
    """Who has only a part of it, or is another client, neither gets anything nor ends anything."""
    client, tokens = sign_in(live)
    token = tokens["refresh_token"]
    for bad in (
        token[:-1],
        token[:20],
        "",
        "jmr_",
        tokens["access_token"],
        secrets.token_hex(20),
        token.split(".")[0][:-1],
    ):
        assert refresh(live, client, bad)[0] == 400
        if bad == token[:-1]:  # the family was right: somebody has had it
            client, tokens = sign_in(live)
            token = tokens["refresh_token"]
    assert refresh(live, client_id(live), token)[0] == 400
    assert refresh(live, client, token, client_id=None)[0] == 400
    assert refresh(live, client, token, resource="https://evil.example/mcp")[0] == 400
    assert not opens(live, token)
    assert refresh(live, client, token)[0] == 200


def test_a_token_of_one_server_is_none_at_another(live: JupyterProcess, start_jupyter: StartJupyter) -> None:
    """Also where both keep their data in one folder."""
    other = start_jupyter(rtc=False, environment={"JUPYTER_DATA_DIR": str(live.data)})
    client, tokens = sign_in(live)
    assert not opens(other, tokens["access_token"])
    assert refresh(other, client, tokens["refresh_token"], resource=other.endpoint)[0] == 400
    code = Browser(live).allow(authorize_url(live, client))["code"]
    assert exchange(other, client, code, resource=other.endpoint)[0] == 400
    assert opens(live, tokens["access_token"])


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_a_client_ends_its_sign_in_itself(live: JupyterProcess, which: str) -> None:
    client, tokens = sign_in(live)
    assert ask(live, "revoke", token="made-up") == (200, {})
    assert ask(live, "revoke", token=tokens[which][:-1])[0] == 200
    if which == "access_token":
        assert opens(live, tokens["access_token"])
    assert ask(live, "revoke", token=tokens[which]) == (200, {})
    assert not opens(live, tokens["access_token"])
    assert refresh(live, client, tokens["refresh_token"])[0] == 400


# -- names ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["mcp-proxy/.well-known/oauth-protected-resource", f"{OAUTH}/authorize?client_id=x"])
def test_a_host_that_the_server_does_not_go_by_chooses_no_issuer(live: JupyterProcess, path: str) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "evil.example:8888", "a b", "x,y"):
        status, headers, body = post(live, None, path, "GET", Host=host, Cookie="")
        assert status in (400, 403), (host, body)
        assert "location" not in headers
        if host == "evil.example":
            assert b"MCPProxy.public_url" in body
    status, headers, body = post(live, INITIALIZE, Host="evil.example", **as_client(None))
    assert status == 403
    assert "www-authenticate" not in headers
    assert b"MCPProxy.public_url" in body


def test_what_a_proxy_may_add_counts_only_where_jupyter_trusts_it(live: JupyterProcess) -> None:
    status, _, body = post(
        live, None, "mcp-proxy/.well-known/oauth-protected-resource", "GET", X_Forwarded_Host="evil.example",
        X_Forwarded_Proto="https", X_Forwarded_Prefix="/evil", Forwarded="host=evil.example;proto=https",
        X_Original_Host="evil.example",
    )  # fmt: skip
    assert status == 200
    assert b"evil" not in body
    assert b"https" not in body
