"""What JupyterLab shows of cells that an agent runs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import pytest
from harness import JupyterProcess, connect
from harness.browser import KERNELSPEC, chromium, lab
from playwright.async_api import Browser, expect

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture(scope="module")
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


async def test_cells_that_run_or_wait_have_a_star_until_they_have_ended(
    browser: Browser, live: JupyterProcess, name: str
) -> None:
    waits = "import os, time\nwhile not os.path.exists('go-on'):\n    time.sleep(0.1)\nprint('went on')"
    live.write_notebook(name, waits, "1 + 1", "print('other')", kernelspec=KERNELSPEC)
    async with lab(browser, live, name) as window, connect(live) as agent:
        prompts = window.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell .jp-InputPrompt")
        await expect(prompts).to_have_text(["[ ]:", "[ ]:", "[ ]:"])
        await agent.ok("run_cells", notebook=name, cells=[0, 1], wait=1)
        await expect(prompts).to_have_text(["[*]:", "[*]:", "[ ]:"])
        await anyio.sleep(1)
        await expect(prompts).to_have_text(["[*]:", "[*]:", "[ ]:"])
        (live.root / "go-on").touch()
        await expect(prompts).to_have_text(["[1]:", "[2]:", "[ ]:"])
