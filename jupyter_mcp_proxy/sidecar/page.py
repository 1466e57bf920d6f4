"""The connect page: what the launcher tile opens. No credential is in it; tokens are made in the browser."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from .. import __version__
from ..clients import CLIENTS, Client, Link, Target
from ..language import wanted
from ..settings import Settings
from .files import NO_SNIFF, StaticFile
from .script import joined

if TYPE_CHECKING:
    from jinja2 import Environment

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "frame-ancestors 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)
"""Nothing from elsewhere, nothing inline, and no text of anybody's is ever parsed as markup."""

SLOT = "TOKEN-GOES-HERE"
"""Where the script puts a token; made of characters that a token has, so that no format quotes it otherwise."""
PLACEHOLDER = "<token>"
"""What a person sees in its place before there is one."""

_FOLDER = Path(__file__).parent

_CODE = joined(_FOLDER / "static" / "page.js")
SCRIPT = StaticFile("page.js", "text/javascript", _CODE.encode())
COMMON = _FOLDER.parent / "common.css"
STYLE = StaticFile("page.css", "text/css", COMMON.read_bytes() + (_FOLDER / "static" / "page.css").read_bytes())
FILES = (SCRIPT, STYLE)
"""All that the page loads; the relay has a list of their names (`parent/policy.py`)."""


@cache
def _templates() -> Environment:
    # Loaded with the first page: a sidecar that is starting has no need of it, and its start is waited for.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(loader=FileSystemLoader(_FOLDER / "templates"), autoescape=True, undefined=StrictUndefined)


@dataclass(frozen=True)
class Tab:
    """What the page shows for one client."""

    client: Client
    template: str
    """With a place for a token, where the endpoint needs one."""
    plain: str
    """Without a token: for a client that signs in, and for an endpoint that needs none."""
    link: Link | None
    plain_link: Link | None
    href: str

    @classmethod
    def of(cls, client: Client, endpoint: str, has_token: bool) -> Tab:
        """A client's tab, with a place for the token where the endpoint needs one."""
        target, shown = (Target(endpoint, token if has_token else "") for token in (SLOT, PLACEHOLDER))
        bare = Target(endpoint)
        link, plain = (client.link(target), client.link(bare)) if client.link else (None, None)
        href = client.link(shown).href if client.link else ""
        return cls(client, client.render([target]), client.render([bare]), link, plain, href)

    @property
    def shown(self) -> str:
        """What a person sees before there is a token."""
        return self.template.replace(SLOT, PLACEHOLDER)


def endpoint_url(headers: Mapping[str, str], settings: Settings) -> str:
    """The endpoint as the person's browser reaches it, from what the relay or jupyter-server-proxy tells.

    A proxy that ends TLS may not say so; the page's script corrects it by the address that the browser has.
    """
    host = headers.get("x-forwarded-host") or headers.get("host", "localhost")
    scheme = headers.get("x-forwarded-proto") or settings.server_url.partition(":")[0]
    prefix = headers.get("x-forwarded-prefix", "/mcp-proxy").rstrip("/")
    return f"{scheme.split(',')[0].strip()}://{host.split(',')[0].strip()}{prefix}/mcp"


def connect_page(request: Request, settings: Settings, health: Mapping[str, object], certificate: str = "") -> Response:
    """The page: what connects each client, tokens, a test, the state, and a certificate that is not trusted."""
    endpoint = endpoint_url(request.headers, settings)
    # The stock handler of jupyter-server-proxy knows no scoped token.
    makes_tokens = settings.relay == "streaming" and not settings.server_open
    language = wanted(request.headers.get("accept-language", ""))
    of_script = {text: said for text, said in language.texts.items() if f"'{text}'" in _CODE}
    text = (
        _templates()
        .get_template("connect.html")
        .render(
            _=language.in_markup,
            language=language.code,
            texts=json.dumps(of_script) if of_script else "",
            endpoint=endpoint,
            health=health,
            open=settings.server_open,
            makes_tokens=makes_tokens,
            signs_in=makes_tokens and settings.signin,
            version=__version__,
            tabs=[Tab.of(client, endpoint, not settings.server_open) for client in CLIENTS],
            slot=SLOT,
            certificate=certificate,
            placeholder=PLACEHOLDER,
            script=SCRIPT,
            style=STYLE,
        )
    )
    said_in = {"Content-Language": language.code, "Vary": "Accept-Language"}
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store", **said_in, **NO_SNIFF}
    return HTMLResponse(text, headers=headers)
