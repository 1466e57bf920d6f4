"""The panel in JupyterLab and Jupyter Notebook, in a real browser, beside real agents."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from harness import SLEEP, TOKEN, JupyterProcess, StartJupyter, connect
from harness.browser import KERNELSPEC, chromium, empty_window, lab, lab_path, opened
from playwright.async_api import Browser, expect

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

MARKUP = "<img src=x onerror=window.harmed=1><b>agent</b>"


@pytest.fixture(scope="module")
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


async def test_the_panel_shows_an_agent_at_work_and_a_click_reveals_the_cell(
    browser: Browser, live: JupyterProcess, name: str, screenshots: Path
) -> None:
    """Its name is markup that must do nothing."""
    live.write_notebook(name, *(f"x = {i}" for i in range(60)), kernelspec=KERNELSPEC)
    other = f"other-{name}"
    live.write_notebook(other, *(f"y = {i}" for i in range(40)), kernelspec=KERNELSPEC)
    cell = live.read_notebook(name)["cells"][55]["id"]
    async with lab(browser, live, name) as window, connect(live, name=MARKUP) as agent:
        await expect(window.status).to_have_text("Agents may look, edit and run.")
        await agent.ok("execute_cell", notebook=name, cell=55)
        line = window.line(MARKUP, "ran cell 55", name, "ok")
        await expect(line).to_have_attribute("data-cell", cell)
        await expect(line).to_contain_text(re.compile(r"\d m?s"))
        client = window.clients.filter(has_text=MARKUP)
        await expect(client).to_have_count(1)
        await expect(client).to_contain_text("idle")
        await expect(window.page.locator(".jp-McpStatus-button")).to_contain_text("MCP: ")

        await line.click()
        revealed = window.page.locator(".jp-Cell.jp-mod-active")
        await expect(revealed).to_contain_text("x = 55", timeout=30_000)
        await expect(revealed).to_be_in_viewport()
        await expect(revealed).to_have_attribute("data-mcp-client", MARKUP)
        await agent.ok("edit_cell", notebook=name, cell=54, edits=[{"old": "54", "new": "'edited'"}])
        await agent.ok("read_cell", notebook=name, cell=53)
        await expect(window.marks()).to_have_count(2)
        await window.screenshot(screenshots, "panel")

        await agent.ok("insert_execute_code_cell", notebook=other, source="z = 1", index=30)
        await window.line("insert_execute_code_cell", other, "ok").click()
        opened_cell = window.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell.jp-mod-active")
        await expect(opened_cell).to_contain_text("z = 1", timeout=30_000)
        await expect(opened_cell).to_be_in_viewport()
        await expect(opened_cell).to_have_attribute("data-mcp-client", MARKUP)

        assert await window.page.evaluate("window.harmed") is None
        assert await window.page.locator(".jp-McpPanel :is(img, b)").count() == 0
        assert len(window.streams) == 1


async def test_pausing_refuses_what_agents_want_to_change_until_it_is_released(
    browser: Browser, live: JupyterProcess, name: str, screenshots: Path
) -> None:
    live.write_notebook(name, "1", kernelspec=KERNELSPEC)
    async with lab(browser, live, name) as window, connect(live, name="careless") as agent:
        await window.pause.click()
        await expect(window.status).to_contain_text("Paused")
        await expect(window.page.locator(".jp-McpStatus-button")).to_have_text("MCP: paused")
        try:
            await agent.fails("overwrite_cell_source", notebook=name, cell=0, source="2")
            await agent.fails("execute_cell", notebook=name, cell=0)
            await agent.ok("read_cell", notebook=name, cell=0)
            await expect(window.line("careless", name, "overwrite_cell_source", "refused")).to_be_visible()
            await expect(window.marks()).to_have_count(0)
            await expect(window.page.locator(".Toastify__toast").filter(has_text="refused")).to_have_count(0)
            await window.screenshot(screenshots, "paused")
            await window.command("Pause Agents")
            await expect(window.pause).to_have_text("Pause")
        finally:
            if await window.pause.text_content() == "Release":
                await window.pause.click()
        await expect(window.status).to_contain_text("Agents may")
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="2")
        await expect(window.marks()).to_have_count(1)
        await agent.ok("insert_cell", notebook=name, cells=[{"source": "3"}, {"source": "1/0"}, {"source": "4"}])
        await expect(window.marks()).to_have_count(4)


async def test_several_cells_that_ran_are_marked_and_those_that_did_not_are_not(
    browser: Browser, live: JupyterProcess, name: str
) -> None:
    live.write_notebook(name, "1", "2", "1/0", "4", kernelspec=KERNELSPEC)
    async with lab(browser, live, name) as window, connect(live) as agent:
        await agent.call("run_cells", notebook=name)
        await expect(window.line("run_cells", name, "error")).to_be_visible()
        await expect(window.marks()).to_have_count(3)


async def test_stopping_interrupts_what_an_agent_runs(browser: Browser, live: JupyterProcess, name: str) -> None:
    live.write_notebook(name, SLEEP, kernelspec=KERNELSPEC)
    async with lab(browser, live, name) as window, connect(live, name="busy") as agent:
        running = await agent.ok("execute_cell", notebook=name, cell=0, wait=0.2)
        await expect(window.clients.filter(has_text="busy")).to_contain_text("runs cell 0")
        await expect(window.page.locator(".jp-OutputArea-output").first).to_contain_text("begun")
        await window.stop.click()
        await expect(window.line("busy", name, "execute_cell", "cancelled")).to_be_visible()
        await expect(window.status).to_contain_text("Interrupted: 1")
        found = re.search(r"execution='(\w+)'", running)
        assert found
        assert "interrupted" in await agent.ok("wait_execution", execution=found[1])


async def test_a_person_answers_in_the_panel_what_the_code_of_an_agent_asks(
    browser: Browser, live: JupyterProcess, name: str, screenshots: Path
) -> None:
    """The agent's client cannot be asked. Its name and the prompt are markup that must do nothing."""
    asks = f"print('hello', input({MARKUP!r}))"
    live.write_notebook(name, asks, "import getpass; len(getpass.getpass('token: '))", kernelspec=KERNELSPEC)
    async with lab(browser, live, name) as window, connect(live, name=MARKUP) as agent:
        await expect(window.status).to_have_text("Agents may look, edit and run.")
        told = await agent.ok("execute_cell", notebook=name, cell=0, wait=0)
        question = window.page.locator(".jp-McpQuestion")
        await expect(question).to_contain_text(f"{MARKUP} runs code that asks for input")
        await expect(question.locator(".jp-McpQuestion-place")).to_contain_text(name)
        await expect(window.page.locator(".jp-McpStatus-button")).to_have_text("MCP: asks you")
        field = question.get_by_label(MARKUP)
        await field.fill("Ada")
        await agent.ok("read_cell", notebook=name, cell=1)  # the panel is drawn anew meanwhile
        await expect(window.line(MARKUP, "read_cell", "ok")).to_be_visible()
        await expect(field).to_have_value("Ada")
        await window.screenshot(screenshots, "question")
        await question.get_by_role("button", name="Answer", exact=True).click()
        await expect(window.page.locator(".jp-OutputArea-output").first).to_contain_text("hello Ada")
        await expect(question).to_have_count(0)
        found = re.search(r"execution='(\w+)'", told)
        assert found
        told = await agent.ok("wait_execution", execution=found[1])
        assert "A person has answered what the code asked" in told
        assert "hello Ada" in told

        await agent.ok("execute_cell", notebook=name, cell=1, wait=0)
        await expect(question).to_contain_text("asks for a password")
        assert await question.get_by_label("token: ").get_attribute("type") == "password"
        await question.get_by_label("token: ").fill("secret")
        await question.get_by_label("token: ").press("Enter")
        await expect(window.page.locator(".jp-OutputArea-output").last).to_contain_text("6")
        await expect(question).to_have_count(0)

        await agent.ok("execute_cell", notebook=name, cell=0, wait=0)
        await question.get_by_role("button", name="Refuse", exact=True).click()
        await expect(question).to_have_count(0)
        await expect(window.page.locator(".jp-OutputArea").first).to_contain_text("a person refused to answer")
        await expect(window.page.locator(".jp-McpStatus-button")).not_to_contain_text("asks")
        assert await window.page.evaluate("window.harmed") is None
        assert await window.page.locator(".jp-McpPanel :is(img, b)").count() == 0


