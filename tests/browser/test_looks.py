"""How review and snapshots look where notebooks are files: in the dark, in German, in a narrow window."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from harness import StartJupyter, connect
from harness.browser import (
    KERNELSPEC,
    chromium,
    in_the_dark,
    lab,
    serious,
    speaking,
    without_collaboration,
)  # fmt: skip
from playwright.async_api import Browser, Locator, expect

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


async def cut_off(place: Locator) -> list[str]:
    """The buttons and lines in a place that reach out of it, or whose text does not fit into them."""
    found: list[str] = await place.evaluate(
        """place => {
            const { left, right } = place.getBoundingClientRect();
            return [...place.querySelectorAll('button, label, .jp-McpBar-text, .jp-McpChange-what, .jp-McpDiff')]
                .filter(each => each.offsetParent !== null)
                .filter(each => {
                    const at = each.getBoundingClientRect();
                    const hides = each.tagName === 'BUTTON' && each.scrollWidth > each.clientWidth + 1;
                    return at.left < left - 1 || at.right > right + 1 || hides;
                })
                .map(each => `${each.className}: ${each.textContent.slice(0, 60)}`);
        }"""
    )
    return found


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_in_german_and_in_a_narrow_window_nothing_is_cut_off_and_axe_finds_nothing(
    browser: Browser, start_jupyter: StartJupyter, name: str, screenshots: Path, tmp_path: Path, dark: bool
) -> None:
    home, look = tmp_path / "server0", "dark" if dark else "light"
    environment = speaking(home, "de_DE")
    if dark:
        in_the_dark(home)
    file = start_jupyter(rtc=False, environment=environment)
    without_collaboration(file)
    file.write_notebook(name, "a = 1\nb = 2", "gone = 'soon'", "c = 3", kernelspec=KERNELSPEC)
    async with lab(browser, file, name) as window, connect(file, name="careful") as agent:
        page, panel = window.page, window.panel
        bars = page.locator(".jp-NotebookPanel .jp-McpBar")
        await agent.ok("overwrite_cell_source", notebook=name, cell=2, source="c = 30")
        await expect(bars).to_have_count(1)
        switch = page.get_by_role("checkbox", name="Änderungen von careful")
        await switch.check()
        await agent.ok("edit_cell", notebook=name, cell=0, edits=[{"old": "a = 1", "new": "a = 10"}])
        await agent.ok("delete_cell", notebook=name, cell=1)
        await expect(bars).to_have_count(3)
        await bars.first.locator("button[aria-expanded]").click()
        await expect(bars.first.locator(".cm-deletedChunk")).to_contain_text("a = 1")
        await panel.locator(".jp-McpChange-what").first.click()
        await page.screenshot(path=screenshots / f"review-file-german-{look}.png")
        assert await serious(page, ".jp-McpPanel", ".jp-Notebook .jp-McpBar") == []
        assert await cut_off(panel) == []
        for bar in await bars.all():
            assert await cut_off(bar) == []

        await panel.locator(".jp-McpSnapshots > summary").click()
        snapshots = panel.locator(".jp-McpSnapshot")
        await snapshots.first.get_by_role("button", name="Vergleichen").click()
        await expect(snapshots.first.locator(".cm-editor").first).to_be_visible()
        await page.screenshot(path=screenshots / f"snapshots-german-{look}.png")
        assert await serious(page, ".jp-McpPanel") == []
        assert await cut_off(panel) == []

        # With work of the person's the bar above the notebook asks, and compares.
        await page.locator(".jp-Notebook .jp-Cell").nth(2).locator(".jp-InputArea .cm-content").click()
        await page.keyboard.press("Control+End")
        await page.keyboard.type("  # mine")
        await bars.first.get_by_role("button", name="Annehmen", exact=True).click()
        asks = page.locator(".jp-McpDisk")
        await expect(asks).to_contain_text("careful", timeout=30_000)
        await page.locator("li.lm-TabBar-tab[data-id=filebrowser]").click()  # closed, as on a telephone
        await page.locator("li.lm-TabBar-tab[data-id=jupyter-mcp-proxy-panel]").click()
        await page.set_viewport_size({"width": 360, "height": 740})
        await expect(panel).to_be_hidden()
        await page.wait_for_timeout(1000)
        await page.screenshot(path=screenshots / f"review-file-narrow-{look}.png")
        for bar in await bars.all():
            assert await cut_off(bar) == []
        assert await cut_off(asks) == []
        await asks.get_by_role("button", name="Vergleichen").click()
        dialog = page.locator(".jp-Dialog")
        await expect(dialog.locator(".cm-deletedChunk")).to_have_count(2)
        await page.screenshot(path=screenshots / f"review-file-narrow-compare-{look}.png")
        assert await serious(page, ".jp-Dialog") == []
        assert await cut_off(dialog.locator(".jp-Dialog-content")) == []
