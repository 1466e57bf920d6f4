"""What clients ask without a person: metadata, registration, tokens, revocation. All in JSON; no cookie counts."""

from __future__ import annotations

import json
from http.client import responses
from typing import Any
from urllib.parse import parse_qsl

from tornado import web

from ...store.token_errors import TokensUnreadable
from .. import auth, policy
from . import metadata
from .clients import Invalid
from .desk import Desk
from .origin import same_resource
from .scopes import included, scope_of

LARGEST_BODY = 10_000
VARY = "Host, X-Forwarded-Proto, X-Scheme"
"""What the addresses in an answer come from: a cache that keeps one all the same keeps one for each."""


class MachineHandler(auth.LogsNoQuery, web.RequestHandler):
    """One request of a client."""

    def initialize(self, desk: Desk) -> None:
        """Called by tornado with what the extension registered."""
        self.desk = desk

    @property
    def log(self) -> Any:
        """Jupyter's log."""
        return self.settings["serverapp"].log

    def prepare(self) -> None:
        """Nothing answers where nobody can sign in; no page of another origin asks."""
        if not self.desk.is_open:
            raise web.HTTPError(404)
        try:
            policy.check_origin(auth.asked_by(self.request))
            self.address = self.desk.address(self.request)
        except policy.Refused as refused:
            raise web.HTTPError(refused.status) from refused
        if len(self.request.body) > LARGEST_BODY:
            raise web.HTTPError(413)

    def check_xsrf_cookie(self) -> None:
        """No cookie counts here."""

    def answer(self, content: dict[str, Any], status: int = 200, **headers: str) -> None:
        """Answer in JSON that nobody keeps."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.set_header("Vary", VARY)
        for name, value in headers.items():
            self.set_header(name.replace("_", "-"), value)
        self.finish(json.dumps(content))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """OAuth's error, whatever went wrong."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        cause = error.__cause__ if isinstance(error, web.HTTPError) else error
        code, text = "invalid_request" if status_code < 500 else "server_error", responses.get(status_code, "")
        if isinstance(cause, Invalid):
            code, text = cause.code, str(cause)
        elif isinstance(cause, policy.Refused):
            text = str(cause)
        elif isinstance(cause, TokensUnreadable):
            text = "This server cannot read its list of tokens; its log says why."
        elif status_code == 404:
            code = "not_found"
        self.answer({"error": code, "error_description": text}, status_code)

    def form(self) -> dict[str, str]:
        """The parameters of a form, each once. Raises HTTPError."""
        kind = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            raise web.HTTPError(400) from Invalid("invalid_request", "Send application/x-www-form-urlencoded.")
        try:
            pairs = parse_qsl(self.request.body.decode("utf-8"), keep_blank_values=True, max_num_fields=50)
        except ValueError as error:
            raise web.HTTPError(400) from error
        if len({name for name, _ in pairs}) != len(pairs):
            raise web.HTTPError(400) from Invalid("invalid_request", "A parameter is there twice.")
        return dict(pairs)

    def refuse(self, error: Exception) -> web.HTTPError:
        """What is raised for an error of the desk's."""
        if isinstance(error, TokensUnreadable):
            self.log.error("mcp-proxy: %s", error)
        failed = web.HTTPError(error.status if isinstance(error, Invalid) else 500)
        failed.__cause__ = error
        return failed


class ResourceHandler(MachineHandler):
    """The endpoint's metadata."""

    def get(self) -> None:
        """Which authorization server it has."""
        self.answer(metadata.resource(self.address, self.desk.tiers))


class ServerHandler(MachineHandler):
    """The authorization server's metadata."""

    def get(self) -> None:
        """Where it does what."""
        self.answer(metadata.server(self.address, self.desk.tiers))


class KeysHandler(MachineHandler):
    """The keys of identity tokens, of which there are none."""

    def get(self) -> None:
        """None."""
        self.answer({"keys": []})


class NothingHandler(MachineHandler):
    """Where clients look and nothing is: no page to log in, which they would take for an answer."""

    def prepare(self) -> None:
        """Nothing."""
        raise web.HTTPError(404)


class RegistrationHandler(MachineHandler):
    """Dynamic registration (RFC 7591); nothing is kept of it."""

    async def post(self) -> None:
        """The id of a client that describes itself."""
        try:
            content = json.loads(self.request.body)
            client = await self.desk.register(content)
        except (ValueError, RecursionError) as error:
            raise self.refuse(Invalid("invalid_client_metadata", "Send the client's metadata as JSON.")) from error
        except (Invalid, TokensUnreadable) as error:
            raise self.refuse(error) from error
        told = {
            "client_id": client.id,
            "client_name": client.name,
            "redirect_uris": list(client.redirects),
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "scope": scope_of(self.desk.tiers),
        }
        if isinstance(content.get("application_type"), str):
            told["application_type"] = content["application_type"][:20]
        self.answer(told, 201)


class TokenHandler(MachineHandler):
    """Tokens for a code or for a refresh token."""

    async def post(self) -> None:
        """New tokens."""
        asked = self.form()
        try:
            if asked.get("grant_type") == "authorization_code":
                tokens = await self.desk.exchange(asked.get("code", ""), asked, self.address.endpoint)
                signin = tokens.signin
                self.log.info("mcp-proxy: %s signed in %r (%s, %s)", signin.maker, signin.name, signin.id, signin.tier)
            elif asked.get("grant_type") == "refresh_token":
                resource = asked.get("resource", self.address.endpoint)
                if not same_resource(resource, self.address.endpoint):
                    raise Invalid("invalid_target", "This sign-in is for another resource.")
                tokens = await self.desk.refresh(asked.get("refresh_token", ""), asked.get("client_id", ""))
            else:
                raise Invalid("unsupported_grant_type", "Only authorization_code and refresh_token are known here.")
        except (Invalid, TokensUnreadable) as error:
            raise self.refuse(error) from error
        told = {
            "access_token": tokens.access,
            "token_type": "Bearer",
            "expires_in": int(tokens.lasts),
            "refresh_token": tokens.refresh,
            "scope": scope_of(included(tokens.signin.tier)),
        }
        self.answer(told, Pragma="no-cache")


class RevocationHandler(MachineHandler):
    """The end of a sign-in, as its client asks for it (RFC 7009)."""

    async def post(self) -> None:
        """End what a token belongs to. Who has none of ours is told the same."""
        token = self.form().get("token", "")
        if not token:
            raise self.refuse(Invalid("invalid_request", "Which token?"))
        try:
            ended = await self.desk.revoke(token)
        except TokensUnreadable as error:
            raise self.refuse(error) from error
        if ended is not None:
            self.log.info("mcp-proxy: %r (%s) ended its sign-in", ended.name, ended.id)
        self.answer({})
