"""What the handlers of signing in have in common: the settings, the store, who may ask, and under which address."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from jupyter_server.serverapp import ServerApp
from tornado.httputil import HTTPServerRequest

from ...config import MCPProxy
from ...store.signins import USED_AFTER, SignIn, SignIns, Tokens
from ...store.token_errors import TokenRefused, TokensUnreadable
from ...store.tokens import Place, ScopedToken, TokenStore
from .. import policy
from . import clients, metadata
from .clients import Client, Invalid
from .documents import Documents
from .flow import Asked, Codes, Grant, Replayed
from .origin import Names, origin_of, seen_scheme
from .renewals import Renewals
from .scopes import included

PUBLIC_URL = "JUPYTERHUB_PUBLIC_URL"
"""Where a JupyterHub (from 5 on) that knows its public address tells a server its own."""


class Desk:
    """Signing in at one server."""

    def __init__(self, server: ServerApp, config: MCPProxy, tokens: TokenStore, place: Place) -> None:
        self._server = server
        self._config = config
        self.place = place
        self.signins = SignIns(tokens)
        self._codes = Codes()
        self._renewals = Renewals()
        self._documents: Documents | None = None
        self._public_url = config.public_url or self._hubs_address()
        self._noting: dict[str, asyncio.Task[None]] = {}
        """By a sign-in's id, where it is being noted that it was used."""

    def _hubs_address(self) -> str:
        url = os.environ.get(PUBLIC_URL, "")
        parts = urlsplit(url)
        if url and (parts.scheme not in ("http", "https") or not parts.hostname or "*" in parts.netloc):
            self._server.log.warning("mcp-proxy: %s=%r is no address, and is not used", PUBLIC_URL, url)
            return ""
        return url

    @property
    def is_offered(self) -> bool:
        """Whether the settings want it, wherever there is a login."""
        return bool(self._config.signin)

    @property
    def is_open(self) -> bool:
        """Whether people can sign clients in here: it is not switched off, there is a login, and something to allow."""
        return bool(self.tiers) and self._is_switched_on

    @property
    def _is_switched_on(self) -> bool:
        return bool(self.is_offered and self._server.identity_provider.auth_enabled)

    @property
    def tiers(self) -> list[str]:
        """What is on offer."""
        offered = self._config.signin_tiers  # a setting costs more to read than a list: once, and not for each tier
        return [tier for tier in included(self._config.tier) if tier in offered]

    @property
    def limit(self) -> str:
        """The most that any caller may do."""
        return str(self._config.tier)

    @property
    def longest_days(self) -> float:
        """The longest that a sign-in may last."""
        return float(self._config.signin_days)

    def address(self, request: HTTPServerRequest) -> metadata.Address:
        """Where all of it is, as the sender of a request sees it. Raises Refused."""
        settings = self._server.web_app.settings
        names = Names(
            self._public_url,
            settings.get("local_hostnames", ["localhost"]),
            bool(settings.get("allow_remote_access", False)),
        )
        scheme = seen_scheme(request.protocol, request.headers, bool(self._server.trust_xheaders))
        return metadata.Address(origin_of(scheme, request.host, names), self._server.base_url)

    # -- clients --------------------------------------------------------------------------------------

    async def register(self, content: Any) -> Client:
        """The client that metadata describe, with its registration as its id. Raises Invalid and TokensUnreadable."""
        client = clients.from_metadata("", content, self._hosts)
        key = await asyncio.to_thread(self.signins.registration_key)
        client_id = clients.registered(client, key, self.place)
        return Client(client_id, client.name, client.redirects)

    async def client(self, client_id: str) -> Client:
        """Who has an id. Raises Invalid and TokensUnreadable."""
        if clients.is_document(client_id):
            pinned = clients.PINNED.get(client_id)
            host = clients.document_host(client_id, self._hosts)
            if pinned is not None:
                return clients.from_metadata(client_id, pinned, self._hosts, source=host)
            if self._documents is None:
                self._documents = Documents()
            return clients.from_document(client_id, await self._documents.get(client_id), host, self._hosts)
        key = await asyncio.to_thread(self.signins.registration_key)
        return clients.read_registration(client_id, key, self.place, self._hosts)

    @property
    def _hosts(self) -> list[str]:
        return list(self._config.signin_hosts)

    # -- tokens ---------------------------------------------------------------------------------------

    async def last_choice(self, client: Client, maker: str) -> tuple[str, float] | None:
        """What a person chose for a client of that name last: tier and days. Raises TokensUnreadable."""
        last = await asyncio.to_thread(self.signins.last_of, client.name, maker, self.place)
        return (last.tier, last.days) if last is not None else None

    def allow(self, asked: Asked, tier: str, days: float, maker: str) -> str:
        """A code for what a person has allowed."""
        grant = Grant(
            asked.client.id, asked.client.name, asked.redirect, asked.challenge, asked.resource, tier, days, maker
        )
        return self._codes.give(grant)

    async def exchange(self, code: str, parameters: Mapping[str, str], endpoint: str) -> Tokens:
        """Tokens for a code. Raises Invalid and TokensUnreadable."""
        try:
            grant = self._codes.take(code, parameters, endpoint)
        except Replayed as error:
            if error.signin:
                await asyncio.to_thread(self.signins.revoke, error.signin)
            raise
        tokens = await asyncio.to_thread(
            self.signins.begin, self.place, grant.name, grant.tier, grant.days, grant.maker, grant.client, self._lasts
        )
        if not self._codes.became(code, tokens.signin.id):
            await asyncio.to_thread(self.signins.revoke, tokens.signin.id)
            raise Replayed("")
        return tokens

    async def refresh(self, presented: str, client_id: str) -> Tokens:
        """Tokens for a refresh token. Raises Invalid and TokensUnreadable."""
        await self._registered(client_id)
        try:
            signin = await asyncio.to_thread(self.signins.of_token, presented)
            if signin is None:
                raise TokenRefused("unknown")
            self._permitted(signin, self.tiers)
            if signin.state(self.signins.now()) != "active":  # it may have ended since the answer of a moment ago
                raise TokenRefused(signin.state(self.signins.now()))
            return await self._renewals.answer(
                presented, client_id,
                lambda: asyncio.to_thread(self.signins.refreshed, presented, self.place, client_id, self._lasts),
            )  # fmt: skip
        except TokenRefused as error:
            raise Invalid("invalid_grant", policy.SIGN_IN_AGAIN) from error

    async def _registered(self, client_id: str) -> None:
        """A client whose registration is good no more is told so: only that has it register anew. Raises Invalid."""
        if client_id and not clients.is_document(client_id):
            await self.client(client_id)

    def _permitted(self, signin: SignIn, offered: list[str]) -> str:
        """What a sign-in permits by what is on offer now, which may have become less. Raises TokenRefused."""
        if self.signins.now() > datetime.fromisoformat(signin.created) + timedelta(days=self.longest_days):
            raise TokenRefused("expired")
        permitted = [tier for tier in included(signin.tier) if tier in offered]
        if not permitted:
            raise TokenRefused("off")
        return permitted[-1]

    async def revoke(self, presented: str) -> SignIn | None:
        """End the sign-in that a token belongs to, with all its tokens."""
        signin = await asyncio.to_thread(self.signins.of_token, presented)
        return await asyncio.to_thread(self.signins.revoke, signin.id) if signin is not None else None

    def admit(self, presented: str) -> ScopedToken:
        """What a request is admitted with that comes with a sign-in. Raises TokenRefused and TokensUnreadable.

        Each call passes here: nothing is read or computed twice.
        """
        offered = self.tiers
        if not offered or not self._is_switched_on:
            raise TokenRefused("off")
        signin = self.signins.admit(presented, self.place)
        tier = self._permitted(signin, offered)
        lately = signin.used and self.signins.now() - signin.last_seen < USED_AFTER
        if not lately and signin.id not in self._noting:
            self._noting[signin.id] = asyncio.create_task(self._note_use(signin))
        return signin.token if tier == signin.tier else replace(signin.token, tier=tier)

    async def _note_use(self, signin: SignIn) -> None:
        try:
            await asyncio.to_thread(self.signins.note_use, signin)
        except TokensUnreadable as error:
            self._server.log.warning("mcp-proxy: that a sign-in was used could not be noted: %s", error)
        finally:
            del self._noting[signin.id]

    @property
    def _lasts(self) -> float:
        return float(self._config.signin_minutes) * 60
