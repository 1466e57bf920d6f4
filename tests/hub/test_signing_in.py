"""Signing in behind a real JupyterHub, wherever that is: the login is the Hub's, each URL is the server's own."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from harness import until
from harness.hub import USERS, Hub
from harness.machine import own_world
from harness.piped import Piped
from harness.tls import tls_before
from harness.whole_way import MCP_HEADERS, Way, http_client, whole_way

from jupyter_mcp_proxy.store.grants import Grants

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}


@asynccontextmanager
async def person(hub_url: str, user: str, verify: Any = True) -> AsyncIterator[Any]:
    """The browser of a person who has logged in at the Hub, and nowhere else yet."""
    async with http_client(verify) as http:
        await http.get(f"{hub_url}hub/login")
        form = {"username": user, "password": "any", "_xsrf": http.cookies["_xsrf"]}
        response = await http.post(f"{hub_url}hub/login?next={hub_url}hub/home", data=form)
        assert response.status_code == 302, response.text
        yield http


@pytest.fixture
async def elsewhere(request: pytest.FixtureRequest, proxy: str, tmp_path: Path) -> AsyncIterator[Hub]:
    """A Hub that is not where the others are."""
    hub = Hub(tmp_path, proxy, users=("alice",), **request.param)
    try:
        yield await asyncio.to_thread(hub.wait)
    finally:
        await asyncio.to_thread(hub.stop)


@pytest.mark.parametrize("user", USERS)
async def test_from_the_url_alone_at_each_users_server(hub: Hub, user: str) -> None:
    async with person(f"{hub.origin}/", user) as http:
        await whole_way(f"{hub.url(user)}mcp", http)


async def test_at_a_server_with_a_name_and_there_alone(hub: Hub) -> None:
    """Both have one folder, and so one list of tokens."""
    hub.start_server("alice", "lab2")
    async with person(f"{hub.origin}/", "alice") as http:
        _, named = await whole_way(f"{hub.url('alice', 'lab2')}mcp", http)
        _, plain = await whole_way(f"{hub.url('alice')}mcp", http)
    for tokens, name in ((named, ""), (plain, "lab2")):
        async with http_client(Authorization=f"Bearer {tokens['access_token']}", **MCP_HEADERS) as program:
            assert (await program.post(f"{hub.url('alice', name)}mcp", json=CALL)).status_code == 401


async def test_behind_a_proxy_that_ends_tls(hub: Hub, tmp_path: Path) -> None:
    """The Hub's own proxy writes its own scheme behind what it was told: the person's browser is at the first."""
    async with tls_before(int(hub.origin.rsplit(":", 1)[1]), tmp_path) as (port, context):
        origin = f"https://127.0.0.1:{port}"
        async with person(f"{origin}/", "alice", context) as http:
            await whole_way(hub.url("alice").replace(hub.origin, origin) + "mcp", http, context)


async def test_each_user_signs_into_their_own_server_only(hub: Hub) -> None:
    """The Hub shows nobody the page of another's server; a client of the one is a stranger at the other's."""
    alices, bobs = f"{hub.url('alice')}mcp", f"{hub.url('bob')}mcp"
    async with person(f"{hub.origin}/", "bob") as bob, http_client() as program:
        at_alices = await Way(alices, program).registered()
        page = await bob.get(at_alices.page, follow_redirects=True)
        assert page.status_code in (403, 404)
        assert "_xsrf" not in page.text or "Allow" not in page.text
        code = await (at_bobs := await Way(bobs, program).registered()).allowed(bob)
        asked = {"grant_type": "authorization_code", "code": code, "client_id": at_bobs.client}
        assert (await program.post(at_alices.server["token_endpoint"], data=asked)).status_code == 400
        tokens = await at_bobs.exchanged(code)
        headers = {"Authorization": f"Bearer {tokens['access_token']}", **MCP_HEADERS}
        assert (await program.post(alices, json=CALL, headers=headers)).status_code == 401
        asked = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": at_bobs.client}
        assert (await program.post(at_alices.server["token_endpoint"], data=asked)).status_code == 401


async def test_the_hub_starts_a_stopped_server_and_goes_on_to_the_page(hub: Hub) -> None:
    """Its client learns nothing while it is stopped; the person's browser, sent to the page, starts it."""
    endpoint = f"{hub.url('alice')}mcp"
    async with person(f"{hub.origin}/", "alice") as http, http_client() as program:
        way = await Way(endpoint, program).registered()
        before = await way.exchanged(await way.allowed(http))
        await asyncio.to_thread(hub.stop_server, "alice")
        for headers in ({}, {"Authorization": f"Bearer {before['access_token']}"}):
            answer = await program.post(endpoint, json=CALL, headers=headers | MCP_HEADERS)
            assert answer.status_code >= 400
            assert "www-authenticate" not in answer.headers, "it keeps its sign-in"
        page = await http.get(way.page, follow_redirects=True)
        link = re.search(r'href="(/hub/spawn/alice[^"]*)"', page.text)
        assert link, page.text
        page = await http.get(f"{hub.origin}{html.unescape(link[1])}", follow_redirects=True)
        assert "/hub/spawn-pending/alice" in str(page.url)
        await asyncio.to_thread(hub.started, "alice")
        # The Hub's page asks for itself again once the server is ready.
        tokens = await way.exchanged(await way.answered(http, await http.get(page.url, follow_redirects=True)))
    for given in (tokens, before):
        async with way.agent(given) as agent:
            await agent.ok("list_notebooks")


PLACES = {"below a path": {"base_url": "/a/jhub/"}, "each user at a name": {"subdomain_host": "hub.localhost"}}


@pytest.mark.parametrize("elsewhere", PLACES.values(), ids=PLACES, indirect=True)
async def test_at_a_hub_that_is_elsewhere(elsewhere: Hub) -> None:
    async with person(f"{elsewhere.origin}{elsewhere.base_url}", "alice") as http:
        way, _ = await whole_way(f"{elsewhere.url('alice')}mcp", http)
    assert "/a/jhub/user/alice/" in way.root or "//alice.hub.localhost:" in way.root


async def test_a_client_that_starts_programs_signs_in_behind_the_hubs_login(hub: Hub, tmp_path: Path) -> None:
    endpoint = f"{hub.url('alice')}mcp"
    environment = own_world(tmp_path) | {"JUPYTER_DATA_DIR": str(tmp_path / "data")}
    program = Piped(environment, tmp_path, "--url", endpoint, "--no-browser")
    try:
        info = {"name": "lines", "version": "1"}
        program.say("initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": info}, id=1)
        waits = Grants(endpoint, tmp_path / "data" / "mcp-proxy" / "stdio")
        await until(lambda: waits.read().pending is not None)
        pending = waits.read().pending
        assert pending is not None
        async with person(f"{hub.origin}/", "alice") as http:
            page = await http.get(pending.page, follow_redirects=True)
            shown = await http.get(await Way(endpoint, http).sent(http, page))
            assert "You are signed in" in shown.text
        assert "result" in await asyncio.to_thread(program.answer, 1)
    finally:
        await asyncio.to_thread(program.end)
