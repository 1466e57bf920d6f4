"""What JupyterLab shows of agents while they work: who they are, on which cell, and the way to connect one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from harness import TOKEN, JupyterProcess, StartJupyter, connect, post
from harness.browser import KERNELSPEC, chromium, lab
from playwright.async_api import Browser, expect

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture(scope="module")
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


def made_token(server: JupyterProcess, name: str, tier: str) -> str:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content_Type": "application/json"}
    _, _, answer = post(server, {"name": name, "tier": tier}, "mcp-proxy/api/tokens", **headers)
    return str(json.loads(answer)["token"])


async def test_the_cell_that_an_agent_runs_has_its_name_and_how_far_it_is(
    browser: Browser, live: JupyterProcess, name: str, screenshots: Path
) -> None:
    go_on = live.home / f"{name}.go"
    waits = f"import os, time\nwhile not os.path.exists({str(go_on)!r}): time.sleep(0.05)"
    live.write_notebook(name, "1", waits, "3", "4", kernelspec=KERNELSPEC)
    async with lab(browser, live, name) as window, connect(live, name="runner") as agent:
        await agent.ok("run_cells", notebook=name, wait=0.2)
        at_work = window.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell[data-mcp-works]")
        await expect(at_work).to_have_attribute("data-mcp-works", "runner · running 2 of 4", timeout=60_000)
        await expect(at_work).to_contain_text("import os, time")
        await expect(window.clients.filter(has_text="runner")).to_contain_text("running 2 of 4")
        await window.screenshot(screenshots, "at-work")
        go_on.touch()
        await expect(at_work).to_have_count(0)
        await expect(window.line("runner", name, "ran 4 cells")).to_be_visible()


@pytest.mark.parametrize("width", [1280, 360])
async def test_what_an_agent_runs_stands_in_the_bar_of_the_cell_it_has_just_added_and_not_on_its_buttons(
    browser: Browser, live: JupyterProcess, name: str, width: int, screenshots: Path
) -> None:
    go_on = live.home / f"{name}.go"
    waits = f"import os, time\nwhile not os.path.exists({str(go_on)!r}): time.sleep(0.05)"
    live.write_notebook(name, "1", kernelspec=KERNELSPEC)
    async with lab(browser, live, name) as window, connect(live, name="runner") as agent:
        await agent.ok("insert_execute_code_cell", notebook=name, source=waits, wait=0.2)
        cell = window.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell[data-mcp-works]")
        await expect(cell.locator(".jp-McpBar-keep")).to_be_visible(timeout=60_000)
        if width == 360:  # with its sidebars closed, as on a telephone
            for tab in ("filebrowser", "jupyter-mcp-proxy-panel"):
                await window.page.locator(f"li.lm-TabBar-tab[data-id={tab}]").click()
        await window.page.set_viewport_size({"width": width, "height": 800})
        await window.screenshot(screenshots, f"at-work-in-the-bar-{width}")
        # Neither is an element: what they are can be read off, but not where they stand.
        before = await cell.evaluate("cell => getComputedStyle(cell, '::before').display")
        who = cell.locator(".jp-McpBar-who")
        within = await who.evaluate("who => getComputedStyle(who, '::after').content")
        assert (before, within) == ("none", '"runner · added and runs cell 1"')
        assert await who.evaluate("who => who.scrollWidth - who.clientWidth") <= 0, "none of it is cut off"
        go_on.touch()
        await expect(cell).to_have_count(0)


async def test_two_agents_of_one_name_stay_two_by_their_tokens(
    browser: Browser, live: JupyterProcess, name: str, label: str, screenshots: Path
) -> None:
    live.write_notebook(name, "1", kernelspec=KERNELSPEC)
    looks, edits = made_token(live, f"{label} laptop", "read"), made_token(live, f"{label} desktop", "edit")
    async with lab(browser, live, name) as window:
        async with connect(live, name="twin", token=looks) as one, connect(live, name="twin", token=edits) as two:
            await one.ok("read_cell", notebook=name, cell=0)
            await two.ok("overwrite_cell_source", notebook=name, cell=0, source="2")
            dot = window.clients.filter(has_text=f"twin · {label} desktop").locator(".jp-McpDot")
            colour = await dot.evaluate("dot => getComputedStyle(dot).backgroundColor")
            await expect(window.page.locator(".jp-remote-cursor").first).to_have_css("border-left-color", colour)
            await window.page.locator("li.lm-TabBar-tab[data-id=jp-collaboration-panel]").click()
            online = window.page.locator(".jp-Collaborator").filter(has_text="twin")
            await online.locator(".jp-CollaboratorIcon").click()
            await expect(online.get_by_title(name)).to_be_visible()
            await window.screenshot(screenshots, "online")
        laptop = window.clients.filter(has_text=f"twin · {label} laptop")
        await expect(laptop).to_contain_text("looks only")
        await expect(window.clients.filter(has_text=f"twin · {label} desktop")).to_contain_text("may edit")
        await expect(window.line("twin", name, "edited cell 0")).to_be_visible()
        await laptop.locator("button").click()
        await expect(window.lines).to_have_count(1)
        await expect(window.lines).to_contain_text("read cell 0")


async def test_following_keeps_the_cell_that_an_agent_works_on_in_view_once_it_is_switched_on(
    browser: Browser, live: JupyterProcess, name: str
) -> None:
    live.write_notebook(name, *(f"x = {i}" for i in range(60)), kernelspec=KERNELSPEC)
    async with lab(browser, live, name) as window, connect(live) as agent:
        far = window.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell").filter(has_text="followed")
        await agent.ok("overwrite_cell_source", notebook=name, cell=50, source="x = 'not followed'")
        await expect(window.line(name, "edited cell 50")).to_be_visible()
        await anyio.sleep(0.5)  # that nothing happens cannot be waited for
        await expect(far).not_to_be_in_viewport()
        await window.panel.get_by_label("Follow").check()
        await agent.ok("overwrite_cell_source", notebook=name, cell=55, source="x = 'is followed'")
        await expect(far.filter(has_text="is followed")).to_be_in_viewport(timeout=60_000)
        await expect(window.page.locator(".jp-Cell.jp-mod-active")).to_contain_text("x = 0")


async def test_where_no_agent_has_called_the_panel_leads_to_the_page_that_connects_one(
    browser: Browser, start_jupyter: StartJupyter, name: str, screenshots: Path
) -> None:
    server = start_jupyter()
    server.write_notebook(name, "1", kernelspec=KERNELSPEC)
    async with lab(browser, server, name) as window:
        await expect(window.panel).to_contain_text("No agent has called yet.")
        await window.screenshot(screenshots, "empty")
        async with window.page.expect_popup() as popup:
            await window.panel.get_by_role("link", name="Connect an AI agent").click()
        assert (await popup.value).url == f"{server.url}mcp-proxy/"
        async with connect(server) as agent:
            await agent.ok("list_cells", notebook=name)
        await expect(window.panel.get_by_role("link", name="Connect an AI agent")).to_be_hidden()
        await expect(window.panel.get_by_role("link", name="Connect an agent…")).to_be_visible()
