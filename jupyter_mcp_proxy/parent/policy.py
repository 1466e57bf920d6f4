"""Who may ask the Jupyter process for what, and what is said to whoever may not. Pure: facts in, a decision out.

A handler goes through it in this order: which path is meant, what can be said before Jupyter's login, what the login
has found, which tier is permitted. Whatever is refused is raised as `Refused`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from ..contract import COMMAND, NAME, TIERS
from ..errors import TILE
from ..store.tokens import PREFIX

UNAUTHENTICATED = (
    "No Jupyter token came with this request. Send the header `Authorization: Bearer <token>`. "
    f"Where the server runs, `{COMMAND} token new` makes a token for one agent and `{COMMAND} connect` "
    "prints the line with the server's own. Retrying without a token will not help."
)
REJECTED = (
    "The server did not accept this token: it is wrong, has expired, was revoked, or belongs to another server "
    "or user (a stopped JupyterHub server answers like this too). Get a new one "
    f"({TILE}, or `{COMMAND} token new` where the server runs) and put it in the client's configuration."
)
WRONG_NAME = (
    "Jupyter does not take requests that are sent to it by the name {host}, whatever their token is. Use the server's "
    "own address, have the proxy or tunnel in between send that in `Host`, or set `ServerApp.local_hostnames` (or "
    "`ServerApp.allow_remote_access`) on the server."
)
COOKIE_ONLY = (
    "A login cookie alone is not enough here, so that no other web page can use it. Send the header "
    f"`Authorization: Bearer <token>`; `{COMMAND} connect` prints the complete line."
)
FOREIGN_ORIGIN = (
    "This request comes from a web page of another origin ({origin}), which may not use this endpoint. "
    "Use a client that is not a web page, or one that is served by this server."
)
NOT_AUTHORIZED = "Jupyter's authorizer does not let {user} read contents on this server, which every tool needs."
SIGN_IN = "Log in to this server, or send its own token. This is for people: tokens made for agents do not open it."
NO_XSRF = "Send Jupyter's XSRF token (the cookie `_xsrf`) in the header `X-XSRFToken`, from a page of this server."

SIGN_IN_FIRST = (
    "No Jupyter token came with this request. A client that can sign in opens a page of this server in your browser; "
    f"else send the header `Authorization: Bearer <token>`. Where the server runs, `{COMMAND} token new` makes "
    f"a token for one agent and `{COMMAND} connect` prints the line with the server's own."
)
SIGN_IN_AGAIN = (
    "The sign-in that this token came from has ended, or the token has and its client gets a new one: sign in again. "
    "A client that can do so opens a page of this server in your browser."
)
ONLY_AT = "Signing in works at {endpoint} (`MCPProxy.public_url`): give the client that URL."

REQUIRED = (("read", "read", "contents"), ("edit", "write", "contents"), ("run", "execute", "kernels"))
"""Each tier with the action and resource that Jupyter's authorizer must grant for it."""

_AUTHORIZATION = re.compile(r"(?:token|bearer)\s+(.+)", re.IGNORECASE)
_JUPYTERS_COOKIE = re.compile(r"(?:^|;)\s*(?:_xsrf|username-|jupyterhub-)", re.IGNORECASE)
"""What a browser has that was at this server or its Hub. Those of a load balancer, by which it finds the same server
again, say nothing of who asks; programs that keep cookies (httpx) send them."""
_MADE_UP = re.compile(r"[0-9a-f]{32}")
"""A name that Jupyter makes up where one token is for everybody: `IdentityProvider.generate_anonymous_user`."""


