"""Signing in as a person and a client do it: a browser that is logged in, and the Python SDK's own client."""

from __future__ import annotations

import html
import json
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from mcp_types import Implementation

from harness.agents import ERAS, Agent
from harness.requests import login_cookie, post
from harness.servers import JupyterProcess

CALLBACK = "http://127.0.0.1:7357/callback"
FORM = "application/x-www-form-urlencoded"
OAUTH = "mcp-proxy/oauth"


class Browser:
    """A person's browser at one server: it has their login cookie and fills in the page's form."""

    def __init__(self, server: JupyterProcess, cookie: str | None = None) -> None:
        self.server = server
        self.cookie = login_cookie(server) if cookie is None else cookie

    def open(self, url: str) -> tuple[int, dict[str, str], str]:
        """Go to a URL of this server."""
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}".removeprefix(self.server.base_url)
        status, headers, body = post(self.server, None, path, "GET", Cookie=self.cookie)
        return status, headers, body.decode()

    def form(self, page: str) -> dict[str, str]:
        """The page's form, as it stands."""
        fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page))
        fields["tier"] = re.findall(r'name="tier" value="(\w+)" checked', page)[0]
        fields["days"] = re.findall(r'<option value="([\d.]+)" selected', page)[0]
        return {name: html.unescape(value) for name, value in fields.items()}

    def send(self, form: dict[str, str], **headers: str) -> tuple[int, dict[str, str], str]:
        """Send the form."""
        sent = {"Cookie": self.cookie, "Content_Type": FORM, **headers}
        status, told, body = post(self.server, urlencode(form).encode(), f"{OAUTH}/authorize", **sent)
        return status, told, body.decode()

    def allow(self, url: str, **changed: str) -> dict[str, str]:
        """Click Allow on the page at a URL, with choices of one's own: what the client is told."""
        status, _, page = self.open(url)
        assert status == 200, page
        answer = self.send(self.form(page) | {"answer": "allow"} | changed)
        return dict(parse_qsl(urlsplit(went_to(answer)).query))


def password_cookie(server: JupyterProcess, password: str) -> str:
    """The cookies of a person who has logged in with a password."""
    _, headers, _ = post(server, None, "login", "GET")
    xsrf = headers["set-cookie"].split(";")[0]
    form = urlencode({"password": password, "_xsrf": xsrf.partition("=")[2]}).encode()
    _, headers, body = post(server, form, "login", Cookie=xsrf, Content_Type=FORM)
    login = re.search(r"(username-[^=]+=[^;]+)", headers.get("set-cookie", ""))
    assert login, (headers, body)
    return f"{xsrf}; {login.group(1)}"


def went_to(answer: tuple[int, dict[str, str], str]) -> str:
    """Where the browser goes after the form."""
    status, headers, body = answer
    assert status in (200, 303), body
    return headers["location"] if status == 303 else headers["refresh"].removeprefix("0; url=")


# -- the client's side, by hand -------------------------------------------------------------------------

VERIFIER = "v" * 50
CHALLENGE = "CrlVwe1WSHWuTQYh3iczmx3aS-faRx6C92k9_hNxl4A"

Answer = tuple[int, dict[str, Any]]


def register(server: JupyterProcess, **metadata: Any) -> Answer:
    """Register a client, of a name that no other has: the status and what the server says."""
    said = {"redirect_uris": [CALLBACK], "client_name": f"By hand {secrets.token_hex(4)}", **metadata}
    status, _, body = post(server, said, f"{OAUTH}/register", Content_Type="application/json")
    return status, json.loads(body)


def client_id(server: JupyterProcess, **metadata: Any) -> str:
    """The id of a client that has just registered."""
    status, told = register(server, **metadata)
    assert status == 201, told
    return str(told["client_id"])


def authorize_url(server: JupyterProcess, client: str, **changed: str | None) -> str:
    """Where a client sends the person's browser; None leaves a parameter out."""
    parameters = {
        "response_type": "code", "client_id": client, "redirect_uri": CALLBACK, "state": "s-t&a=te",
        "code_challenge": CHALLENGE, "code_challenge_method": "S256", "scope": "look edit run",
        "resource": server.endpoint,
    } | changed  # fmt: skip
    return f"{server.url}{OAUTH}/authorize?{urlencode({k: v for k, v in parameters.items() if v is not None})}"


def ask(server: JupyterProcess, what: str = "token", **parameters: str | None) -> Answer:
    """Ask the token endpoint, or another."""
    form = urlencode({name: value for name, value in parameters.items() if value is not None})
    status, _, body = post(server, form.encode(), f"{OAUTH}/{what}", Content_Type=FORM)
    return status, json.loads(body)


def exchange(server: JupyterProcess, client: str, code: str, **changed: str | None) -> Answer:
    """Ask for tokens for a code."""
    return ask(
        server,
        **{
            "grant_type": "authorization_code", "client_id": client, "code": code, "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER, "resource": server.endpoint,
        } | changed,
    )  # fmt: skip


def refresh(server: JupyterProcess, client: str, token: str, **changed: str | None) -> Answer:
    """Ask for new tokens."""
    given = {"grant_type": "refresh_token", "client_id": client, "refresh_token": token, "resource": server.endpoint}
    return ask(server, **given | changed)


def sign_in(server: JupyterProcess, browser: Browser | None = None, **chosen: str) -> tuple[str, dict[str, Any]]:
    """The whole way by hand: the client's id, and its tokens."""
    client = client_id(server)
    told = (browser or Browser(server)).allow(authorize_url(server, client), **chosen)
    status, tokens = exchange(server, client, told["code"])
    assert status == 200, tokens
    return client, tokens


# -- the Python SDK -------------------------------------------------------------------------------------


class Kept:
    """What a client keeps between two of its lives."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None
        self.provider: OAuthClientProvider | None = None
        """What deals with them in the life that is on."""

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


@asynccontextmanager
async def signed_in(
    server: JupyterProcess,
    kept: Kept,
    allow: Callable[[str], dict[str, str] | Awaitable[dict[str, str]]] | None,
    era: str = ERAS[0],
    name: str = "",
    document: str | None = None,
) -> AsyncIterator[Agent]:
    """The Python SDK's client, given the endpoint's URL alone; `allow` is the person, None for nobody."""
    name = name or f"Python SDK {secrets.token_hex(4)}"  # what was chosen for another of that name would be chosen
    told: dict[str, str] = {}

    async def browse(url: str) -> None:
        assert allow is not None, f"a person was asked: {url}"
        answer = allow(url)
        told.update(await answer if isinstance(answer, Awaitable) else answer)

    async def called_back() -> AuthorizationCodeResult:
        return AuthorizationCodeResult(**{key: told[key] for key in ("code", "state", "iss") if key in told})

    metadata: Any = {"redirect_uris": [CALLBACK], "client_name": name}
    provider = OAuthClientProvider(
        server.endpoint, OAuthClientMetadata(**metadata), kept, browse, called_back, client_metadata_url=document
    )
    kept.provider = provider
    async with httpx2.AsyncClient(auth=provider, timeout=60, trust_env=False) as http:
        transport = streamable_http_client(server.endpoint, http_client=http)
        async with Client(transport, mode=era, client_info=Implementation(name=name, version="1")) as client:
            yield Agent(client)
