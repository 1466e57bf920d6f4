"""Who is calling and what they may do, decided in the Jupyter process from Jupyter's own identity."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import ensure_async
from tornado import web
from tornado.httputil import HTTPServerRequest

from ..contract import TIERS
from ..store.tokens import PREFIX

REQUIRED = (("read", "read", "contents"), ("edit", "write", "contents"), ("run", "execute", "kernels"))
"""Each tier with the action and resource that Jupyter's authorizer must grant for it."""

UNAUTHENTICATED = (
    "No Jupyter token came with this request. Send the header `Authorization: Bearer <token>`. "
    "Where the server runs, `jupyter mcp-proxy token new` makes a token for one agent and `jupyter mcp-proxy connect` "
    "prints the line with the server's own. Retrying without a token will not help."
)
REJECTED = (
    "The server did not accept this token: it is wrong, has expired, was revoked, or belongs to another server "
    "or user (a stopped JupyterHub server answers like this too). Get a new one (`jupyter mcp-proxy token new` or "
    "`jupyter mcp-proxy connect` where the server runs) and put it in the client's configuration."
)
COOKIE_ONLY = (
    "A login cookie alone is not enough here, so that no other web page can use it. Send the header "
    "`Authorization: Bearer <token>`; `jupyter mcp-proxy connect` prints the complete line."
)
FOREIGN_ORIGIN = (
    "This request comes from a web page of another origin ({origin}), which may not use this endpoint. "
    "Use a client that is not a web page, or one that is served by this server."
)
NOT_AUTHORIZED = "Jupyter's authorizer does not let {user} read contents on this server, which every tool needs."


SIGN_IN = "Log in to this server, or send its own token. This is for people: tokens made for agents do not open it."
NO_XSRF = "Send Jupyter's XSRF token (the cookie `_xsrf`) in the header `X-XSRFToken`, from a page of this server."

_MADE_UP = re.compile(r"[0-9a-f]{32}")
"""A name that Jupyter makes up where one token is for everybody: `IdentityProvider.generate_anonymous_user`."""
_AUTHORIZATION = re.compile(r"(?:token|bearer)\s+(.+)", re.IGNORECASE)


def scoped_token(request: HTTPServerRequest) -> str | None:
    """The scoped token in a request, right or wrong: in its Authorization, else in `?token=`."""
    match = _AUTHORIZATION.match(request.headers.get("Authorization", ""))
    given = [match.group(1)] if match else []
    given += [value.decode("utf-8", "replace") for value in request.query_arguments.get("token", [])]
    return next((token.strip() for token in given if token.strip().startswith(PREFIX)), None)


def media_type(request: HTTPServerRequest) -> str:
    """What a request's body claims to be, without its parameters."""
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def username(user: Any) -> str:
    """A user's name, as Jupyter knows them; "anonymous" where it makes up one, for each request with a token anew."""
    name = str(getattr(user, "username", None) or "anonymous")
    made_up = _MADE_UP.fullmatch(name) and str(getattr(user, "name", "")).startswith("Anonymous ")
    return "anonymous" if made_up else name


def stand_for_server(request: HTTPServerRequest, token: str) -> None:
    """Put the server's own token in place of every credential that a request came with.

    A scoped token acts as the server's own user, and who that is only Jupyter can tell: the owner on a JupyterHub,
    whom its authorizer asks for scopes, somebody without a name on a laptop. Without a token the server has no login.
    """
    for name in ("Authorization", "Cookie"):
        request.headers.pop(name, None)
    for arguments in (request.arguments, request.query_arguments, request.body_arguments):
        arguments.pop("token", None)
    if token:
        request.headers["Authorization"] = f"Bearer {token}"


class NotAdmitted(Exception):
    """A request that is not answered, with the status and the reason for whoever sent it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


async def admit_person(handler: JupyterHandler, largest_body: int) -> None:
    """Let in who is logged in and comes from a page of this server, or who has Jupyter's own token; no scoped one.

    The rules about origins, XSRF and JSON hold on a server without authentication too, where they are all there is.
    Raises NotAdmitted.
    """
    request = handler.request
    origin = request.headers.get("Origin")
    if not origin_matches(origin, request.headers.get("Host")):
        raise NotAdmitted(403, FOREIGN_ORIGIN.format(origin=origin))
    if scoped_token(request) is not None:
        raise NotAdmitted(403, SIGN_IN)
    try:
        await JupyterHandler.prepare(handler, _redirect_to_login=False)
        if not handler.token_authenticated:
            handler.check_xsrf_cookie()  # Jupyter's own does not ask for it before a GET
    except web.HTTPError as error:
        if error.status_code not in (401, 403, 404):  # Jupyter's XSRF check answers a foreign origin with 404
            raise
        known = getattr(handler, "_jupyter_current_user", None)
        raise NotAdmitted(403, NO_XSRF if known else SIGN_IN) from error
    if handler.current_user is None:  # Jupyter leaves that to us, unless it was told to let nobody in
        raise NotAdmitted(403, SIGN_IN)
    credential = has_credential(request.headers, request.query_arguments)
    if credential and handler.identity_provider.auth_enabled and not handler.token_authenticated:
        raise NotAdmitted(403, SIGN_IN)  # a wrong token beside a right cookie
    if request.method == "POST" and media_type(request) != "application/json":
        raise NotAdmitted(415, "Send JSON with the header `Content-Type: application/json`.")
    if len(request.body) > largest_body:
        raise NotAdmitted(413, f"At most {largest_body} bytes are taken.")


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


async def permitted_tier(handler: Any, limit: str) -> str | None:
    """What Jupyter's authorizer grants the handler's user, narrowed by `limit`."""
    granted = {}
    for tier, action, resource in REQUIRED:
        granted[tier] = bool(
            await ensure_async(handler.authorizer.is_authorized(handler, handler.current_user, action, resource))
        )
    return highest_tier(granted, limit)


def origin_matches(origin: str | None, host: str | None) -> bool:
    """Whether a request's Origin is absent or names the host that it was sent to.

    The scheme is left out of it: a proxy that ends TLS does not tell us which the browser saw.
    """
    if origin is None:
        return True
    return host is not None and urlsplit(origin).netloc.lower() == host.lower()


def has_credential(headers: Any, query: dict[str, Any]) -> bool:
    """Whether a request carries a token at all, right or wrong."""
    return bool(headers.get("Authorization") or query.get("token"))


class LogsNoQuery:
    """For a handler: what goes wrong is logged with the path alone, since `?token=` may stand behind it."""

    def _request_summary(self) -> str:
        request: Any = self.request  # type: ignore[attr-defined]
        return f"{request.method} {request.path} ({request.remote_ip})"

    def log_exception(self, kind: Any, error: Any, trace: Any) -> None:
        """Log an error without the request's own representation, which tornado adds to an unexpected one."""
        if isinstance(error, web.HTTPError):
            super().log_exception(kind, error, trace)  # type: ignore[misc]
        else:
            self.log.error(  # type: ignore[attr-defined]
                "mcp-proxy: %s failed unexpectedly", self._request_summary(), exc_info=(kind, error, trace)
            )
