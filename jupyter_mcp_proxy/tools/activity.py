"""What agents do and did: a log in memory of the calls of all clients, and the news of it for whoever watches.

No MCP, no HTTP, no files: calls are begun, changed and ended by `recording.py`, and shown by the sidecar's API.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal

Outcome = Literal["running", "waiting", "ok", "error", "refused", "cancelled"]

KEPT = 5000
"""Calls that are remembered."""
CLIENT_LIMIT = 3600.0
"""Seconds without a call after which a client is not listed any more."""
MOST_CLIENTS = 100
LONGEST_NAME = 1000
"""Characters of a notebook's path, or of a name that a client gives, which are kept."""


@dataclass(eq=False)
class Entry:
    """One tool call. Names in it are what clients and notebooks are called: data, never markup."""

    id: int
    time: str
    """When it began: ISO 8601, UTC."""
    user: str
    client: str
    token: str | None
    """The name of the scoped token that it came with; None for Jupyter's own."""
    tool: str
    notebook: str | None
    cell: str | None = None
    outcome: Outcome = "running"
    ms: int | None = None
    cells: list[str] | None = None
    """The cells that it has written or run, where they are several; those that it has run once it has ended."""
    index: int | None = None
    """Where the cell was then."""
    changes: list[str] | None = None
    """What it has changed that a person may keep or undo, by its ids."""
    now: list[Any] | None = None
    """Of a run of several cells that is under way: the cell that runs, which of them it is, and how many they are."""
    proposed: bool = False
    """Whether what it would change waits for a person."""

    def shown(self) -> dict[str, Any]:
        """The entry as JSON can hold it."""
        return dict(vars(self))


@dataclass(eq=False)
class Client:
    """A client that has called lately: one name with one token, whatever its sessions."""

    name: str
    user: str
    token: str | None
    tier: str
    """What it may do, as its last call had it."""
    since: str
    last: str
    seen: float
    doing: dict[int, Entry]
    """Its calls that are under way, by their ids."""

    def shown(self) -> dict[str, Any]:
        """The client as JSON can hold it, with the newest call that is under way."""
        doing = next(reversed(self.doing.values()), None)
        shown = {name: getattr(self, name) for name in ("name", "user", "token", "tier", "since", "last")}
        return {**shown, "doing": doing.shown() if doing else None}


class Watch:
    """What has changed since somebody last looked. However slow they are, an entry waits for them once."""

    def __init__(self, *, answers: bool) -> None:
        self.answers = answers
        """Whether whoever watches may answer what code asks."""
        self.news = asyncio.Event()
        self.state_changed = False
        self._changed: OrderedDict[int, Entry] = OrderedDict()

    def call(self, entry: Entry) -> None:
        """A call has begun, changed or ended."""
        self._changed[entry.id] = entry
        while len(self._changed) > KEPT:
            self._changed.popitem(last=False)
        self.state_changed = True
        self.news.set()

    def state(self) -> None:
        """Something else has changed."""
        self.state_changed = True
        self.news.set()

    def take(self) -> list[Entry]:
        """The calls that have changed since the last time, as they are now."""
        changed = list(self._changed.values())
        self._changed.clear()
        self.news.clear()
        return changed


class Activity:
    """The calls of one sidecar, the newest `KEPT`, and the clients that made them."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._begun: dict[int, float] = {}
        self._clients: OrderedDict[tuple[str | None, str], Client] = OrderedDict()
        self._watches: set[Watch] = set()
        self._last = 0

    def begin(
        self, *, user: str, client: str, token: str | None, tool: str, notebook: str | None, tier: str = ""
    ) -> Entry:
        """A call begins."""
        self._last += 1
        now = stamp()
        entry = Entry(
            self._last,
            now,
            user[:LONGEST_NAME],
            client[:LONGEST_NAME],
            token,
            tool[:LONGEST_NAME],
            notebook[:LONGEST_NAME] if notebook is not None else None,
        )
        self._entries.append(entry)
        self._begun[entry.id] = time.monotonic()
        key = _key(entry)
        known = self._clients.pop(key, None)
        who = known or Client(entry.client, entry.user, entry.token, tier, now, now, 0.0, {})
        who.user, who.tier, who.last, who.seen = entry.user, tier, now, time.monotonic()
        who.doing[entry.id] = entry
        self._clients[key] = who
        while len(self._clients) > MOST_CLIENTS:
            self._clients.popitem(last=False)
        self._tell(entry)
        return entry

    def change(
        self,
        entry: Entry,
        *,
        notebook: str | None = None,
        cell: str | None = None,
        cells: list[str] | None = None,
        outcome: Outcome | None = None,
        index: int | None = None,
        changes: list[str] | None = None,
        now: list[Any] | None = None,
        proposed: bool = False,
    ) -> None:
        """More is known of a call that is under way. What is None stays as it is."""
        if entry.id not in self._begun:
            return
        before = entry.shown()
        entry.notebook = notebook[:LONGEST_NAME] if notebook is not None else entry.notebook
        entry.cell = cell[:LONGEST_NAME] if cell is not None else entry.cell
        entry.cells = cells or entry.cells
        entry.index = index if index is not None else entry.index
        entry.changes = changes or entry.changes
        entry.now = now or entry.now
        entry.proposed = proposed or entry.proposed
        entry.outcome = outcome or entry.outcome
        if entry.shown() != before:
            self._tell(entry)

    def end(self, entry: Entry, outcome: Outcome) -> None:
        """A call, or what it started, has come to its end. Only the first end counts."""
        begun = self._begun.pop(entry.id, None)
        if begun is None:
            return
        entry.outcome, entry.now = outcome, None
        entry.ms = round((time.monotonic() - begun) * 1000)
        client = self._clients.get(_key(entry))
        if client is not None:
            client.doing.pop(entry.id, None)
        self._tell(entry)

    def calls(self, most: int) -> list[Entry]:
        """The newest calls, the oldest of them first."""
        return list(self._entries)[-most:]

    def clients(self) -> list[Client]:
        """The clients that called within the last hour or are at work, the one that called last at the end."""
        limit = time.monotonic() - CLIENT_LIMIT
        for key in [key for key, client in self._clients.items() if client.seen < limit and not client.doing]:
            del self._clients[key]
        return list(self._clients.values())

    @contextmanager
    def watched(self, *, answers: bool) -> Iterator[Watch]:
        """What changes from now on, for somebody who may answer what code asks, or may not."""
        watch = Watch(answers=answers)
        self._watches.add(watch)
        try:
            yield watch
        finally:
            self._watches.discard(watch)

    @property
    def watchers(self) -> int:
        """How many watch."""
        return len(self._watches)

    def is_watched_by_one_who_answers(self) -> bool:
        """Whether somebody watches who may answer what code asks."""
        return any(watch.answers for watch in self._watches)

    def announce(self) -> None:
        """Something that is no call has changed, such as the pause."""
        for watch in self._watches:
            watch.state()

    def _tell(self, entry: Entry) -> None:
        for watch in self._watches:
            watch.call(entry)


def stamp() -> str:
    """Now, in ISO 8601 and UTC, to the millisecond."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _key(entry: Entry) -> tuple[str | None, str]:
    return entry.token, entry.client
