"""What a person does in JupyterLab with what agents have changed: sees it, keeps it, takes it back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from harness import JupyterProcess, StartJupyter, connect
from harness.browser import KERNELSPEC, Window, chromium, in_the_dark, lab, without_collaboration
from playwright.async_api import Browser, Locator, expect

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

MARKUP = "<img src=x onerror=window.harmed=1>"


@pytest.fixture(scope="module")
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


def cells(window: Window) -> Locator:
    return window.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell")


def change(window: Window, *words: str) -> Locator:
    """The newest of the changes in the panel that says all these words. A shared server has other tests' in it, too."""
    rows = window.page.locator(".jp-McpChange")
    for word in words:
        rows = rows.filter(has_text=word)
    return rows.first


async def test_a_person_sees_what_an_agent_has_changed_and_takes_back_one_change(
    browser: Browser, live: JupyterProcess, name: str, screenshots: Path
) -> None:
    """The agent's name and what it writes are markup that must do nothing."""
    live.write_notebook(name, "a = 1\nb = 2", "gone = 'soon'", "c = 3", kernelspec=KERNELSPEC)
    async with lab(browser, live, name) as window, connect(live, name=MARKUP) as agent:
        await expect(window.status).to_have_text("Agents may look, edit and run.")
        await agent.ok("edit_cell", notebook=name, cell=0, edits=[{"old": "a = 1", "new": f"a = {MARKUP!r}"}])
        await agent.ok("delete_cell", notebook=name, cell=1)
        await agent.ok("insert_cell", notebook=name, source="d = 4")
        edited, deleted = change(window, name, "edited cell 0"), change(window, name, "deleted cell 1")
        await expect(change(window, name, "added cell 2")).to_be_visible()
        await deleted.locator(".jp-McpChange-what").click()
        await expect(deleted.locator(".cm-deletedChunk")).to_contain_text("gone = 'soon'")
        await window.line("edit_cell", name).click()
        await expect(edited.locator(".cm-deletedChunk")).to_contain_text("a = 1")
        await expect(edited.locator(".cm-changedLine, .cm-insertedLine").first).to_contain_text(MARKUP)

        bar = cells(window).nth(0).locator(".jp-McpBar")
        await expect(bar).to_contain_text(f"{MARKUP} edited this cell")
        await expect(cells(window).nth(2).locator(".jp-McpBar")).to_contain_text("added this cell")
        await bar.get_by_role("button", name="What changed").click()
        await expect(bar.locator(".cm-deletedChunk")).to_contain_text("a = 1")
        await window.screenshot(screenshots, "review")

        await bar.get_by_role("button", name="Undo").click()
        await expect(cells(window).nth(0).locator(".jp-InputArea")).to_contain_text("a = 1")
        await expect(window.page.locator(".jp-Notebook .jp-McpBar")).to_have_count(1)
        await deleted.get_by_role("button", name="Undo", exact=True).click()
        await expect(cells(window).nth(1)).to_contain_text("gone = 'soon'")
        await expect(cells(window)).to_have_count(4)
        await cells(window).nth(3).get_by_role("button", name="Keep").click()
        await expect(window.page.locator(".jp-Notebook .jp-McpBar")).to_have_count(0)
        await expect(window.page.locator(".jp-McpChange").filter(has_text=name)).to_have_count(0)
        assert await window.page.evaluate("window.harmed") is None


async def test_what_a_person_typed_stays_and_why_is_said_in_the_cell(
    browser: Browser, live: JupyterProcess, name: str
) -> None:
    live.write_notebook(name, "a = 1", kernelspec=KERNELSPEC)
    async with lab(browser, live, name) as window, connect(live, name="eager") as agent:
        await agent.ok("insert_cell", notebook=name, source="b = 2")
        added = cells(window).nth(1)
        await added.locator(".cm-content").first.click()
        await window.page.keyboard.press("Control+End")
        await window.page.keyboard.type(" + mine")
        await added.locator(".jp-McpBar").get_by_role("button", name="Undo").click()
        await expect(added.get_by_role("alert")).to_contain_text("its source is not what eager left there")
        await expect(added.locator(".jp-InputArea")).to_contain_text("b = 2 + mine")


async def test_all_that_an_agent_did_since_is_taken_back_at_once(
    browser: Browser, live: JupyterProcess, name: str
) -> None:
    live.write_notebook(name, "a = 1", kernelspec=KERNELSPEC)
    async with lab(browser, live, name) as window, connect(live) as agent:
        for source in ("b = 2", "c = 3", "d = 4"):
            await agent.ok("insert_cell", notebook=name, source=source)
        await change(window, name, "added cell 2").get_by_role("button", name="Undo all since").click()
        await expect(cells(window)).to_have_count(2)
        await expect(cells(window).nth(1)).to_contain_text("b = 2")


async def test_where_notebooks_are_files_a_change_is_taken_back_too(
    browser: Browser, start_jupyter: StartJupyter, name: str, screenshots: Path
) -> None:
    """In a dark theme."""
    file = start_jupyter(rtc=False)
    without_collaboration(file)
    in_the_dark(file.home)
    file.write_notebook(name, "a = 1", "b = 2", kernelspec=KERNELSPEC)
    async with connect(file) as agent:
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="a = 10")
        await agent.ok("overwrite_cell_source", notebook=name, cell=1, source="b = 20")
        async with lab(browser, file, name) as window:
            await expect(cells(window).locator(".jp-McpBar")).to_have_count(2)
            row = change(window, name, "edited cell 0")
            await row.locator(".jp-McpChange-what").click()
            await expect(row.locator(".cm-deletedChunk")).to_contain_text("a = 1")
            await window.screenshot(screenshots, "review-dark")
            await row.get_by_role("button", name="Undo", exact=True).click()
            await expect(cells(window).locator(".jp-McpBar")).to_have_count(1)
    content = file.read_notebook(name)
    assert ["".join(cell["source"]) for cell in content["cells"]] == ["a = 1", "b = 20"]
