"""The ASGI application: MCP at /mcp, health at /healthz, the connect page at /, and what the panel asks below /api/."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mcp.server.streamable_http_manager import StreamableHTTPASGIApp
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .. import __version__
from ..errors import ProxyError
from ..settings import Settings
from ..tools.server import create_server
from ..tools.state import State
from .api import Api
from .bodies import Bodies
from .certificate import distrusted
from .guard import Door, Guard
from .page import FILES, connect_page
from .permission import PermissionApi
from .review import ReviewApi
from .sessions import Sessions
from .snapshots import SnapshotApi

SESSION_IDLE = 24 * 3600.0
"""Seconds without a request after which an old-era session ends. A laptop sleeps over night."""


def create_app(settings: Settings) -> Guard | Door:
    """The whole sidecar behind its guard; where no extension stands before it MCP and health alone, behind a door."""
    state = State(settings)
    server = create_server(state)
    # The SDK's guard against DNS rebinding knows neither our public host nor the secret; ours stands in front.
    server.streamable_http_app(
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        max_request_body_size=settings.max_body_size,
        session_idle_timeout=SESSION_IDLE,
    )
    manager = server.session_manager

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with manager.run():
            yield

    async def healthz(request: Request) -> Response:
        return JSONResponse(await health(state))

    async def page(request: Request) -> Response:
        return connect_page(request, settings, await health(state), await distrusted(settings))

    routes = [
        Route("/healthz", healthz),
        Route(
            "/mcp", endpoint=Bodies(Sessions(StreamableHTTPASGIApp(manager), settings.secret), settings.max_body_size)
        ),
    ]
    if not settings.endpoint_token:  # a page, and a panel, of a person who is logged in to Jupyter
        routes += [Route("/", page), *(file.route() for file in FILES)]
        routes += [*Api(state).routes(), *ReviewApi(state).routes(), *PermissionApi(state).routes()]
        routes += SnapshotApi(state).routes()
    app = Starlette(routes=routes, lifespan=lifespan)
    app.router.redirect_slashes = False  # it would send a client, with its token, to 127.0.0.1
    guard = Guard(app, settings.secret)
    token = settings.endpoint_token
    return Door(guard, token, secret=settings.secret, tier=settings.tier) if token else guard


async def health(state: State) -> dict[str, object]:
    """What `/healthz` says. `rtc` is None while the server cannot be asked."""
    rtc: bool | None
    try:
        rtc = await (await state.ready()).server.has_collaboration()
    except ProxyError:
        rtc = None
    return {
        "status": "ok",
        "version": __version__,
        "rtc": rtc,
        "relay": state.settings.relay,
        "authentication": not state.settings.server_open,
    }
