"""Scoped tokens on real servers: what they open, what they do not, and how they end."""

from __future__ import annotations

import json
import textwrap
import time
import urllib.parse
import urllib.request
import uuid
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
from harness.sidecars import echo_sidecar
from harness.tokens import API, expired_token, make, place_of, store_of
from mcp.shared.exceptions import MCPError

from jupyter_mcp_proxy.cli import main
from jupyter_mcp_proxy.contract import TIERS
from jupyter_mcp_proxy.tools.server import TOOLS

pytestmark = pytest.mark.anyio


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


async def test_the_sidecar_is_told_which_token_and_gets_no_credential(
    start_jupyter: StartJupyter, tmp_path: Path
) -> None:
    server = start_jupyter(rtc=False, arguments=echo_sidecar(tmp_path))
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
                assert "its token permits no more" in told
                assert "MCPProxy.tier" not in told
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
    # The setting is for agents. A person may still end what may more than it.
    assert post(server, None, f"{API}/{strong.id}", "DELETE", **as_client())[0] == 200


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
        assert "Jupyter's authorizer grants this user no more" in told


async def test_an_expired_a_cut_and_an_unknown_token_get_403_and_the_cure(live: JupyterProcess, label: str) -> None:
    token = make(live, label)
    cure = "python -m jupyter_mcp_proxy token new"
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
        refused(post(live, INITIALIZE, **as_client(secret)), "was revoked", "python -m jupyter_mcp_proxy token new")
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
                post(server, INITIALIZE, **as_client(token)), "made for another server", "jupyter_mcp_proxy token new"
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


async def test_with_the_extension_disabled_no_scoped_token_is_accepted(start_jupyter: StartJupyter) -> None:
    server = start_jupyter(rtc=False, arguments=("--ServerApp.jpserver_extensions=jupyter_mcp_proxy=False",))
    assert post(server, INITIALIZE, **as_client(make(server, "claude")))[0] == 403
    assert post(server, {"name": "x"}, API, **as_client())[0] == 404


async def test_with_the_extension_disabled_nobody_can_say_that_they_came_with_a_token(
    start_jupyter: StartJupyter, tmp_path: Path
) -> None:
    """The stock handler forwards what a client sends; who calls is not for the client to say."""
    disabled = "--ServerApp.jpserver_extensions=jupyter_mcp_proxy=False"
    server = start_jupyter(rtc=False, arguments=(*echo_sidecar(tmp_path), disabled))
    spoofed = {"X_MCP_Proxy_Token": "0", "X_MCP_Proxy_Token_Name": "other", "X_MCP_Proxy_User": "ada"}
    answer = json.loads(post(server, INITIALIZE, **as_client(**spoofed))[2])
    assert [answer[name.lower().replace("_", "-")] for name in spoofed] == ["", "", ""]
