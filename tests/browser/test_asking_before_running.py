"""Asking before running, as a person meets it in JupyterLab and in Jupyter Notebook."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

import pytest
from harness import JupyterProcess, connect
from harness.browser import KERNELSPEC, Window, chromium, lab, opened
from harness.panel import ask
from playwright.async_api import Browser, Locator, expect

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

MARKUP = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


def dialog(window: Window) -> Locator:
    return window.page.locator("dialog.jp-McpPermission[open]")


def button(window: Window, label: str) -> Locator:
    return dialog(window).get_by_role("button", name=label)


async def accessible(window: Window) -> None:
    axe = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    await window.page.evaluate(axe)
    found = await window.page.evaluate("axe.run('dialog.jp-McpPermission').then((result) => result.violations)")
    told = [(v["id"], v["impact"], [node["html"] for node in v["nodes"]]) for v in found]
    assert [one for one in told if one[1] in ("serious", "critical")] == []


def asks(window: Window, label: str) -> Locator:
    """The switch of a client that has others beside it."""
    return window.clients.filter(has_text=label).get_by_role("checkbox", name="ask", exact=True)


async def test_a_person_switches_it_on_for_a_client_sees_its_code_and_lets_it_run(
    browser: Browser, live: JupyterProcess, name: str, label: str, screenshots: Path
) -> None:
    """What they type when the dialog comes answers nothing; markup is text, and what would hide in code is seen."""
    code = f"# {MARKUP} \u202e\nx = 6 * 7\nx"
    live.write_notebook(name, code, kernelspec=KERNELSPEC)
    async with lab(browser, live, name) as window, connect(live, name=label + MARKUP) as agent:
        await agent.ok("list_cells", notebook=name)
        await asks(window, label).click()
        await expect(asks(window, label)).to_be_checked()
        await window.page.locator(".jp-Cell .cm-content").click()
        call = asyncio.create_task(agent.ok("execute_cell", notebook=name, cell=0))
        await expect(dialog(window)).to_contain_text(f"{label}{MARKUP} wants to run code in {name}")
        await expect(dialog(window)).to_contain_text(f"# {MARKUP} ⟦U+202E⟧")
        await expect(dialog(window).get_by_role("region", name="What it wants to run")).to_be_focused()
        assert await dialog(window).locator("img").count() == 0
        for key in ("Enter", "Space", "y"):
            await window.page.keyboard.press(key)
        await accessible(window)
        await window.screenshot(screenshots, "asking")
        await window.page.keyboard.press("Escape")
        await expect(dialog(window)).to_have_count(0)
        assert not call.done()
        await window.panel.get_by_role("button", name="Look and answer").click()
        await button(window, "Run once").click()
        await expect(dialog(window)).to_have_count(0)
        assert "42" in await call
        await expect(window.panel.get_by_role("button", name="Look and answer")).to_have_count(0)


async def test_one_page_answers_and_the_dialog_goes_in_the_other(
    browser: Browser, live: JupyterProcess, name: str, label: str, screenshots: Path
) -> None:
    """In Jupyter Notebook and in JupyterLab in the dark at once; after a reload the switch is as it was."""
    live.write_notebook(name, "1", kernelspec=KERNELSPEC)
    ask(live, "POST", "asking", {"ask": True, "client": label, "token": None})
    async with (
        opened(browser, live, f"notebooks/{name}") as notebook,
        lab(browser, live, name) as window,
        connect(live, name=label) as agent,
    ):
        await window.command("Theme: JupyterLab Dark")
        await notebook.page.locator(".jp-Cell").first.wait_for()
        call = asyncio.create_task(agent.ok("execute_ipython", notebook=name, code="6 * 7"))
        await expect(dialog(window)).to_contain_text("6 * 7")
        await expect(dialog(notebook)).to_contain_text("Code that is not in a cell yet")
        await accessible(window)
        await window.screenshot(screenshots, "asking-dark")
        await notebook.screenshot(screenshots, "asking-notebook")
        await button(notebook, "Run all in this notebook").click()
        await expect(dialog(notebook)).to_have_count(0)
        await expect(dialog(window)).to_have_count(0)
        assert "42" in await call
        assert "43" in await agent.ok("execute_ipython", notebook=name, code="43")
        await window.page.reload()
        await expect(asks(window, label)).to_be_checked()
