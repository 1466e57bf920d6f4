"""Behind a real JupyterHub: the Hub's tokens open their owner's endpoint and no other."""

from __future__ import annotations

import asyncio
import re
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import nbformat
import pytest
from harness import ERAS, SLEEP, connect, free_port, own_world, shows, write_notebook
from harness.browser import KERNELSPEC, chromium, empty_window, lab_path, make_token
from harness.hub import USERS, Hub, connect_to
from playwright.async_api import expect

# Starting the hub falls into whichever test comes first.
pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
MCP_HEADERS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


@asynccontextmanager
async def http_client(**headers: str) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http:
        yield http


@asynccontextmanager
async def browser_of(hub: Hub, user: str) -> AsyncIterator[httpx2.AsyncClient]:
    """A person's browser, logged in at the Hub."""
    async with httpx2.AsyncClient(timeout=60, trust_env=False, follow_redirects=True) as http:
        await http.get(f"{hub.origin}/hub/login")
        form = {"username": user, "password": "any", "_xsrf": http.cookies["_xsrf"]}
        response = await http.post(f"{hub.origin}/hub/login?next=/hub/home", data=form)
        assert response.status_code == 200, response.text
        yield http


def refusal(response: httpx2.Response, status: int = 403) -> str:
    """The message of a refusal that an MCP client shows to its user."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/json"
    body = response.json()
    assert (body["jsonrpc"], body["id"], body["error"]["code"]) == ("2.0", None, -32001)
    return str(body["error"]["message"])


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("scope", ["access:servers!server={}/", "access:servers!user={}"])
@pytest.mark.parametrize("user", USERS)
async def test_a_hub_token_works_at_its_owners_endpoint(hub: Hub, user: str, scope: str, era: str) -> None:
    """A Hub token that may access a user's server creates a notebook there and runs code in it."""
    notebook = f"{secrets.token_hex(4)}.ipynb"
    async with connect_to(hub.url(user) + "mcp", hub.token(user, scope.format(user)), era) as agent:
        await agent.ok("use_notebook", notebook=notebook, create=True)
        assert "2" in await agent.ok("execute_ipython", notebook=notebook, code="1+1")
    assert (hub.home / f"home-{user}" / notebook).exists()


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize(("owner", "other"), [USERS, USERS[::-1]])
async def test_nobodys_token_works_at_anothers_endpoint(hub: Hub, owner: str, other: str, method: str) -> None:
    """A user's token is refused at another user's endpoint, in a way that MCP clients can show."""
    token = hub.token(other, f"access:servers!user={other}")
    async with http_client(Authorization=f"Bearer {token}", **MCP_HEADERS) as http:
        response = await http.request(method, hub.url(owner) + "mcp", json=CALL)
    assert "belongs to another" in refusal(response)


async def test_a_token_without_the_scope_is_refused(hub: Hub) -> None:
    """A token of alice's that may only read her name opens nothing on her server."""
    token = hub.token("alice", "read:users:name!user=alice")
    async with http_client(Authorization=f"Bearer {token}", **MCP_HEADERS) as http:
        refusal(await http.post(hub.url("alice") + "mcp", json=CALL))


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_without_a_token_the_endpoint_refuses(hub: Hub, method: str) -> None:
    """A request without a token is told what to send, instead of being led to the Hub's login."""
    async with http_client(**MCP_HEADERS) as http:
        response = await http.request(method, hub.url("alice") + "mcp", json=CALL)
    assert "Authorization: Bearer" in refusal(response, status=401)
    place = f"{hub.url('alice')}.well-known/oauth-protected-resource"
    assert f'resource_metadata="{place}"' in response.headers["WWW-Authenticate"]
    async with http_client() as http:
        assert (await http.get(place)).json()["resource"] == f"{hub.url('alice')}mcp"


