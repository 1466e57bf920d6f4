"""A notebook that is open where nothing is shared live, and an agent that writes its file."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from harness import JupyterProcess, connect, until
from harness.browser import KERNELSPEC, Window, chromium, lab, opened
from jupyter_server.services.contents.fileio import atomic_writing
from playwright.async_api import Browser, Locator, Route, expect

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SHARING = ("@jupyter/collaboration-extension", "@jupyter/docprovider-extension")
"""What jupyter-collaboration has in the page."""
PATIENCE = 30_000


@pytest.fixture(scope="module")
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def unshared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterProcess]:
    """A server without jupyter-collaboration, in its pages neither."""
    home = tmp_path_factory.mktemp("unshared")
    config = home / "config" / "labconfig" / "page_config.json"
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps({"disabledExtensions": dict.fromkeys(SHARING, True)}))
    server = JupyterProcess(home, rtc=False).wait()
    yield server
    server.stop()


def cells(window: Window) -> Locator:
    return window.page.locator(".jp-NotebookPanel .jp-Cell")


def bar(window: Window) -> Locator:
    return window.page.locator(".jp-McpDisk")


async def typed(window: Window, cell: int, text: str) -> None:
    """A person writes at the end of a cell, and leaves it unsaved."""
    await cells(window).nth(cell).locator(".cm-content").click()
    await window.page.keyboard.press("Control+End")
    await window.page.keyboard.type(text)
    await expect(window.page.locator(".lm-TabBar-tab.jp-mod-dirty")).to_have_count(1)


async def test_a_clean_notebook_shows_at_once_what_an_agent_has_written(
    browser: Browser, unshared: JupyterProcess, name: str, screenshots: Path
) -> None:
    """The cell in which the person is stays where it is on the screen, with its cursor, and no other cell is marked."""
    unshared.write_notebook(name, *(f"x = {i}" for i in range(60)), kernelspec=KERNELSPEC)
    async with lab(browser, unshared, name) as window, connect(unshared, name="claude-code") as agent:
        await expect(window.panel).to_contain_text("Live editing is off")
        await expect(window.panel).to_contain_text("jupyter-collaboration")
        mine = window.page.locator(".jp-Cell").filter(has_text="x = 40")
        await mine.scroll_into_view_if_needed()
        await mine.locator(".cm-content").click()
        before = await mine.bounding_box()
        assert before
        await agent.ok("insert_cell", notebook=name, index=0, source="# the agent's\n" * 5)
        await agent.ok("overwrite_cell_source", notebook=name, cell=42, source="x = 'changed'")
        await expect(window.page.locator(".jp-Cell").filter(has_text="x = 'changed'")).to_be_visible(timeout=PATIENCE)
        await expect(window.page.locator(".jp-Cell.jp-mod-active")).to_contain_text("x = 40")
        await expect(window.page.locator(".jp-Cell.jp-mod-active .cm-focused")).to_have_count(1)
        after = await mine.bounding_box()
        assert after
        assert abs(after["y"] - before["y"]) < 5
        await expect(bar(window)).to_have_count(0)
        await expect(window.marks().first).to_be_visible()
        for mark in await window.marks().all():
            assert "changed" in (await mark.inner_text()) or "agent" in (await mark.inner_text())
        await window.screenshot(screenshots, "file-mode-reloaded")

        # The person's next save is of the new text, without a question.
        await window.page.keyboard.type("1")
        await window.page.keyboard.press("Control+s")
        await expect(window.page.locator(".lm-TabBar-tab.jp-mod-dirty")).to_have_count(0)
        await expect(window.page.locator(".jp-Dialog")).to_have_count(0)
        saved = ["".join(cell["source"]) for cell in unshared.read_notebook(name)["cells"]]
        assert "x = 'changed'" in saved
        assert saved[0].startswith("# the agent's")
        assert len(saved) == 61


async def test_what_a_cell_prints_is_shown_once_while_it_runs_and_when_it_runs_anew(
    browser: Browser, unshared: JupyterProcess, name: str
) -> None:
    """The file is read several times while it is printed, also when the agent's call has returned. What is shown is
    what the person saves then."""
    ticks = "import time\nfor i in range(30):\n    print('tick', i, flush=True)\n    time.sleep(0.5)\ni"
    lines = "".join(f"tick {i}\n" for i in range(30))
    unshared.write_notebook(name, ticks, "y = 1", kernelspec=KERNELSPEC)
    async with lab(browser, unshared, name) as window, connect(unshared, name="claude-code") as agent:
        shown = window.page.locator(".jp-OutputArea-output")
        for count in (1, 2):
            wait = 45 if count == 1 else 0
            call = asyncio.create_task(agent.ok("execute_cell", notebook=name, cell=0, wait=wait))
            if count == 1:
                await expect(shown.first).to_contain_text("tick 3", timeout=PATIENCE)
                await expect(shown.first).not_to_contain_text("tick 29")
            await call
            await expect(cells(window).nth(0).locator(".jp-InputPrompt")).to_have_text(f"[{count}]:", timeout=PATIENCE)
            await expect(shown).to_have_count(2)
            assert await shown.first.inner_text() == lines
        await typed(window, 1, "0")
        await window.page.keyboard.press("Control+s")
        await expect(window.page.locator(".lm-TabBar-tab.jp-mod-dirty")).to_have_count(0)
    saved = unshared.read_notebook(name)["cells"]
    assert ["".join(output.get("text", "")) for output in saved[0]["outputs"]] == [lines, ""]
    assert "".join(saved[1]["source"]) == "y = 10"


async def test_a_notebook_with_work_of_the_persons_asks_and_loses_nothing(
    browser: Browser, unshared: JupyterProcess, name: str, screenshots: Path
) -> None:
    unshared.write_notebook(name, "x = 1", "y = 1", kernelspec=KERNELSPEC)
    async with lab(browser, unshared, name) as window, connect(unshared, name="claude-code") as agent:
        await typed(window, 0, "  # mine")
        await agent.ok("overwrite_cell_source", notebook=name, cell=1, source="y = 'the agent'")
        await expect(bar(window)).to_contain_text("claude-code changed this notebook on disk", timeout=PATIENCE)
        await expect(cells(window).nth(0)).to_contain_text("x = 1  # mine")
        await expect(cells(window).nth(1)).to_contain_text("y = 1")
        await expect(window.marks()).to_have_count(0)
        await window.screenshot(screenshots, "file-mode-bar")

        await bar(window).get_by_role("button", name="Compare").click()
        dialog = window.page.locator(".jp-Dialog")
        await expect(dialog).to_contain_text("y = 'the agent'")
        await expect(dialog.locator(".cm-deletedChunk")).to_contain_text(["x = 1  # mine", "y = 1"])
        await expect(dialog.locator(".cm-changedLine")).to_have_text(["x = 1", "y = 'the agent'"])
        await expect(dialog).to_contain_text("On disk (claude-code)")
        await window.screenshot(screenshots, "file-mode-compare")
        await dialog.get_by_role("button", name="Close").click()

        # Saving does not replace it unasked.
        await window.page.keyboard.press("Control+s")
        await expect(window.page.locator(".jp-Dialog")).to_be_visible()
        await window.page.locator(".jp-Dialog").get_by_role("button", name="Cancel").click()
        assert "the agent" in (unshared.root / name).read_text()

        await bar(window).get_by_role("button", name="Reload").click()
        await expect(cells(window).nth(1)).to_contain_text("y = 'the agent'")
        await expect(cells(window).nth(0)).not_to_contain_text("mine")
        await expect(bar(window)).to_have_count(0)
        await expect(window.marks()).to_have_count(1)


async def test_who_keeps_theirs_is_asked_again_only_by_the_save_and_by_the_next_change(
    browser: Browser, unshared: JupyterProcess, name: str
) -> None:
    unshared.write_notebook(name, "x = 1", "y = 1", kernelspec=KERNELSPEC)
    async with lab(browser, unshared, name) as window, connect(unshared, name="claude-code") as agent:
        await typed(window, 0, "  # mine")
        await agent.ok("overwrite_cell_source", notebook=name, cell=1, source="y = 2")
        await bar(window).get_by_role("button", name="Keep mine").click(timeout=PATIENCE)
        await agent.ok("read_cell", notebook=name, cell=1)
        await expect(window.line("claude-code", "read_cell", name, "ok")).to_be_visible()
        await expect(bar(window)).to_have_count(0)
        await agent.ok("overwrite_cell_source", notebook=name, cell=1, source="y = 3")
        await expect(bar(window)).to_have_count(1, timeout=PATIENCE)
        await expect(cells(window).nth(0)).to_contain_text("x = 1  # mine")
        await bar(window).get_by_role("button", name="Reload").click()


async def test_what_an_agent_moves_labels_and_turns_into_text_is_not_lost_either(
    browser: Browser, unshared: JupyterProcess, name: str, screenshots: Path
) -> None:
    """Nothing of it shows in a source: a clean notebook has it, and with work of the person's the bar asks, once."""
    unshared.write_notebook(name, "x = 1", "y = 1", "z = 1", "mine", kernelspec=KERNELSPEC)
    async with lab(browser, unshared, name) as window, connect(unshared, name="claude-code") as agent:
        await agent.ok("move_cell", notebook=name, cell=0, index=2)
        await agent.ok("set_cell_metadata", notebook=name, cell=1, metadata={"tags": ["late"]})
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="y = 1", cell_type="markdown")
        await expect(cells(window).nth(2)).to_contain_text("x = 1", timeout=PATIENCE)
        await expect(window.page.locator(".jp-MarkdownCell")).to_contain_text("y = 1", timeout=PATIENCE)
        await typed(window, 3, "  # of mine")
        await window.page.keyboard.press("Control+s")
        await expect(window.page.locator(".lm-TabBar-tab.jp-mod-dirty")).to_have_count(0)
        saved = unshared.read_notebook(name)["cells"]
        assert ["".join(cell["source"]) for cell in saved] == ["y = 1", "z = 1", "x = 1", "mine  # of mine"]
        assert saved[0]["cell_type"] == "markdown"
        assert saved[1]["metadata"]["tags"] == ["late"]

        await typed(window, 3, " again")
        await agent.ok("move_cell", notebook=name, cell=2, index=0)
        await expect(bar(window)).to_be_visible(timeout=PATIENCE)
        await bar(window).evaluate("bar => { bar.dataset.first = 'yes' }")
        await bar(window).get_by_role("button", name="Compare").click()
        dialog = window.page.locator(".jp-Dialog")
        await expect(dialog).to_contain_text("The source is the same; its place")
        await window.screenshot(screenshots, "file-mode-moved")
        await dialog.get_by_role("button", name="Close").click()
        await agent.ok("set_cell_metadata", notebook=name, cell=1, metadata={"tags": ["later"]})
        await expect(window.line("claude-code", "set_cell_metadata", name, "ok")).to_be_visible()
        await window.page.wait_for_timeout(2500)
        await expect(bar(window)).to_have_attribute("data-first", "yes")
        await bar(window).get_by_role("button", name="Reload").click()
        await expect(cells(window).nth(0)).to_contain_text("x = 1")
        await expect(cells(window).nth(3)).not_to_contain_text("again")

        # Who overwrites it in JupyterLab's own dialog is told where it is, and so is the agent.
        await typed(window, 3, " at last")
        await agent.ok("set_cell_metadata", notebook=name, cell=1, metadata={"tags": ["gone"]})
        await expect(bar(window)).to_be_visible(timeout=PATIENCE)
        await window.page.keyboard.press("Control+s")
        await window.page.locator(".jp-Dialog").get_by_role("button", name="Overwrite").click()
        await expect(window.page.locator(".Toastify__toast")).to_contain_text("is kept: snapshot")
        await expect(bar(window)).to_have_count(0)
        await window.screenshot(screenshots, "file-mode-overwritten")
        assert "it was overwritten, kept in the snapshot" in await agent.ok("list_cells", notebook=name)


