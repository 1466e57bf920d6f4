"""How review and snapshots look where notebooks are files: in German, in both themes."""

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
async def test_in_german_no_button_is_cut_off_and_axe_finds_nothing_serious(
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
