"""The API with which the connect page makes, lists and revokes tokens: who may ask it, and what makes no sense."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from typing import Any

import anyio
import pytest
from harness import (
    INITIALIZE,
    JupyterProcess,
    StartJupyter,
    as_client,
    connect,
    login_cookie,
    post,
    refused,
)
from harness.tokens import API, make, place_of, store_of
from jupyter_server.auth import passwd

from jupyter_mcp_proxy.cli import main
from jupyter_mcp_proxy.store.signins import SignIns

pytestmark = pytest.mark.anyio


def in_browser(cookie: str, **headers: str) -> dict[str, str]:
    """The headers of a page of the server's own, in a browser that is logged in."""
    xsrf = cookie.split("_xsrf=")[1].split(";")[0]
    return {"Cookie": cookie, "X_XSRFToken": xsrf, "Content_Type": "application/json", **headers}


@pytest.mark.parametrize("how", ["cookie", "token"])
async def test_a_person_makes_lists_and_revokes_tokens(live: JupyterProcess, name: str, how: str) -> None:
    headers = in_browser(login_cookie(live)) if how == "cookie" else as_client()
    status, answered, body = post(
        live, {"name": "<script>alert(1)</script>", "tier": "edit", "days": 7}, API, **headers
    )
    made = json.loads(body)
    assert status == 201, body
    assert answered["content-type"] == "application/json"
    assert answered["x-content-type-options"] == "nosniff"
    assert answered["cache-control"] == "no-store"
    assert (made["name"], made["tier"], made["state"]) == ("<script>alert(1)</script>", "edit", "active")
    assert re.fullmatch(r"jmp_[0-9a-f]{8}_[\w-]{43}", made["token"])
    assert post(live, INITIALIZE, **as_client(made["token"]))[0] == 200
    status, answered, body = post(live, None, API, "GET", **headers)
    assert (status, answered["content-type"]) == (200, "application/json")
    listed = next(token for token in json.loads(body)["tokens"] if token["id"] == made["id"])
    assert listed == {key: value for key, value in made.items() if key != "token"}
    assert made["token"].encode() not in body
    assert b"digest" not in body
    status, _, body = post(live, None, f"{API}/{made['id']}", "DELETE", **headers)
    assert (status, json.loads(body)["state"]) == (200, "revoked")
    refused(post(live, INITIALIZE, **as_client(made["token"])), "was revoked")
    assert made["id"].encode() not in post(live, None, API, "GET", **headers)[2]
    assert made["token"] not in live.log


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400), ([], 400), (b"", 400), (b"{", 400), (b"[" * 9000, 400), ({"name": ""}, 400), ({"name": "a\nb"}, 400),
        ({"name": "x", "tier": "root"}, 400), ({"name": "x", "tier": ["run"]}, 400), ({"name": "x", "days": 0}, 400),
        ({"name": "x", "days": 1000}, 400), ({"name": "x", "days": "7"}, 400), ({"name": "x", "expires": 7}, 400),
        ({"name": "x" * 20000}, 413),
    ],
)  # fmt: skip
async def test_what_makes_no_sense_makes_no_token(live: JupyterProcess, body: Any, status: int) -> None:
    before = store_of(live).read()
    answer = post(live, body, API, **as_client())
    assert answer[0] == status, answer
    assert json.loads(answer[2])["message"]
    assert store_of(live).read() == before


async def test_a_name_is_given_once_and_only_what_is_there_is_revoked(live: JupyterProcess, label: str) -> None:
    assert post(live, {"name": label}, API, **as_client())[0] == 201
    status, _, body = post(live, {"name": label}, API, **as_client())
    assert (status, label in json.loads(body)["message"]) == (409, True)
    for path in (f"{API}/nothing", f"{API}/{urllib.parse.quote(label)}", API):
        assert post(live, None, path, "DELETE", **as_client())[0] == 404, path
    for method, path in (("GET", f"{API}/x"), ("POST", f"{API}/x"), ("PUT", API), ("OPTIONS", API), ("PATCH", API)):
        assert post(live, {}, path, method, **as_client())[0] == 405, (method, path)


@pytest.mark.parametrize(
    "path", ["mcp-proxy/%61pi/tokens", "mcp-proxy//api/tokens", f"{API}/", f"{API}/a/b", "mcp-proxy/api"]
)
async def test_no_other_spelling_of_the_api_gets_there(live: JupyterProcess, path: str) -> None:
    before = store_of(live).read()
    assert post(live, {"name": "x"}, path, **as_client())[0] == 404
    assert store_of(live).read() == before


