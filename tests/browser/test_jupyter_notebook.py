"""What a person can do about agents in Jupyter Notebook 7, as in JupyterLab: see, judge, take back, be asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from harness import StartJupyter, connect
from harness.browser import KERNELSPEC, Window, chromium, opened, serious, without_collaboration
from playwright.async_api import Browser, Locator, expect

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


async def open_panel(window: Window) -> None:
    """By the View menu: there are no tabs at the sides."""
    await window.page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for()
    await window.page.get_by_role("menuitem", name="View").click()
    await window.page.get_by_text("Right Sidebar").click()
    await window.page.get_by_text("Show MCP", exact=True).click()
    await expect(window.panel).to_be_visible()


def cells(window: Window) -> Locator:
    return window.page.locator(".jp-NotebookPanel .jp-Notebook .jp-Cell")


async def switched_on(window: Window, name: str) -> None:
    """A switch, which is on once the server has it so."""
    switch = window.panel.get_by_role("checkbox", name=name)
    await switch.click()
    await expect(switch).to_be_checked()


@pytest.mark.parametrize("rtc", [True, False], ids=["shared", "files"])
async def test_a_person_sees_judges_and_takes_back_and_is_asked(
    browser: Browser, start_jupyter: StartJupyter, screenshots: Path, rtc: bool
) -> None:
    """In shared notebooks and in files."""
    server, name, label = start_jupyter(rtc=rtc), "a.ipynb", "claude-code"
    if not rtc:
        without_collaboration(server)
    server.write_notebook(
        name, "a = 1", "b = 2", "x = 6 * 7\nx", "input('Name? ')", *["pass"] * 60, kernelspec=KERNELSPEC
    )
    async with opened(browser, server, f"notebooks/{name}") as window, connect(server, name=label) as agent:
        await open_panel(window)
        await agent.ok("list_cells", notebook=name)

        # What was changed, and back.
        await agent.ok("edit_cell", notebook=name, cell=0, edits=[{"old": "a = 1", "new": "a = 10"}])
        bar = cells(window).nth(0).locator(".jp-McpBar")
        await expect(cells(window).nth(0).locator(".jp-InputArea")).to_contain_text("a = 10")
        await expect(bar).to_contain_text(f"{label} edited this cell")
        await bar.get_by_role("button", name="What changed").click()
        await expect(bar.locator(".cm-deletedChunk")).to_contain_text("a = 1")
        await window.screenshot(screenshots, f"notebook-review-{server.guarantee}")
        await bar.get_by_role("button", name="Undo").click()
        await expect(bar).to_have_count(0)
        await expect(cells(window).nth(0).locator(".jp-InputArea")).not_to_contain_text("a = 10")

        # What is proposed.
        await switched_on(window, "Review first")
        await agent.ok("edit_cell", notebook=name, cell=1, edits=[{"old": "b = 2", "new": "b = 20"}])
        bar = cells(window).nth(1).locator(".jp-McpBar")
        await expect(bar).to_contain_text(f"{label} proposes to edit this cell")
        await window.screenshot(screenshots, f"notebook-proposal-{server.guarantee}")
        assert await serious(window.page, ".jp-McpPanel", ".jp-Notebook .jp-McpBar") == []
        await bar.get_by_role("button", name="Accept", exact=True).click()
        await expect(cells(window).nth(1).locator(".jp-InputArea")).to_contain_text("b = 20")

        # What is to run.
        await switched_on(window, "Ask before running")
        call = asyncio.create_task(agent.ok("execute_cell", notebook=name, cell=2))
        dialog = window.page.locator("dialog.jp-McpPermission[open]")
        await expect(dialog).to_contain_text(f"{label} wants to run code in {name}")
        works = await cells(window).nth(2).evaluate("cell => getComputedStyle(cell, '::before').content")
        assert works == f'"{label} · runs cell 2"'
        await window.screenshot(screenshots, f"notebook-asking-{server.guarantee}")
        await dialog.get_by_role("button", name="Run once").click()
        assert "42" in await call
        await expect(cells(window).nth(2).locator(".jp-OutputArea-output")).to_contain_text("42")

        # What its code asks.
        call = asyncio.create_task(agent.ok("execute_cell", notebook=name, cell=3))
        await dialog.get_by_role("button", name="Run once").click()
        question = window.page.locator(".jp-McpQuestion")
        await expect(question).to_contain_text("Name?")
        await question.locator(".jp-McpQuestion-field").fill("Ada")
        await question.get_by_role("button", name="Answer").click()
        assert "Ada" in await call

        # Where it works.
        await window.panel.get_by_label("Follow").check()
        await window.panel.get_by_role("checkbox", name="Review first").click()
        await expect(window.panel.get_by_role("checkbox", name="Review first")).not_to_be_checked()
        await agent.ok("overwrite_cell_source", notebook=name, cell=60, source="here = 'it works'")
        await expect(cells(window).filter(has_text="here = 'it works'")).to_be_in_viewport()

        # What was before all that.
        await window.panel.get_by_text("Snapshots").click()
        await expect(window.page.locator(".jp-McpSnapshot").first).to_be_visible()
        assert window.errors == []
