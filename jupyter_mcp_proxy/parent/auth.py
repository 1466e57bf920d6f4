"""Asking Jupyter who is calling and what they may do; what follows from its answer `policy.py` decides."""

from __future__ import annotations

from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import ensure_async
from tornado import web
from tornado.httputil import HTTPServerRequest

from . import policy


def asked_by(request: HTTPServerRequest) -> policy.Asked:
    """What a request says."""
    return policy.Asked(request.method or "GET", request.headers, request.query_arguments, request.body)


def login_of(handler: JupyterHandler) -> policy.Login:
    """What Jupyter has found out, once its `prepare` is through or has refused."""
    return policy.Login(
        known=handler.current_user is not None,
        by_token=bool(handler.token_authenticated),
        enabled=bool(handler.identity_provider.auth_enabled),
    )


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


def _check_name(handler: JupyterHandler) -> None:
    """Raise Refused where Jupyter does not take the name that a request was sent to: it says 403, and no more."""
    if not handler.check_host():
        handler.current_user = None  # as Jupyter's `prepare` leaves it
        raise policy.Refused(403, policy.WRONG_NAME.format(host=handler.request.host[:100]))


async def admit_client(handler: JupyterHandler, path: policy.Path) -> None:
    """Let in who Jupyter knows, on the endpoint by a token. Raises Refused."""
    _check_name(handler)
    try:
        await JupyterHandler.prepare(handler, _redirect_to_login=False)
    except web.HTTPError as error:
        if error.status_code not in (401, 403):
            raise
        handler.current_user = None
    policy.check_client(path, asked_by(handler.request), login_of(handler))


async def admit_person(handler: JupyterHandler, largest_body: int) -> None:
    """Let in who is logged in and comes from a page of this server, or who has Jupyter's own token; no scoped one.

    The rules about origins, XSRF and JSON hold on a server without authentication too, where they are all there is.
    Raises Refused.
    """
    asked = asked_by(handler.request)
    policy.check_origin(asked)
    policy.check_no_agent(asked)
    _check_name(handler)
    try:
        await JupyterHandler.prepare(handler, _redirect_to_login=False)
        if not handler.token_authenticated:
            handler.check_xsrf_cookie()  # Jupyter's own does not ask for it before a GET
    except web.HTTPError as error:
        if error.status_code not in (401, 403, 404):  # Jupyter's XSRF check answers a foreign origin with 404
            raise
        known = bool(getattr(handler, "_jupyter_current_user", None))
        raise policy.not_logged_in(known) from error
    policy.check_person(asked, login_of(handler), largest_body)


async def permitted_tier(handler: Any, limit: str) -> str | None:
    """What Jupyter's authorizer grants the handler's user, narrowed by `limit`."""
    granted = {}
    for tier, action, resource in policy.REQUIRED:
        granted[tier] = bool(
            await ensure_async(handler.authorizer.is_authorized(handler, handler.current_user, action, resource))
        )
    return policy.highest_tier(granted, limit)


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
