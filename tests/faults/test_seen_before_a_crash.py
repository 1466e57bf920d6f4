"""What clients had seen is forgotten in a crash: an index is refused then, until it is known again what it means."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import anyio
import pytest
from harness import JupyterProcess, StartJupyter, connect, until
from harness.people import person

pytestmark = pytest.mark.anyio

CALLS: list[tuple[str, dict[str, Any]]] = [
    ("overwrite_cell_source", {"cell": 1, "source": "written"}),
    ("delete_cell", {"cell": 1}),
    ("execute_cell", {"cell": 1}),
    ("insert_cell", {"index": 1, "source": "written"}),
]


@pytest.fixture
def server(start_jupyter: StartJupyter) -> JupyterProcess:
    """A server of the test's own: its sidecar is killed."""
    return start_jupyter(rtc=True)


@pytest.mark.parametrize(("tool", "arguments"), CALLS, ids=[tool for tool, _ in CALLS])
async def test_an_index_from_before_a_crash_is_refused_once_and_no_other_cell_is_touched(
    server: JupyterProcess, tool: str, arguments: dict[str, Any]
) -> None:
    server.write_notebook("a.ipynb", "'one'", "'two'", "'three'", ids=["a", "b", "c"])
    async with connect(server) as agent, person(server, "a.ipynb", "Ada") as ada:
        await agent.ok("list_cells", notebook="a.ipynb")
        server.kill_sidecar()
        ada.insert(0, "'new'", "d")
        await ada.room.flush()
        await anyio.to_thread.run_sync(server.wait)
        refused = await agent.fails(tool, notebook="a.ipynb", **arguments)
        assert "Index 1 may be another cell" in refused
        assert "has forgotten what you saw" in refused
        assert [str(cell["source"]) for cell in ada.notebook.ycells] == ["'new'", "'one'", "'two'", "'three'"]
        await agent.ok("overwrite_cell_source", notebook="a.ipynb", cell=2, source="'too'")
        assert str(ada.notebook.ycells[2]["source"]) == "'too'"


async def test_a_hash_from_before_a_crash_does_not_show_another_cells_source(server: JupyterProcess) -> None:
    server.write_notebook("a.ipynb", "'one'", "'two'", "'three'", ids=["a", "b", "c"])
    async with connect(server) as agent, person(server, "a.ipynb", "Ada") as ada:
        told = await agent.ok("read_cell", notebook="a.ipynb", cell=1)
        digest = told.split(" hash ")[1].split()[0]
        server.kill_sidecar()
        ada.insert(0, "'new'", "d")
        await ada.room.flush()
        await anyio.to_thread.run_sync(server.wait)
        arguments = {"notebook": "a.ipynb", "source": "written", "if_hash": digest}
        refused = await agent.fails("overwrite_cell_source", cell=1, **arguments)
        assert "what you read is b, at 2" in refused
        assert "'one'" not in refused
        await agent.ok("overwrite_cell_source", cell="b", **arguments)


async def test_an_id_works_after_a_crash_as_before_and_so_does_an_index_in_a_notebook_that_nobody_had_seen(
    server: JupyterProcess,
) -> None:
    server.write_notebook("a.ipynb", "1", "2", ids=["a", "b"])
    server.write_notebook("b.ipynb", "1", "2")
    async with connect(server) as agent:
        await agent.ok("list_cells", notebook="a.ipynb")
        server.kill_sidecar()
        await anyio.to_thread.run_sync(server.wait)
        await agent.ok("overwrite_cell_source", notebook="a.ipynb", cell="b", source="3")
        await agent.ok("overwrite_cell_source", notebook="b.ipynb", cell=1, source="3")


async def test_what_was_seen_before_a_sigterm_is_known_to_be_forgotten_too(server: JupyterProcess) -> None:
    """The sidecar ends in good order then, and another takes its place while the server lives."""
    server.write_notebook("a.ipynb", "1", "2", ids=["a", "b"])
    async with connect(server) as agent:
        await agent.ok("list_cells", notebook="a.ipynb")
        before = server.sidecar_pid()
        os.kill(before, signal.SIGTERM)
        await until(lambda: not Path(f"/proc/{before}").exists())
        await anyio.to_thread.run_sync(server.wait)
        told = await agent.fails("overwrite_cell_source", notebook="a.ipynb", cell=1, source="3")
        assert "Index 1 may be another cell" in told
    server.stop()
    assert not list(server.runtime.glob("mcp-proxy-*"))
