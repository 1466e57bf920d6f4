"""Scoped tokens on real servers: what they open, what they do not, and who may deal with them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import subprocess
import sys
import textwrap
import time
import urllib.parse
import urllib.request
import uuid
from datetime import timedelta
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import anyio
import pytest
from harness import (
    ERAS,
    INITIALIZE,
    TOKEN,
    Agent,
    JupyterProcess,
    StartJupyter,
    as_client,
    connect,
    login_cookie,
    post,
    refused,
    sample_arguments,
    text,
)
from jupyter_server.auth import passwd
from mcp.shared.exceptions import MCPError

from jupyter_mcp_proxy.cli import main
from jupyter_mcp_proxy.contract import TIERS
from jupyter_mcp_proxy.store.tokens import Place, TokenStore, utc_now
from jupyter_mcp_proxy.tools.server import TOOLS

pytestmark = pytest.mark.anyio

API = "mcp-proxy/api/tokens"


def store_of(server: JupyterProcess, **how: Any) -> TokenStore:
    return TokenStore(server.data / "mcp-proxy" / "tokens.json", **how)


def place_of(server: JupyterProcess) -> Place:
    return Place.of(str(server.root), server.base_url)


def make(server: JupyterProcess, name: str, tier: str = "run", **how: Any) -> str:
    """A new token of a server, made as the command line does it."""
    return store_of(server).create(place_of(server), name, tier, **how)[0]


@pytest.fixture
def label() -> str:
    """A token's name that no other test uses."""
    return f"agent {secrets.token_hex(4)}"


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the command line find a server."""

    def use(server: JupyterProcess) -> None:
        monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(server.runtime))
        monkeypatch.setenv("JUPYTER_DATA_DIR", str(server.data))
        monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX", raising=False)

    return use


# -- what it opens ------------------------------------------------------------------------------------


@pytest.mark.parametrize("era", ERAS)
async def test_a_scoped_token_opens_the_endpoint(server: JupyterProcess, name: str, label: str, era: str) -> None:
    token = make(server, label)
    async with connect(server, era, token=token) as agent:
        await agent.ok("use_notebook", notebook=name, create=True)
        told = await agent.ok("insert_execute_code_cell", notebook=name, source="6 * 7")
        assert told.endswith("\n42")
    assert token not in server.log


async def test_each_of_jupyters_ways_to_send_a_token_works_for_it(live: JupyterProcess, label: str) -> None:
    token = make(live, label)
    for headers, path in (
        (as_client(None, Authorization=f"Bearer {token}"), "mcp-proxy/mcp"),
        (as_client(None, Authorization=f"token {token}"), "mcp-proxy/mcp"),
        (as_client(None), f"mcp-proxy/mcp?token={token}"),
    ):
        status, answered, body = post(live, INITIALIZE, path=path, **headers)
        assert status == 200, body
        assert "set-cookie" not in answered, "a token must not turn into a login"
    assert token not in live.log


async def test_beside_another_credential_the_scoped_token_decides(live: JupyterProcess, label: str) -> None:
    """A better credential in the same request, such as a browser's cookie, does not widen it."""
    cookie = login_cookie(live)
    expired = expired_token(live, label)
    refused(post(live, INITIALIZE, **as_client(expired, Cookie=cookie)), "has expired")
    refused(post(live, INITIALIZE, path=f"mcp-proxy/mcp?token={TOKEN}", **as_client(expired)), "has expired")
    refused(post(live, INITIALIZE, path=f"mcp-proxy/mcp?token={expired}", **as_client(TOKEN)), "has expired")


async def test_two_tokens_are_two_clients_though_they_have_one_name(
    live: JupyterProcess, name: str, label: str
) -> None:
    """What one agent has opened is not the other's: the sidecar can tell their tokens apart."""
    live.write_notebook(name, "pass")
    async with (
        connect(live, token=make(live, f"{label} 1"), name="twin") as one,
        connect(live, token=make(live, f"{label} 2"), name="twin") as other,
    ):
        await one.ok("use_notebook", notebook=name)
        assert "pass" in await one.ok("list_cells")
        assert "pass" not in await other.fails("list_cells")