async def test_the_panel_comes_back_with_the_sidecar(browser: Browser, start_jupyter: StartJupyter, name: str) -> None:
    """Its settings ask for toasts."""
    server = start_jupyter()
    settings = server.home / "config" / "lab" / "user-settings" / "jupyter-mcp-proxy" / "panel.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"toasts": true}')
    server.write_notebook(name, "1", kernelspec=KERNELSPEC)
    async with lab(browser, server, name) as window:
        async with connect(server, name="before") as agent:
            await agent.ok("list_cells", notebook=name)
            await expect(window.line("before", "list_cells")).to_be_visible()
        server.kill_sidecar()
        await expect(window.status).to_contain_text("does not answer")
        await expect(window.pause).to_be_disabled()
        await expect(window.status).to_contain_text("Agents may", timeout=30_000)
        async with connect(server, name="after") as agent:
            await agent.ok("list_cells", notebook=name)
            await agent.fails("read_cell", notebook=name, cell=9)
        await expect(window.page.locator(".Toastify__toast").filter(has_text="after: read_cell failed")).to_be_visible()
        await expect(window.line("after", "list_cells")).to_be_visible()
        await expect(window.line("before", "list_cells")).to_be_visible()


async def test_a_page_whose_token_holds_no_more_goes_on_by_its_login(
    browser: Browser, live: JupyterProcess, name: str
) -> None:
    """As JupyterLab does: its server was started anew, with another token, and takes the cookie."""
    live.write_notebook(name, "1", kernelspec=KERNELSPEC)
    async with empty_window(browser) as window:
        await window.page.add_init_script(f"""
            new MutationObserver(() => {{
              const config = document.getElementById('jupyter-config-data');
              if (config?.textContent.includes('{TOKEN}')) {{
                config.textContent = config.textContent.replaceAll('{TOKEN}', 'of an earlier day');
              }}
            }}).observe(document, {{ childList: true, subtree: true }});
        """)
        async with window.page.expect_response(lambda response: response.status == 403) as refused:
            await window.page.goto(f"{live.url}{lab_path(name)}?token={TOKEN}")
        assert (await refused.value).url in window.streams
        await window.open_panel()
        await expect(window.status).to_have_text("Agents may look, edit and run.")
        await window.pause.click()
        await expect(window.status).to_contain_text("Paused")
        await window.pause.click()
        await expect(window.status).to_contain_text("Agents may")


