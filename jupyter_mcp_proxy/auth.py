"""Who is calling and what they may do, decided in the Jupyter process from Jupyter's own identity."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from jupyter_server.utils import ensure_async

from .config import TIERS

REQUIRED = (("read", "read", "contents"), ("edit", "write", "contents"), ("run", "execute", "kernels"))
"""Each tier with the action and resource that Jupyter's authorizer must grant for it."""

UNAUTHENTICATED = (
    "No Jupyter token came with this request. Send the header `Authorization: Bearer <token>`. "
    "On your own machine `jupyter mcp-proxy connect` prints the complete line; on a JupyterHub make a "
    "token on its Token page. Retrying without a token will not help."
)
REJECTED = (
    "The server did not accept this token: it is wrong, has expired, was revoked, or belongs to another server "
    "or user (a stopped JupyterHub server answers like this too). Get a new one (`jupyter mcp-proxy connect` on your "
    "own machine, the Token page on a JupyterHub) and put it in the client's configuration."
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