ECHO_SIDECAR = '''#!{python}
"""A sidecar that tells which headers reach it."""
import os, sys, threading, time
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from jupyter_mcp_proxy.sidecar.guard import Guard

async def answer(request):
    return JSONResponse({{**request.headers, "query": str(request.query_params)}})

def end_with_parent():
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)

app = Starlette(routes=[Route("/mcp", answer, methods=["GET", "POST"]), Route("/healthz", answer)])
threading.Thread(target=end_with_parent, daemon=True).start()
uvicorn.run(Guard(app, os.environ["JUPYTER_MCP_PROXY_SECRET"]), host="127.0.0.1", port=int(sys.argv[-1]),
            log_level="warning")
'''


def echo_sidecar(folder: Path) -> Path:
    program = folder / "echo-sidecar"
    program.write_text(ECHO_SIDECAR.format(python=sys.executable))
    program.chmod(0o755)
    return program


async def test_the_sidecar_is_told_which_token_and_gets_no_credential(
    start_jupyter: StartJupyter, tmp_path: Path
) -> None:
    server = start_jupyter(rtc=False, arguments=(f"--MCPProxy.python={echo_sidecar(tmp_path)}",))
    secret, token = store_of(server).create(place_of(server), "Näme & <b>", "edit")
    spoofed = {"X_MCP_Proxy_Token": "0", "X_MCP_Proxy_Token_Name": "other", "X_MCP_Proxy_Tier": "run"}
    answer = json.loads(post(server, INITIALIZE, path=f"mcp-proxy/mcp?token={secret}", **as_client(None, **spoofed))[2])
    assert answer["x-mcp-proxy-token"] == token.id
    assert urllib.parse.unquote(answer["x-mcp-proxy-token-name"]) == "Näme & <b>"
    assert answer["x-mcp-proxy-tier"] == "edit"
    assert answer["x-mcp-proxy-caller"] == token.id
    assert answer["x-mcp-proxy-user"]
    assert not {"authorization", "cookie"} & set(answer)
    assert secret.split("_", 2)[2] not in json.dumps(answer)
    assert TOKEN not in json.dumps(answer)
    with_own = json.loads(post(server, INITIALIZE, **as_client(**spoofed))[2])
    assert (with_own["x-mcp-proxy-token"], with_own["x-mcp-proxy-token-name"]) == ("", "")
    assert with_own["x-mcp-proxy-caller"] != token.id


# -- what it does not open ----------------------------------------------------------------------------


ELSEWHERE = [
    ("GET", "api/contents"), ("PUT", "api/contents/x.txt"), ("GET", "api/terminals"), ("POST", "api/terminals"),
    ("GET", "api/kernels"), ("POST", "api/kernels"), ("GET", "api/sessions"), ("GET", "api/me"), ("GET", "api/status"),
    ("POST", "api/shutdown"), ("GET", "files/x.txt"), ("GET", "lab"), ("GET", "mcp-proxy/"),
    ("GET", "mcp-proxy/healthz"), ("GET", API), ("POST", API), ("DELETE", f"{API}/00000000"),
    ("GET", "server-proxy/servers-info"), ("GET", "proxy/8888/"), ("PUT", "api/collaboration/session/x.ipynb"),
    ("POST", "mcp-proxy/%6dcp/"), ("POST", "mcp-proxy//mcp"), ("POST", "mcp-proxy/mcp/"), ("POST", "mcp-proxy/MCP"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), ELSEWHERE, ids=[f"{method} {path}" for method, path in ELSEWHERE])
async def test_a_scoped_token_opens_nothing_else(live: JupyterProcess, method: str, path: str) -> None:
    """Whatever path it is: the answer is the one that a token gets which nobody knows, or a refusal."""
    token = make(live, f"elsewhere {method} {path}")
    (live.root / "x.txt").write_text("the file")

    def asked(token: str, where: str) -> tuple[int, str]:
        headers = {"Content_Type": "application/json"}
        if where != "query":
            headers["Authorization"] = f"{where} {token}"
        target = f"{path}?token={token}" if where == "query" else path
        status, answered, body = post(live, {}, target, method, **headers)
        assert b"the file" not in body
        return status, answered.get("location", "").partition("?")[0]

    for where in ("Bearer", "token", "query"):
        status, location = asked(token, where)
        assert (status, location) == asked("junk", where)
        assert status in (403, 404) or (status == 302 and location.endswith("/login")), status
    assert live.process.poll() is None


