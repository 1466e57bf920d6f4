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
    """The rules, ahead of the relay's.

    A path-prefixed server has no say at its origin's root, so what clients look for there stands below the issuer and
    below the endpoint too; the clients of November 2026 find it there.
    """
    root, given = re.escape(f"{base_url}{NAME}"), {"desk": desk}
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
            (rf"/\.well-known/{RESOURCE}(?:/{NAME}/mcp)?", ResourceHandler),
            (rf"/\.well-known/{SERVER}(?:/{NAME}/(?:oauth|mcp))?", ServerHandler),
        ]
    nothing = rf"(?:{re.escape(base_url)}|/|{root}/|{root}/oauth/)\.well-known/(?:{SERVER}|{RESOURCE})(?:/.*)?"
    return [(path, handler, given) for path, handler in [*ours, (nothing, NothingHandler)]]