class Refused(Exception):
    """A request that is not carried out: its status, what whoever sent it is told, and in how many seconds another try
    makes sense; 0 where that is not known. With a challenge, how it gets what it lacks (`WWW-Authenticate`)."""

    def __init__(self, status: int, message: str, retry_after: float = 0.0, challenge: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        self.challenge = challenge


# -- what is asked --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """What a request says."""

    method: str
    headers: Mapping[str, str]
    """By names in any case, as tornado has them."""
    query: Mapping[str, list[bytes]]
    body: bytes = b""

    @property
    def scoped_token(self) -> str | None:
        """The scoped token in it, right or wrong: in its Authorization, else in `?token=`."""
        match = _AUTHORIZATION.match(self.headers.get("Authorization", ""))
        given = [match.group(1)] if match else []
        given += [value.decode("utf-8", "replace") for value in self.query.get("token", [])]
        return next((token.strip() for token in given if token.strip().startswith(PREFIX)), None)

    @property
    def has_credential(self) -> bool:
        """Whether it carries a token at all, right or wrong."""
        return bool(self.headers.get("Authorization") or self.query.get("token"))

    @property
    def has_nothing(self) -> bool:
        """Whether it carries nothing that could say who asks: no token, no cookie of Jupyter's, no page's origin."""
        # An empty header is a configuration whose variable is not set: not a client that would sign in.
        named = self.query.get("token") or any(name in self.headers for name in ("Authorization", "Origin"))
        return not (named or _JUPYTERS_COOKIE.search(self.headers.get("Cookie", "")))

    @property
    def is_json(self) -> bool:
        """Whether its body claims to be JSON, whatever the parameters."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower() == "application/json"

    @property
    def is_batch(self) -> bool:
        """Whether its body begins as a list of messages."""
        return self.body[:100].lstrip().startswith(b"[")


Kind = Literal["page", "endpoint", "health", "api"]
"""The page is for a browser, the endpoint for clients with a token, the API for people with cookie and XSRF token."""


@dataclass(frozen=True)
class Path:
    """One of the sidecar's paths, and what is asked of whoever calls it."""

    name: str
    kind: Kind
    methods: tuple[str, ...] = ()
    """All that may be used; empty where the sidecar decides."""
    tier: str = "read"
    """What Jupyter's authorizer must grant a person who asks the API this."""


PATHS = {
    path.name: path
    for path in (
        Path("", "page"),
        Path("page.js", "page"),
        Path("page.css", "page"),
        Path("mcp", "endpoint"),
        Path("healthz", "health"),
        Path("api/activity", "api", ("GET",)),
        Path("api/status", "api", ("GET",)),
        Path("api/pause", "api", ("POST",), "edit"),
        Path("api/stop", "api", ("POST",), "run"),
        Path("api/answer", "api", ("POST",), "run"),
        Path("api/asking", "api", ("POST",), "run"),
        Path("api/request", "api", ("GET",)),
        Path("api/allow", "api", ("POST",), "run"),
        Path("api/changes", "api", ("GET",)),
        Path("api/keep", "api", ("POST",), "edit"),
        Path("api/undo", "api", ("POST",), "edit"),
        Path("api/accept", "api", ("POST",), "edit"),
        Path("api/reject", "api", ("POST",), "edit"),
        Path("api/review", "api", ("POST",), "edit"),
        Path("api/snapshots", "api", ("GET",)),
        Path("api/restore", "api", ("POST",), "edit"),
    )
}
"""What the sidecar has to offer; nothing else is forwarded."""


def meant(path: Path | None, asked: Asked, base_url: str) -> Path:
    """The path that a request means, by what PATHS has for it; no other, and no websocket."""
    if path is None:
        raise Refused(404, f"There is nothing here. The endpoint is {base_url}{NAME}/mcp, without a slash at the end.")
    if asked.headers.get("Upgrade", "").lower() == "websocket":
        raise Refused(405, "There is no websocket here.")
    return path


# -- who asks -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Login:
    """What Jupyter's login has found out about a request."""

    known: bool
    """Whether it has a user."""
    by_token: bool
    """Whether that is because of a token, and not of a cookie."""
    enabled: bool = True
    """Whether the server asks for a login at all."""


def check_origin(asked: Asked) -> None:
    """No page of another origin may ask. Where a server has no login, this is all there is."""
    origin = asked.headers.get("Origin")
    if not origin_matches(origin, asked.headers.get("Host")):
        raise Refused(403, FOREIGN_ORIGIN.format(origin=origin))


def origin_matches(origin: str | None, host: str | None) -> bool:
    """Whether a request's Origin is absent or names the host that it was sent to.

    The scheme is left out of it: a proxy that ends TLS does not tell us which the browser saw.
    """
    if origin is None:
        return True
    return host is not None and urlsplit(origin).netloc.lower() == host.lower()


def check_client(path: Path, asked: Asked, login: Login) -> None:
    """An MCP client has a token, which no cookie replaces, and sends JSON; health is for all whom Jupyter knows."""
    if not login.known:
        # On a JupyterHub the token of another user counts as authenticated: there is just no user here for it.
        raise Refused(403, REJECTED if asked.has_credential else UNAUTHENTICATED)
    if path.kind != "endpoint":
        return
    if login.enabled and not login.by_token:
        raise Refused(403, REJECTED if asked.has_credential else COOKIE_ONLY)
    if asked.method == "POST" and not asked.is_json:
        raise Refused(415, "Send JSON-RPC with the header `Content-Type: application/json`.")
    if asked.method == "POST" and asked.is_batch:
        raise Refused(400, "Send each JSON-RPC message by itself: MCP has no batches since protocol 2025-06-18.")


def check_no_agent(asked: Asked) -> None:
    """What is for people is not for whoever shows a scoped token."""
    if asked.scoped_token is not None:
        raise Refused(403, SIGN_IN)


def not_logged_in(known: bool) -> Refused:
    """What a person is told whom Jupyter has refused; where it knows them, only the XSRF token can be missing."""
    return Refused(403, NO_XSRF if known else SIGN_IN)


def check_person(asked: Asked, login: Login, largest_body: int) -> None:
    """A person is logged in, by nothing that is wrong, and sends JSON of a size that is taken."""
    if not login.known:  # Jupyter leaves that to us, unless it was told to let nobody in
        raise Refused(403, SIGN_IN)
    if asked.has_credential and login.enabled and not login.by_token:
        raise Refused(403, SIGN_IN)  # a wrong token beside a right cookie
    if asked.method == "POST" and not asked.is_json:
        raise Refused(415, "Send JSON with the header `Content-Type: application/json`.")
    if len(asked.body) > largest_body:
        raise Refused(413, f"At most {largest_body} bytes are taken.")


def username(user: Any) -> str:
    """A user's name, as Jupyter knows them; "anonymous" where it makes up one, for each request with a token anew."""
    name = str(getattr(user, "username", None) or "anonymous")
    made_up = _MADE_UP.fullmatch(name) and str(getattr(user, "name", "")).startswith("Anonymous ")
    return "anonymous" if made_up else name


# -- what they may do -----------------------------------------------------------------------------------


def check_method(path: Path, asked: Asked) -> None:
    """The path knows the method."""
    if path.methods and asked.method not in path.methods:
        raise Refused(405, f"Use {' or '.join(path.methods)} here.")


def check_tier(path: Path, tier: str | None) -> None:
    """A person may do what the path does."""
    if not includes(tier, path.tier):
        raise Refused(403, f"That needs the permission {path.tier!r} on this server, which you do not have.")


def includes(tier: str | None, other: str) -> bool:
    """Whether a tier permits what the other does; none permits nothing."""
    return tier is not None and TIERS.index(tier) >= TIERS.index(other)


def lower_tier(one: str, other: str) -> str:
    """The one that permits less."""
    return min(one, other, key=TIERS.index)


def highest_tier(granted: dict[str, bool], limit: str) -> str | None:
    """The highest tier that holds, where a tier holds only if those below it do; None without even `read`."""
    tier = None
    for name in TIERS[: TIERS.index(limit) + 1]:
        if not granted.get(name):
            break
        tier = name
    return tier


def at_least_read(tier: str | None, user: Any) -> str:
    """The tier of a user who has one."""
    if tier is None:
        raise Refused(403, NOT_AUTHORIZED.format(user=username(user)))
    return tier