def calls(token_id: str) -> list[tuple[str, str, Any]]:
    """Every call that a page could be tricked into: the endpoint, and each of the API."""
    return [
        ("POST", "mcp-proxy/mcp", INITIALIZE), ("GET", API, None), ("POST", API, {"name": "forged"}),
        ("DELETE", f"{API}/{token_id}", None),
    ]  # fmt: skip


FORGED = {
    "a form": lambda cookie: in_browser(cookie, Content_Type="application/x-www-form-urlencoded"),
    "a form as plain text": lambda cookie: in_browser(cookie, Content_Type="text/plain"),
    "no type": lambda cookie: {"Cookie": cookie, "X_XSRFToken": in_browser(cookie)["X_XSRFToken"]},
    "no XSRF token": lambda cookie: {"Cookie": cookie, "Content_Type": "application/json"},
    "a wrong XSRF token": lambda cookie: in_browser(cookie, X_XSRFToken="2|00000000|0|0"),
    "a foreign Referer": lambda cookie: {"Cookie": cookie, "Content_Type": "application/json", "Referer": "https://evil.example/"},
    "junk beside the cookie": lambda cookie: in_browser(cookie, Authorization="Bearer junk"),
    "a foreign Origin": lambda cookie: in_browser(cookie, Origin="https://evil.example"),
    "a null Origin": lambda cookie: in_browser(cookie, Origin="null"),
    "a foreign Origin and the right token": lambda cookie: as_client(Origin="https://evil.example"),
    "nothing": lambda cookie: {"Content_Type": "application/json"},
    "a Referer and nothing else": lambda cookie: {"Content_Type": "application/json", "Referer": "{url}"},
}  # fmt: skip


@pytest.mark.parametrize("forged", FORGED)
async def test_another_sites_page_gets_nowhere(live: JupyterProcess, forged: str) -> None:
    """With the login cookie that a browser adds by itself, against the endpoint and each call of the API."""
    store = store_of(live)
    _, victim = store.create(place_of(live), f"victim of {forged}")
    before = store.read()
    headers = {key: value.format(url=live.url) for key, value in FORGED[forged](login_cookie(live)).items()}
    for method, path, body in calls(victim.id):
        if path != "mcp-proxy/mcp" and method != "POST" and ("form" in forged or forged == "no type"):
            continue  # what has no body has no type: a page cannot send these without a preflight, or read the answer
        status, answered, answer = post(live, body, path, method, **headers)
        # Where nothing at all came along, the endpoint says how a client signs in.
        assert status in (401, 403, 415) if path == "mcp-proxy/mcp" else (403, 415), (method, path, status, answer)
        assert answered["content-type"] == "application/json"
        assert "access-control-allow-origin" not in answered
        assert b"victim" not in answer
    assert store.read() == before


async def test_without_authentication_the_same_rules_hold(start_jupyter: StartJupyter) -> None:
    """Whoever reaches such a server may use it; the page of another site, in that person's browser, may not."""
    server = start_jupyter(
        rtc=False, token="", arguments=("--IdentityProvider.token=", "--PasswordIdentityProvider.hashed_password=")
    )
    store = store_of(server)
    secret, victim = store.create(place_of(server), "victim", "read")
    before = store.read()
    # The page itself brings the cookie that its own requests have to show.
    _, answered, _ = post(server, None, "mcp-proxy/", "GET")
    cookie = answered["set-cookie"].split(";")[0]
    assert cookie.startswith("_xsrf=")
    for forged in FORGED:
        if forged in ("junk beside the cookie", "a foreign Origin and the right token"):
            continue  # there is no right and no wrong token here
        for method, path, body in calls(victim.id):
            origin, form = "Origin" in forged, "form" in forged or forged == "no type"
            if not (origin or (form and method == "POST") or (path.startswith(API) and not form)):
                continue
            if method == "GET" and forged == "a Referer and nothing else":
                continue  # a page of this very server
            headers = {key: value.format(url=server.url) for key, value in FORGED[forged](cookie).items()}
            status, _, answer = post(server, body, path, method, **headers)
            assert status in (403, 415), (forged, method, path, answer)
            assert b"victim" not in answer
    assert store.read() == before
    assert post(server, {"name": "mine"}, API, **in_browser(cookie))[0] == 201
    # A scoped token narrows there too, and one that has ended is refused.
    server.write_notebook("a.ipynb", "pass")
    async with connect(server, token=secret) as agent:
        assert "has 'read'" in await agent.fails("execute_ipython", notebook="a.ipynb", code="1")
    store.revoke("victim")
    refused(post(server, INITIALIZE, **as_client(secret)), "was revoked")


