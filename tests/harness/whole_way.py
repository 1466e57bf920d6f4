"""The whole way of signing in at any address, from the endpoint's URL alone: what a client is told leads it on."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import Implementation

from harness.agents import ERAS, Agent
from harness.requests import INITIALIZE
from harness.signing_in import CALLBACK, CHALLENGE, VERIFIER

MCP_HEADERS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


class OnThisMachine(httpx2.AsyncHTTPTransport):
    """Every name is this machine's, as `/etc/hosts` would have it."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The same request, sent to loopback; its Host header, cookies and TLS name are the address's."""
        here = httpx2.Request(
            request.method, request.url.copy_with(host="127.0.0.1"), headers=request.headers, stream=request.stream,
            extensions={**request.extensions, "sni_hostname": request.url.host},
        )  # fmt: skip
        return await super().handle_async_request(here)


@asynccontextmanager
async def http_client(verify: Any = True, **headers: str) -> AsyncIterator[httpx2.AsyncClient]:
    """A program's or a person's side of HTTP; it follows no redirect by itself."""
    transport = OnThisMachine(verify=verify)
    async with httpx2.AsyncClient(headers=headers, timeout=60, transport=transport, trust_env=False) as http:
        yield http


def urls_in(content: Any) -> list[str]:
    """Every URL in what was told."""
    if isinstance(content, dict):
        content = list(content.values())
    if isinstance(content, list):
        return [url for each in content for url in urls_in(each)]
    return [content] if isinstance(content, str) and "://" in content else []


async def told(program: httpx2.AsyncClient, url: str, root: str) -> Any:
    """What is told at a place; each URL in it is below the root that the client was given."""
    response = await program.get(url)
    assert response.status_code == 200, (url, response.text)
    content = response.json()
    assert urls_in(content), content
    assert all(each.startswith(f"{root}/") for each in urls_in(content)), content
    return content


class Way:
    """One client on its way in; `endpoint` is all that it was given."""

    def __init__(self, endpoint: str, program: httpx2.AsyncClient) -> None:
        self.endpoint = endpoint
        self.root = endpoint.removesuffix("/mcp")
        self.program = program
        self.server: dict[str, Any] = {}
        self.client = ""

    async def registered(self) -> Way:
        """Be challenged, read the metadata, register."""
        refusal = await self.program.post(self.endpoint, json=INITIALIZE, headers=MCP_HEADERS)
        assert refusal.status_code == 401, refusal.text
        place = re.search(r'resource_metadata="([^"]+)"', refusal.headers["WWW-Authenticate"])
        assert place, refusal.headers
        assert place[1] == f"{self.root}/.well-known/oauth-protected-resource"
        resource = await told(self.program, place[1], self.root)
        assert resource["resource"] == self.endpoint
        assert resource["authorization_servers"] == [f"{self.root}/oauth"]
        self.server = await told(self.program, f"{self.root}/oauth/.well-known/openid-configuration", self.root)
        assert self.server["issuer"] == f"{self.root}/oauth"
        metadata = {"redirect_uris": [CALLBACK], "client_name": "From the URL alone"}
        answer = await self.program.post(self.server["registration_endpoint"], json=metadata)
        assert answer.status_code == 201, answer.text
        self.client = answer.json()["client_id"]
        return self

    @property
    def page(self) -> httpx2.URL:
        """Where the person's browser is sent."""
        asked = {
            "response_type": "code", "client_id": self.client, "redirect_uri": CALLBACK, "state": "a&b=c d",
            "code_challenge": CHALLENGE, "code_challenge_method": "S256", "scope": "look edit run",
            "resource": self.endpoint,
        }  # fmt: skip
        return httpx2.URL(self.server["authorization_endpoint"], params=asked)

    async def allowed(self, person: httpx2.AsyncClient) -> str:
        """What the client is given after the person's click: a code."""
        return await self.answered(person, await person.get(self.page, follow_redirects=True))

    async def answered(self, person: httpx2.AsyncClient, page: httpx2.Response) -> str:
        """Click Allow on the page that is open: the code."""
        gone = dict(parse_qsl(urlsplit(await self.sent(person, page)).query))
        assert (gone["iss"], gone["state"]) == (f"{self.root}/oauth", "a&b=c d")
        return gone["code"]

    async def sent(self, person: httpx2.AsyncClient, page: httpx2.Response) -> str:
        """Click Allow on the page that is open: where the browser goes."""
        assert page.status_code == 200, page.text
        assert str(page.url).startswith(f"{self.root}/oauth/authorize?"), page.url
        assert f"<dd>{self.root.removesuffix('mcp-proxy')}<br>" in page.text, page.text
        form = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.text))
        form = {name: html.unescape(value) for name, value in form.items()} | {"tier": "run", "days": "1"}
        parts = urlsplit(self.root)
        answer = await person.post(
            page.url.join("authorize"), data=form | {"answer": "allow"},
            headers={"Origin": f"{parts.scheme}://{parts.netloc}", "Referer": str(page.url)},
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        return answer.headers["Refresh"].removeprefix("0; url=")

    async def exchanged(self, code: str) -> dict[str, Any]:
        """Tokens for the code."""
        asked = {
            "grant_type": "authorization_code", "client_id": self.client, "code": code, "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER, "resource": self.endpoint,
        }  # fmt: skip
        return await self._tokens(asked)

    async def renewed(self, tokens: dict[str, Any]) -> dict[str, Any]:
        """The next tokens."""
        asked = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": self.client}
        return await self._tokens(asked)

    async def _tokens(self, asked: dict[str, str]) -> dict[str, Any]:
        answer = await self.program.post(self.server["token_endpoint"], data=asked)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    @asynccontextmanager
    async def agent(self, tokens: dict[str, Any], verify: Any = True, era: str = ERAS[0]) -> AsyncIterator[Agent]:
        """A real client with these tokens."""
        async with http_client(verify, Authorization=f"Bearer {tokens['access_token']}") as http:
            transport = streamable_http_client(self.endpoint, http_client=http)
            async with Client(transport, mode=era, client_info=Implementation(name="pytest", version="1")) as client:
                yield Agent(client)


async def whole_way(endpoint: str, person: httpx2.AsyncClient, verify: Any = True) -> tuple[Way, dict[str, Any]]:
    """From the endpoint's URL to a tool call that runs code: the way, and its tokens, which were renewed once."""
    async with http_client(verify) as program:
        way = await Way(endpoint, program).registered()
        tokens = await way.renewed(await way.exchanged(await way.allowed(person)))
        async with way.agent(tokens, verify) as agent:
            await agent.ok("use_notebook", notebook="signed-in.ipynb", create=True)
            assert "42" in await agent.ok("execute_ipython", notebook="signed-in.ipynb", code="6 * 7")
    return way, tokens
