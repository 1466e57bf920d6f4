"""The way to a server elsewhere at which a person signs in: once for all `stdio` processes of this user."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from ...stdio.http import Address
from ...stdio.ways import Unreachable
from ...store.grants import Grant, Grants

WAIT = 300.0
"""Seconds that a person has to answer the page."""
LAST_MOMENT = 0.5
"""Seconds within which an answer that has just come is still kept by a process that ends."""


class SignedIn:
    """A URL, and what opens it once a person has allowed that."""

    def __init__(self, url: str, *, browser: bool = True, grants: Grants | None = None) -> None:
        self._url = url
        self._browser = browser
        self._grants = grants or Grants(url)
        self._started = time.time()
        self._due: str | None = None
        """What the server has refused last, as long as nothing else was got; empty where nothing was presented."""
        self._fresh = ""
        """What the server has just given, and has not taken yet."""
        self._no = ""
        """What is said where the person has said no: they are not asked again by this process."""
        self._ended = threading.Event()
        self._working: threading.Thread | None = None

    def find(self) -> Address:
        """The URL with what opens it. Where that has been refused, it waits for a person. Raises Unreachable."""
        if self._no:
            raise Unreachable(self._no, lasting=True)
        try:
            if self._due is None:
                return Address(self._url, self._grants.read().access)
            token = self._got(self._due)
        except OSError as error:
            raise Unreachable(f"What signing in gives cannot be kept: {error}", lasting=True) from error
        self._due = None
        return Address(self._url, token)

    def accepted(self, address: Address) -> None:
        """It opens the endpoint."""
        if address.token == self._fresh:
            self._fresh = ""

    def refused(self, address: Address, status: int) -> bool:
        """401 asks to sign in; anything else is no matter of that."""
        if status != 401 or self._no:
            return False
        if address.token and address.token == self._fresh:
            self._fresh = ""  # the next message tries anew; this one is told, or it went on for ever
            return False
        self._due = address.token
        return True

    def close(self) -> None:
        """Wait no more. The page stays: who is started next waits for its answer."""
        self._ended.set()
        if self._working is not None:
            self._working.join(LAST_MOMENT)

    # -- in a thread of its own, since nobody can interrupt a question to a server -------------------------

    def _got(self, refused: str) -> str:
        found: list[str | Unreachable | OSError] = []

        def work() -> None:
            try:
                found.append(self._obtained(refused))
            except (Unreachable, OSError) as error:
                found.append(error)

        self._working = thread = threading.Thread(target=work, daemon=True)
        thread.start()
        while thread.is_alive() and not self._ended.is_set():
            thread.join(0.05)
        if not found:
            raise Unreachable("This process ends.", lasting=True)
        if isinstance(found[0], Exception):
            raise found[0]
        return found[0]

    def _obtained(self, refused: str) -> str:
        with self._held() as grant:
            if grant.access and grant.access != refused:
                return grant.access  # another process has got it; it may have ended, too
            if grant.denied > self._started:
                from .question import said_no

                self._no = said_no(self._url)
                raise Unreachable(self._no, lasting=True)
            self._fresh = self._renewed(grant) or self._allowed(grant)
            return self._fresh

    @contextmanager
    def _held(self) -> Iterator[Grant]:
        """The grant, when no other process is renewing it or waiting for the person."""
        deadline = time.monotonic() + WAIT
        while True:
            try:
                with self._grants.held(0.2):
                    yield self._grants.read()
                    return
            except BlockingIOError as error:
                if self._ended.is_set() or time.monotonic() > deadline:
                    from .question import nobody

                    raise Unreachable(nobody(self._url, WAIT), lasting=True) from error

    def _renewed(self, grant: Grant) -> str:
        """What the refresh token gives; nothing where it gives nothing any more."""
        from .oauth import Over, renewed

        if not grant.refresh:
            return ""
        try:
            tokens = renewed(grant.token_endpoint, grant.client, self._url, grant.refresh)
        except Over:
            self._grants.write(replace(grant, access="", refresh=""))
            return ""
        return self._grants.write(replace(grant, access=tokens.access, refresh=tokens.refresh)).access

    def _allowed(self, grant: Grant) -> str:
        """What a person allows. Raises Unreachable."""
        from .question import Question

        question = Question(self._url, self._grants)
        try:
            return question.asked(grant, browser=self._browser, wait=WAIT, ended=self._ended)
        except Unreachable as unreachable:
            if question.denied:
                self._no = str(unreachable)
            raise
