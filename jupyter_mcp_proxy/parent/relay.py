"""The streaming handler at `{base_url}mcp-proxy/`: authenticates, forwards, and passes disconnects on.

jupyter-server-proxy's own proxying buffers every reply to an MCP client, cuts it at 300 s and never tells
the sidecar that a client is gone, so this subclass of its handler does the forwarding instead.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from dataclasses import dataclass
from http.client import responses
from typing import Any, Literal, NoReturn
from urllib.parse import quote

from jupyter_server.base.handlers import JupyterHandler, utcnow
from jupyter_server_proxy.handlers import SuperviseAndProxyHandler
from tornado import httputil, web
from tornado.iostream import StreamClosedError

from ..contract import CALLER_HEADER, NAME, TIER_HEADER, TIERS, TOKEN_HEADER, TOKEN_NAME_HEADER, USER_HEADER
from ..errors import TokenRefused, TokensUnreadable
from ..store.tokens import Place, ScopedToken, TokenStore
from . import auth
from .launcher import server_token
from .supervisor import NotReadyError, Sidecar
from .upstream import Upstream, UpstreamError

FORWARDED_HEADERS = ("Accept", "Accept-Language", "Content-Type", "Last-Event-Id", "User-Agent")
"""Request headers that reach the sidecar, with all that begin with `Mcp-`. No credential is among them."""

DROPPED_RESPONSE_HEADERS = frozenset({"connection", "keep-alive", "transfer-encoding", "date", "server"})

Kind = Literal["page", "endpoint", "health", "api"]
"""The page is for a browser, the endpoint for clients with a token, the API for people with cookie and XSRF token."""


@dataclass(frozen=True)
class Path:
    """One of the sidecar's paths, and what is asked of whoever calls it."""

    kind: Kind
    methods: tuple[str, ...] = ()
    """All that may be used; empty where the sidecar decides."""
    tier: str = "read"
    """What Jupyter's authorizer must grant a person who asks the API this."""


PATHS = {
    "": Path("page"),
    "page.js": Path("page"),
    "page.css": Path("page"),
    "mcp": Path("endpoint"),
    "healthz": Path("health"),
    "api/activity": Path("api", ("GET",)),
    "api/status": Path("api", ("GET",)),
    "api/pause": Path("api", ("POST",), "edit"),
    "api/stop": Path("api", ("POST",), "run"),
}
"""What the sidecar has to offer; nothing else is forwarded."""

LARGEST_API_BODY = 10_000
"""Bytes of a request to the API."""

TOKEN_POLL = 0.5
"""Seconds between two looks at whether the token of a request that is under way still holds."""

SMALL_REPLY = 256 * 1024
"""Bytes up to which a reply of known length is sent in one piece."""


