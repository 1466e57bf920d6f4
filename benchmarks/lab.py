"""`python -m benchmarks.lab`: what JupyterLab's start costs with our extension in it, beside the same page without.

One server serves both. The page that it answers is fetched, and for one side our extension is taken out of the list
that JupyterLab loads; then it goes to the browser, each time to one that has nothing cached.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
import statistics
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .parts import JupyterProcess, jupyter  # the tests' harness is found from then on
from .report import Verdict

from harness.browser import chromium  # isort: skip

PAIRS = 30
SETTLED = 1.5
"""Seconds after the launcher is there in which what we do lazily is counted too."""
LAB_TARGET = 1.02
OURS = "jupyter-mcp-proxy"
CONFIG = re.compile(r'(<script id="jupyter-config-data" type="application/json">)(.*?)(</script>)', re.DOTALL)
SHOWN = """() => new Promise(resolve => {
  const look = () => document.querySelector('.jp-LauncherCard') && !document.querySelector('#jupyterlab-splash')
    ? resolve(performance.now()) : requestAnimationFrame(look);
  look();
})"""
"""Milliseconds from the start of the navigation until a person sees the launcher."""


def without(page: str, extension: str) -> str:
    """JupyterLab's page with an extension less to load. Raises ValueError where it is not in there."""
    found = CONFIG.search(page)
    if found is None:
        raise ValueError("no configuration in JupyterLab's page")
    config = json.loads(found[2])
    names = [each["name"] for each in config["federated_extensions"]]
    if extension not in names:
        raise ValueError(f"JupyterLab loads {', '.join(names)}, and not {extension}")
    config["federated_extensions"] = [each for each in config["federated_extensions"] if each["name"] != extension]
    return page[: found.start(2)] + json.dumps(config) + page[found.end(2) :]


async def start(browser: Any, server: JupyterProcess, ours: bool) -> tuple[float, float]:
    """Milliseconds until the launcher is seen, and milliseconds that the page's main thread worked until it settled."""
    context = await browser.new_context(viewport={"width": 1400, "height": 900})
    try:
        page = await context.new_page()

        async def answer(route: Any) -> None:
            response = await route.fetch()
            body = await response.text()
            await route.fulfill(response=response, body=body if ours else without(body, OURS))

        await page.route(re.compile(r"/lab(/workspaces/[^/]*)?\?"), answer)
        devtools = await context.new_cdp_session(page)
        await devtools.send("Performance.enable")
        await page.goto(f"{server.url}lab?reset&token={server.token}")
        seen: float = await page.evaluate(SHOWN)
        await asyncio.sleep(SETTLED)
        told = await devtools.send("Performance.getMetrics")
        worked = {each["name"]: each["value"] for each in told["metrics"]}["TaskDuration"] * 1000
        return seen, worked
    finally:
        await context.close()


async def measure(server: JupyterProcess, pairs: int) -> dict[bool, list[tuple[float, float]]]:
    """Pairs, in turn the other way round; the first is for the caches of server and disk."""
    samples: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    async with chromium() as browser:
        for number in range(-1, pairs):
            for ours in (True, False) if number % 2 else (False, True):
                sample = await start(browser, server, ours)
                if number >= 0:
                    samples[ours].append(sample)
    return samples


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.lab", description=__doc__)
    arguments.add_argument("--pairs", type=int, default=PAIRS, help="pairs (default %(default)s)")
    options = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    with (
        TemporaryDirectory(prefix="mcp-proxy-benchmarks-", ignore_cleanup_errors=True) as folder,
        jupyter(Path(folder)) as server,
    ):
        samples = asyncio.run(measure(server, options.pairs))
    print(f"{'ms, medians':28} {'with us':>10} {'without':>10} {'ratio':>8}")
    for place, what in enumerate(("until the launcher is seen", "main thread at work")):
        mine, bare = ([each[place] for each in samples[ours]] for ours in (True, False))
        ratio = statistics.median(a / b for a, b in zip(mine, bare, strict=True))
        print(f"{what:28} {statistics.median(mine):10.0f} {statistics.median(bare):10.0f} {ratio:8.3f}")
        if place == 0:
            verdict = Verdict("JupyterLab's start", ratio, LAB_TARGET, "× the start without us")
    print(verdict)


if __name__ == "__main__":
    main()
