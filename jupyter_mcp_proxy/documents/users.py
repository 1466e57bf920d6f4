"""Which client has which notebooks open, and what it has seen and been told of them. Live state, kept in memory but for
the looks, which outlive a crash."""

from __future__ import annotations

import time
from collections import OrderedDict

from ..errors import NotNamed
from ..jupyter.paths import clean_path
from .document import Document
from .history import Entry
from .names import Names
from .seen import Looks, Seen

CLIENT_LIMIT = 3600.0
"""Seconds without a call after which a client's notebooks do not count as open any more."""
MOST_CLIENTS = 1000


class Users:
    """The clients of a workspace, each with its notebooks."""

    def __init__(self, looks: Looks) -> None:
        self._looks = looks
        self.names = Names()
        self._opened: OrderedDict[str, dict[str, None]] = OrderedDict()
        self._lives: OrderedDict[str, dict[str, int]] = OrderedDict()
        """For each client the number of the last life of a notebook's kernel that it has been told."""
        self._last_call: dict[str, float] = {}

    def opened_by(self, client: str) -> list[str]:
        """The notebooks that a client has open, in the order of opening."""
        return list(self._opened.get(client, ()))

    def has_open(self, path: str) -> bool:
        """Whether any client has a notebook open."""
        return any(path in notebooks for notebooks in self._opened.values())

    def use(self, client: str, path: str) -> None:
        """A client opens a notebook."""
        self._last_call[client] = time.monotonic()
        self._opened.setdefault(client, {})[path] = None
        self._opened.move_to_end(client)
        while len(self._opened) > MOST_CLIENTS:
            self._opened.popitem(last=False)

    def unuse(self, client: str, path: str) -> bool:
        """A client closes a notebook; whether it had it open."""
        opened = self._opened.get(client, {})
        return path in opened and opened.pop(path) is None

    def named(self, client: str, path: str | None) -> str:
        """The notebook that a reading call means: the one it names, else the only one its client has open."""
        if path:
            return clean_path(path)  # where it was renamed, `Workspace.document` knows
        opened = self.opened_by(client)
        if len(opened) != 1:
            raise NotNamed(opened)
        return opened[0]

    def news(self, client: str, document: Document) -> tuple[list[Entry], int]:
        """What happened in a document since this client was last told, and the number of the last change before."""
        self._last_call[client] = time.monotonic()
        self._lives.setdefault(client, {})
        while len(self._lives) > MOST_CLIENTS:
            oldest, _ = self._lives.popitem(last=False)
            self._looks.forget(oldest)
        return self._looks.take(client, document.path, document.history)

    def seen(self, client: str, document: Document) -> Seen:
        """What a client knows of a document's cells; all but after a crash, where it has not looked yet."""
        return self._looks.of(client, document.path, document.history)

    def restarted(self, client: str, path: str, lives: int) -> bool:
        """Whether a notebook's kernel, in its life of that number, has begun anew since this client was last told."""
        told = self._lives.setdefault(client, {})
        before = told.get(path, lives)
        told[path] = lives
        return lives > before

    def moved(self, old: str, new: str) -> None:
        """A notebook has another path: each client that has to do with it is told with its next result."""
        self.names.renamed(old, new)
        for client, notebooks in self._opened.items():
            if old in notebooks:
                self._opened[client] = {new if path == old else path: None for path in notebooks}
                self.names.tell(client, old, new)
        for client in self._looks.moved(old, new):
            self.names.tell(client, old, new)
        for told in self._lives.values():
            if old in told:
                told[new] = told.pop(old)

    def idle(self, limit: float) -> list[str]:
        """The clients that have called nothing for so many seconds."""
        now = time.monotonic()
        return [client for client, at in self._last_call.items() if now - at > limit]

    def forget_idle(self) -> None:
        """Forget the clients that have called nothing for so long that they are gone."""
        for client in self.idle(CLIENT_LIMIT):
            del self._last_call[client]
            self._opened.pop(client, None)
            self._lives.pop(client, None)
            self._looks.forget(client)

    def end(self) -> None:
        """The sidecar ends in good order."""
        self._looks.end()
