"""What a person does in JupyterLab with what agents propose while their edits are reviewed first."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

import pytest
from harness import JupyterProcess, connect
from harness.browser import KERNELSPEC, Window, chromium, lab
from playwright.async_api import Browser, Locator, expect

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture(scope="module")
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


def cells(window: Window) -> Locator:
    return window.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell")


def rows(window: Window, *words: str) -> Locator:
    found = window.page.locator(".jp-McpChange")
    for word in words:
        found = found.filter(has_text=word)
    return found


async def test_a_person_has_a_clients_edits_wait_and_accepts_and_rejects_them_cell_by_cell(
    browser: Browser, live: JupyterProcess, name: str, screenshots: Path
) -> None:
    live.write_notebook(name, "a = 1\nb = 2", "gone = 'soon'", "c = 3", kernelspec=KERNELSPEC)
    async with lab(browser, live, name) as window, connect(live, name="careful") as agent:
        await agent.ok("list_cells", notebook=name)
        switch = window.page.get_by_role("checkbox", name="Edits of careful wait until you accept them")
        await switch.check()
        await expect(switch).to_be_checked()
        await agent.ok("edit_cell", notebook=name, cell=0, edits=[{"old": "a = 1", "new": "a = 10"}])
        await agent.ok("delete_cell", notebook=name, cell=1)
        await agent.ok("insert_cell", notebook=name, source="d = 4")
        deleted = rows(window, name, "deleted cell 1")
        await expect(rows(window, name, "added cell 2")).to_contain_text("proposed")
        await expect(window.line("careful", name, "proposed: edited cell 0")).to_be_visible()
        await expect(cells(window)).to_have_count(3)
        bar = cells(window).nth(0).locator(".jp-McpBar")
        await expect(bar).to_contain_text("careful proposes to edit this cell")
        await expect(cells(window).nth(1).locator(".jp-McpBar")).to_contain_text("proposes to delete this cell")
        await bar.get_by_role("button", name="What would change").click()
        await expect(bar.locator(".cm-deletedChunk")).to_contain_text("a = 1")
        await deleted.locator(".jp-McpChange-what").click()
        await expect(deleted.locator(".cm-deletedChunk")).to_contain_text("gone = 'soon'")
        await window.screenshot(screenshots, "proposals")
        cut_off = "all => all.filter(each => each.scrollWidth > each.clientWidth).length"
        assert await window.page.locator(".jp-McpChange-words").evaluate_all(cut_off) == 0
        proposed = window.line("careful", name, "proposed: edited cell 0")
        await expect(proposed).to_have_attribute("title", re.compile("proposed: edited cell 0"))
        await window.page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
        for place in (".jp-McpPanel", ".jp-Notebook .jp-McpBar"):
            found = await window.page.evaluate(f"axe.run({place!r}).then((result) => result.violations)")
            assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []

        await bar.get_by_role("button", name="Accept", exact=True).click()
        await expect(cells(window).nth(0).locator(".jp-InputArea")).to_contain_text("a = 10")
        await expect(rows(window, name, "proposed: edited cell 0")).to_have_count(0)
        await expect(rows(window, name, "edited cell 0")).to_have_count(1)
        await expect(bar.get_by_role("button", name="Undo")).to_be_visible()
        await deleted.get_by_role("button", name="Reject", exact=True).click()
        await expect(deleted).to_have_count(0)
        await rows(window, name, "added cell 2").get_by_role("button", name="Accept", exact=True).click()
        await expect(cells(window)).to_have_count(4)
        told = await agent.ok("list_cells", notebook=name)
        assert "accepted what you proposed" in told
        assert "rejected what you proposed" in told

        # Where a person types in the same line theirs stands until they say otherwise.
        await agent.ok("overwrite_cell_source", notebook=name, cell=2, source="c = 4")
        row = rows(window, name, "proposed: edited cell 2")
        await expect(row).to_be_visible()
        await cells(window).nth(2).locator(".jp-InputArea .cm-content").click()
        await window.page.keyboard.press("Control+End")
        await window.page.keyboard.type("00")
        await expect(cells(window).nth(2).locator(".jp-InputArea")).to_contain_text("c = 300")
        await row.get_by_role("button", name="Accept", exact=True).click()
        await expect(row.get_by_role("alert")).to_contain_text("Somebody has changed the same lines")
        await expect(row.locator(".cm-deletedChunk")).to_contain_text("c = 300")
        await window.screenshot(screenshots, "proposals-clash")
        await row.get_by_role("button", name="Use the agent’s").click()
        await expect(cells(window).nth(2).locator(".jp-InputArea")).to_contain_text("c = 4")
