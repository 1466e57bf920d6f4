"""The person: whatever page a client opens in their browser is our page, and they click Allow."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from playwright.async_api import BrowserContext, Error

OPENER = '#!/bin/sh\nprintf "%s\\n" "$1" >> {file}\n'
"""Stands for every program by which one program opens a page in the person's browser."""
PAGE = re.compile(r"https?://[^\s\"'<>\x1b]+/mcp-proxy/oauth/authorize\?[^\s\"'<>\x1b]+")
OPENS_ITSELF = 5.0
"""Seconds after it has printed a page within which a client opens it by itself."""


class Person:
    """Clicks Allow in each page that is opened, once; tells how often, and what went wrong."""

    def __init__(self, context: BrowserContext, home: Path) -> None:
        self.context = context
        self.opened = home / "opened"
        self.programs = home / "bin"
        self.programs.mkdir(parents=True)
        self.opened.touch()
        for name in ("xdg-open", "sensible-browser", "x-www-browser", "www-browser"):
            program = self.programs / name
            program.write_text(OPENER.format(file=self.opened))
            program.chmod(0o755)
        self.clicks = 0
        self.landed: list[str] = []
        """Where the browser was after each click."""
        self.wrong: list[str] = []
        self._seen: set[str] = set()
        self._printed = float("inf")
        """When a client first printed a page (monotonic seconds)."""

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        watch = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch

    async def _watch(self) -> None:
        while True:
            await self._see(self.opened.read_text())
            await asyncio.sleep(0.2)

    async def read(self, text: str) -> None:
        """Open a page that a client has printed, where it opens none by itself; in a terminal it may be cut."""
        if PAGE.search(text) and not self._seen:
            self._printed = min(self._printed, time.monotonic())
            if time.monotonic() > self._printed + OPENS_ITSELF:
                await self._see(text)

    async def _see(self, text: str) -> None:
        for url in PAGE.findall(text):
            if url not in self._seen:
                self._seen.add(url)
                await self._answer(url)

    async def _answer(self, url: str) -> None:
        page = await self.context.new_page()
        try:
            await page.goto(url)
            await page.get_by_role("button", name="Allow", exact=True).click()
            self.clicks += 1
            await page.wait_for_url(lambda at: "/mcp-proxy/oauth/" not in at)
            await page.wait_for_load_state()
            self.landed.append(await page.locator("body").inner_text())
        except Error as error:
            shown = await page.locator("body").inner_text()
            self.wrong.append(f"{error.message.splitlines()[0]} at {page.url[:80]}: {' '.join(shown.split())[:200]}")
        finally:
            await page.close()
