"""What the connect page asks of the server about scoped tokens: list, make, revoke.

For a person who is logged in (cookie and XSRF token), or who has Jupyter's own token; never for a scoped one.
"""

from __future__ import annotations

import asyncio
import json
from http.client import responses
from typing import Any, NoReturn

from jupyter_server.base.handlers import JupyterHandler
from tornado import web

from ..contract import TIERS
from ..errors import BadValue, ProxyError, Unknown
from ..store.signins import SignIn, SignIns
from ..store.token_errors import NameTaken, SigninsUnreadable, TokensUnreadable
from ..store.tokens import DEFAULT_DAYS, LONGEST_DAYS, Place, ScopedToken, TokenStore, checked_tier
from . import auth, policy

LARGEST_BODY = 10_000
"""Bytes; what is asked for is a name, a tier and a number."""
STATUS: dict[type[ProxyError], int] = {
    BadValue: 400, Unknown: 404, NameTaken: 409, TokensUnreadable: 500, SigninsUnreadable: 500,
}  # fmt: skip


class TokenApiHandler(auth.LogsNoQuery, JupyterHandler):  # type: ignore[misc]
    """One request to `mcp-proxy/api/tokens`, answered in JSON."""

    SUPPORTED_METHODS = ("GET", "POST", "DELETE")

    def initialize(self, tokens: TokenStore, signins: SignIns, place: Place, limit: str) -> None:
        """Called by tornado with what the extension registered. `limit` is the setting `MCPProxy.tier`."""
        self._tokens = tokens
        self._signins = signins
        self._place = place
        self._limit = limit
        self._refusal = ""
        self._tier = "read"

    async def prepare(self) -> None:
        """Let in who is logged in and comes from a page of this server."""
        try:
            await auth.admit_person(self, LARGEST_BODY)
            self._tier = policy.at_least_read(await auth.permitted_tier(self, self._limit), self.current_user)
        except policy.Refused as refused:
            self._refuse(refused.status, str(refused))

    async def get(self, token_id: str | None = None) -> None:
        """The tokens and sign-ins of this server, without their secrets, and what a new token may be."""
        if token_id is not None:
            self._refuse(405, "A token's secret is shown once, when it is made. GET api/tokens lists them all.")
        tokens, problem = await self._do(self._shown)
        now = self._tokens.now()
        permitted = TIERS[: TIERS.index(self._tier) + 1]
        limits: dict[str, Any] = {"tiers": permitted, "default_days": DEFAULT_DAYS, "longest_days": LONGEST_DAYS}
        if problem:
            limits["problem"] = problem
        self._answer(200, {"tokens": [token.described(now) for token in tokens], **limits})

    async def post(self, token_id: str | None = None) -> None:
        """Make a token from `{"name", "tier", "days"}`; the answer is the only place where its secret is."""
        if token_id is not None:
            self._refuse(405, "POST to api/tokens makes a token.")
        asked = self._asked()
        tier = asked.get("tier", self._tier)
        self._require(await self._do(checked_tier, tier))
        maker = policy.username(self.current_user)
        secret, token = await self._do(
            self._tokens.create, self._place, asked.get("name"), tier, asked.get("days", DEFAULT_DAYS), maker
        )
        self.log.info("mcp-proxy: token %s (%r, %s) was made by %s", token.id, token.name, token.tier, maker)
        self._answer(201, {"token": secret, **token.described(self._tokens.now())})

    async def delete(self, token_id: str | None = None) -> None:
        """Revoke a token, or end a sign-in with all its tokens: the next request with it is refused."""
        tokens, _ = await self._do(self._shown)
        token = next((token for token in tokens if token.id == token_id), None)
        if token is None:
            self._refuse(404, str(Unknown("token", token_id or "", hint="GET api/tokens lists them all.")))
        # Not narrowed by MCPProxy.tier, which is for agents: what a person may allow, they may end.
        self._tier = await auth.permitted_tier(self, "run") or self._tier
        self._require(token.tier)
        if isinstance(token, SignIn):
            token = await self._do(self._signins.revoke, token.id) or token  # somebody was quicker
        else:
            token = await self._do(self._tokens.revoke, token.id, self._place)
        maker = policy.username(self.current_user)
        self.log.info("mcp-proxy: token %s (%r) was revoked by %s", token.id, token.name, maker)
        self._answer(200, token.described(self._tokens.now()))

    def _shown(self) -> tuple[list[ScopedToken | SignIn], str]:
        """All that there is, and what is wrong with the rest: damaged sign-ins keep nobody from ending a token."""
        tokens: list[ScopedToken | SignIn] = [*self._tokens.shown(self._place)]
        try:
            return [*tokens, *self._signins.shown(self._place)], ""
        except SigninsUnreadable as error:
            self.log.error("mcp-proxy: %s", error)
            return tokens, str(error)

    def _asked(self) -> dict[str, Any]:
        try:
            asked = json.loads(self.request.body)
        except (ValueError, RecursionError):
            asked = None
        if not isinstance(asked, dict) or set(asked) - {"name", "tier", "days"}:
            self._refuse(400, 'Send a JSON object such as {"name": "my agent", "tier": "run", "days": 30}.')
        return asked

    def _require(self, tier: str) -> None:
        """Nobody makes a token that may do more than they may, or ends another's that may."""
        if not policy.includes(self._tier, tier):
            self._refuse(403, f"A token that may {tier!r} is beyond what you may do here, which is {self._tier!r}.")

    async def _do(self, what: Any, *arguments: Any) -> Any:
        """Deal with the store in a thread, since it may wait for another writer; its errors become answers."""
        try:
            return await asyncio.to_thread(what, *arguments)
        except ProxyError as error:
            if isinstance(error, TokensUnreadable):
                self.log.error("mcp-proxy: %s", error)
            self._refuse(STATUS[type(error)], str(error))

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(content))

    def _refuse(self, status: int, message: str) -> NoReturn:
        self._refusal = message
        raise web.HTTPError(status)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """JSON, whatever went wrong."""
        self._answer(status_code, {"message": self._refusal or responses.get(status_code, "The request failed")})
