"""README's picture, an agent at work beside the panel: `PYTHONPATH=tests python -m pictures` makes it anew."""

from __future__ import annotations

import asyncio
import io
import tempfile
from pathlib import Path

from harness import REPOSITORY, JupyterProcess, connect
from harness.browser import KERNELSPEC, chromium, lab
from PIL import Image
from playwright.async_api import expect

PICTURE = REPOSITORY / "docs" / "_static" / "panel.png"
SIZE = {"width": 1200, "height": 720}
LOAD = "import numpy as np\n\nweeks = np.arange(52)\nvisits = 400 + 6 * weeks + 90 * np.sin(weeks / 4)"
SAY = 'print(f"{len(visits)} weeks, {visits.mean():.0f} visits on average")'
PLOT = """import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(7, 2.2))
ax.plot(weeks, visits)
ax.set_xlabel("week"), ax.set_ylabel("visits");"""
FIT = """import time

for step in range(60):  # a bootstrap that takes its time
    time.sleep(1)"""


async def picture(folder: Path) -> bytes:
    """What a person sees, once the agent's last cell runs."""
    server = JupyterProcess(folder).wait()
    try:
        server.write_notebook("visits.ipynb", LOAD, SAY, FIT, kernelspec=KERNELSPEC)
        async with (
            chromium() as browser,
            lab(browser, server, "visits.ipynb") as window,
            connect(server, name="my-agent") as agent,
        ):
            await window.page.set_viewport_size(SIZE)  # type: ignore[arg-type]
            await agent.ok("use_notebook", notebook="visits.ipynb")
            await agent.ok("run_cells", notebook="visits.ipynb", cells=[0, 1])
            await agent.ok("insert_execute_code_cell", notebook="visits.ipynb", source=PLOT, index=2)
            await agent.ok(
                "edit_cell", notebook="visits.ipynb", cell=2, edits=[{"old": '"week"', "new": '"week of 2026"'}]
            )
            await agent.ok("execute_cell", notebook="visits.ipynb", cell=2)
            await agent.ok("execute_cell", notebook="visits.ipynb", cell=3, wait=0.5)
            await expect(window.page.locator(".jp-Cell[data-mcp-works]")).to_contain_text("bootstrap", timeout=60_000)
            await expect(window.page.locator(".jp-Cell img")).to_be_visible()
            news = window.page.get_by_role("button", name="No", exact=True)
            if await news.count():
                await news.first.click()
            await window.page.locator("li.lm-TabBar-tab[data-id=filebrowser]").click()  # folds it away
            await window.page.mouse.move(923, 400)  # the panel's edge: room for names
            await window.page.mouse.down()
            await window.page.mouse.move(840, 400, steps=4)
            await window.page.mouse.up()
            await window.page.mouse.move(600, 640)
            await asyncio.sleep(3)  # until Lab has moved all things to their places
            taken = await window.page.screenshot()
            await agent.ok("interrupt_kernel", notebook="visits.ipynb")
            return taken
    finally:
        server.stop()


def main() -> None:
    """Take it and keep it, in 128 colours."""
    with tempfile.TemporaryDirectory() as folder:
        taken = asyncio.run(picture(Path(folder)))
    PICTURE.parent.mkdir(exist_ok=True)
    Image.open(io.BytesIO(taken)).convert("RGB").quantize(128).save(PICTURE, optimize=True)
    print(f"{PICTURE.relative_to(REPOSITORY)}: {PICTURE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