async def test_a_login_cookie_is_not_enough_for_the_endpoint(hub: Hub) -> None:
    """A browser logged in at the Hub gets nothing from the endpoint, on whoever's behalf it calls."""
    async with browser_of(hub, "alice") as browser:
        for user in USERS:
            refusal(await browser.post(hub.url(user) + "mcp", json=CALL, headers=MCP_HEADERS))


@pytest.mark.parametrize("user", USERS)
async def test_health_behind_the_hub(hub: Hub, user: str) -> None:
    """The sidecar is up behind the Hub, streams, and reaches the server that it belongs to."""
    token = hub.token(user, f"access:servers!server={user}/")
    async with http_client(Authorization=f"Bearer {token}") as http:
        response = await http.get(hub.url(user) + "healthz")
    health = response.json()
    assert (response.status_code, health["status"], health["rtc"], health["relay"]) == (200, "ok", True, "streaming")


@pytest.mark.parametrize("user", USERS)
async def test_the_connect_page_behind_the_hub(hub: Hub, user: str) -> None:
    """The page shows a logged-in person the public URL of their endpoint, and no token."""
    async with browser_of(hub, user) as browser:
        response = await browser.get(hub.url(user))
        cookies = [cookie.value for cookie in browser.cookies.jar if cookie.value]
    assert response.status_code == 200
    assert f"{hub.origin}/user/{user}/mcp-proxy/mcp" in response.text
    assert not re.search(r"[0-9a-f]{32}", response.text)  # the form of a Hub's tokens
    assert cookies and not any(cookie in response.text for cookie in cookies)


async def test_the_connect_page_of_another_user_is_closed(hub: Hub) -> None:
    """Bob, logged in at the same Hub, does not see alice's page."""
    async with browser_of(hub, "bob") as browser:
        response = await browser.get(hub.url("alice"))
    assert response.status_code == 403


async def new_token(hub: Hub, user: str, **asked: Any) -> dict[str, Any]:
    """A scoped token that a person makes on their server, logged in at the Hub."""
    async with browser_of(hub, user) as browser:
        await browser.get(hub.url(user))
        xsrf = next(c.value for c in browser.cookies.jar if c.name == "_xsrf" and c.path == f"/user/{user}/")
        url = hub.url(user) + "api/tokens"
        for headers in ({}, {"X-XSRFToken": "wrong"}, {"X-XSRFToken": str(xsrf), "Origin": "https://evil.example"}):
            assert (await browser.post(url, json=asked, headers=headers)).status_code == 403
        response = await browser.post(url, json=asked, headers={"X-XSRFToken": str(xsrf)})
        assert response.status_code == 201, response.text
        listed = (await browser.get(url, headers={"X-XSRFToken": str(xsrf)})).json()["tokens"]
    made = dict(response.json())
    assert made.pop("maker") == user
    assert made["id"] in {token["id"] for token in listed}
    assert made["token"] not in str(listed)
    return made


@pytest.mark.parametrize("era", ERAS)
async def test_a_scoped_token_needs_nothing_of_the_hubs_token_page(hub: Hub, era: str) -> None:
    """Made on alice's server, by her: it opens her endpoint within its tier, and no more of her server or the Hub."""
    notebook = f"{secrets.token_hex(4)}.ipynb"
    made = await new_token(hub, "alice", name=notebook, tier="edit")
    async with connect_to(hub.url("alice") + "mcp", made["token"], era) as agent:
        await agent.ok("use_notebook", notebook=notebook, create=True)
        assert "has 'edit'" in await agent.fails("execute_ipython", notebook=notebook, code="1+1")
    assert (hub.home / "home-alice" / notebook).exists()
    async with http_client(Authorization=f"Bearer {made['token']}", **MCP_HEADERS) as http:
        for path in ("api/contents", "api/terminals", "lab", "mcp-proxy/api/tokens", "mcp-proxy/", "mcp-proxy/healthz"):
            response = await http.get(f"{hub.origin}/user/alice/{path}")
            assert response.status_code in (302, 403), path
        for path in ("hub/api/user", "hub/api/users/alice"):
            assert (await http.get(f"{hub.origin}/{path}")).status_code == 403
        assert "does not know this token" in refusal(await http.post(hub.url("bob") + "mcp", json=CALL))
    (store,) = (hub.home / "home-alice").glob(".local/share/jupyter/mcp-proxy/tokens.json")
    assert store.stat().st_mode & 0o777 == 0o600


