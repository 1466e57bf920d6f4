"""From the connect page to an agent's first result, with a stopwatch: by signing in, and with a token."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, urlsplit

import pytest
from harness import Agent, JupyterProcess, connect
from harness.browser import chromium
from harness.signing_in import CALLBACK, Kept, signed_in
from harness.stopwatch import Stopwatch, pasted
from playwright.async_api import BrowserContext, Page, Route, expect

pytestmark = pytest.mark.anyio

LINE = re.compile(r'claude mcp add --transport http jupyter (http\S+)(?: --header "Authorization: Bearer (\S+)")?')
"""What the page has for Claude Code, with a token and without."""
"""Whose token it is: the page asks for a name."""


@asynccontextmanager
async def person(server: JupyterProcess, watch: Stopwatch) -> AsyncIterator[tuple[BrowserContext, Page]]:
    """The browser of a person who is logged in and has the tile's page before them."""
    async with chromium() as browser:
        context = await browser.new_context(permissions=["clipboard-read", "clipboard-write"])
        context.set_default_timeout(30_000)
        page = await context.new_page()
        await page.goto(f"{server.url}mcp-proxy/?token={server.token}")
        await expect(page.get_by_role("tablist")).to_be_visible()
        await watch.counts_in(context)
        yield context, await context.new_page()


async def copied_and_pasted(watch: Stopwatch, page: Page, terminal: Page) -> tuple[str, str | None]:
    """What the client is given: the URL, and a token or none. It is in the line that was copied and nowhere else."""
    watch.begins("copy the line for the client")
    await page.get_by_role("button", name="Copy the command for Claude Code").click()
    await expect(page.locator("#copied")).to_contain_text("Copied")
    return await read_where_pasted(watch, terminal)


async def read_where_pasted(watch: Stopwatch, terminal: Page) -> tuple[str, str | None]:
    watch.begins("paste it into a terminal")
    line = LINE.fullmatch(await pasted(terminal))
    assert line
    return line[1], line[2]


async def first_result(watch: Stopwatch, agent: Agent, name: str) -> None:
    await agent.client.list_tools()  # of the new era a client connects with its first request
    watch.begins("the first result, with the kernel's start")
    assert " · ok · " in await agent.ok("insert_execute_code_cell", notebook=name, source="6*7")
    watch.ends()


async def by_signing_in(server: JupyterProcess, name: str) -> Stopwatch:
    """The client opens a page, and the person answers it."""
    watch = Stopwatch("Signing in")
    async with person(server, watch) as (context, page):
        await page.goto(f"{server.url}mcp-proxy/")
        url, token = await copied_and_pasted(watch, page, await context.new_page())
        assert (url, token) == (server.endpoint, None)

        async def allow(opened: str) -> dict[str, str]:
            asking = await context.new_page()
            sent: asyncio.Future[str] = asyncio.get_running_loop().create_future()

            async def take(route: Route) -> None:
                if not sent.done():
                    sent.set_result(route.request.url)
                await route.fulfill(body="back in the client")

            await asking.route(f"{CALLBACK}**", take)
            await asking.goto(opened)
            watch.begins("click Allow")
            await asking.mouse.move(5, 5)
            # A person is not as quick as the page, which takes no second half of a double click, is new.
            await asking.evaluate("Promise.allSettled(document.getAnimations().map((each) => each.finished))")
            await asking.get_by_role("button", name="Allow", exact=True).click()
            return dict(parse_qsl(urlsplit(await asyncio.wait_for(sent, 30)).query))

        watch.begins("the client asks, and a page opens")
        async with signed_in(server, Kept(), allow, name="Stopwatch") as agent:
            await first_result(watch, agent, name)
    return watch


async def with_a_token(server: JupyterProcess, name: str) -> Stopwatch:
    """The person makes a token, and the line that they copy has it."""
    watch = Stopwatch("With a token")
    async with person(server, watch) as (context, page):
        await page.goto(f"{server.url}mcp-proxy/")
        watch.begins("open the part of the page that makes tokens")
        await page.locator("details#tokens > summary").click()
        watch.begins("make it, and copy the line with it")
        await page.get_by_role("button", name="Make the token and copy the command").click()
        await expect(page.locator("#make-status")).to_contain_text("is copied")
        url, token = await read_where_pasted(watch, await context.new_page())
        assert url == server.endpoint and token
        watch.begins("the client connects")
        async with connect(server, name="Stopwatch", token=token) as agent:
            await first_result(watch, agent, name)
    return watch


async def test_from_the_url_it_is_a_paste_and_one_click_beside_two_clicks_with_a_token(
    live: JupyterProcess, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Seconds are the machine's alone, and depend on it: they are told and not judged."""
    notebooks = [live.write_notebook(f"{number}-{name}", "1").name for number in range(2)]
    signing_in = await by_signing_in(live, notebooks[0])
    token = await with_a_token(live, notebooks[1])
    with capsys.disabled():
        print(f"\n\n{signing_in.table}\n\n{token.table}")
    copying, *from_the_url = signing_in.steps
    assert (copying.clicks, sum(step.clicks for step in from_the_url)) == (1, 1)
    assert (signing_in.whole.pastes, signing_in.whole.keys) == (1, 0)
    assert (token.whole.clicks, token.whole.pastes, token.whole.keys) == (2, 1, 0)
