"""What a client reads before it signs in, and whose token it is on a JupyterHub. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from ...contract import NAME
from ...stdio.ways import HUB, has_name, start_page
from ..servers import Server
from .asking import Answer
from .findings import Finding, failed, note, ok, skipped

METADATA: Final = re.compile(r'resource_metadata="([^"]+)"')
POINTS: Final = ("authorization_endpoint", "token_endpoint", "registration_endpoint")


def metadata_url(challenged: Answer) -> str:
    """Where the challenge says that it goes on; nothing where it does not."""
    found = METADATA.search(challenged.headers.get("www-authenticate", ""))
    return found.group(1) if found else ""


def issuer_of(resource: Answer) -> str:
    """The authorization server that a resource names first."""
    servers = resource.object.get("authorization_servers")
    return str(servers[0]) if isinstance(servers, list) and servers else ""


def places(issuer: str) -> list[str]:
    """Where clients look for an authorization server's metadata (RFC 8414, OpenID Discovery), in their order."""
    parts = urlsplit(issuer)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    known = f"{origin}/.well-known"
    return [
        f"{known}/oauth-authorization-server{path}",
        f"{known}/openid-configuration{path}",
        f"{origin}{path}/.well-known/openid-configuration",
    ]


def chain(server: Server, challenged: Answer, resource: Answer, issued: Sequence[Answer], *, here: bool) -> Finding:
    """Whether all of it leads back to this server. `here`: whether it was asked on its own machine."""
    if challenged.status == 200:
        return skipped("sign-in", "the server asks for no login")
    where = metadata_url(challenged)
    if challenged.status == 403:
        return note(
            "sign-in",
            f"Clients cannot sign in at {server.url}: {challenged.refusal or 'it is refused without a reason'}",
            "Where they should: MCPProxy.signin = True, the extension enabled, and MCPProxy.public_url = "
            f'"{server.url}" where a proxy stands before the server. A token works without.',
        )
    if challenged.status != 401 or not where:
        return failed(
            "sign-in",
            f"A client without a token is answered {challenged.status or challenged.error}, without the place where "
            "signing in begins.",
            "What stands between has to pass status 401 and the header WWW-Authenticate on.",
        )
    address = f"{server.url}{NAME}/mcp"
    said = str(resource.object.get("resource") or "")
    cure = (
        f'c.MCPProxy.public_url = "{server.url}"\nin the server\'s configuration, as people and clients reach it; or '
        "leave it out, and have the proxy pass on Host and X-Forwarded-Proto, with ServerApp.trust_xheaders = True."
    )
    if resource.status != 200 or not said:
        return failed(
            "sign-in",
            f"Signing in begins at {where}, and that is not there ({resource.error or resource.status}).",
            cure,
        )
    if not same(said, address) and not here:
        return failed(
            "sign-in",
            f"The server says that its endpoint is {said}, and it was asked at {address}: clients refuse that.",
            cure,
        )
    issuer = issuer_of(resource)
    found = next((a.object for a in issued if a.status == 200 and a.object.get("issuer") == issuer), None)
    if found is None:
        return failed(
            "sign-in",
            f"The metadata of {issuer or 'the authorization server'} is at none of the places where clients look.",
            cure,
        )
    astray = [point for point in POINTS if not str(found.get(point) or "").startswith(issuer)]
    if astray:
        return failed("sign-in", f"{', '.join(astray)} of {issuer} leads elsewhere.", cure)
    return ok("sign-in", f"a client that has the URL alone is led to {found[POINTS[0]]}")


def same(one: str, other: str) -> bool:
    """Whether two URLs name one endpoint; letters of the host, its own port and a slash at the end do not matter."""
    return _plain(one) == _plain(other)


def _plain(url: str) -> tuple[str, str, str]:
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    host = parts.netloc.lower().removesuffix({"http": ":80", "https": ":443"}.get(scheme, ""))
    return scheme, host, parts.path.rstrip("/")


