"""`python -m beside`: what works where another package for agents stands beside ours, as a table."""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from pathlib import Path

from harness import INITIALIZE, REPOSITORY, JupyterProcess
from harness.browser import chromium, empty_window, lab_path
from harness.hub import connect_to
from playwright.async_api import Browser, expect

from beside.neighbours import NEIGHBOURS, Neighbour, install, versions

PROGRAMS = Path(__file__).parent / "programs"
NOTEBOOK = "beside.ipynb"
OURS = "jupyter-mcp-proxy-panel"
YES = "yes"
HEAD = (
    "beside",
    "starts",
    "our endpoint",
    "both tabs in JupyterLab",
    "its own endpoint",
    "its agents use us",
    "doctor",
)


class Place:
    """A neighbour's environment, with a server in it."""

    def __init__(self, neighbour: Neighbour, python: Path, home: Path, pictures: Path | None) -> None:
        self.neighbour, self.python, self.home, self.pictures = neighbour, python, home, pictures
        self.environment = {
            "PYTHONPATH": "",
            "HOME": str(home),
            "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
            "JUPYTER_DATA_DIR": str(home / "data"),
            "JUPYTER_CONFIG_DIR": str(home / "config"),
        }
        home.mkdir()
        if not neighbour.together:
            done = self.ours("sidecar", "install", "--from", str(REPOSITORY))
            assert done.returncode == 0, done.stdout + done.stderr
        self.server = JupyterProcess(home, python=str(python), environment={"PYTHONPATH": ""})

    def ours(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Our command line, as a person there types it."""
        return self.run("-m", "jupyter_mcp_proxy", *words)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        from os import environ

        return subprocess.run(
            [self.python, *words], env=environ | self.environment, cwd=self.home, capture_output=True, text=True,
            timeout=600,
        )  # fmt: skip


async def starts(place: Place, browser: Browser) -> str:
    del browser
    await asyncio.to_thread(place.server.wait)
    return f"no: {traceback(place.server.log)}" if "Traceback" in place.server.log else YES


async def serves(place: Place, browser: Browser) -> str:
    del browser
    place.server.write_notebook(NOTEBOOK, "1")
    async with connect_to(place.server.endpoint, place.server.token, "2026-07-28") as agent:
        told = await agent.call("insert_execute_code_cell", notebook=NOTEBOOK, source="6 * 7")
        return YES if "42" in str(told) else f"no: {told}"


async def shows(place: Place, browser: Browser) -> str:
    wanted = [OURS, *([place.neighbour.tab] if place.neighbour.tab else [])]
    async with empty_window(browser) as window:
        await window.page.goto(f"{place.server.url}{lab_path(NOTEBOOK)}?token={place.server.token}")
        await expect(window.page.locator(".jp-NotebookPanel").first).to_be_visible(timeout=90_000)
        for tab in wanted:
            there = window.page.locator(f'.jp-SideBar .lm-TabBar-tab[data-id*="{tab}"]')
            await expect(there).to_be_visible()
            if place.pictures is not None:
                await there.click()
                await window.page.wait_for_timeout(2000)  # for what it loads
                await window.screenshot(place.pictures, f"{place.neighbour.package}-{'ours' if tab == OURS else 'its'}")
    return YES if place.neighbour.tab else f"{YES}; it has none"


async def answers(place: Place, browser: Browser) -> str:
    del browser
    if not place.neighbour.endpoint:
        return "–"
    headers = {
        "Accept": "application/json, text/event-stream", "Content-Type": "application/json",
        "Authorization": f"token {place.server.token}",
    }  # fmt: skip
    request = urllib.request.Request(
        place.server.url + place.neighbour.endpoint, json.dumps(INITIALIZE).encode(), headers
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with await asyncio.to_thread(opener.open, request, timeout=60) as response:
        return YES if b"serverInfo" in response.read() else f"no: {response.status}"


async def uses_us(place: Place, browser: Browser) -> str:
    del browser
    if not place.neighbour.uses_us:
        return "–"
    written = await asyncio.to_thread(place.ours, "connect", place.neighbour.package, "--yes")
    if written.returncode:
        return f"no: {written.stderr or written.stdout}"
    settings = place.server.root / ".jupyter" / "mcp_settings.json"
    program = str(PROGRAMS / place.neighbour.uses_us)
    called = await asyncio.to_thread(place.run, program, str(settings), NOTEBOOK)
    return YES if "42" in called.stdout else f"no: {(called.stderr or called.stdout)[-300:]}"


async def passes(place: Place, browser: Browser) -> str:
    del browser
    told = await asyncio.to_thread(place.ours, "doctor")
    return YES if told.returncode == 0 else f"no: {told.returncode}: {told.stdout[-600:]}"


CHECKS: tuple[Callable[[Place, Browser], object], ...] = (starts, serves, shows, answers, uses_us, passes)
"""In the table's order."""


def traceback(log: str) -> str:
    return log.partition("Traceback")[2][-300:]


async def row(neighbour: Neighbour, python: Path, home: Path, browser: Browser, pictures: Path | None) -> list[str]:
    """What the table says of a neighbour."""
    place = Place(neighbour, python, home, pictures)
    try:
        told = []
        for check in CHECKS:
            try:
                told.append(" ".join(str(await check(place, browser)).replace("|", "/").split()))
            except Exception as problem:  # whatever it is, the other checks say more
                told.append(" ".join(f"no: {type(problem).__name__}: {problem}".replace("|", "/").split())[:300])
        return told
    finally:
        place.server.stop()


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m beside", description=__doc__)
    parser.add_argument("names", nargs="*", help="packages by name; all without")
    parser.add_argument("--installed", type=Path, help="a folder to keep the environments in")
    parser.add_argument("--screenshots", type=Path, metavar="FOLDER", help="keep pictures of each panel in a folder")
    options = parser.parse_args()
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory(prefix="beside-", ignore_cleanup_errors=True) as folder:
        below = options.installed or Path(folder) / "installed"
        async with chromium() as browser:
            for neighbour in NEIGHBOURS:
                if options.names and neighbour.package not in options.names:
                    continue
                python = install(neighbour, below)
                there = versions(python)
                lab, mcp = (there.get(name, "none") for name in ("jupyterlab", "mcp"))
                name = f"{neighbour.package} {there[neighbour.package.replace('-', '_')]} (JupyterLab {lab}, mcp {mcp})"
                rows.append(
                    [
                        name,
                        *await row(neighbour, python, Path(folder) / neighbour.package, browser, options.screenshots),
                    ]
                )
                print(f"| {' | '.join(rows[-1])} |", flush=True)
    print("\n".join(("", f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|")))
    print("\n".join(f"| {' | '.join(each)} |" for each in rows))
    return int(any(said.startswith("no") for each in rows for said in each[1:]))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
