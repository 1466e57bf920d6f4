"""OAuth as a client: where it is, who asks, and tokens for a code or a refresh token. The protocol is oauthlib's.

All requests go the way of the bridge's, through the same proxy and with the same trust in certificates.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from oauthlib.oauth2 import OAuth2Error, WebApplicationClient

from ...stdio.http import Address, Cut, Http, NotSent
from ...stdio.ways import Unreachable, without_token

ANSWER_TIMEOUT = 20.0
LARGEST = 256 * 1024
CALLBACK = "http://127.0.0.1:{port}/callback"
PLACES = ("authorization", "token", "registration")
METADATA = ".well-known/oauth-protected-resource"

# oauthlib takes no http at all. A server on this machine has no https, and where it has none a token given in the
# environment goes in the clear, too: that is the person's choice, in the URL.
os.environ.setdefault("OAUTHLIB_INSECURE_TRANSPORT", "1")


class Over(Exception):
    """The server does not take what was presented: a person has to sign in (again). The text is the server's."""


class Forged(Exception):
    """An answer that is not to what we have asked."""


@dataclass(frozen=True)
class Service:
    """Where the parts of a server's sign-in are."""

    resource: str
    issuer: str
    authorize: str
    token: str
    register: str
    scope: str


@dataclass(frozen=True)
class Tokens:
    """What the server gives."""

    access: str
    refresh: str


def service_of(url: str) -> Service:
    """The sign-in of an endpoint. Raises Unreachable, lasting where the server has none."""
    none = without_token(Address(url))
    status, resource = _asked("GET", f"{url.removesuffix('/mcp')}/{METADATA}")
    if status != 200 or not isinstance(servers := resource.get("authorization_servers"), list) or not servers:
        raise Unreachable(none, lasting=True)
    if str(resource.get("resource", "")).rstrip("/") != url.rstrip("/"):
        raise Unreachable(f"{url} says that it is {resource.get('resource')}: use that address.", lasting=True)
    issuer = str(servers[0])
    _same_origin(url, issuer)
    status, told = _asked("GET", f"{issuer}/.well-known/oauth-authorization-server")
    if status != 200 or told.get("issuer") != issuer or "S256" not in told.get("code_challenge_methods_supported", ()):
        raise Unreachable(none, lasting=True)
    authorize, token, register = (str(told.get(f"{name}_endpoint", "")) for name in PLACES)
    _same_origin(url, authorize, token, register)
    return Service(url, issuer, authorize, token, register, " ".join(map(str, resource.get("scopes_supported", ()))))


def _same_origin(url: str, *others: str) -> None:
    """What a server says of itself leads nowhere else. Raises Unreachable."""
    for other in others:
        if urlsplit(other)[:2] != urlsplit(url)[:2]:
            raise Unreachable(
                f"{url} sends to another place to sign in: {other}. Nothing was sent there.", lasting=True
            )


def registered(service: Service) -> str:
    """The id of this client, as it says who it is. Raises Unreachable."""
    said = {
        "client_name": f"stdio on {socket.gethostname()}",
        "redirect_uris": [CALLBACK.replace(":{port}", "")],  # any port of it (RFC 8252)
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    }
    status, told = _asked("POST", service.register, json.dumps(said), "application/json")
    if status not in (200, 201) or not isinstance(told.get("client_id"), str):
        raise Unreachable(f"{service.resource} registers no client: {_reason(status, told)}", lasting=True)
    return str(told["client_id"])


def page_of(service: Service, client: str, port: int) -> tuple[str, str, str]:
    """The page for a person; the state and the verifier (PKCE) that its answer is held against."""
    from oauthlib.common import generate_token

    asked = WebApplicationClient(client)
    verifier, state = asked.create_code_verifier(64), generate_token(43)
    page = asked.prepare_request_uri(
        service.authorize, redirect_uri=CALLBACK.format(port=port), scope=service.scope, state=state,
        code_challenge=asked.create_code_challenge(verifier, "S256"), code_challenge_method="S256",
        resource=service.resource,
    )  # fmt: skip
    return page, state, verifier


def code_in(query: str, state: str, issuer: str) -> str:
    """The code that the browser brings. Raises Forged, and Over where the person has said no."""
    from oauthlib.oauth2 import MismatchingStateError, MissingCodeError

    try:
        told = WebApplicationClient("").parse_request_uri_response(f"https://127.0.0.1/callback?{query}", state)
    except (MismatchingStateError, MissingCodeError) as error:
        raise Forged(str(error)) from error
    except OAuth2Error as error:
        raise Over(error.description or error.error) from error
    if told.get("iss", issuer) != issuer:
        raise Forged("another server's")
    return str(told["code"])


def exchanged(endpoint: str, client: str, resource: str, code: str, verifier: str, port: int) -> Tokens:
    """Tokens for a code. Raises Over and Unreachable."""
    body = WebApplicationClient(client).prepare_request_body(
        code=code, redirect_uri=CALLBACK.format(port=port), code_verifier=verifier, resource=resource
    )
    return _tokens(endpoint, client, body)


def renewed(endpoint: str, client: str, resource: str, refresh: str) -> Tokens:
    """Tokens for a refresh token, which is good no more then. Raises Over and Unreachable."""
    body = WebApplicationClient(client).prepare_refresh_body(refresh_token=refresh, client_id=client, resource=resource)
    return _tokens(endpoint, client, body)


def _tokens(endpoint: str, client: str, body: str) -> Tokens:
    status, told = _asked("POST", endpoint, body, "application/x-www-form-urlencoded")
    if status >= 500 or not told:
        raise Unreachable(f"{endpoint} gives no tokens: {_reason(status, told)}")
    try:
        given = WebApplicationClient(client).parse_request_body_response(json.dumps(told))
    except OAuth2Error as error:
        raise Over(error.description or error.error) from error
    return Tokens(str(given["access_token"]), str(given.get("refresh_token", "")))


def _asked(method: str, url: str, body: str = "", kind: str = "") -> tuple[int, dict[str, Any]]:
    """The status and the JSON of an answer; empty for anything else. Raises Unreachable."""

    async def ask() -> tuple[int, bytes]:
        http = Http()
        headers = {"Accept": "application/json"} | ({"Content-Type": kind} if kind else {})
        try:
            async with http.asked(method, Address(url), headers, body.encode()) as reply:
                return reply.status, await reply.whole(LARGEST)
        finally:
            http.close()

    try:
        status, said = asyncio.run(asyncio.wait_for(ask(), ANSWER_TIMEOUT))
        told = json.loads(said)
    except (NotSent, Cut, asyncio.TimeoutError) as error:
        raise Unreachable(f"{url} does not answer: {error or 'in time'}") from error
    except ValueError:
        told = {}
    return status, told if isinstance(told, dict) else {}


def _reason(status: int, told: dict[str, Any]) -> str:
    return str(told.get("error_description") or told.get("error") or f"it answers {status}")