@pytest.mark.parametrize("path", ["api/kernels/{}/channels", "api/events/subscribe", "terminals/websocket/1"])
async def test_a_scoped_token_opens_no_websocket(live: JupyterProcess, path: str) -> None:
    token = make(live, path)
    headers = {
        "Authorization": f"Bearer {token}", "Connection": "Upgrade", "Upgrade": "websocket",
        "Sec-WebSocket-Key": "x" * 22 + "==", "Sec-WebSocket-Version": "13",
    }  # fmt: skip
    assert post(live, None, path.format(uuid.uuid4()), "GET", **headers)[0] == 403


async def test_the_paths_of_that_list_are_there_for_jupyters_own_token(live: JupyterProcess) -> None:
    """Else the refusals above would say nothing."""
    (live.root / "x.txt").write_text("the file")
    for path in ("api/contents", "api/terminals", "api/kernels", "files/x.txt", "lab", "mcp-proxy/", API):
        assert live.get(path)[0] == 200, path


# -- tiers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tier", TIERS)
async def test_a_token_permits_its_tier_and_no_tool_beyond(file: JupyterProcess, tier: str) -> None:
    """Every tool of the catalogue: refused by the tier if it needs a higher one, and by nothing of that kind if not."""
    path = file.write_notebook(f"tier-{tier}.ipynb", "1 + 1")
    before = path.read_text()
    async with connect(file, token=make(file, f"tier {tier}", tier)) as agent:
        assert {tool.name for tool in (await agent.client.list_tools()).tools} == set(TOOLS)
        refusals = 0
        for name, spec in TOOLS.items():
            if TIERS.index(spec.tier) > TIERS.index(tier):
                told = text(await agent.call(name, **sample_arguments(name, path.name)))
                assert f"needs the permission {spec.tier!r}; this connection has {tier!r}" in told
                refusals += 1
            elif name == "complete_code" and tier != "run":  # kernels import what they complete
                assert "needs the permission 'run'" in text(await agent.call(name, **sample_arguments(name, path.name)))
            elif spec.tier == tier:
                told = text(await agent.call(name, **sample_arguments(name, "not-there.ipynb")))
                assert "needs the permission" not in told
        assert (refusals > 0) is (tier != "run")
    assert path.read_text() == before


async def test_a_token_permits_no_more_than_the_setting(start_jupyter: StartJupyter) -> None:
    server = start_jupyter(rtc=False, arguments=("--MCPProxy.tier=read",))
    server.write_notebook("a.ipynb", "1 + 1")
    async with connect(server, token=make(server, "strong")) as agent:
        assert "has 'read'" in await agent.fails("execute_ipython", notebook="a.ipynb", code="1")
    answer = post(server, {"name": "x", "tier": "edit"}, API, **as_client())
    assert (answer[0], json.loads(answer[2])["message"]) == (
        403, "A token that may 'edit' is beyond what you may do here, which is 'read'."
    )  # fmt: skip
    status, _, body = post(server, {"name": "x"}, API, **as_client())
    assert (status, json.loads(body)["tier"]) == (201, "read")
    assert json.loads(server.get(API)[1])["tiers"] == ["read"]
    strong = store_of(server).shown()[0]
    assert post(server, None, f"{API}/{strong.id}", "DELETE", **as_client())[0] == 403


AUTHORIZER = """
from jupyter_server.auth import Authorizer

class NoKernels(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        assert user is not None
        return resource == "contents"
"""


