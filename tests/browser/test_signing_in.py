"""Signing in as a person sees it: from the line that they copy to the agent's first call, in one browser."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from harness import JupyterProcess, until
from harness.browser import chromium
from harness.piped import Piped, world
from harness.signing_in import CALLBACK, Kept, authorize_url, client_id, signed_in
from playwright.async_api import Browser, BrowserContext, Page, Route, expect

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest.fixture
async def person(browser: Browser, live: JupyterProcess) -> AsyncIterator[BrowserContext]:
    """The browser of a person who is logged in, and in whose pages nothing goes wrong."""
    context = await browser.new_context()
    context.set_default_timeout(20_000)
    wrong: list[str] = []
    context.on("weberror", lambda error: wrong.append(str(error.error)))
    context.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page = await context.new_page()
    await page.goto(f"{live.url}mcp-proxy/?token={live.token}")
    await expect(page.get_by_role("tablist")).to_be_visible()
    yield context
    assert wrong == []
    await context.close()


class Clicks:
    """A person who is shown the page in a window of its own, and clicks."""

    def __init__(self, context: BrowserContext, button: str = "Allow") -> None:
        self.context = context
        self.button = button
        self.count = 0
        self.page: Page | None = None
        self._loop = asyncio.get_running_loop()

    async def answer(self, url: str) -> dict[str, str]:
        """Click, and tell what the client's own address was sent."""
        self.page = page = await self.context.new_page()
        sent: asyncio.Future[str] = self._loop.create_future()

        async def take(route: Route) -> None:
            if not sent.done():
                sent.set_result(route.request.url)
            await route.fulfill(body="back in the client")

        await page.route(f"{CALLBACK}**", take)
        await page.goto(url)
        await page.get_by_role("button", name=self.button, exact=True).click()
        self.count += 1
        return dict(parse_qsl(urlsplit(await asyncio.wait_for(sent, 20)).query))


async def test_from_the_url_to_the_first_result_it_is_one_click(
    person: BrowserContext, live: JupyterProcess, name: str, screenshots: Path
) -> None:
    page = person.pages[0]
    await expect(page.locator("#snippet-claude-code")).to_have_text(
        f"claude mcp add --transport http jupyter {live.endpoint}"
    )
    await expect(page.locator("#arrived")).to_have_text("Waiting for your agent…")
    await page.screenshot(path=screenshots / "sign-in-waiting.png", full_page=True)
    clicks = Clicks(person)
    async with signed_in(live, Kept(), clicks.answer, name="Data helper") as agent:
        await agent.client.list_tools()
        await page.bring_to_front()
        # Without a screen every page has the focus, always: no page is told that it has it again.
        await page.evaluate("window.dispatchEvent(new Event('focus'))")
        await expect(page.locator("#arrived")).to_contain_text("✓ Data helper has signed in (run).")
        await agent.ok("use_notebook", notebook=name, create=True)
        await expect(page.locator("#arrived")).to_have_text("✓ Data helper is connected (run).")
        await expect(page.locator("#since")).to_have_text(re.compile(r"^First call \d+(\.\d)? s ago\.$"))
        await expect(page.locator("#list li").filter(has_text="Data helper").first).to_contain_text("signed in")
        await page.screenshot(path=screenshots / "sign-in-connected.png", full_page=True)
    assert clicks.count == 1


async def test_who_is_refused_is_told_so_and_nothing_is_kept(person: BrowserContext, live: JupyterProcess) -> None:
    told = await Clicks(person, "Deny").answer(authorize_url(live, client_id(live, client_name="Turned away")))
    assert told["error"] == "access_denied"
    page = person.pages[0]
    await page.reload()
    await expect(page.locator("#list-status")).not_to_have_text("Loading…")
    await expect(page.locator("#list li").filter(has_text="Turned away")).to_have_count(0)