async def test_what_is_proposed_is_judged_as_in_a_shared_notebook(
    browser: Browser, unshared: JupyterProcess, name: str, screenshots: Path
) -> None:
    """What a person accepts, or takes back after that, shows at once, though no agent has called."""
    unshared.write_notebook(name, "a = 1", "gone = 'soon'", "c = 3", kernelspec=KERNELSPEC)
    refusals: list[bool] = []

    async def refuse(route: Route) -> None:
        await (route.fulfill(status=503, json={"message": "not now"}) if refusals.pop() else route.continue_())

    async with lab(browser, unshared, name) as window, connect(unshared, name="careful") as agent:
        await agent.ok("list_cells", notebook=name)
        switch = window.page.get_by_role("checkbox", name="Edits of careful wait until you accept them")
        await switch.click()
        await expect(switch).to_be_checked()  # once the server has it so
        await agent.ok("edit_cell", notebook=name, cell=0, edits=[{"old": "a = 1", "new": "a = 10"}])
        await agent.ok("delete_cell", notebook=name, cell=1)
        await expect(window.line("careful", "edit_cell", name, "ok")).to_contain_text("proposed: edited cell")
        await expect(window.marks()).to_have_count(0)
        first = cells(window).nth(0)
        waits = first.locator(".jp-McpBar")
        await expect(waits).to_contain_text("careful proposes to edit this cell")
        await expect(first.locator(".jp-InputArea")).to_contain_text("a = 1")
        await waits.get_by_role("button", name="What would change").click()
        await expect(waits.locator(".cm-deletedChunk")).to_contain_text("a = 1")
        await window.screenshot(screenshots, "file-mode-proposed")
        await waits.get_by_role("button", name="Accept", exact=True).click()
        await expect(first.locator(".jp-InputArea")).to_contain_text("a = 10", timeout=PATIENCE)
        second = cells(window).nth(1).locator(".jp-McpBar")
        await second.get_by_role("button", name="Reject").click()
        await expect(second).to_have_count(0)
        await waits.get_by_role("button", name="Undo").click()
        await expect(first.locator(".jp-InputArea .cm-line")).to_have_text("a = 1", timeout=PATIENCE)
        await expect(waits).to_have_count(0)
        await expect(window.page.locator(".lm-TabBar-tab.jp-mod-dirty")).to_have_count(0)

        # With work of the person's the bar asks, and names the agent. What could not be read is asked for again.
        refusals += [False] * 99 + [True]
        await window.page.route("**/mcp-proxy/api/changes", refuse)
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="a = 100")
        await typed(window, 2, "  # mine")
        await first.locator(".jp-McpBar").get_by_role("button", name="Accept", exact=True).click()
        await expect(bar(window)).to_contain_text("careful changed this notebook on disk", timeout=PATIENCE)
        await bar(window).get_by_role("button", name="Reload").click()
        await expect(first.locator(".jp-InputArea")).to_contain_text("a = 100")


