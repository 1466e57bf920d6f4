"""The connect page: what the launcher tile opens. No credential is in it; tokens are made in the browser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from .. import __version__
from ..clients import CLIENTS, Client, Link, Target
from ..settings import Settings
from .files import NO_SNIFF, StaticFile
from .script import joined

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
_TEMPLATES = Environment(loader=FileSystemLoader(_FOLDER / "templates"), autoescape=True, undefined=StrictUndefined)

SCRIPT = StaticFile("page.js", "text/javascript", joined(_FOLDER / "static" / "page.js").encode())
STYLE = StaticFile("page.css", "text/css", (_FOLDER / "static" / "page.css").read_bytes())
FILES = (SCRIPT, STYLE)
"""All that the page loads; the relay has a list of their names (`parent/policy.py`)."""


@dataclass(frozen=True)
class Tab:
    """What the page shows for one client."""

    client: Client
    template: str
    link: Link | None
    href: str

    @classmethod
    def of(cls, client: Client, endpoint: str, has_token: bool) -> Tab:
        """A client's tab, with a place for the token where the endpoint needs one."""
        target, shown = (Target(endpoint, token if has_token else "") for token in (SLOT, PLACEHOLDER))
        link = client.link(target) if client.link else None
        return cls(client, client.render([target]), link, client.link(shown).href if client.link else "")

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


def connect_page(request: Request, settings: Settings, health: Mapping[str, object]) -> Response:
    """The page: the endpoint, what connects each client, tokens, a test, and the state of things."""
    endpoint = endpoint_url(request.headers, settings)
    text = _TEMPLATES.get_template("connect.html").render(
        endpoint=endpoint,
        health=health,
        open=settings.server_open,
        # The stock handler of jupyter-server-proxy knows no scoped token.
        makes_tokens=settings.relay == "streaming" and not settings.server_open,
        version=__version__,
        tabs=[Tab.of(client, endpoint, not settings.server_open) for client in CLIENTS],
        slot=SLOT,
        placeholder=PLACEHOLDER,
        script=SCRIPT,
        style=STYLE,
    )
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store", **NO_SNIFF}
    return HTMLResponse(text, headers=headers)