async def test_a_token_permits_no_more_than_jupyters_authorizer(start_jupyter: StartJupyter, tmp_path: Path) -> None:
    (tmp_path / "no_kernels.py").write_text(AUTHORIZER)
    server = start_jupyter(
        rtc=False,
        arguments=("--ServerApp.authorizer_class=no_kernels.NoKernels",),
        environment={"PYTHONPATH": str(tmp_path)},
    )
    server.write_notebook("a.ipynb", "1 + 1")
    status, _, body = post(server, {"name": "x", "tier": "run"}, API, **as_client())
    assert status == 403, body
    token = make(server, "strong")
    async with connect(server, token=token) as agent:
        told = await agent.fails("execute_ipython", notebook="a.ipynb", code="1")
        assert "needs the permission 'run'; this connection has 'edit'" in told


# -- its end ------------------------------------------------------------------------------------------


def expired_token(server: JupyterProcess, name: str) -> str:
    past = store_of(server, now=lambda: utc_now() - timedelta(days=2))
    return past.create(place_of(server), name, days=1)[0]


async def test_an_expired_a_cut_and_an_unknown_token_get_403_and_the_cure(live: JupyterProcess, label: str) -> None:
    token = make(live, label)
    cure = "jupyter mcp-proxy token new"
    for method in ("POST", "GET", "DELETE"):
        refused(
            post(live, INITIALIZE, method=method, **as_client(expired_token(live, f"{label} {method}"))),
            "expired",
            cure,
        )
        for wrong in (token[:-1], token[:15], "jmp_", f"jmp_{'0' * 8}_{token.split('_', 2)[2]}"):
            refused(post(live, INITIALIZE, method=method, **as_client(wrong)), "does not know this token", cure)


async def test_a_token_that_ends_while_the_server_runs_is_refused_from_then_on(
    live: JupyterProcess, label: str
) -> None:
    token = make(live, label, days=2 / 86400)
    assert post(live, INITIALIZE, **as_client(token))[0] == 200
    with anyio.fail_after(10):
        while (answer := post(live, INITIALIZE, **as_client(token)))[0] == 200:
            await anyio.sleep(0.1)
    refused(answer, "has expired")


