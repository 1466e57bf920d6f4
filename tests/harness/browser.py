"""A real browser with JupyterLab or Jupyter Notebook in it."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Locator, Page, TimeoutError, async_playwright, expect

from harness import REPOSITORY, JupyterProcess, needs

OPTIONS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
KERNELSPEC = {"name": "python3", "display_name": "Python 3", "language": "python"}
"""A notebook that names its kernel is opened without a question."""
expect.set_options(timeout=20_000)  # a server with a collaboration store may stand still for 5 s
OUTCOMES = {"running", "waiting", "ok", "error", "refused", "cancelled"}
REMEDY = "On Debian and Ubuntu: apt-get install chromium."


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The system's Chromium."""
    path = needs("chromium", REMEDY)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(OPTIONS))
        yield browser
        await browser.close()


@asynccontextmanager
async def empty_window(browser: Browser, routes: dict[str, Any] | None = None) -> AsyncIterator[Window]:
    """A person's window, in whose pages nothing goes wrong."""
    context = await browser.new_context(viewport={"width": 1400, "height": 900})
    context.set_default_timeout(30_000)
    window = Window(await context.new_page())
    for pattern, handler in (routes or {}).items():
        await window.page.route(pattern, handler)
    yield window
    await context.close()
    assert window.errors == []


@asynccontextmanager
async def opened(
    browser: Browser, server: JupyterProcess, path: str, routes: dict[str, Any] | None = None
) -> AsyncIterator[Window]:
    """A window with a page of the server in it."""
    async with empty_window(browser, routes) as window:
        await window.page.goto(f"{server.url}{path}?token={server.token}")
        yield window


@asynccontextmanager
async def lab(
    browser: Browser, server: JupyterProcess, notebook: str, routes: dict[str, Any] | None = None
) -> AsyncIterator[Window]:
    """JupyterLab in a workspace of its own, with a notebook and the panel open."""
    async with opened(browser, server, lab_path(notebook), routes) as window:
        await window.open_panel()
        yield window


def without_collaboration(server: JupyterProcess) -> None:
    """JupyterLab as it is where jupyter-collaboration is not installed."""
    config = server.home / "config" / "labconfig" / "page_config.json"
    config.parent.mkdir(parents=True, exist_ok=True)
    names = ("collaboration-extension", "docprovider-extension")
    config.write_text(json.dumps({"disabledExtensions": {f"@jupyter/{name}": True for name in names}}))