# -- other kinds of servers ---------------------------------------------------------------------------


async def test_on_a_server_with_a_password_only(start_jupyter: StartJupyter) -> None:
    """A person logs in with the password and makes a token in the page: no other credential is needed."""
    server = start_jupyter(
        rtc=True, token="", wait=False, arguments=(f"--PasswordIdentityProvider.hashed_password={passwd('open')}",)
    )
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar := CookieJar()))
    status = 0
    with anyio.fail_after(60):
        while status != 200:
            assert server.process.poll() is None, server.log
            try:
                status = browser.open(f"{server.url}login", timeout=5).status
            except OSError:
                await anyio.sleep(0.1)
    xsrf = next(cookie.value for cookie in jar if cookie.name == "_xsrf")
    assert xsrf
    form = urllib.parse.urlencode({"password": "open", "_xsrf": xsrf}).encode()
    browser.open(f"{server.url}login", form, timeout=10).close()
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)
    status, _, body = post(server, {"name": "claude"}, API, **in_browser(cookies))
    assert status == 201, body
    token = json.loads(body)["token"]
    async with connect(server, token=token) as agent:
        await agent.ok("use_notebook", notebook="a.ipynb", create=True)
        assert (await agent.ok("execute_ipython", notebook="a.ipynb", code="6 * 7")).endswith("42")
    assert server.get("api/contents", token=token)[0] == 403
    assert server.get(API, token=token)[0] == 403


async def test_below_a_base_url(start_jupyter: StartJupyter) -> None:
    server = start_jupyter(rtc=False, base_url="/a/b%40c/")
    status, _, body = post(server, {"name": "claude"}, API, **as_client())
    assert status == 201, body
    async with connect(server, token=json.loads(body)["token"]) as agent:
        await agent.ok("list_files")


async def test_the_server_and_other_processes_make_tokens_at_once(live: JupyterProcess, label: str) -> None:
    code = (
        "import sys; from pathlib import Path; from jupyter_mcp_proxy.store.tokens import Place, TokenStore\n"
        "for n in range(10): TokenStore(Path(sys.argv[1])).create(Place(*sys.argv[2:4]), f'{sys.argv[4]} process {n}')"
    )
    place = place_of(live)
    command = [sys.executable, "-c", code, str(store_of(live).file), place.root_dir, place.base_url, label]
    process = await asyncio.create_subprocess_exec(*command)
    answers = await asyncio.gather(
        *(asyncio.to_thread(post, live, {"name": f"{label} api {n}"}, API, **as_client()) for n in range(10))
    )
    assert await process.wait() == 0
    assert [status for status, _, _ in answers] == [201] * 10
    made = {token.name for token in store_of(live).shown(place) if token.name.startswith(label)}
    assert made == {f"{label} {kind} {n}" for kind in ("process", "api") for n in range(10)}
    for _, _, body in answers:
        assert post(live, INITIALIZE, **as_client(json.loads(body)["token"]))[0] == 200


async def test_damaged_sign_ins_leave_the_list_of_tokens_and_say_so(
    start_jupyter: StartJupyter, use: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    server = start_jupyter(rtc=False)
    store, token = store_of(server), make(server, "claude")
    signed_in = SignIns(store).begin(place_of(server), "agent", "run", 1, "ann", "client", 3600).access
    content = json.loads(store.file.read_text())
    content["signins"] = [{"id": "x"}]
    store.file.write_text(json.dumps(content))
    refused(post(server, INITIALIZE, **as_client(signed_in)), "cannot read its list of tokens")
    assert post(server, INITIALIZE, **as_client(token))[0] == 200
    status, _, body = post(server, None, API, "GET", **as_client())
    told = json.loads(body)
    assert (status, [each["name"] for each in told["tokens"]]) == (200, ["claude"])
    assert f"The sign-ins in {store.file} cannot be used" in told["problem"]
    assert post(server, {"name": "more"}, API, **as_client())[0] == 201
    use(server)
    assert main(["token", "list"]) == 1
    shown = capsys.readouterr()
    assert "claude" in shown.out
    assert "The sign-ins in" in shown.err
    status, _, _ = post(server, None, f"{API}/{told['tokens'][0]['id']}", "DELETE", **as_client())
    assert status == 200
    refused(post(server, INITIALIZE, **as_client(token)), "was revoked")
    assert json.loads(store.file.read_text())["signins"] == [{"id": "x"}], "what is damaged is left as it is"