@pytest.mark.parametrize("how", ["command", "api"])
async def test_after_it_was_revoked_the_next_call_is_refused(
    live: JupyterProcess, label: str, how: str, use: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    secret, token = store_of(live).create(place_of(live), label)
    use(live)
    async with connect(live, "legacy", token=secret) as agent:
        await agent.ok("list_files")
        if how == "command":
            assert main(["token", "revoke", label]) == 0
            assert token.id in capsys.readouterr().out
        else:
            assert post(live, None, f"{API}/{token.id}", "DELETE", **as_client())[0] == 200
        refused(post(live, INITIALIZE, **as_client(secret)), "was revoked", "jupyter mcp-proxy token new")
        with pytest.raises(Exception):  # noqa: B017 - whatever the client makes of a 403
            await agent.call("list_files")


@pytest.mark.parametrize("era", ERAS)
async def test_what_an_agent_waits_for_ends_with_its_token(
    live: JupyterProcess, name: str, label: str, era: str
) -> None:
    """Revoking is meant for an agent that does the wrong thing: the cell it is in is interrupted."""
    mark = live.home / f"{name}.interrupted"
    source = f"""
        import time
        try:
            print("begun", flush=True)
            time.sleep(60)
        except KeyboardInterrupt:
            open({str(mark)!r}, "w").close()
            raise
    """
    live.write_notebook(name, textwrap.dedent(source))
    secret, token = store_of(live).create(place_of(live), label)
    begun, ended = anyio.Event(), anyio.Event()

    async def progress(_progress: float, _total: float | None, message: str | None) -> None:
        if message == "begun":
            begun.set()

    async def run(agent: Agent) -> None:
        with pytest.raises(MCPError):
            await agent.call("execute_cell", progress, notebook=name, cell=0)
        ended.set()

    async with connect(live, era, token=secret) as agent, anyio.create_task_group() as group:
        group.start_soon(run, agent)
        with anyio.fail_after(60):
            await begun.wait()
        store_of(live).revoke(token.id)
        revoked = time.time()
        with anyio.fail_after(20):
            while not mark.exists():
                await anyio.sleep(0.02)
            await ended.wait()
    assert mark.stat().st_mtime - revoked < 2


async def test_a_token_survives_a_restart_and_is_good_for_no_other_server(tmp_path: Path) -> None:
    """One data directory, servers with other root folders and base URLs beside it."""
    home = tmp_path / "home"
    environment = {"JUPYTER_DATA_DIR": str(home / "data")}
    first = JupyterProcess(home, rtc=False)
    try:
        token = make(first.wait(), "claude")
        assert post(first, INITIALIZE, **as_client(token))[0] == 200
    finally:
        first.stop()
    servers = [
        JupyterProcess(home, rtc=False),
        JupyterProcess(tmp_path / "other", rtc=False, environment=environment),
        JupyterProcess(home, rtc=False, base_url="/user/ada/"),
        JupyterProcess(tmp_path / "stranger", rtc=False),
    ]
    try:
        again, other_root, other_url, stranger = [server.wait() for server in servers]
        assert again.port != first.port
        async with connect(again, token=token) as agent:
            await agent.ok("list_files")
        for server in (other_root, other_url):
            refused(
                post(server, INITIALIZE, **as_client(token)), "made for another server", "jupyter mcp-proxy token new"
            )
            assert json.loads(server.get(API)[1])["tokens"] == []
        refused(post(stranger, INITIALIZE, **as_client(token)), "does not know this token")
    finally:
        for server in servers:
            server.stop()


async def test_a_damaged_file_closes_the_endpoint_to_scoped_tokens_only(start_jupyter: StartJupyter, use: Any) -> None:
    server = start_jupyter(rtc=False)
    token = make(server, "claude")
    store = store_of(server)
    whole = store.file.read_bytes()
    store.file.write_bytes(whole[:-20])
    refused(post(server, INITIALIZE, **as_client(token)), "cannot read its list of tokens")
    assert f"{store.file}, the file of the scoped tokens, cannot be used: it is damaged" in server.log
    assert post(server, INITIALIZE, **as_client())[0] == 200
    for body, method, path in ((None, "GET", API), ({"name": "x"}, "POST", API), (None, "DELETE", f"{API}/x")):
        status, _, answer = post(server, body, path, method, **as_client())
        assert (status, "is damaged" in json.loads(answer)["message"]) == (500, True)
    use(server)
    assert main(["token", "new", "--name", "x"]) == 1
    assert main(["token", "list"]) == 1
    assert store.file.read_bytes() == whole[:-20]
    store.file.write_bytes(whole)
    assert post(server, INITIALIZE, **as_client(token))[0] == 200


# -- the page's API -----------------------------------------------------------------------------------


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
        assert status in (403, 415), (method, path, status, answer)
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


async def test_with_the_extension_disabled_no_scoped_token_is_accepted(start_jupyter: StartJupyter) -> None:
    server = start_jupyter(rtc=False, arguments=("--ServerApp.jpserver_extensions=jupyter_mcp_proxy=False",))
    assert post(server, INITIALIZE, **as_client(make(server, "claude")))[0] == 403
    assert post(server, {"name": "x"}, API, **as_client())[0] == 404


async def test_with_the_extension_disabled_nobody_can_say_that_they_came_with_a_token(
    start_jupyter: StartJupyter, tmp_path: Path
) -> None:
    """The stock handler forwards what a client sends; who calls is not for the client to say."""
    disabled = "--ServerApp.jpserver_extensions=jupyter_mcp_proxy=False"
    server = start_jupyter(rtc=False, arguments=(f"--MCPProxy.python={echo_sidecar(tmp_path)}", disabled))
    spoofed = {"X_MCP_Proxy_Token": "0", "X_MCP_Proxy_Token_Name": "other", "X_MCP_Proxy_User": "ada"}
    answer = json.loads(post(server, INITIALIZE, **as_client(**spoofed))[2])
    assert [answer[name.lower().replace("_", "-")] for name in spoofed] == ["", "", ""]


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


# -- the command line ---------------------------------------------------------------------------------


async def test_the_command_makes_a_token_and_the_line_for_claude(
    file: JupyterProcess, label: str, use: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    use(file)
    assert main(["token", "new", "--name", label, "--tier", "read", "--days", "0.5"]) == 0
    out, err = capsys.readouterr()
    token, _, line = out.splitlines()
    assert line == f'claude mcp add --transport http jupyter {file.endpoint} --header "Authorization: Bearer {token}"'
    assert token not in err
    assert "not shown again" in err
    async with connect(file, token=token) as agent:
        await agent.ok("list_files")
    made = next(kept for kept in store_of(file).shown() if kept.name == label)
    assert (made.tier, made.maker) == ("read", "")
    assert main(["token", "new", "--name", label]) == 1
    assert "Choose another name" in capsys.readouterr().err
    assert main(["token", "list"]) == 0
    out = capsys.readouterr().out
    (row,) = [row for row in out.splitlines() if made.id in row]
    assert re.search(rf"^{made.id}  read  until \S+ UTC  {re.escape(label)}  \(.*, /\)$", row)
    assert token.split("_", 2)[2] not in out
    assert main(["token", "revoke", made.id]) == 0
    assert main(["token", "revoke", made.id]) == 1
    assert "There is no token" in capsys.readouterr().err


def test_the_command_prints_json_for_other_clients(
    file: JupyterProcess, label: str, use: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    use(file)
    assert main(["token", "new", "--name", label, "--client", "json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["mcpServers"].values()
    token = entry["headers"]["Authorization"].removeprefix("Bearer ")
    assert post(file, INITIALIZE, **as_client(token))[0] == 200


def test_of_several_servers_one_is_named(
    file: JupyterProcess, live: JupyterProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, label: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for server in (file, live):
        (info,) = server.runtime.glob("jpserver-*.json")
        (tmp_path / info.name).write_text(info.read_text())
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(live.data))
    assert main(["token", "new", "--name", label]) == 1
    err = capsys.readouterr().err
    assert f"--server {file.url}" in err
    assert f"--server {live.url}" in err
    assert main(["token", "new", "--name", label, "--server", "1"]) == 1
    assert "No running server has" in capsys.readouterr().err
    for number, which in enumerate((live.url, live.url[:-1], live.endpoint, str(live.port), str(live.root))):
        assert main(["token", "new", "--name", f"{label} {number}", "--server", which]) == 0, which
        assert live.endpoint in capsys.readouterr().out
    # That server keeps its data elsewhere: a token that it would never know is not left behind.
    before = [token.id for token in store_of(live).shown()]
    assert main(["token", "new", "--name", label, "--server", file.url]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "JUPYTER_DATA_DIR" in err
    assert [token.id for token in store_of(live).shown()] == before


def test_without_a_server_or_a_token_the_command_says_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    assert main(["token", "new", "--name", "x"]) == 1
    assert "jupyter lab" in capsys.readouterr().err
    assert main(["token", "list"]) == 0
    assert "token new" in capsys.readouterr().err
    assert main(["token", "revoke", "x"]) == 1
    assert not (tmp_path / "data" / "mcp-proxy" / "tokens.json").exists() or os.listdir(tmp_path / "data")
    for wrong in (["token"], ["token", "new"], ["token", "new", "--name", "x", "--tier", "root"]):
        with pytest.raises(SystemExit) as ended:
            main(wrong)
        assert ended.value.code == 2


def test_a_server_without_the_package_is_named(
    start_jupyter: StartJupyter, use: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    server = start_jupyter(rtc=False, arguments=("--ServerApp.jpserver_extensions=jupyter_mcp_proxy=False",))
    use(server)
    assert main(["token", "new", "--name", "x"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "jupyter server extension enable jupyter_mcp_proxy" in err
    assert not store_of(server).file.exists()


def test_the_secret_is_in_no_argument_list(file: JupyterProcess, label: str) -> None:
    """Not even in that of the command which makes it: another user of the machine could read it there."""
    environment = os.environ | {"JUPYTER_RUNTIME_DIR": str(file.runtime), "JUPYTER_DATA_DIR": str(file.data)}
    done = subprocess.run(
        [sys.executable, "-m", "jupyter_mcp_proxy", "token", "new", "--name", label],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    token = done.stdout.splitlines()[0]
    every = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not any(token.encode() in command for command in every)
