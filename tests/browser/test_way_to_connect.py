"""The ways from JupyterLab and Jupyter Notebook to the connect page."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from harness import JupyterProcess
from harness.browser import KERNELSPEC, Window, chromium, opened
from playwright.async_api import Browser, Locator, expect

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

LABEL = "Connect an AI agent"


@pytest.fixture(scope="module")
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


def empty_lab() -> str:
    """JupyterLab in a workspace of its own, with nothing open but the launcher."""
    return f"lab/workspaces/{secrets.token_hex(4)}"


async def leads_to_the_page(window: Window, server: JupyterProcess, item: Locator) -> None:
    async with window.page.context.expect_page() as popup:
        await item.click()
    page = await popup.value
    await page.locator("#endpoint").wait_for()
    await expect(page.locator("#endpoint")).to_have_text(server.endpoint)
    await page.close()


async def test_the_launcher_has_one_tile_with_an_icon_among_the_others(
    browser: Browser, live: JupyterProcess, screenshots: Path
) -> None:
    async with opened(browser, live, empty_lab()) as window:
        tile = window.page.locator(".jp-LauncherCard:visible").filter(has_text=LABEL)
        await tile.wait_for()  # and refuses two
        await expect(tile.locator(".jp-LauncherCard-icon svg path").first).to_be_visible()
        section = window.page.locator(".jp-Launcher-section").filter(has=tile)
        await expect(section).to_contain_text("Terminal")
        await expect(window.page.locator(".jp-LauncherCard:visible").filter(has_text="MCP")).to_have_count(0)
        await window.screenshot(screenshots, "launcher")
        await leads_to_the_page(window, live, tile)


async def test_the_palette_and_the_menu_of_jupyterlab_lead_there(browser: Browser, live: JupyterProcess) -> None:
    async with opened(browser, live, empty_lab()) as window:
        await window.page.locator(".jp-LauncherCard:visible").first.wait_for()
        async with window.page.context.expect_page() as popup:
            await window.command("connect an")
        await expect((await popup.value).locator("#endpoint")).to_have_text(live.endpoint)
        await window.page.bring_to_front()
        await window.page.get_by_role("menuitem", name="Settings", exact=True).click()
        await leads_to_the_page(window, live, window.page.get_by_role("menuitem", name=LABEL))


async def test_jupyter_notebook_has_it_in_its_menus_and_the_panel_too(
    browser: Browser, live: JupyterProcess, name: str, screenshots: Path
) -> None:
    live.write_notebook(name, "1", kernelspec=KERNELSPEC)
    async with opened(browser, live, f"notebooks/{name}") as window:
        await window.page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for()
        await window.page.get_by_role("menuitem", name="View", exact=True).click()
        await window.screenshot(screenshots, "notebook-view-menu")
        await window.page.get_by_role("menuitem", name="Show the MCP Panel").click()
        await expect(window.status).to_have_text("Agents may look, edit and run.")
        await window.page.get_by_role("menuitem", name="Settings", exact=True).click()
        await window.screenshot(screenshots, "notebook-settings-menu")
        await leads_to_the_page(window, live, window.page.get_by_role("menuitem", name=LABEL))


async def test_the_file_list_of_jupyter_notebook_has_it_once(
    browser: Browser, live: JupyterProcess, screenshots: Path
) -> None:
    async with opened(browser, live, "tree") as window:
        await window.page.locator(".jp-DirListing-content").wait_for()
        await window.page.get_by_role("menuitem", name="New", exact=True).click()
        item = window.page.locator(".lm-Menu").get_by_text(LABEL)
        await expect(item).to_have_count(1)
        await window.screenshot(screenshots, "notebook-new-menu")
        await leads_to_the_page(window, live, item)
