"""A server of a plain user with a folder and files that this user may not write: each thing that cannot be done is told
at once with what helps, and nothing of it is done."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import anyio
import pytest
from harness import connect, shows, until
from harness.agents import Agent, text
from harness.plain_user import PlainServer, plain_server

pytestmark = pytest.mark.anyio

AT_ONCE = 5
"""Seconds that a refusal may take, on a machine with much to do."""


@pytest.fixture(scope="module", params=["live", "file"])
def plain(request: pytest.FixtureRequest) -> Iterator[PlainServer]:
    with plain_server(rtc=request.param == "live") as server:
        yield server


async def refused(agent: Agent, tool: str, **arguments: object) -> str:
    """The text of a refusal, which comes at once and blames neither the sidecar's credential nor the disk's room."""
    begun = time.monotonic()
    result = await agent.call(tool, **arguments)
    assert result.is_error, text(result)
    assert time.monotonic() - begun < AT_ONCE
    assert "credential" not in text(result)
    return text(result)


async def test_a_read_only_notebook_takes_no_edit_and_no_run_until_somebody_makes_it_writable(
    plain: PlainServer,
) -> None:
    path = plain.notebook("read-only.ipynb", 0o444)
    before = path.read_bytes()
    async with connect(plain) as agent:
        assert "a = 1" in await agent.ok("use_notebook", notebook=path.name)
        for tool, arguments in (
            ("overwrite_cell_source", {"cell": 0, "source": "a = 2"}),
            ("insert_cell", {"source": "b = 2"}),
            ("delete_cell", {"cell": 0}),
            ("execute_cell", {"cell": 1}),
            ("execute_cell", {"cell": 1}),
            ("run_cells", {}),
            ("insert_execute_code_cell", {"source": "print(5)"}),
        ):
            told = await refused(agent, tool, notebook=path.name, **arguments)
            assert "it is read-only" in told or "Permission denied" in told
            assert "Nothing was changed" in told
            assert "make it writable" in told
        assert await agent.ok("execute_ipython", notebook=path.name, code="6 * 7"), "code that needs no cell runs"
        shown = await agent.ok("list_cells", notebook=path.name)
        assert "2 cells" in shown
        assert "running" not in shown
        assert "shared document, where people see it" not in shown
        assert path.read_bytes() == before
        path.chmod(0o644)
        await agent.ok("overwrite_cell_source", notebook=path.name, cell=0, source="a = 3")
        assert "out" in await agent.ok("execute_cell", notebook=path.name, cell=1)
        await until(lambda: "a = 3" in path.read_text() and '"out' in path.read_text())


async def test_a_notebook_that_becomes_read_only_while_a_cell_runs_is_told_so_and_has_the_rest_later(
    plain: PlainServer,
) -> None:
    path = plain.notebook("becomes.ipynb")
    ticks = "import time\nfor i in range(30):\n    print('tick', i, flush=True)\n    time.sleep(0.1)"
    async with connect(plain) as agent:
        await agent.ok("insert_cell", notebook=path.name, source=ticks)
        await until(lambda: "tick" in path.read_text())
        told = await agent.ok("execute_cell", notebook=path.name, cell=2, wait=0.5)
        run = await shows(agent, told, "tick 3")
        path.chmod(0o444)
        done = await agent.ok("wait_execution", execution=run, wait=60)
        assert "tick 29" in done
        with anyio.fail_after(60):
            while "could not save" not in done and "could not be written" not in done:
                await anyio.sleep(0.5)
                done += await agent.ok("wait_execution", execution=run) + await agent.ok(
                    "list_cells", notebook=path.name
                )
        path.chmod(0o644)
        await agent.ok("overwrite_cell_source", notebook=path.name, cell=0, source="a = 3")
        await until(lambda: "a = 3" in path.read_text())


async def test_in_a_read_only_folder_what_is_there_is_edited_and_nothing_is_made_moved_or_deleted(
    plain: PlainServer,
) -> None:
    root = plain.root
    folder = root / "shut"
    folder.mkdir()
    path = plain.notebook("shut/in.ipynb")
    plain.text("shut/in.txt")
    (folder / "sub").mkdir()
    plain.text("shut/sub/deep.txt")
    plain.made(folder / "sub", 0o755)
    plain.notebook("outside.ipynb")
    (root / "other").mkdir()
    plain.made(root / "other", 0o755)
    plain.made(folder, 0o555)
    async with connect(plain) as agent:
        await agent.ok("overwrite_cell_source", notebook="shut/in.ipynb", cell=0, source="a = 2")
        assert "out" in await agent.ok("execute_cell", notebook="shut/in.ipynb", cell=1)
        await until(lambda: "a = 2" in path.read_text() and json.loads(path.read_text())["cells"][1]["outputs"])
        await agent.ok("write_file", path="shut/in.txt", content="mine\n", overwrite=True)
        before = plain.tree()
        for tool, arguments in (
            ("use_notebook", {"notebook": "shut/new.ipynb", "create": True}),
            ("use_notebook", {"notebook": "shut/made/new.ipynb", "create": True}),
            ("write_file", {"path": "shut/new.txt", "content": "x"}),
            ("write_file", {"path": "shut/made/new.txt", "content": "x"}),
            ("copy_file", {"path": "outside.ipynb", "to": "shut/"}),
            ("move_file", {"path": "outside.ipynb", "to": "shut/"}),
            ("move_file", {"path": "shut/in.txt", "to": "moved.txt"}),
            ("move_file", {"path": "shut/in.txt", "to": "made/moved.txt"}),
            ("move_file", {"path": "shut/in.ipynb", "to": "moved.ipynb"}),
            ("move_file", {"path": "shut/sub", "to": "other/"}),
            ("move_file", {"path": "shut", "to": "other/"}),
            ("delete_file", {"path": "shut/in.txt"}),
            ("delete_file", {"path": "shut/in.ipynb"}),
            ("delete_file", {"path": "shut/sub"}),
        ):
            told = await refused(agent, tool, **arguments)
            cures = ("has no right", "own user may move", "make it writable")
            assert any(cure in told for cure in cures), (tool, arguments, told)
            assert plain.tree() == before, (tool, arguments, told)
        await agent.ok("overwrite_cell_source", notebook="shut/in.ipynb", cell=0, source="a = 3")
        assert "Moved shut to open" in await agent.ok("move_file", path="shut", to="open")
        await agent.ok("overwrite_cell_source", notebook="shut/in.ipynb", cell=0, source="a = 4")
        await until(lambda: "a = 4" in (root / "open" / "in.ipynb").read_text())


async def test_a_read_only_file_is_read_and_copied_and_moved_and_not_written_or_deleted(plain: PlainServer) -> None:
    plain.text("locked.txt", 0o444)
    plain.notebook("locked.ipynb", 0o444)
    async with connect(plain) as agent:
        before = plain.tree()
        for tool, arguments in (
            ("write_file", {"path": "locked.txt", "content": "x", "overwrite": True}),
            ("delete_file", {"path": "locked.txt"}),
            ("delete_file", {"path": "locked.ipynb"}),
        ):
            told = await refused(agent, tool, **arguments)
            assert "Permission denied" in told
            assert "chmod" in told or "make it writable" in told
            assert plain.tree() == before
        assert "text" in await agent.ok("read_file", path="locked.txt")
        await agent.ok("copy_file", path="locked.txt", to="copy.txt")
        await agent.ok("move_file", path="locked.ipynb", to="moved-locked.ipynb")
        assert "a = 1" in await agent.ok("read_cells", notebook="moved-locked.ipynb")
