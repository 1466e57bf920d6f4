"""The places: a server on a laptop, and one behind a JupyterHub, each with a browser that is logged in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from harness import JupyterProcess, write_notebook
from harness.hub import USERS, Hub, installed_proxy
from playwright.async_api import Browser, BrowserContext, expect

PATIENCE = 60_000
"""Milliseconds that the browser waits for anything."""


@dataclass
class Place:
    """Where the clients sign in."""

    name: str
    url: str
    """The endpoint: all that a client is given."""
    root: Path
    browser: BrowserContext

    def notebook(self, name: str) -> str:
        write_notebook(self.root / name, "1")
        return name


@asynccontextmanager
async def laptop(browser: Browser, home: Path, _: Path) -> AsyncIterator[Place]:
    server = JupyterProcess(home)
    context = await browser.new_context()
    context.set_default_timeout(PATIENCE)
    try:
        server.wait()
        page = await context.new_page()
        await page.goto(f"{server.url}mcp-proxy/?token={server.token}")
        await expect(page.get_by_role("tablist")).to_be_visible(timeout=PATIENCE)
        yield Place("laptop", server.endpoint, server.root, context)
    finally:
        await context.close()
        server.stop()


@asynccontextmanager
async def hub(browser: Browser, home: Path, installed: Path) -> AsyncIterator[Place]:
    user = USERS[0]
    home.mkdir()
    hub = Hub(home, installed_proxy(installed / "proxy"))
    context = await browser.new_context()
    context.set_default_timeout(PATIENCE)
    try:
        hub.wait()
        page = await context.new_page()
        await page.goto(f"{hub.origin}/hub/login?next=/user/{user}/mcp-proxy/")
        await page.locator("#username_input").fill(user)
        await page.locator("#password_input").fill("any")
        await page.locator("#login_submit").click()
        await expect(page.get_by_role("tablist")).to_be_visible(timeout=PATIENCE)
        yield Place("JupyterHub", hub.url(user) + "mcp", hub.home / f"home-{user}", context)
    finally:
        await context.close()
        hub.stop()


PLACES = {"laptop": laptop, "hub": hub}
