"""README's picture and the moving one of the documentation, an agent at work beside the panel.

`PYTHONPATH=tests python -m pictures` makes both anew.
"""

from __future__ import annotations

import asyncio
import io
import tempfile
from pathlib import Path
from typing import Any

from harness import REPOSITORY, JupyterProcess, connect
from harness.browser import KERNELSPEC, Window, chromium, lab
from PIL import Image
from playwright.async_api import expect

PICTURE = REPOSITORY / "docs" / "_static" / "panel.png"
MOVING = PICTURE.with_name("at-work.webp")
SHOWN, LAST_SHOWN = 1400, 4000
"""Milliseconds that a step of the moving picture stands, and the last."""
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


async def pictures(folder: Path) -> list[bytes]:
    """What a person sees after each of the agent's calls; the last while a cell runs."""
    server = JupyterProcess(folder).wait()
    taken: list[bytes] = []
    try:
        server.write_notebook("visits.ipynb", LOAD, SAY, FIT, kernelspec=KERNELSPEC)
        async with (
            chromium() as browser,
            lab(browser, server, "visits.ipynb") as window,
            connect(server, name="my-agent") as agent,
        ):

            async def step(tool: str, **arguments: Any) -> None:
                await agent.ok(tool, notebook="visits.ipynb", **arguments)
                await asyncio.sleep(1.5)  # until Lab has moved all things to their places
                taken.append(await window.page.screenshot())

            await arrange(window)
            await step("use_notebook")
            await step("run_cells", cells=[0, 1])
            await step("insert_execute_code_cell", source=PLOT, index=2)
            await step("edit_cell", cell=2, edits=[{"old": '"week"', "new": '"week of 2026"'}])
            await step("execute_cell", cell=2)
            await expect(window.page.locator(".jp-Cell img")).to_be_visible()
            await step("execute_cell", cell=3, wait=0.5)
            await expect(window.page.locator(".jp-Cell[data-mcp-works]")).to_contain_text("bootstrap", timeout=60_000)
            await agent.ok("interrupt_kernel", notebook="visits.ipynb")
            return taken
    finally:
        server.stop()


async def arrange(window: Window) -> None:
    """The file browser folded away, and the panel with room for names."""
    await window.page.set_viewport_size(SIZE)  # type: ignore[arg-type]
    news = window.page.get_by_role("button", name="No", exact=True)
    if await news.count():
        await news.first.click()
    await window.page.locator("li.lm-TabBar-tab[data-id=filebrowser]").click()
    await window.page.mouse.move(923, 400)
    await window.page.mouse.down()
    await window.page.mouse.move(840, 400, steps=4)
    await window.page.mouse.up()
    await window.page.mouse.move(600, 640)


def main() -> None:
    """Take them and keep them: the last as README's, in 128 colours, and all of them as one that moves."""
    with tempfile.TemporaryDirectory() as folder:
        taken = [Image.open(io.BytesIO(each)).convert("RGB") for each in asyncio.run(pictures(Path(folder)))]
    PICTURE.parent.mkdir(exist_ok=True)
    taken[-1].quantize(128).save(PICTURE, optimize=True)
    first, *others = [each.resize((each.width * 3 // 4, each.height * 3 // 4)) for each in taken]
    shown = [SHOWN] * len(others) + [LAST_SHOWN]
    first.save(MOVING, save_all=True, append_images=others, duration=shown, loop=0, quality=60, method=6)
    for each in (PICTURE, MOVING):
        print(f"{each.relative_to(REPOSITORY)}: {each.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
