"""One answer to those who renew a sign-in in the same moment: windows of a program that share its refresh token."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from ...store.signins import Tokens
from ...store.tokens import digest_of

GRACE = 10.0
"""Seconds for which the answer to a refresh token is given again. Each window of a program keeps the token by itself,
and a client whose answer was lost on its way asks again with the old one. Auth0, Curity and Amazon Cognito (up to 60 s)
can be set to the like, for the token before the last alone.

Always the same tokens, until they are used: of two different ones the second would be taken for stolen an hour later.
So a thief who is as quick holds what the client holds, and the next renewals end it for both, as ever."""


class Renewals:
    """The answers of the last seconds, in memory alone, by the hashes of what was asked with."""

    def __init__(self, grace: float = GRACE) -> None:
        self._grace = grace
        self._answers: dict[str, tuple[float, asyncio.Future[Tokens]]] = {}

    async def answer(self, presented: str, client: str, renew: Callable[[], Awaitable[Tokens]]) -> Tokens:
        """The tokens for a client's refresh token: those of a moment ago, else new ones. Raises what `renew` does."""
        key = digest_of(f"{client} {presented}")
        if key not in self._answers:
            self._forget_the_one_before(presented)
            mine = self._answers[key] = time.monotonic(), asyncio.ensure_future(renew())
            asyncio.get_running_loop().call_later(self._grace, self._forget, key, mine)
        asked, answer = found = self._answers[key]
        try:
            tokens = await asyncio.shield(answer)
        except Exception:
            self._forget(key, found)  # another try may go well
            raise
        return replace(tokens, lasts=max(0.0, tokens.lasts - (time.monotonic() - asked)))

    def _forget(self, key: str, answer: tuple[float, asyncio.Future[Tokens]]) -> None:
        """Forget this answer, and not the one that has come after it."""
        if self._answers.get(key) is answer:
            del self._answers[key]

    def _forget_the_one_before(self, presented: str) -> None:
        """Once a token is used, only a thief still asks with the one that it came of."""
        for key, (_, answer) in list(self._answers.items()):
            if answer.done() and answer.exception() is None and answer.result().refresh == presented:
                del self._answers[key]
