"""One page, from its opening to the person's answer."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import replace

from ...stdio.ways import Unreachable
from ...store.grants import Grant, Grants, Pending
from ..output import remark
from .callback import Listener
from .oauth import Forged, Over, code_in, exchanged, page_of, registered, service_of

GOOD_FOR = 600.0
"""Seconds after which a page that nobody has answered is replaced by a new one."""
OPEN_AGAIN = 120.0
"""Seconds within which a page is not opened a second time: a client that gave up and starts us again finds it open."""


class Question:
    """A page that is waiting, or was left by a process that has ended. Who has one holds the lock of the grants."""

    def __init__(self, url: str, grants: Grants) -> None:
        self._url = url
        self._grants = grants
        self._answering = threading.Lock()
        self._answered = threading.Event()
        self._outcome: str | Unreachable | None = None
        self.denied = False

    def asked(self, grant: Grant, *, browser: bool, wait: float, ended: threading.Event) -> str:
        """What the person's answer has given. Raises Unreachable."""
        listener = self._listening(grant)
        try:
            self._show(browser)
            deadline = time.monotonic() + wait
            while not self._answered.wait(0.1):
                if ended.is_set() or time.monotonic() > deadline:
                    break
            with self._answering:  # a click in the last moment counts
                outcome = self._outcome
        finally:
            listener.close()
        if outcome is None:
            raise Unreachable(nobody(self._url, wait, self._pending.page), lasting=True)
        if isinstance(outcome, Unreachable):
            raise outcome
        return outcome

    def _listening(self, grant: Grant) -> Listener:
        """Wait at the port of the page that is open, or at that of a new one."""
        if grant.pending is not None and time.time() - grant.pending.made < GOOD_FOR:
            self._pending = grant.pending
            try:
                return Listener(grant.pending.port, self._taken)
            except OSError:
                pass  # the port is another program's by now
        service = service_of(self._url)
        client = registered(service)
        listener = Listener(0, self._taken)
        page, state, verifier = page_of(service, client, listener.port)
        self._pending = Pending(
            page, state, verifier, listener.port, client, service.issuer, service.token, made=time.time(), opened=0.0
        )
        return listener

    def _show(self, browser: bool) -> None:
        opens = browser and time.time() - self._pending.opened > OPEN_AGAIN
        if opens:
            self._pending = replace(self._pending, opened=time.time())
        self._grants.change(pending=self._pending)
        how = ", which opens the page" if opens else ""
        remark(f"Sign in at {self._url}, in a browser of this machine{how}:\n{self._pending.page}")
        if opens:
            open_page(self._pending.page)

    def _taken(self, query: str) -> tuple[int, str, str]:
        """What the browser brings; status, title and text of what it is shown."""
        with self._answering:
            try:
                if self._answered.is_set():
                    raise Forged("answered before")
                code = code_in(query, self._pending.state, self._pending.issuer)
            except Forged:
                return 400, "This is no answer to what was asked", "Nothing has changed. You can close this page."
            except Over as no:
                self.denied = True
                self._grants.change(pending=None, denied=time.time())
                self._settle(Unreachable(said_no(self._url, str(no)), lasting=True))
                return 200, "Not signed in", "You can close this page."
            return self._exchange(code)

    def _exchange(self, code: str) -> tuple[int, str, str]:
        at = self._pending
        try:
            tokens = exchanged(at.token_endpoint, at.client, self._url, code, at.verifier, at.port)
            self._grants.write(Grant(tokens.access, tokens.refresh, at.client, at.token_endpoint))
        except (Over, Unreachable, OSError) as error:
            self._grants.change(pending=None)
            self._settle(
                Unreachable(f"Signing in at {self._url} has failed: {error} Ask again for a new page.", lasting=True)
            )
            return 502, "Not signed in", "The server did not take it. Close this page, and ask your client again."
        self._settle(tokens.access)
        return 200, "You are signed in", "You can close this page; your client goes on by itself."

    def _settle(self, outcome: str | Unreachable) -> None:
        self._outcome = outcome
        self._answered.set()


def nobody(url: str, waited: float, page: str = "") -> str:
    """What is said where the person has not answered."""
    return (
        f"Nobody has signed in at {url} within {waited / 60:.0f} minutes. Ask again to be shown the page, or give this "
        "program a token, in JUPYTER_MCP_PROXY_TOKEN or with --token-file." + (f" The page is {page}" if page else "")
    )


def said_no(url: str, reason: str = "") -> str:
    """What is said where they have said no."""
    why = f" ({reason.rstrip('.')})" if reason else ""
    return f"The sign-in at {url} was refused{why}. Start this program again to be asked again."


def open_page(page: str) -> None:
    """Open it in the person's browser, where there is one. A browser for terminals gets none: ours is the client's."""
    nothing = subprocess.DEVNULL
    # `-I`: nothing that lies in the folder in which the client has started us.
    command = [sys.executable, "-I", "-m", "webbrowser", page]
    try:
        subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True)  # noqa: S603
    except OSError as error:
        remark(f"No browser could be started: {error}")