async def test_the_panel_is_quiet_where_nobody_answers(
    browser: Browser, start_jupyter: StartJupyter, name: str
) -> None:
    """The extension of the server is disabled: there is no stream."""
    server = start_jupyter(arguments=("--ServerApp.jpserver_extensions=jupyter_mcp_proxy=False",))
    server.write_notebook(name, "1", kernelspec=KERNELSPEC)
    async with lab(browser, server, name) as window:
        await expect(window.status).to_contain_text("does not answer")
        await anyio.sleep(4)  # what is asked in a time cannot be had without the time
        assert len(window.streams) <= 4
        assert await window.page.locator(".jp-Dialog").count() == 0


async def test_jupyter_notebook_has_the_panel_and_the_marks(
    browser: Browser, live: JupyterProcess, name: str, screenshots: Path
) -> None:
    """A page out of sight has no stream, and misses nothing."""
    live.write_notebook(name, "1", *(f"x = {i}" for i in range(60)), kernelspec=KERNELSPEC)
    async with (
        opened(browser, live, f"notebooks/{name}") as window,
        connect(live, name=MARKUP) as agent,
    ):
        await window.page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for()
        await window.page.get_by_role("menuitem", name="View").click()
        await window.page.get_by_text("Right Sidebar").click()
        await window.page.get_by_text("Show MCP", exact=True).click()
        await expect(window.status).to_have_text("Agents may look, edit and run.")
        await agent.ok("execute_cell", notebook=name, cell=50)
        await window.line(MARKUP, "execute_cell", name, "ok").click()
        revealed = window.page.locator(".jp-Cell.jp-mod-active")
        await expect(revealed).to_be_in_viewport()
        await expect(revealed).to_have_attribute("data-mcp-client", MARKUP)
        await window.screenshot(screenshots, "notebook")
        assert await window.page.evaluate("window.harmed") is None
        assert len(window.streams) == 1

        async with window.page.expect_event("requestfailed", lambda request: request.url in window.streams):
            await window.hide(True)
        await agent.ok("read_cell", notebook=name, cell=49)
        await window.hide(False)
        await expect(window.line("read_cell", name, "ok")).to_be_visible()
        assert len(window.streams) == 2