async def test_the_page_can_be_answered_by_keyboard_alone(person: BrowserContext, live: JupyterProcess) -> None:
    page = await person.new_page()
    await page.route(f"{CALLBACK}**", lambda route: route.fulfill(body="back"))
    await page.goto(authorize_url(live, client_id(live)))
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("radio", checked=True)).to_be_focused()
    await page.keyboard.press("ArrowUp")
    await expect(page.get_by_role("radio", checked=True)).to_have_value("edit")
    await page.keyboard.press("Tab")
    await expect(page.get_by_label("For", exact=True)).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Allow", exact=True)).to_be_focused()
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{CALLBACK}**")


async def test_a_click_that_was_meant_for_another_page_allows_nothing(
    person: BrowserContext, live: JupyterProcess
) -> None:
    """The second half of a double click, of which the first brought the page or took away what lay over it."""
    page = await person.new_page()
    await page.route(f"{CALLBACK}**", lambda route: route.fulfill(body="back"))
    url = authorize_url(live, client_id(live))
    tools = await person.new_cdp_session(page)
    await tools.send("Animation.enable")

    async def time_goes(rate: float) -> None:
        await tools.send("Animation.setPlaybackRate", {"playbackRate": rate})

    async def a_while_passes() -> None:
        await time_goes(1000)
        await page.evaluate("Promise.allSettled(document.getAnimations().map((each) => each.finished))")

    async def double_click_is_lost() -> None:
        for _ in range(2):
            await page.mouse.down()
            await page.mouse.up()
        await page.evaluate("new Promise(requestAnimationFrame)")
        assert page.url == url

    await time_goes(0.001)  # however busy this machine is, no second passes
    await page.goto(url)
    box = await page.get_by_role("button", name="Allow", exact=True).bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    await double_click_is_lost()
    await a_while_passes()
    await time_goes(0.001)
    await page.mouse.move(-5, -5)  # something in front has the pointer
    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    await double_click_is_lost()
    await a_while_passes()
    await page.mouse.down()
    await page.mouse.up()
    await page.wait_for_url(f"{CALLBACK}**")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
async def test_the_page_is_accessible(
    browser: Browser, live: JupyterProcess, screenshots: Path, scheme: str, width: int
) -> None:
    """axe-core finds nothing serious, and nothing is cut off, however long the client's name is."""
    axe = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    look: dict[str, Any] = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    # axe looks at the page by making elements of markup, which the page's policy forbids.
    context = await browser.new_context(bypass_csp=True, **look)
    page = await context.new_page()
    await page.goto(f"{live.url}mcp-proxy/?token={live.token}")
    await page.goto(authorize_url(live, client_id(live, client_name="<b>Claude</b> " + "W" * 50)))
    await page.evaluate(axe)
    found = await page.evaluate("axe.run().then((result) => result.violations)")
    told = [(v["id"], v["impact"], [node["html"] for node in v["nodes"]]) for v in found]
    assert [one for one in told if one[1] in ("serious", "critical")] == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    assert await page.locator("main b").count() == 0
    await page.screenshot(path=screenshots / f"consent-{scheme}-{width}.png", full_page=True)
    await context.close()


async def test_a_client_that_starts_programs_signs_in_with_one_click(
    person: BrowserContext, live: JupyterProcess, tmp_path: Path, screenshots: Path
) -> None:
    opened, opener = tmp_path / "opened", tmp_path / "browser"
    opener.write_text(f'#!/bin/sh\nprintf "%s" "$1" > {opened}.new && mv {opened}.new {opened}\n')
    opener.chmod(0o755)
    environment = world(live) | {"JUPYTER_DATA_DIR": str(tmp_path / "data"), "BROWSER": str(opener)}
    program = Piped(environment, live.root, "--url", live.endpoint)
    try:
        info = {"name": "lines", "version": "1"}
        program.say("initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": info}, id=1)
        await until(opened.exists)
        page = await person.new_page()
        await page.goto(opened.read_text())
        await page.get_by_role("button", name="Allow", exact=True).click()
        await expect(page.get_by_role("heading")).to_have_text("You are signed in")
        await page.screenshot(path=screenshots / "sign-in-stdio.png")
        assert "result" in await asyncio.to_thread(program.answer, 1)
    finally:
        await asyncio.to_thread(program.end)
