"""The Python SDK's client signs in, from the endpoint's URL alone."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from harness import ERAS, SLEEP, JupyterProcess, until
from harness.signing_in import Browser, Kept, refresh, signed_in
from harness.tokens import store_of

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


async def test_a_call_is_hung_up_on_when_its_sign_in_is_ended(live: JupyterProcess, name: str) -> None:
    live.write_notebook(name, SLEEP)
    kept = Kept()
    async with signed_in(live, kept, Browser(live).allow) as agent:
        told = await agent.ok("run_cells", notebook=name, wait=0.1)
        assert kept.tokens is not None
        signin_id = kept.tokens.access_token.split("_")[1]
        execution = told.split(" · ")[0].split("\n")[-1]
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.to_thread.run_sync, lambda: SignIns(store_of(live)).revoke(signin_id))
            with pytest.raises(Exception), anyio.fail_after(20):  # noqa: B017 - the SDK wraps it as it likes
                await agent.ok("wait_execution", execution=execution, wait=60)
