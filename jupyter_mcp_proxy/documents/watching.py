"""Tells whoever asked for it that a notebook, or a part of it, is not what it was."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import ProxyError, Unknown

if TYPE_CHECKING:
    from .cells import Cell
    from .document import Document
    from .editor import Editor

log = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between two looks, and so between two notices of the same thing."""
MOST_OF_THE_TIME = 0.05
"""Share of the time that looking may take: a notebook with large outputs is looked at less often."""
AFTER_A_FAULT = 10.0
NOTICE_LIMIT = 5.0
"""Seconds that a notice may take: a client that does not read holds up no other."""

Look = Callable[["Editor"], str]
Notify = Callable[[], Awaitable[None]]

GONE = "gone"


def fingerprint(cells: Iterable[Cell]) -> str:
    """A digest of cells as a reader sees them: their order, sources, counts and outputs."""
    digest = hashlib.blake2b(digest_size=16)
    for cell in cells:
        facts = [cell.id, cell.type, cell.source, cell.execution_count, cell.outputs]
        digest.update(json.dumps(facts, sort_keys=True, default=str).encode())
    return digest.hexdigest()


@dataclass(eq=False)
class _Watcher:
    """Somebody who wants to know when what `look` returns is no longer what they have `seen`."""

    look: Look
    notify: Notify
    seen: str


class Watching:
    """Looks at the notebooks that somebody watches: one task a notebook, for as long as it has a watcher."""

    def __init__(self, open_document: Callable[[str], Awaitable[Document]]) -> None:
        self._open = open_document
        self._watchers: dict[str, list[_Watcher]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def watch(self, path: str, look: Look, notify: Notify) -> Callable[[], None]:
        """Call `notify` when what `look` returns has changed, at most once a second. Returns what ends it.

        Raises as opening the document and `look` do.
        """
        document = await self._open(path)
        watcher = _Watcher(look, notify, await document.read(look))
        self._watchers.setdefault(path, []).append(watcher)
        if path not in self._tasks:
            self._tasks[path] = asyncio.create_task(self._follow(path), name=f"watching {path}")

        def stop() -> None:
            watchers = self._watchers.get(path, [])
            if watcher in watchers:
                watchers.remove(watcher)
                if not watchers:
                    del self._watchers[path]
                    self._tasks.pop(path).cancel()

        return stop

    async def _follow(self, path: str) -> None:
        pause = EVERY
        while True:
            await asyncio.sleep(pause)
            try:
                changed, took = await self._look(path)
                pause = max(EVERY, took / MOST_OF_THE_TIME)
                await asyncio.gather(*(_tell(watcher) for watcher in changed))
            except ProxyError as error:  # the server does not answer; it is asked again
                log.info("watching %s: %s", path, error)
            except Exception:
                log.exception("watching %s failed; it goes on", path)
                pause = AFTER_A_FAULT

    async def _look(self, path: str) -> tuple[list[_Watcher], float]:
        """The watchers for whom something is new, and the seconds that looking took."""
        watchers = list(self._watchers.get(path, ()))

        def look(editor: Editor) -> tuple[list[str], float]:
            began = time.perf_counter()
            return [_look_or_gone(watcher.look, editor) for watcher in watchers], time.perf_counter() - began

        try:
            found, took = await (await self._open(path)).read(look)
        except Unknown:
            found, took = [GONE] * len(watchers), 0.0
        changed = []
        for watcher, now in zip(watchers, found, strict=True):
            if now != watcher.seen:
                watcher.seen = now
                changed.append(watcher)
        return changed, took


def _look_or_gone(look: Look, editor: Editor) -> str:
    try:
        return look(editor)
    except ProxyError:
        return GONE


async def _tell(watcher: _Watcher) -> None:
    try:
        await asyncio.wait_for(watcher.notify(), NOTICE_LIMIT)
    except Exception as error:  # one client's fault is not the others'
        log.info("a notice could not be given: %r", error)
