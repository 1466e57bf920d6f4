"""What a person does with an agent, from the tile to the end of its token, in one browser."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from harness import INITIALIZE, SLEEP, JupyterProcess, as_client, connect, post, refused
from harness.browser import KERNELSPEC, chromium, lab, make_token
from playwright.async_api import expect

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_from_the_tile_to_the_revoked_token(live: JupyterProcess, name: str, screenshots: Path) -> None:
    live.write_notebook(name, "x = 1", SLEEP, kernelspec=KERNELSPEC)
    async with chromium() as browser, lab(browser, live, name) as window:
        # The tile opens the page.
        await window.command("New Launcher")
        tile = window.page.locator(".jp-LauncherCard").filter(has_text="Connect an AI agent")
        async with window.page.context.expect_page() as popup:
            await tile.click()
        page = await popup.value
        page.on("dialog", lambda dialog: dialog.accept())
        await expect(page.locator("#endpoint")).to_have_text(live.endpoint)

        # A token of the agent's own, and the line to copy.
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        secret = await make_token(page, "the whole way")
        await page.get_by_role("button", name="Copy the command for Claude Code").click()
        await expect(page.locator("#copied")).to_contain_text("Copied")
        copied = await page.evaluate("navigator.clipboard.readText()")
        found = re.search(r'(http://\S+) --header "Authorization: Bearer (jmp_\S+)"', copied)
        assert found, "claude mcp add …"
        assert found[1] == live.endpoint
        assert found[2] == secret

        await window.page.bring_to_front()
        await window.page.locator(".lm-TabBar-tab").filter(has_text=name).first.click()
        async with connect(live, name="Visitor", token=secret) as agent:
            # Its call appears in the panel.
            await agent.ok("execute_cell", notebook=name, cell=0)
            await expect(window.line("Visitor", name, "execute_cell", "ok")).to_be_visible()

            # While a person has paused agents, nothing is written.
            await window.pause.click()
            await expect(window.status).to_contain_text("Paused")
            before = (live.root / name).read_bytes()
            told = await agent.fails("overwrite_cell_source", notebook=name, cell=0, source="x = 2")
            assert "paused" in told
            assert "nothing was" in told.lower()
            await expect(window.line("Visitor", name, "overwrite_cell_source", "refused")).to_be_visible()
            assert (live.root / name).read_bytes() == before
            await window.screenshot(screenshots, "whole-way-paused")
            await window.pause.click()
            await expect(window.status).to_contain_text("Agents may")
            await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="x = 2")

            # A person stops what it runs.
            running = await agent.ok("execute_cell", notebook=name, cell=1, wait=0.5)
            assert " · running · " in running
            await window.stop.click()
            await expect(window.line("Visitor", name, "execute_cell", "cancelled")).to_be_visible()

            # And ends its token.
            await page.bring_to_front()
            await page.get_by_role("button", name="Revoke the whole way").click()
            await expect(page.locator("#list-status")).to_have_text("Revoked “the whole way”.")
            began = time.monotonic()
            refused(post(live, INITIALIZE, **as_client(secret)), "revoked")
            assert time.monotonic() - began < 1
        assert secret not in live.log