def hub_api(server: Server) -> str:
    """Where its JupyterHub tells whose a token is; nothing where its address is not below one."""
    parts = urlsplit(server.url)
    match = HUB.fullmatch(parts.path)
    return f"{parts.scheme}://{parts.netloc}{match['hub']}hub/api/user" if match else ""


def is_refused_by_hub(first: Answer) -> bool:
    """Whether it is not the endpoint that refuses, and a JupyterHub is there."""
    return first.status in (401, 403) and "jsonrpc" not in first.object and "x-jupyterhub-version" in first.headers


def stopped(server: Server, looked: Answer) -> Finding | None:
    """A server of a JupyterHub in whose stead another answers; None where it is the server that does.

    The Hub (6.1) leads whoever looks below such a server to the same path below its own, and refuses what is sent
    there with a page and status 403, as if the token were wrong. For a server with a name the user's own answers,
    where that runs: there is no such path in it.
    """
    parts = urlsplit(server.url)
    match = HUB.fullmatch(parts.path)
    own = f"{match['hub']}hub{parts.path.removeprefix(match['hub'][:-1])}" if match else ""
    by_hub = bool(match) and urlsplit(looked.headers.get("location", "")).path.startswith(own)
    if not by_hub and not (looked.status == 404 and has_name(server.url)):
        return None
    return failed(
        "server",
        f"{server.url} does not run: the Hub answers in its stead, and refuses every token there."
        if by_hub
        else f"{server.url} does not run: no Jupyter server has that address.",
        f"Start it at {start_page(server.url)}, or on the Hub's home page.",
    )


def inside(api: str, answer: Answer, public: str, prefix: str) -> Finding:
    """What a user's own server is told by the Hub's API. `public`: its address for people, where the Hub knows it."""
    if answer.status != 200:
        return note(
            "hub",
            f"The Hub's API at {api} does not answer this server ({answer.error or answer.status}), so logins and the "
            "Hub's tokens are refused; tokens made by `token new` are taken.",
            "Whoever runs the Hub sees to it that users' servers reach that address (hub_connect_ip, network policy).",
        )
    who = answer.object.get("name") or prefix
    where = f"at {public.rstrip('/')}/{NAME}/mcp" if public else "with the URL on the page of this server's tile"
    return ok("hub", f"the Hub knows this server as {who}'s; agents elsewhere connect {where}")


def hub(server: Server, answer: Answer) -> Finding:
    """Whose token it is there, and whether its scopes reach this server."""
    match = HUB.fullmatch(urlsplit(server.url).path)
    assert match is not None  # `hub_api` has seen to it
    user, named = match["user"], match["server"] or ""
    need = f"access:servers!server={user}/{named}"
    cure = f"Make a token on the Hub's Token page, as {user}, or one with the scope {need}."
    if answer.status == 200:
        scopes = answer.object.get("scopes")
        who = str(answer.object.get("name") or "nobody")
        if not isinstance(scopes, list):
            return note("hub", f"The token is {who}'s; the Hub (older than 2) does not tell its scopes.")
        if not reaches(scopes, who, user, named):
            return failed("hub", f"The token is {who}'s, and none of its scopes reaches {server.url}.", cure)
        return ok("hub", f"the token is {who}'s, and reaches this server")
    if answer.status in (401, 403):
        # A token with access to the server alone may not ask about its user: `read:users` is another scope.
        return note("hub", f"The Hub does not tell whose token it is ({answer.status}).", cure)
    return skipped("hub", f"the Hub's API does not answer ({answer.error or answer.status})")


def reaches(scopes: Sequence[Any], who: str, user: str, named: str) -> bool:
    """Whether scopes, as the Hub has expanded them, let somebody in at a user's server."""
    return any(
        scope in ("access:servers", f"access:servers!user={user}", f"access:servers!server={user}/{named}")
        or (who == user and scope in ("access:servers!user", "inherit", "all"))
        for scope in map(str, scopes)
    )