def speaking(home: Path, language: str) -> dict[str, str]:
    """JupyterLab in a language: the environment of a server with that home, which is yet to be started.

    There is an empty pack: a language of which JupyterLab (4.6) has none is not spoken by extensions either.
    """
    settings = home / "config" / "lab" / "user-settings" / "@jupyterlab" / "translation-extension"
    settings.mkdir(parents=True)
    (settings / "plugin.jupyterlab-settings").write_text(json.dumps({"locale": language}))
    package, told = home / "packs" / "pack", home / "packs" / "pack-1.dist-info"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: pack\nVersion: 1\n")
    own = "[jupyterlab.locale]\njupyter_mcp_proxy = jupyter_mcp_proxy\n"  # as pyproject.toml has it
    (told / "entry_points.txt").write_text(f"[jupyterlab.languagepack]\n{language} = pack\n{own}")
    path = os.pathsep.join([str(package.parent), str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
    return {"PYTHONPATH": path.rstrip(os.pathsep)}


def in_the_dark(home: Path) -> None:
    """JupyterLab's dark theme, for a server with that home."""
    settings = home / "config" / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "themes.jupyterlab-settings").write_text('{"theme": "JupyterLab Dark"}')


async def serious(page: Page, *places: str) -> list[str]:
    """What axe-core finds serious in these places of a page."""
    await page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    found = [each for place in places for each in await page.evaluate(f"axe.run({place!r}).then(r => r.violations)")]
    return [
        f"{each['id']}: {each['nodes'][0]['html'][:200]}, {each['nodes'][0]['failureSummary']}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


def lab_path(notebook: str) -> str:
    """The path of a notebook in a workspace of its own."""
    return f"lab/workspaces/{secrets.token_hex(4)}/tree/{notebook}"


async def make_token(page: Page, name: str, tier: str = "run", days: str = "30") -> str:
    """Fill the form of the connect page as a person does; the token that is shown."""
    for folded in ("tokens", "choices"):
        summary = page.locator(f"details#{folded}:not([open]) > summary")
        if await summary.count():
            await summary.click()
    await page.get_by_label("Name", exact=True).fill(name)
    await page.get_by_label("It may", exact=True).select_option(tier)
    await page.get_by_label("For days", exact=True).fill(days)
    await page.get_by_role("button", name="Make the token").click()
    await expect(page.locator("#made-heading")).to_have_text(f"The token “{name}”")
    await expect(page.locator("#made-heading")).to_be_focused()
    return await page.locator("#secret").inner_text()


class Window:
    """One page, and where the things are in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        """What our script or the shared documents have thrown."""
        self.streams: list[str] = []
        page.on("pageerror", self._thrown)
        page.on("request", self._asked)
        self.panel = page.locator(".jp-McpPanel")
        self.pause = page.locator(".jp-McpPanel-pause")
        self.stop = page.locator(".jp-McpPanel-stop")
        self.status = page.locator(".jp-McpPanel-status")
        self.clients = page.locator(".jp-McpClient:not([hidden])")
        self.lines = page.locator(".jp-McpLog-item:not([hidden]) .jp-McpLog-line")

    def _thrown(self, error: Any) -> None:
        text = f"{error.message}\n{error.stack}"
        if "jupyter-mcp-proxy" in text or "collaboration" in text:
            self.errors.append(text)

    def _asked(self, request: Any) -> None:
        if request.url.endswith("/mcp-proxy/api/activity"):
            self.streams.append(request.url)

    async def open_panel(self) -> None:
        """Open the panel beside the notebook that is being opened."""
        await self.page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for()
        await self.page.locator("li.lm-TabBar-tab[data-id=jupyter-mcp-proxy-panel]").click()
        await self.panel.wait_for()

    def line(self, *words: str) -> Locator:
        """The newest line of the log that holds all these words. A shared server has other tests' calls in it, too."""
        lines = self.lines
        for word in words:
            if word in OUTCOMES:
                lines = lines.and_(self.page.locator(f'[data-outcome="{word}"]'))
            elif re.fullmatch(r"[a-z]+(_[a-z]+)+", word):  # a tool: a person is told in words what it does
                lines = lines.and_(self.page.locator(f'[data-tool="{word}"]'))
            else:
                lines = lines.filter(has_text=word)
        return lines.first

    def marks(self) -> Locator:
        """The cells that an agent has written or run."""
        return self.page.locator(".jp-Cell[data-mcp-client]")

    async def command(self, label: str) -> None:
        """Run a command from the palette.

        A page that is still being opened ignores the keys, or takes the focus away, which closes the palette.
        """
        item = self.page.locator(".lm-CommandPalette-item").filter(has_text=label).first
        for last in (False, False, False, True):
            await self.page.keyboard.press("Control+Shift+KeyC")
            try:
                await self.page.locator(".lm-CommandPalette-input").fill(label, timeout=3000)
                await item.click(timeout=3000)
                return
            except TimeoutError:
                if last:
                    raise
                await self.page.keyboard.press("Escape")

    async def hide(self, hidden: bool) -> None:
        """Tell the page that nobody sees it, as a browser without a screen never does."""
        await self.page.evaluate(
            "hidden => { Object.defineProperty(document, 'hidden', {get: () => hidden, configurable: true});"
            " document.dispatchEvent(new Event('visibilitychange')); }",
            hidden,
        )

    async def screenshot(self, folder: Path, name: str) -> None:
        await self.page.screenshot(path=folder / f"{name}.png")