class RelayHandler(auth.LogsNoQuery, SuperviseAndProxyHandler):  # type: ignore[misc]
    """One request to `mcp-proxy/…`."""

    name = NAME

    def initialize(self, sidecar: Sidecar, tokens: TokenStore, place: Place) -> None:
        """Called by tornado with what the extension registered."""
        self._sidecar = sidecar
        self._tokens = tokens
        self._place = place
        self._scoped: ScopedToken | None = None
        self._upstream: Upstream | None = None
        self._client_gone = False
        self._refusal: str | None = None
        self._retry_after = 0.0
        self._tier = "read"
        super().initialize({})

    # -- who is calling -------------------------------------------------------------------------------

    # One reading of the path decides what is asked of the caller and what is forwarded. Were they two,
    # `%6dcp` or `//mcp` could reach the endpoint under the page's rules.

    @property
    def _page(self) -> str | None:
        """Which of the sidecar's paths is meant; None for none of them."""
        path = self.path_args[0] if self.path_args else ""
        return path if path in PATHS else None

    @property
    def _kind(self) -> Kind | None:
        return None if self._page is None else PATHS[self._page].kind

    @property
    def _is_endpoint(self) -> bool:
        return self._kind == "endpoint"

    @property
    def _wants_json(self) -> bool:
        return self._kind != "page"

    async def prepare(self) -> None:
        """Authenticate by Jupyter; the endpoint takes a token and nothing else."""
        if self._page is None:
            self._refuse(
                404, f"There is nothing here. The endpoint is {self.base_url}{NAME}/mcp, without a slash at the end."
            )
        if self.request.headers.get("Upgrade", "").lower() == "websocket":
            self._refuse(405, "There is no websocket here.")
        if self._kind == "api":
            await self._prepare_api(PATHS[self._page])
        elif self._wants_json:
            await self._prepare_json()
        else:
            await super().prepare()
            self.xsrf_token  # noqa: B018 - sets the cookie that the page's own requests have to show
        limit = self._sidecar.launch.config.tier
        if self._scoped is not None:
            limit = auth.lower_tier(limit, self._scoped.tier)
        tier = await auth.permitted_tier(self, limit)
        if tier is None:
            self._refuse(403, auth.NOT_AUTHORIZED.format(user=auth.username(self.current_user)))
        self._tier = tier or self._tier

    async def _prepare_api(self, asked: Path) -> None:
        try:
            await auth.admit_person(self, LARGEST_API_BODY)
        except auth.NotAdmitted as error:
            self._refuse(error.status, str(error))
        if self.request.method not in asked.methods:
            self._refuse(405, f"Use {' or '.join(asked.methods)} here.")
        # Not narrowed by MCPProxy.tier, which is for agents: a person may still stop what they may run themselves.
        tier = await auth.permitted_tier(self, "run")
        if tier is None or TIERS.index(tier) < TIERS.index(asked.tier):
            self._refuse(403, f"That needs the permission {asked.tier!r} on this server, which you do not have.")

    async def _prepare_json(self) -> None:
        origin = self.request.headers.get("Origin")
        if not auth.origin_matches(origin, self.request.headers.get("Host")):
            self._refuse(403, auth.FOREIGN_ORIGIN.format(origin=origin))
        presented = auth.scoped_token(self.request) if self._is_endpoint else None
        if presented is not None:
            self._scoped = self._admitted(presented)
            auth.stand_for_server(self.request, server_token(self.serverapp))
        try:
            await JupyterHandler.prepare(self, _redirect_to_login=False)
        except web.HTTPError as error:
            if error.status_code not in (401, 403):
                raise
            self.current_user = None
        credential = auth.has_credential(self.request.headers, self.request.query_arguments)
        if self.current_user is None:
            # On a JupyterHub the token of another user counts as authenticated: there is just no user here for it.
            self._refuse(403, auth.REJECTED if credential else auth.UNAUTHENTICATED)
        if self._is_endpoint and self.identity_provider.auth_enabled and not self.token_authenticated:
            self._refuse(403, auth.REJECTED if credential else auth.COOKIE_ONLY)
        is_json = auth.media_type(self.request) == "application/json"
        if self._is_endpoint and self.request.method == "POST" and not is_json:
            self._refuse(415, "Send JSON-RPC with the header `Content-Type: application/json`.")

    def _admitted(self, presented: str) -> ScopedToken:
        """The scoped token that a request came with, before Jupyter is asked about anything."""
        try:
            return self._tokens.admit(presented, self._place)
        except TokensUnreadable as error:
            self.log.error("mcp-proxy: %s", error)
            self._refuse(403, str(TokenRefused("unreadable")))
        except TokenRefused as error:
            self._refuse(403, str(error))

    def _refuse(self, status: int, message: str) -> NoReturn:
        self._refusal = message
        raise web.HTTPError(status, message)

    def check_xsrf_cookie(self) -> None:
        """The page's own requests need Jupyter's XSRF token; the endpoint takes no cookie at all."""
        if not self._is_endpoint:
            JupyterHandler.check_xsrf_cookie(self)

    def set_secure_cookie(self, *args: Any, **kwargs: Any) -> None:
        """A token used on the endpoint does not turn into a login cookie."""
        if not self._wants_json:
            super().set_secure_cookie(*args, **kwargs)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """JSON-RPC for MCP clients, which show its message to their users; a page for people."""
        if not self._wants_json:
            super().write_error(status_code, **kwargs)
            return
        message = self._refusal or responses.get(status_code, "The request failed")
        self.set_header("Content-Type", "application/json")
        if self._retry_after:
            self.set_header("Retry-After", str(max(1, round(self._retry_after))))
        if self._kind == "api":
            self.set_header("Cache-Control", "no-store")
            self.finish(json.dumps({"message": message}))
            return
        self.finish(json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": -32001, "message": message}}))

    def _caller(self) -> str:
        """The scoped token's id, or a fingerprint of Jupyter's, so that the sidecar can tell two callers apart."""
        if self._scoped is not None:
            return self._scoped.id
        token = self.identity_provider.get_token(self) or "" if self.identity_provider.auth_enabled else ""
        return hmac.new(self._sidecar.launch.secret.encode(), token.encode(), hashlib.sha256).hexdigest()[:16]

    # -- the way there and back -----------------------------------------------------------------------

    async def ensure_process(self) -> None:
        """Have a sidecar that has proven itself; 503 with the reason and a Retry-After where there is none."""
        try:
            await self._sidecar.ensure()
        except NotReadyError as error:
            self._retry_after = error.retry_after
            self._refuse(503, str(error))

    async def proxy(self, port: int, path: str) -> None:
        """Forward this request and stream its reply."""
        # Jupyter leaves Nagle's algorithm on: each small event would wait 40 ms for the client's ACK.
        self.request.connection.stream.set_nodelay(True)
        await self.ensure_process()
        is_call = self._is_endpoint and b'"tools/call"' in self.request.body
        if is_call:
            self._record_activity()
        pool = self._sidecar.pool
        watch = asyncio.create_task(self._end_with(self._scoped)) if self._scoped else None
        try:
            upstream = self._upstream = await pool.take(self._sidecar.port, self._sidecar.unix_socket)
            if self._client_gone:
                upstream.abort()
                return
            response = await upstream.send(
                self.request.method or "GET", self._target(), self._forwarded_headers(), self.request.body
            )
            await self._reply(upstream, response)
        except UpstreamError as error:
            self._upstream = None
            self._upstream_failed(error)
        except StreamClosedError:
            self.on_connection_close()
        finally:
            if watch is not None:
                watch.cancel()
            if self._upstream is not None and not self._client_gone:
                pool.give_back(self._upstream)
                self._upstream = None
            if is_call:
                self._record_activity()

    async def _end_with(self, token: ScopedToken) -> None:
        """Hang up once the token has ended: its agent gets no more, and what it waits for is interrupted."""
        while True:  # another process ends it, by writing a file
            await asyncio.sleep(TOKEN_POLL)
            if self._tokens.has_ended(token):
                break
        self.log.warning("mcp-proxy: token %s (%r) has ended, and a request with it", token.id, token.name)
        self.request.connection.stream.close()

    async def _reply(self, upstream: Upstream, response: Any) -> None:
        # Start from no headers: tornado's text/html would join the sidecar's Content-Type.
        self._headers = httputil.HTTPHeaders()
        self.set_status(response.status_code)
        length = None
        for name, value in response.headers.raw_items():
            key = name.decode("latin-1")
            if key.lower() == "content-length":
                length = int(value)
            if key.lower() not in DROPPED_RESPONSE_HEADERS:
                self.add_header(key, value.decode("latin-1"))
        whole = length is not None and length <= SMALL_REPLY
        if not whole and self.request.method != "HEAD":
            # jupyter-server-proxy's mixin drops flush()'s future, and with it the back-pressure.
            await web.RequestHandler.flush(self)
        async for chunk in upstream.body():
            self.write(chunk)
            if not whole:
                await web.RequestHandler.flush(self)

    def _upstream_failed(self, error: UpstreamError) -> None:
        if self._client_gone:
            return
        self._sidecar.suspect()
        if self._headers_written:
            # The client must not take a cut stream for a complete one.
            self.log.warning("mcp-proxy: the sidecar went away during a reply: %s", error)
            self.request.connection.stream.close()
            return
        self._retry_after = 2.0
        self._refuse(503, "The sidecar went away and is being restarted; retry in a few seconds.")

    def _target(self) -> str:
        target = f"/{self._page}"
        query = [
            f"{quote(key)}={quote(value.decode('utf-8', 'replace'))}"
            for key, values in self.request.query_arguments.items()
            if key != "token"
            for value in values
        ]
        return f"{target}?{'&'.join(query)}" if query else target

    def _forwarded_headers(self) -> list[tuple[str, str]]:
        request = self.request
        headers = [("Host", "127.0.0.1")]
        headers += [
            (name, value)
            for name, value in request.headers.get_all()
            if name in FORWARDED_HEADERS or name.startswith("Mcp-")
        ]
        headers += self._sidecar.launch.request_headers().items()
        identity = {
            TIER_HEADER: self._tier,
            USER_HEADER: quote(auth.username(self.current_user)),
            CALLER_HEADER: self._caller(),
            TOKEN_HEADER: self._scoped.id if self._scoped else "",
            TOKEN_NAME_HEADER: quote(self._scoped.name) if self._scoped else "",
            "X-Forwarded-Host": request.host,
            "X-Forwarded-Proto": request.protocol,
            "X-Forwarded-Prefix": self.base_url + NAME,
        }
        return [(name, value) for name, value in headers if name not in identity] + list(identity.items())

    def on_connection_close(self) -> None:
        """The client is gone: the sidecar must see that at once, it ends what the client waited for."""
        self._client_gone = True
        if self._upstream is not None:
            self._upstream.abort()
            self._upstream = None

    def _record_activity(self) -> None:
        """Tool calls keep the server from being culled; idle event streams and pings do not."""
        self.settings.setdefault("last_activity_times", {})[NAME] = utcnow()