async def test_a_file_that_is_being_written_is_not_read_before_it_is_whole(
    browser: Browser, unshared: JupyterProcess, name: str
) -> None:
    """Jupyter's save empties a file first. Whoever has it read then makes Jupyter put back what it was."""
    path = unshared.root / name
    unshared.write_notebook(name, "x = 1", kernelspec=KERNELSPEC)
    async with lab(browser, unshared, name) as window:
        looks: list[str] = []
        window.page.on("request", lambda request: looks.append(request.url) if f"{name}?" in request.url else None)
        async with connect(unshared, name="claude-code") as agent:
            await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="x = 2")
            await expect(cells(window).first).to_contain_text("x = 2", timeout=PATIENCE)
        whole = path.read_text().replace("x = 2", "x = 'saved'")
        with atomic_writing(str(path)) as file:
            looks.clear()
            await until(lambda: len(looks) > 3)  # it is empty
            assert not [url for url in looks if "content=1" in url]
            file.write(whole)
        await expect(cells(window).first).to_contain_text("x = 'saved'", timeout=PATIENCE)
    assert path.read_text() == whole
    assert not path.with_name(f"{name}.invalid").exists()


async def test_jupyter_notebook_does_it_too(browser: Browser, unshared: JupyterProcess, name: str) -> None:
    unshared.write_notebook(name, "x = 1", kernelspec=KERNELSPEC)
    async with opened(browser, unshared, f"notebooks/{name}") as window, connect(unshared, name="claude-code") as agent:
        await cells(window).first.wait_for()
        await agent.ok("insert_execute_code_cell", notebook=name, source="print('made by ' + 'the agent')")
        await expect(window.page.locator(".jp-OutputArea-output")).to_contain_text(
            "made by the agent", timeout=PATIENCE
        )
        await expect(bar(window)).to_have_count(0)
