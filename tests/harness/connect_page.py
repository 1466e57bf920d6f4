"""The connect page in a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, Page, expect

from harness import JupyterProcess

PAGE = "mcp-proxy/"


@asynccontextmanager
async def opened(
    browser: Browser, server: JupyterProcess, expected: tuple[str, ...] = (), **options: Any
) -> AsyncIterator[Page]:
    """The page of a person who is logged in, in which nothing goes wrong but what is expected."""
    context = await browser.new_context(**options)
    context.set_default_timeout(20_000)
    page = await context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("dialog", lambda dialog: dialog.accept())
    await page.goto(f"{server.url}{PAGE}?token={server.token}")
    await expect(page.get_by_role("tablist")).to_be_visible()
    yield page
    # A browser reports a refused request as an error of the page's; those the tests ask for.
    asked_for = ("status of 403", "status of 409", *expected)
    assert [text for text in wrong if not any(part in text for part in asked_for)] == []
    assert await page.evaluate("window.harmed") is None
    await context.close()