async def test_a_scoped_token_on_a_hub_ends_with_its_revocation(hub: Hub) -> None:
    """At once, where the Hub's own tokens go on for as long as the server remembers them."""
    made = await new_token(hub, "alice", name=secrets.token_hex(4))
    async with http_client(Authorization=f"Bearer {made['token']}", **MCP_HEADERS) as http:
        assert (await http.post(hub.url("alice") + "mcp", json=CALL)).status_code != 403
        own = {"Authorization": f"Bearer {hub.token('alice', 'access:servers!user=alice')}"}
        other = {"Authorization": f"Bearer {hub.token('bob', 'access:servers!user=bob')}"}
        url = f"{hub.url('alice')}api/tokens/{made['id']}"
        assert (await http.delete(url, headers=other)).status_code == 403
        assert (await http.delete(url, headers=own)).status_code == 200
        assert "was revoked" in refusal(await http.post(hub.url("alice") + "mcp", json=CALL))


async def test_the_command_makes_one_in_a_terminal_of_the_server(hub: Hub) -> None:
    """It needs no browser and nothing from the Hub; another user's server knows nothing of it."""
    environment = own_world(hub.home / "home-alice") | {"JUPYTERHUB_SERVICE_PREFIX": "/user/alice/"}
    done = subprocess.run(
        [sys.executable, "-m", "jupyter_mcp_proxy", "token", "new", "--name", "terminal", "--tier", "run"],
        env=environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "part of a JupyterHub" in done.stderr
    token, notebook = done.stdout.splitlines()[0], f"{secrets.token_hex(4)}.ipynb"
    async with connect_to(hub.url("alice") + "mcp", token, ERAS[0]) as agent:
        await agent.ok("use_notebook", notebook=notebook, create=True)
        assert "2" in await agent.ok("execute_ipython", notebook=notebook, code="1+1")
    async with http_client(Authorization=f"Bearer {token}", **MCP_HEADERS) as http:
        refusal(await http.post(hub.url("bob") + "mcp", json=CALL))


async def test_bob_makes_no_token_on_alices_server(hub: Hub) -> None:
    async with browser_of(hub, "bob") as browser:
        await browser.get(hub.url("bob"))
        for xsrf in {str(cookie.value) for cookie in browser.cookies.jar if cookie.name == "_xsrf"}:
            headers = {"X-XSRFToken": xsrf}
            for method in ("GET", "POST"):
                response = await browser.request(
                    method, hub.url("alice") + "api/tokens", json={"name": "x"}, headers=headers
                )
                assert response.status_code == 403, response.text
                assert "token" not in response.json()


@pytest.mark.slow
async def test_a_person_works_with_an_agent_in_a_browser_behind_the_hub(hub: Hub, name: str, screenshots: Path) -> None:
    """From the Hub's login to the tile, a token, the panel, a pause, a stop and the token's end."""
    write_notebook(hub.home / "home-alice" / name, "x = 1", SLEEP, kernelspec=KERNELSPEC)
    lab = f"/user/alice/{lab_path(name)}"
    async with chromium() as browser, empty_window(browser) as window:
        await window.page.goto(f"{hub.origin}/hub/login?next={lab}")
        await window.page.fill("#username_input", "alice")
        await window.page.fill("#password_input", "any")
        await window.page.click("#login_submit")
        await window.open_panel()
        await expect(window.status).to_have_text("Agents may look, edit and run.")

        await window.command("New Launcher")
        async with window.page.context.expect_page() as popup:
            await window.page.locator(".jp-LauncherCard").filter(has_text="Connect an AI agent").click()
        page = await popup.value
        page.on("dialog", lambda dialog: dialog.accept())
        await expect(page.locator("#endpoint")).to_have_text(hub.url("alice") + "mcp")
        token = await make_token(page, "hub")

        await page.get_by_role("button", name="Test the connection").click()
        await expect(page.locator("#test-status")).to_contain_text("It works")
        await expect(page.locator("#sidecar")).to_contain_text("works, version")

        await window.page.bring_to_front()
        await window.page.locator(".lm-TabBar-tab").filter(has_text=name).first.click()
        async with connect_to(hub.url("alice") + "mcp", token, ERAS[0]) as agent:
            await agent.ok("execute_cell", notebook=name, cell=0)
            await expect(window.line("pytest", name, "execute_cell", "ok")).to_be_visible()
            await expect(window.marks()).to_have_count(1)
            await window.pause.click()
            await expect(window.status).to_contain_text("Paused")
            assert "paused" in await agent.fails("overwrite_cell_source", notebook=name, cell=0, source="x = 2")
            await window.pause.click()
            await expect(window.status).to_contain_text("Agents may")
            await agent.ok("execute_cell", notebook=name, cell=1, wait=0.5)
            await expect(window.page.locator(".jp-OutputArea-output").first).to_contain_text("begun")
            await window.stop.click()
            await expect(window.line("pytest", name, "execute_cell", "cancelled")).to_be_visible()
            await window.screenshot(screenshots, "panel-behind-a-hub")

        await page.bring_to_front()
        await page.get_by_role("button", name="Revoke hub").click()
        await expect(page.locator("#list-status")).to_have_text("Revoked “hub”.")
    async with http_client(Authorization=f"Bearer {token}", **MCP_HEADERS) as http:
        assert "was revoked" in refusal(await http.post(hub.url("alice") + "mcp", json=CALL))


async def test_a_server_with_a_token_of_its_own_in_a_hubs_environment(start_jupyter: Any, name: str) -> None:
    """On Binder a server has the environment that a Hub gives it, but is entered with a token of its own."""
    environment = {
        "JUPYTERHUB_API_TOKEN": "f" * 32,
        "JUPYTERHUB_API_URL": f"http://127.0.0.1:{free_port()}/hub/api",
        "JUPYTERHUB_SERVICE_PREFIX": "/user/visitor/",
    }
    server = start_jupyter(base_url="/user/visitor/", environment=environment)
    async with connect(server) as agent:
        await agent.ok("use_notebook", notebook=name, create=True)
        assert "2" in await agent.ok("execute_ipython", notebook=name, code="1+1")


async def test_the_hub_stops_a_server_in_which_an_agent_works_as_soon_as_another(hub: Hub) -> None:
    """Without us it waits ten seconds for each of its three signals: the room that the agent is in keeps the server."""
    folder = hub.home / "home-bob"
    write_notebook(folder / "end.ipynb", "print('printed', flush=True)\nimport time\ntime.sleep(600)")
    token = hub.token("bob", "access:servers!server=bob/")
    async with connect_to(f"{hub.url('bob')}mcp", token, ERAS[0]) as agent:
        told = await agent.ok("execute_cell", notebook="end.ipynb", cell=0, wait=0)
        assert "live" in await agent.ok("use_notebook", notebook="end.ipynb")
        await shows(agent, told, "printed")
        used = await asyncio.to_thread(hub.stop_server, "bob")
    hub.start_server("bob")
    unused = await asyncio.to_thread(hub.stop_server, "bob")
    hub.start_server("bob")
    print(f"stopped in {used:.1f} s, unused in {unused:.1f} s")
    assert used < unused + 8
    (outputs,) = (cell["outputs"] for cell in nbformat.read(folder / "end.ipynb", 4)["cells"])
    assert "printed" in outputs[0]["text"]
