"""The connect page: what the launcher tile opens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from .. import __version__
from .settings import Settings

POLICY = "; ".join(
    [
        "default-src 'none'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    ]
)

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined
)


def endpoint_url(headers: Mapping[str, str], settings: Settings) -> str:
    """The endpoint as the person's browser reaches it, from what the relay or jupyter-server-proxy tells."""
    host = headers.get("x-forwarded-host") or headers.get("host", "localhost")
    scheme = headers.get("x-forwarded-proto") or settings.server_url.partition(":")[0]
    prefix = headers.get("x-forwarded-prefix", "/mcp-proxy").rstrip("/")
    return f"{scheme.split(',')[0].strip()}://{host.split(',')[0].strip()}{prefix}/mcp"


def connect_page(request: Request, settings: Settings, health: Mapping[str, object]) -> Response:
    """The page: the endpoint, a command to copy, and the state of things. No credential is in it."""
    text = _TEMPLATES.get_template("connect.html").render(
        endpoint=endpoint_url(request.headers, settings),
        health=health,
        open=settings.server_open,
        version=__version__,
    )
    return HTMLResponse(
        text,
        headers={
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        },
    )
