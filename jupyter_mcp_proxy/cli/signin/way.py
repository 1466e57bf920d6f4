"""The way to a server elsewhere at which a person signs in: once for all `stdio` processes of this user."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from ...stdio.http import Address
from ...stdio.ways import Unreachable
from ...store.grants import Grant, Grants, Pending
from ..output import remark

WAIT = 300.0
"""Seconds that a person has to answer the page."""
GOOD_FOR = 600.0
"""Seconds after which a page that nobody has answered is replaced by a new one."""
OPEN_AGAIN = 120.0
"""Seconds within which a page is not opened a second time: a client that gave up and starts us again finds it open."""


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
        """What was got last and has not opened the endpoint yet."""
        self._no = ""
        """What is said where the person has said no: they are not asked again by this process."""
        self._ended = threading.Event()

    def find(self) -> Address:
        """The URL with what opens it. Where that has been refused, it waits for a person. Raises Unreachable."""
        if self._no:
            raise Unreachable(self._no, lasting=True)
        try:
            if self._due is None:
                return Address(self._url, self._grants.read().access)
            self._fresh = self._got(self._due)
        except OSError as error:
            raise Unreachable(f"What signing in gives cannot be kept: {error}", lasting=True) from error
        self._due = None
        return Address(self._url, self._fresh)

    def accepted(self, address: Address) -> None:
        """It opens the endpoint."""
        if address.token == self._fresh:
            self._fresh = ""

    def refused(self, address: Address, status: int) -> bool:
        """401 asks to sign in; anything else is no matter of that."""
        if status != 401 or self._no:
            return False
        if address.token and address.token == self._fresh:
            self._fresh = ""  # just got and refused: the next message tries anew, this one is told
            return False
        self._due = address.token
        return True

    def close(self) -> None:
        """Wait no more. The page stays: who is started next waits for its answer."""
        self._ended.set()

    # -- in a thread of its own, since nobody can interrupt a question to a server -------------------------

    def _got(self, refused: str) -> str:
        found: list[str | BaseException] = []

        def work() -> None:
            try:
                found.append(self._obtained(refused))
            except (Unreachable, OSError) as error:
                found.append(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        while thread.is_alive() and not self._ended.is_set():
            thread.join(0.05)
        if not found:
            raise Unreachable("This process ends.", lasting=True)
        if isinstance(found[0], BaseException):
            raise found[0]
        return found[0]

    def _obtained(self, refused: str) -> str:
        with self._held() as grant:
            if grant.access and grant.access != refused:
                return grant.access
            if grant.denied > self._started:
                self._no = (
                    f"A person has refused the sign-in at {self._url}. Start this program again to be asked again."
                )
                raise Unreachable(self._no, lasting=True)
            return self._renewed(grant) or self._allowed(grant)

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
                    raise Unreachable(self._nobody(), lasting=True) from error

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
        from .callback import Listener
        from .oauth import Forged, Over, code_in, exchanged, page_of, registered, service_of

        over = threading.Event()
        told: list[str | Unreachable] = []
        one = threading.Lock()

        def taken(query: str) -> tuple[int, str, str]:
            with one:
                try:
                    if told:
                        raise Forged("answered before")
                    code = code_in(query, pending.state, pending.issuer)
                    tokens = exchanged(
                        pending.token_endpoint, pending.client, self._url, code, pending.verifier, pending.port
                    )
                except Forged:
                    return 400, "This is no answer to what was asked", "Nothing has changed. Close this page."
                except Over as no:
                    self._grants.change(pending=None, denied=time.time())
                    self._no = (
                        f"The sign-in at {self._url} was refused: {no} Start this program again to be asked again."
                    )
                    told.append(Unreachable(self._no, lasting=True))
                    over.set()
                    return 200, "Not signed in", "You can close this page."
                except Unreachable as unreachable:
                    told.append(unreachable)
                    over.set()
                    return (
                        502,
                        "Not signed in",
                        "The server did not answer. Close this page, and ask your client again.",
                    )
                self._grants.write(Grant(tokens.access, tokens.refresh, pending.client, pending.token_endpoint))
                told.append(tokens.access)
                over.set()
                return 200, "You are signed in", "You can close this page; your client goes on by itself."

        listener: Listener | None = None
        if grant.pending is not None and time.time() - grant.pending.made < GOOD_FOR:
            pending = grant.pending
            try:
                listener = Listener(pending.port, taken)
            except OSError:
                listener = None  # its port is another's by now
        if listener is None:
            service = service_of(self._url)
            client = registered(service)
            listener = Listener(0, taken)
            page, state, verifier = page_of(service, client, listener.port)
            now = time.time()
            pending = Pending(
                page, state, verifier, listener.port, client, service.issuer, service.token, made=now, opened=0.0
            )
        try:
            opens = self._browser and time.time() - pending.opened > OPEN_AGAIN
            pending = replace(pending, opened=time.time() if opens else pending.opened)
            self._grants.change(pending=pending)
            remark(
                f"Sign in at {self._url}, in a browser of this machine"
                f"{', which opens the page' if opens else ''}:\n{pending.page}"
            )
            if opens:
                open_page(pending.page)
            deadline = time.monotonic() + WAIT
            while not over.wait(0.1):
                if self._ended.is_set() or time.monotonic() > deadline:
                    raise Unreachable(self._nobody(pending.page), lasting=True)
        finally:
            if told:
                time.sleep(0.1)  # what the person is shown leaves first
            listener.close()
        if isinstance(told[0], Unreachable):
            raise told[0]
        return told[0]

    def _nobody(self, page: str = "") -> str:
        return (
            f"Nobody has signed in at {self._url} within {WAIT / 60:.0f} minutes. Ask again to be shown the page, or "
            "give this program a token, in JUPYTER_MCP_PROXY_TOKEN or with --token-file."
            + (f" The page is {page}" if page else "")
        )


def open_page(page: str) -> None:
    """Open it in the person's browser, where there is one. A browser for terminals gets none: ours is the client's."""
    nothing = subprocess.DEVNULL
    # `-I`: nothing that lies in the folder in which the client has started us.
    command = [sys.executable, "-I", "-m", "webbrowser", page]
    try:
        subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True)  # noqa: S603
    except OSError as error:
        remark(f"No browser could be started: {error}")
