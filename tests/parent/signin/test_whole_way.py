"""From the endpoint's URL alone to code that runs, at every kind of server that is no hub's."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from harness import INITIALIZE, StartJupyter, connect, free_port
from harness.servers import TOKEN
from harness.tls import tls_before
from harness.whole_way import MCP_HEADERS, http_client, whole_way
from jupyter_server.auth import passwd

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def person(url: str, verify: Any = True) -> AsyncIterator[Any]:
    """The browser of a person who has opened the link with the server's token."""
    async with http_client(verify) as http:
        assert (await http.get(f"{url}tree?token={TOKEN}")).status_code < 400
        yield http


@pytest.mark.parametrize("base_url", ["/", "/user/ann/", "/a/b%40c/"])
async def test_below_a_base_url(start_jupyter: StartJupyter, base_url: str) -> None:
    server = start_jupyter(rtc=False, base_url=base_url)
    async with person(server.url) as http:
        await whole_way(server.endpoint, http)


async def test_behind_a_proxy_that_ends_tls_and_is_trusted(start_jupyter: StartJupyter, tmp_path: Path) -> None:
    server = start_jupyter(rtc=False, base_url="/lab/", arguments=("--ServerApp.trust_xheaders=True",))
    async with tls_before(server.port, tmp_path) as (port, context):
        url = f"https://127.0.0.1:{port}/lab/"
        async with person(url, context) as http:
            await whole_way(f"{url}mcp-proxy/mcp", http, context)
            page = await http.get(f"{url}mcp-proxy/")
    assert f"{url}mcp-proxy/mcp" in page.text
    assert "http://" not in page.text


async def test_behind_a_proxy_that_says_nothing_of_itself_with_a_public_url(
    start_jupyter: StartJupyter, tmp_path: Path
) -> None:
    """It passes on neither its name nor, as far as Jupyter believes it, its scheme."""
    port = free_port()
    url = f"https://127.0.0.1:{port}/"
    arguments = (f"--MCPProxy.public_url={url}", f"--ServerApp.allow_origin={url.rstrip('/')}")
    server = start_jupyter(rtc=False, arguments=arguments)
    async with (
        tls_before(server.port, tmp_path, at=port, keeps_host=False) as (_, context),
        person(url, context) as http,
    ):
        await whole_way(f"{url}mcp-proxy/mcp", http, context)
        page = await http.get(f"{url}mcp-proxy/")
    assert f"{url}mcp-proxy/mcp" in page.text
    assert "http://" not in page.text


async def test_with_a_password_the_page_comes_after_the_login(start_jupyter: StartJupyter) -> None:
    """The person was not logged in when their browser was sent to the page: Jupyter asks, and goes on to it."""
    server = start_jupyter(
        rtc=False, token="", wait=False,
        arguments=(f"--PasswordIdentityProvider.hashed_password={passwd('a word')}",),
    )  # fmt: skip
    server.wait(path="login")

    class LogsIn:
        """A browser whose person answers the login page when it comes."""

        asked = 0

        def __init__(self, http: Any) -> None:
            self.http = http

        async def get(self, url: Any, **how: Any) -> Any:
            page = await self.http.get(url, **how)
            if "/login?next=" in str(page.url):
                self.asked += 1
                xsrf = re.search(r'name="_xsrf" value="([^"]+)"', page.text)
                assert xsrf, page.text
                form = {"password": "a word", "_xsrf": html.unescape(xsrf[1])}
                page = await self.http.post(page.url, data=form, follow_redirects=True)
            return page

        async def post(self, url: Any, **how: Any) -> Any:
            return await self.http.post(url, **how)

    async with http_client() as http:
        browser: Any = LogsIn(http)
        await whole_way(server.endpoint, browser)
    assert browser.asked == 1


async def test_without_authentication_nobody_is_asked_to_sign_in(start_jupyter: StartJupyter) -> None:
    server = start_jupyter(rtc=False, token="", arguments=("--IdentityProvider.token=",))
    async with http_client() as http:
        answer = await http.post(server.endpoint, json=INITIALIZE, headers=MCP_HEADERS)
        assert answer.status_code == 200
        assert "www-authenticate" not in answer.headers
        assert (await http.get(f"{server.url}mcp-proxy/.well-known/oauth-protected-resource")).status_code == 404
    async with connect(server, token="") as agent:
        assert "42" in await agent.ok("execute_ipython", notebook=await _new(agent), code="6 * 7")


async def _new(agent: Any) -> str:
    await agent.ok("use_notebook", notebook="open.ipynb", create=True)
    return "open.ipynb"
