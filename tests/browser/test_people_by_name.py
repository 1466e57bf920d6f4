"""What a person does in JupyterLab is told under the name that JupyterLab shows."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import anyio
import pytest
from harness import Agent, JupyterProcess, connect
from harness.browser import KERNELSPEC, chromium, lab
from playwright.async_api import Browser

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture(scope="module")
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


async def told(agent: Agent, name: str, action: str) -> str:
    """Who has done it, as the next note says."""
    with anyio.fail_after(60):
        while True:
            read = await agent.ok("list_cells", notebook=name)
            if found := re.search(rf"\[Note: meanwhile (.+?) {action} ", read):
                return found[1]
            await anyio.sleep(0.2)


async def test_edits_and_deletions_have_the_persons_name(browser: Browser, live: JupyterProcess, name: str) -> None:
    live.write_notebook(name, "a", "b", ids=["aaaa0000", "bbbb0000"], kernelspec=KERNELSPEC)
    async with connect(live) as agent:
        await agent.ok("list_cells", notebook=name)
        async with lab(browser, live, name) as window:
            cells = window.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell")
            await cells.nth(0).locator(".cm-content").click()
            await window.page.keyboard.type("!")
            person = await told(agent, name, "edited")
            focus = await agent.ok("get_user_focus")
            assert any(line.startswith(f"{person}: ") for line in focus.splitlines()), (person, focus)
            await cells.nth(1).locator(".jp-InputPrompt").click()
            await window.page.keyboard.press("d")
            await window.page.keyboard.press("d")
            assert await told(agent, name, "deleted") == person
            gone = await agent.fails("read_cell", notebook=name, cell="bbbb0000")
            assert f"{person} deleted it at" in gone
            await window.page.keyboard.press("z")
            assert await told(agent, name, "added") == person
            assert "\nb" in await agent.ok("read_cell", notebook=name, cell="bbbb0000")
