"""The Python SDK's client signs in, from the endpoint's URL alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from harness import (
    ERAS,
    INITIALIZE,
    SLEEP,
    Agent,
    JupyterProcess,
    StartJupyter,
    as_client,
    connect,
    post,
    refused,
    until,
)
from harness.sidecars import silent_sidecar
from harness.signing_in import Browser, Kept, refresh, signed_in
from harness.tokens import place_of, store_of
from mcp.shared.exceptions import MCPError

from jupyter_mcp_proxy.store.audit import lines
from jupyter_mcp_proxy.store.signins import SignIns
from jupyter_mcp_proxy.store.tokens import stamp, utc_now

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("era", ERAS)
async def test_from_the_url_alone_to_a_tool_call(live: JupyterProcess, name: str, era: str) -> None:
    """One click of a person who is logged in; after that the client comes in with what it was given."""
    live.write_notebook(name, "1 + 1")
    kept = Kept()
    async with signed_in(live, kept, Browser(live).allow, era) as agent:
        assert "1 + 1" in await agent.ok("read_cell", notebook=name, cell=0)
    assert kept.tokens is not None
    assert kept.tokens.access_token.startswith("jmp_s")
    assert kept.tokens.scope == "look edit run"
    async with signed_in(live, kept, None, era) as agent:
        assert "2" in await agent.ok("run_cells", notebook=name)


async def test_a_sign_in_survives_a_restart_and_renews_itself(tmp_path: Path) -> None:
    """Neither asks the person again."""
    kept = Kept()
    server = JupyterProcess(tmp_path, rtc=False)
    server.write_notebook("a.ipynb", "1 + 1")
    try:
        async with signed_in(server.wait(), kept, Browser(server).allow) as agent:
            await agent.ok("read_cell", notebook="a.ipynb", cell=0)
            assert kept.tokens is not None
            first = kept.tokens.access_token
            end_access_tokens(server)
            assert kept.provider is not None
            kept.provider.context.token_expiry_time = 1.0  # the client's clock agrees
            await agent.ok("read_cell", notebook="a.ipynb", cell=0)
            assert kept.tokens.access_token != first
    finally:
        server.stop()
    server = JupyterProcess(tmp_path, rtc=False)
    try:
        async with signed_in(server.wait(), kept, None) as agent:
            await agent.ok("read_cell", notebook="a.ipynb", cell=0)
        assert kept.client is not None
        assert kept.client.client_id is not None
        assert kept.tokens.refresh_token is not None
        assert refresh(server, kept.client.client_id, kept.tokens.refresh_token)[0] == 200
        assert len(SignIns(store_of(server)).read()) == 1
    finally:
        server.stop()


def end_access_tokens(server: JupyterProcess) -> None:
    """An hour later: the file says that the access tokens ended a minute ago."""
    content = json.loads(store_of(server).file.read_text())
    for signin in content["signins"]:
        for access in signin["accesses"]:
            access["expires"] = stamp(utc_now() - timedelta(minutes=1))
    store_of(server).file.write_text(json.dumps(content))


async def test_a_client_whose_sign_in_was_ended_asks_the_person_again(live: JupyterProcess, name: str) -> None:
    live.write_notebook(name, "1 + 1")
    kept, browser = Kept(), Browser(live)
    async with signed_in(live, kept, browser.allow) as agent:
        await agent.ok("read_cell", notebook=name, cell=0)
    assert kept.tokens is not None
    SignIns(store_of(live)).revoke(kept.tokens.access_token.split("_")[1])
    async with signed_in(live, kept, browser.allow) as agent:
        await agent.ok("read_cell", notebook=name, cell=0)


async def test_a_client_with_a_document_does_not_register(live: JupyterProcess, name: str) -> None:
    """It comes as Codex does, whose document the server has a copy of."""
    live.write_notebook(name, "1 + 1")
    kept = Kept()
    document = "https://chatgpt.com/oauth/codex/client.json"
    async with signed_in(live, kept, Browser(live).allow, document=document) as agent:
        await agent.ok("read_cell", notebook=name, cell=0)
    assert kept.client is not None
    assert kept.client.client_id == document


@pytest.mark.parametrize("tier", ["read", "edit"])
async def test_a_signed_in_client_may_do_what_was_allowed(live: JupyterProcess, name: str, tier: str) -> None:
    live.write_notebook(name, "1 + 1")
    browser = Browser(live)
    async with signed_in(live, Kept(), lambda url: browser.allow(url, tier=tier)) as agent:
        assert "1 + 1" in await agent.ok("read_cell", notebook=name, cell=0)
        told = await agent.fails("run_cells", notebook=name)
        assert "needs the permission 'run'" in told
        assert "its sign-in permits no more" in told


async def test_the_audit_says_which_sign_in_it_was_and_the_list_when_it_was_used(
    live: JupyterProcess, name: str
) -> None:
    live.write_notebook(name, "1 + 1")
    kept = Kept()
    async with signed_in(live, kept, Browser(live).allow, name=name[:40]) as agent:
        await agent.ok("read_cell", notebook=name, cell=0)
    assert kept.tokens is not None
    signin_id = kept.tokens.access_token.split("_")[1]
    audit = live.data / "mcp-proxy" / "audit.jsonl"
    await until(lambda: any(line.get("token") == f"{name[:40]}, signed in" for line in lines(audit)), 10)
    await until(lambda: next(s for s in SignIns(store_of(live)).read() if s.id == signin_id).used, 10)


@pytest.mark.parametrize("era", ERAS)
async def test_a_call_is_hung_up_on_when_its_sign_in_is_ended(live: JupyterProcess, name: str, era: str) -> None:
    live.write_notebook(name, SLEEP)
    signins = SignIns(store_of(live))
    tokens = signins.begin(place_of(live), "agent", "run", 1, "ann", "client", 3600)
    begun = anyio.Event()

    async def progress(_progress: float, _total: float | None, message: str | None) -> None:
        if message == "begun":
            begun.set()

    async def run(agent: Agent) -> None:
        with pytest.raises(MCPError, match="The sign-in that this token came from has ended"):
            await agent.call("execute_cell", progress, notebook=name, cell=0)

    async with connect(live, era, token=tokens.access) as agent, anyio.create_task_group() as group:
        group.start_soon(run, agent)
        with anyio.fail_after(60):
            await begun.wait()
        signins.revoke(tokens.signin.id)


async def test_one_that_was_not_answered_yet_is_told_to_sign_in_again(
    start_jupyter: StartJupyter, tmp_path: Path
) -> None:
    """As its client's next request would be; whoever has a token that a person made gets no challenge."""
    server = start_jupyter(rtc=False, arguments=silent_sidecar(tmp_path))
    store, signins = store_of(server), SignIns(store_of(server))
    tokens = signins.begin(place_of(server), "agent", "run", 1, "ann", "client", 3600)
    made, token = store.create(place_of(server), "made")
    for secret, end, status, words in (
        (tokens.access, partial(signins.revoke, tokens.signin.id), 401, "sign-in that this token came from has ended"),
        (made, partial(store.revoke, token.id), 403, "This token was revoked"),
    ):
        async with anyio.create_task_group() as group:
            group.start_soon(_after, 1, end)
            answer = await anyio.to_thread.run_sync(partial(post, server, INITIALIZE, **as_client(secret)))
        refused(answer, words, status=status)
        assert ("www-authenticate" in answer[1]) == (status == 401)


async def _after(seconds: float, what: Callable[[], object]) -> None:
    await anyio.sleep(seconds)
    await anyio.to_thread.run_sync(what)
