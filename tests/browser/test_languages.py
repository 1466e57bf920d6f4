"""What JupyterLab and Jupyter Notebook show of us, in other languages than English."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from harness import REPOSITORY, StartJupyter
from harness.browser import chromium, opened, speaking
from playwright.async_api import Browser, expect

SOURCES = REPOSITORY / "labextension" / "src"
CATALOGUES = REPOSITORY / "jupyter_mcp_proxy" / "locale"
TEXT = re.compile(r"trans\s*\.__\(\s*'((?:[^'\\]|\\.)*)'")
LANGUAGES = ("de_DE", "fr_FR")


def texts() -> set[str]:
    """All that the extension says by its translator."""
    return {found for file in SOURCES.glob("*.ts") for found in TEXT.findall(file.read_text(encoding="utf-8"))}


def catalogue(language: str) -> dict[str, list[str]]:
    file = CATALOGUES / language / "LC_MESSAGES" / "jupyter_mcp_proxy.json"
    content: dict[str, list[str]] = json.loads(file.read_text(encoding="utf-8"))
    return content


def test_each_text_is_found() -> None:
    """One that is put together, or stands in other quotes, would not be looked for in the catalogues."""
    called = sum(file.read_text(encoding="utf-8").count("trans.__(") for file in SOURCES.glob("*.ts"))
    assert called == sum(len(TEXT.findall(file.read_text(encoding="utf-8"))) for file in SOURCES.glob("*.ts"))
    assert called > 30


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_each_text_and_none_that_is_gone(language: str) -> None:
    said = catalogue(language)
    head = dict(said.pop(""))
    assert head["language"] == language.replace("_", "-")
    assert head["plural_forms"]
    assert set(said) == texts()
    for text, (translated,) in said.items():
        assert translated
        assert sorted(re.findall(r"%\d", translated)) == sorted(re.findall(r"%\d", text))


@pytest.fixture
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest.mark.anyio
@pytest.mark.slow
async def test_in_german_the_tile_the_menus_and_the_panel_are_german(
    browser: Browser, start_jupyter: StartJupyter, tmp_path: Path, screenshots: Path
) -> None:
    environment = speaking(tmp_path / "server0", "de_DE")
    server = start_jupyter(rtc=False, environment=environment)
    async with opened(browser, server, "lab") as window:
        tile = window.page.locator(".jp-LauncherCard").filter(has_text="Einen KI-Agenten verbinden")
        await tile.wait_for()
        await window.page.get_by_role("menuitem", name="View", exact=True).click()
        await window.page.get_by_role("menuitem", name="MCP-Leiste zeigen").click()
        await expect(window.panel.get_by_role("button", name="Anhalten")).to_be_enabled()
        await expect(window.status).to_have_text("Agenten dürfen zusehen, ändern und ausführen.")
        await window.screenshot(screenshots, "lab-german")
        await window.page.keyboard.press("Control+Comma")
        await window.page.locator(".jp-PluginList-entry").filter(has_text="MCP").last.click()
        said = "Zeigt eine Meldung, wenn ein Aufruf eines Agenten auf Sie wartet"
        form = window.page.locator(".jp-SettingsPanel")
        await expect(form).to_contain_text(said)
        await expect(form.get_by_text("Meldungen").locator("visible=true").first).to_be_visible()
        await window.screenshot(screenshots, "settings-german")
