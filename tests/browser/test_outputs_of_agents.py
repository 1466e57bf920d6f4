"""What JupyterLab shows of the outputs of cells that an agent runs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from harness import JupyterProcess, connect
from harness.browser import KERNELSPEC, Window, chromium, lab
from playwright.async_api import Browser, Locator, expect

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture(scope="module")
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


def outputs(window: Window) -> Locator:
    """The output areas of the notebook's cells."""
    return window.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell-outputArea")


async def test_what_comes_after_a_cells_end_appears_in_it(browser: Browser, live: JupyterProcess, name: str) -> None:
    gate = f"{name}.gate"
    late = (
        "import os, threading, time\ndef late():\n"
        f"    while not os.path.exists({gate!r}):\n        time.sleep(0.05)\n"
        "    print('and then this')\nthreading.Thread(target=late).start()\nprint('at once')"
    )
    live.write_notebook(name, late, kernelspec=KERNELSPEC)
    async with lab(browser, live, name) as window, connect(live) as agent:
        await agent.ok("execute_cell", notebook=name, cell=0)
        await expect(outputs(window).first).to_have_text("at once\n")
        (live.root / gate).touch()
        await expect(outputs(window).first).to_have_text("at once\nand then this\n")


async def test_a_later_cell_changes_a_display_where_it_stands(
    browser: Browser, live: JupyterProcess, name: str
) -> None:
    live.write_notebook(name, "handle = display('0%', display_id=True)", "handle.update('100%')", kernelspec=KERNELSPEC)
    async with lab(browser, live, name) as window, connect(live) as agent:
        await agent.ok("execute_cell", notebook=name, cell=0)
        await expect(outputs(window).first).to_contain_text("'0%'")
        await agent.ok("execute_cell", notebook=name, cell=1)
        await expect(outputs(window).first).to_contain_text("'100%'")


async def test_an_output_widget_shows_what_an_agents_cell_puts_into_it(
    browser: Browser, live: JupyterProcess, name: str
) -> None:
    live.write_notebook(
        name,
        "import ipywidgets\no = ipywidgets.Output()\nprint('result: 42')\ndisplay(o)",
        "with o:\n    print('gone')\n    o.clear_output()\n    print('kept in the widget')",
        kernelspec=KERNELSPEC,
    )
    # JupyterLab shows no widget in a cell that is not trusted; one that it has not run is, if its notebook is.
    trusted = httpx.post(
        f"{live.url}api/contents/{name}/trust", headers={"Authorization": f"Bearer {live.token}"}, trust_env=False
    )
    assert trusted.status_code == 201
    async with lab(browser, live, name) as window, connect(live) as agent:
        await agent.ok("execute_cell", notebook=name, cell=0)
        widget = outputs(window).first.locator(".jupyter-widgets-output-area, .widget-output").first
        await expect(widget).to_be_attached()
        await agent.ok("execute_cell", notebook=name, cell=1)
        await expect(widget).to_contain_text("kept in the widget")
        await expect(widget).not_to_contain_text("gone")
        await expect(outputs(window).first).to_contain_text("result: 42")


async def test_markdown_and_a_chart_are_shown_as_such(browser: Browser, live: JupyterProcess, name: str) -> None:
    live.write_notebook(
        name,
        "from IPython.display import Markdown\nMarkdown('a **bold** word')",
        "import plotly.graph_objects as go\ngo.Figure(go.Bar(x=['a', 'b'], y=[1, 2]))",
        kernelspec=KERNELSPEC,
    )
    async with lab(browser, live, name) as window, connect(live) as agent:
        await agent.ok("execute_cell", notebook=name, cell=0)
        await agent.ok("execute_cell", notebook=name, cell=1)
        await expect(outputs(window).first.locator("strong")).to_have_text("bold")
        await expect(outputs(window).nth(1).locator(".js-plotly-plot .main-svg").first).to_be_visible()
