"""The streaming handler at `{base_url}mcp-proxy/`: authenticates, forwards, and passes disconnects on.

jupyter-server-proxy's own proxying buffers every reply to an MCP client, cuts it at 300 s and never tells
the sidecar that a client is gone, so this subclass of its handler does the forwarding instead.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, NoReturn

from jupyter_server.base.handlers import JupyterHandler, utcnow
from jupyter_server_proxy.handlers import SuperviseAndProxyHandler
from tornado import httputil, web
from tornado.iostream import StreamClosedError

from ..contract import NAME
from ..store.signins import is_of_a_signin
from ..store.token_errors import TokenRefused, TokensUnreadable
from ..store.tokens import PREFIX, Place, ScopedToken, TokenStore
from . import auth, forwarding, no_sidecar, policy
from .launcher import server_token
from .policy import Refused
from .signin import metadata
from .signin.desk import Desk
from .supervisor import NoSidecarError, NotReadyError, Sidecar
from .upstream import Upstream, UpstreamError

LARGEST_API_BODY = 10_000
"""Bytes of a request to the API."""

TOKEN_POLL = 0.5
"""Seconds between two looks at whether the token of a request that is under way still holds."""


class RelayHandler(auth.LogsNoQuery, SuperviseAndProxyHandler):  # type: ignore[misc]
    """One request to `mcp-proxy/…`."""

    name = NAME

    def initialize(self, sidecar: Sidecar, tokens: TokenStore, place: Place, desk: Desk) -> None:
        """Called by tornado with what the extension registered."""
        self._sidecar = sidecar
        self._tokens = tokens
        self._place = place
        self._desk = desk
        self._scoped: ScopedToken | None = None
        self._upstream: Upstream | None = None
        self._token_ended: str | None = None
        """Why the token of the request holds no more, once that is so."""
        self._streams = False
        self._last_sent = b""
        self._client_gone = False
        self._refused: Refused | None = None
        self._tier = "read"
        super().initialize({})

    # -- who is calling -------------------------------------------------------------------------------

    # One reading of the path decides what is asked of the caller and what is forwarded. Were they two,
    # `%6dcp` or `//mcp` could reach the endpoint under the page's rules.

    @property
    def _path(self) -> policy.Path | None:
        """Which of the sidecar's paths is meant; None for none of them."""
        # Tornado refuses a method that it does not know, such as TRACE, before it sets the arguments.
        arguments = getattr(self, "path_args", None)
        return None if arguments is None else policy.PATHS.get(arguments[0] if arguments else "")

    @property
    def _kind(self) -> policy.Kind | None:
        return None if self._path is None else self._path.kind

    async def prepare(self) -> None:
        """Authenticate by Jupyter; the endpoint takes a token and nothing else."""
        try:
            await self._admit(policy.meant(self._path, auth.asked_by(self.request), self.base_url))
        except Refused as refused:
            self._refuse(refused)

    async def _admit(self, path: policy.Path) -> None:
        if path.kind == "api":
            await self._admit_to_api(path)
        elif path.kind == "page":
            await super().prepare()
            self.xsrf_token  # noqa: B018 - sets the cookie that the page's own requests have to show
        else:
            await self._admit_client(path)
        limit = self._sidecar.launch.config.tier
        if self._scoped is not None:
            limit = policy.lower_tier(limit, self._scoped.tier)
        self._tier = policy.at_least_read(await auth.permitted_tier(self, limit), self.current_user)

    async def _admit_to_api(self, path: policy.Path) -> None:
        await auth.admit_person(self, LARGEST_API_BODY)
        policy.check_method(path, auth.asked_by(self.request))
        # Not narrowed by MCPProxy.tier, which is for agents: a person may still stop what they may run themselves.
        policy.check_tier(path, await auth.permitted_tier(self, "run"))

    async def _admit_client(self, path: policy.Path) -> None:
        asked = auth.asked_by(self.request)
        policy.check_origin(asked)
        presented = asked.scoped_token if path.kind == "endpoint" else None
        if presented is not None:
            self._scoped = self._admitted(presented)
            auth.stand_for_server(self.request, server_token(self.serverapp))
        try:
            await auth.admit_client(self, path)
        except Refused as refused:
            # Jupyter is asked first: it may know a caller by something that we do not know of.
            unknown = refused.status == 403 and asked.has_nothing and not auth.login_of(self).known
            if unknown and path.kind == "endpoint" and self._desk.is_open:
                raise self._challenged(policy.SIGN_IN_FIRST) from refused
            raise

    def _admitted(self, presented: str) -> ScopedToken:
        """The scoped token that a request came with, before Jupyter is asked about anything."""
        of_signin = is_of_a_signin(presented)
        try:
            return self._desk.admit(presented) if of_signin else self._tokens.admit(presented, self._place)
        except TokensUnreadable as error:
            self.log.error("mcp-proxy: %s", error)
            raise Refused(403, str(TokenRefused("unreadable"))) from error
        except TokenRefused as error:
            # Nobody writes such a token into a configuration: its client can get another, whatever became of this one.
            if of_signin and self._desk.is_open and not self.request.headers.get("Origin"):
                raise self._challenged(policy.SIGN_IN_AGAIN, "invalid_token") from error
            raise Refused(403, str(error)) from error

    def _challenged(self, message: str, error: str = "") -> Refused:
        """What has a client sign in; at a name that this server does not go by, which setting to make."""
        address = self._desk.address(self.request)
        if not address.is_of(self.request.host):
            message = f"{message} {policy.ONLY_AT.format(endpoint=address.endpoint)}"
        return Refused(401, message, challenge=metadata.challenge(address, self._desk.tiers, error))

    def _refuse(self, refused: Refused) -> NoReturn:
        self._refused = refused
        raise web.HTTPError(refused.status, str(refused)) from refused

    def check_xsrf_cookie(self) -> None:
        """The page's own requests need Jupyter's XSRF token; the endpoint takes no cookie at all."""
        if self._kind != "endpoint":
            JupyterHandler.check_xsrf_cookie(self)

    def set_secure_cookie(self, *args: Any, **kwargs: Any) -> None:
        """A token used on the endpoint does not turn into a login cookie."""
        if self._kind == "page":
            super().set_secure_cookie(*args, **kwargs)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """JSON-RPC for MCP clients, which show its message to their users; a page for people."""
        if self._kind == "page":
            if self._refused is not None and isinstance(self._refused.__cause__, NoSidecarError):
                self.set_header("Content-Type", "text/html; charset=utf-8")
                self.finish(no_sidecar.page())
                return
            super().write_error(status_code, **kwargs)
            return
        headers, body = forwarding.error_reply(self._kind, status_code, self._refused)
        if self._kind == "endpoint" and status_code == 503:
            told = forwarding.told_for_now(self._said(), str(self._refused))
            if told is not None:
                status, body = told
                self.set_status(status)
        for name, value in headers.items():
            self.set_header(name, value)
        self.finish(body)

    def _said(self) -> Any:
        """What the request's body says; None where the sidecar would not take it."""
        return forwarding.read(self.request.body, self._sidecar.launch.config.max_body_size)

    # -- the way there and back -----------------------------------------------------------------------

    async def ensure_process(self) -> None:
        """Have a sidecar that has proven itself; 503 with the reason and a Retry-After where there is none."""
        try:
            await self._sidecar.ensure()
        except NotReadyError as error:
            refused = Refused(503, str(error), error.retry_after)
            refused.__cause__ = error
            self._refuse(refused)

    async def _connected(self) -> Upstream:
        """A connection to the sidecar; where it has just died, to the next one: nothing of the request has left yet."""
        await self.ensure_process()
        try:
            return await self._sidecar.pool.take(self._sidecar.port, self._sidecar.unix_socket)
        except UpstreamError as error:
            self.log.info("mcp-proxy: the sidecar is not there, a request waits for the next: %s", error)
            self._sidecar.suspect()
        await self.ensure_process()
        return await self._sidecar.pool.take(self._sidecar.port, self._sidecar.unix_socket)

    async def proxy(self, port: int, path: str) -> None:
        """Forward this request and stream its reply."""
        # Jupyter leaves Nagle's algorithm on: each small event would wait 40 ms for the client's ACK.
        self.request.connection.stream.set_nodelay(True)
        meant = self._path
        assert meant is not None  # `prepare` has seen to it
        is_call = forwarding.is_tool_call(meant, self.request.body)
        if is_call:
            self._record_activity()
        pool = self._sidecar.pool
        watch = asyncio.create_task(self._end_with(self._scoped)) if self._scoped else None
        try:
            upstream = self._upstream = await self._connected()
            if self._client_gone:
                upstream.abort()
                return
            target = forwarding.target(meant, self.request.query_arguments)
            response = await upstream.send(
                self.request.method or "GET", target, self._forwarded_headers(), self.request.body
            )
            await self._reply(upstream, response)
        except UpstreamError as error:
            sent, self._upstream = self._upstream is not None, None
            await self._upstream_failed(error, perhaps_done=sent and is_call)
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
            of_signin = is_of_a_signin(PREFIX + token.id)
            if self._desk.signins.has_ended(token.id) if of_signin else self._tokens.has_ended(token):
                break
        self.log.warning("mcp-proxy: token %s (%r) has ended, and a request with it", token.id, token.name)
        self._token_ended = policy.SIGN_IN_AGAIN if of_signin else str(TokenRefused(self._tokens.why_ended(token)))
        if self._upstream is None:
            self.request.connection.stream.close()
        else:
            self._upstream.abort()  # the sidecar sees a client that is gone; `_upstream_failed` tells ours

    async def _reply(self, upstream: Upstream, response: Any) -> None:
        # Start from no headers: tornado's text/html would join the sidecar's Content-Type.
        self._headers = httputil.HTTPHeaders()
        self.set_status(response.status_code)
        reply = forwarding.Reply.of(response.headers.raw_items())
        for name, value in reply.headers:
            self.add_header(name, value)
        if not reply.in_one_piece and self.request.method != "HEAD":
            # jupyter-server-proxy's mixin drops flush()'s future, and with it the back-pressure.
            await web.RequestHandler.flush(self)
        self._streams = reply.is_stream
        async for chunk in upstream.body():
            self._last_sent = chunk[-4:]
            self.write(chunk)
            if not reply.in_one_piece:
                await web.RequestHandler.flush(self)

    async def _upstream_failed(self, error: UpstreamError, *, perhaps_done: bool) -> None:
        """Answer what waits, at once: a client whose stream is only cut waits for its own time-out."""
        if self._client_gone:
            return
        message = self._token_ended
        if message is None:
            self._sidecar.suspect()
            self.log.warning("mcp-proxy: the sidecar went away during a request: %s", error)
            message = forwarding.PERHAPS_DONE if perhaps_done else str(forwarding.went_away())
        ids = forwarding.request_ids(self._said()) if self._kind == "endpoint" else []
        if self._headers_written:
            if self._streams:
                self.write(forwarding.as_events(forwarding.errors_for(ids, message), self._last_sent))
            else:  # the client must not take a part of a reply for the whole
                self.request.connection.stream.close()
        elif self._token_ended is not None:
            self._refuse(self._ended(message))
        elif perhaps_done and len(ids) == 1:
            self._headers = httputil.HTTPHeaders({"Content-Type": "application/json"})
            self.write(forwarding.errors_for(ids, message)[0])
        elif perhaps_done:
            self._refuse(Refused(502, message))
        else:
            self._refuse(forwarding.went_away())

    def _ended(self, message: str) -> Refused:
        """What is said where a token has ended before anything was answered: the client of a sign-in gets another."""
        if self._scoped is not None and is_of_a_signin(PREFIX + self._scoped.id):
            with suppress(Refused):
                return self._challenged(message, "invalid_token")
        return Refused(403, message)

    def _forwarded_headers(self) -> forwarding.Headers:
        launch, request = self._sidecar.launch, self.request
        token = self.identity_provider.get_token(self) or "" if self.identity_provider.auth_enabled else ""
        caller = forwarding.Caller(
            self._scoped.id if self._scoped else forwarding.fingerprint(launch.secret, token),
            policy.username(self.current_user),
            self._tier,
            self._scoped,
        )
        address = forwarding.Address(*self._seen_at(), self.base_url)
        return forwarding.request_headers(request.headers.get_all(), launch.request_headers(), caller, address)

    def _seen_at(self) -> tuple[str, str]:
        """Host and scheme of the address that the sender has; for the page, which shows it, where people sign in."""
        if self._kind == "page":
            with suppress(Refused):
                scheme, _, host = self._desk.address(self.request).origin.partition("://")
                return host, scheme
        return self.request.host, self.request.protocol

    def on_connection_close(self) -> None:
        """The client is gone: the sidecar must see that at once, it ends what the client waited for."""
        self._client_gone = True
        if self._upstream is not None:
            self._upstream.abort()
            self._upstream = None

    def _record_activity(self) -> None:
        """Tool calls keep the server from being culled; idle event streams and pings do not."""
        self.settings.setdefault("last_activity_times", {})[NAME] = utcnow()
