"""Which handler has which path."""

from __future__ import annotations

import re
from typing import Any

from ...contract import NAME
from .consent import AuthorizeHandler, StyleHandler
from .desk import Desk
from .machine import (
    KeysHandler,
    NothingHandler,
    RegistrationHandler,
    ResourceHandler,
    RevocationHandler,
    ServerHandler,
    TokenHandler,
)

SERVER = r"(?:openid-configuration|oauth-authorization-server)"
RESOURCE = r"oauth-protected-resource"


def rules(base_url: str, desk: Desk) -> list[tuple[str, Any, dict[str, Any]]]:
    """The rules, ahead of the relay's; none where signing in is switched off.

    A path-prefixed server has no say at its origin's root, so what clients look for there stands below the issuer and
    below the endpoint too; the clients of November 2026 find it there. At the root only what names our path is ours,
    and the bare place of the authorization server, which clients of the protocol of March 2025 know alone: the rest
    of the origin may have endpoints and metadata of others.
    """
    if not desk.is_offered:
        return []
    root, path, given = re.escape(f"{base_url}{NAME}"), re.escape(f"{base_url.lstrip('/')}{NAME}"), {"desk": desk}
    ours = [
        (rf"{root}/oauth/authorize", AuthorizeHandler),
        (rf"{root}/oauth/consent\.css", StyleHandler),
        (rf"{root}/oauth/token", TokenHandler),
        (rf"{root}/oauth/register", RegistrationHandler),
        (rf"{root}/oauth/revoke", RevocationHandler),
        (rf"{root}/oauth/jwks", KeysHandler),
        (rf"{root}/(?:mcp/)?\.well-known/{RESOURCE}(?:/mcp)?", ResourceHandler),
        (rf"{root}/(?:oauth/|mcp/)?\.well-known/{SERVER}(?:/oauth|/mcp)?", ServerHandler),
    ]
    if base_url == "/":
        ours += [
            (rf"/\.well-known/{RESOURCE}/{NAME}/mcp", ResourceHandler),
            (rf"/\.well-known/{SERVER}/{NAME}/(?:oauth|mcp)", ServerHandler),
            (r"/\.well-known/oauth-authorization-server", ServerHandler),
        ]
    looked_for = rf"\.well-known/(?:{SERVER}|{RESOURCE})"
    nothing = [
        (rf"(?:{re.escape(base_url)}|/){looked_for}(?:/{path}(?:/.*)?)?", NothingHandler),
        (rf"{root}/(?:oauth/)?{looked_for}(?:/.*)?", NothingHandler),
    ]
    return [(path, handler, given) for path, handler in [*ours, *nothing]]
