"""Snapshots in the panel: a person compares one with what is there, and has it back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from harness import JupyterProcess, StartJupyter, connect
from harness.browser import KERNELSPEC, chromium, lab, without_collaboration
from playwright.async_api import Browser, expect

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


async def test_a_person_compares_a_snapshot_restores_it_and_takes_that_back(
    browser: Browser, live: JupyterProcess, name: str, screenshots: Path
) -> None:
    live.write_notebook(name, "before = 1", "untouched", kernelspec=KERNELSPEC)
    async with lab(browser, live, name) as window:
        panel, cells = window.panel, window.page.locator(".jp-Notebook .jp-Cell")
        snapshots = panel.locator(".jp-McpSnapshot")
        await panel.get_by_text("Snapshots", exact=True).click()
        await expect(panel.get_by_text("None yet")).to_be_visible()
        async with connect(live, name="tidy") as agent:
            await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="agent = 2")
            await agent.ok("insert_cell", notebook=name, source="new = 3")
        await expect(cells).to_have_count(3)
        for _ in range(2):  # closed and opened
            await panel.get_by_text("Snapshots", exact=True).click()
        await expect(snapshots).to_have_count(1)
        await snapshots.get_by_role("button", name="Compare").click()
        await expect(snapshots.locator(".jp-McpChange-cell")).to_have_text(["Cell 0", "Cell 2"])
        await expect(snapshots.locator(".cm-insertedLine").first).to_have_text("before = 1")
        await window.screenshot(screenshots, "snapshots")

        await snapshots.get_by_role("button", name="Restore").click()
        await expect(cells).to_have_count(2)
        await expect(cells.first).to_contain_text("before = 1")
        await expect(panel.get_by_text("Restored.")).to_be_visible()
        await expect(snapshots).to_have_count(2)

        await snapshots.first.get_by_role("button", name="Restore").click()
        await expect(cells).to_have_count(3)
        await expect(cells.first).to_contain_text("agent = 2")
        assert window.errors == []


async def test_where_notebooks_are_files_what_is_restored_is_shown_at_once(
    browser: Browser, start_jupyter: StartJupyter, name: str
) -> None:
    file = start_jupyter(rtc=False)
    without_collaboration(file)
    file.write_notebook(name, "before = 1", kernelspec=KERNELSPEC)
    async with lab(browser, file, name) as window:
        cell = window.page.locator(".jp-Notebook .jp-Cell").first
        async with connect(file, name="tidy") as agent:
            await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="agent = 2")
        await expect(cell).to_contain_text("agent = 2")
        await window.panel.get_by_text("Snapshots", exact=True).click()
        await window.panel.locator(".jp-McpSnapshot").get_by_role("button", name="Restore").click()
        await expect(cell).to_contain_text("before = 1")
        await expect(window.panel.get_by_text("Restored.")).to_be_visible()
