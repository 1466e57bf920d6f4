"""Reading cells: within a budget, however long they are."""

from __future__ import annotations

import re

import pytest
from harness import JupyterProcess, connect, text

from jupyter_mcp_proxy.documents.cells import source_hash

pytestmark = pytest.mark.anyio

LONG = "\n".join(f"x{number} = {number}" for number in range(30_000))
PICTURE = f"![plot](data:image/png;base64,{'iVBORw0K' * 25_000})"


async def test_a_cell_of_thousands_of_lines_is_read_piece_by_piece(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, LONG, "short = 1")
    async with connect(server) as agent:
        told = await agent.ok("read_cell", notebook=name, cell=0)
        assert len(told) < 8500
        assert f"hash {source_hash(LONG)} of the whole source" in told
        offset = int(re.search(r"of 30,000; read_cell\(.*\) with offset=(\d+) goes on", told)[1])
        assert f"\nx{offset - 2} = {offset - 2}\n" in told
        told = await agent.ok("read_cell", notebook=name, cell=0, offset=offset, limit=2)
        assert f"\nx{offset - 1} = {offset - 1}\nx{offset} = {offset}\n… lines" in told
        assert "1 to 30000" in await agent.fails("read_cell", notebook=name, cell=0, offset=40_000)
        told = await agent.ok("read_cells", notebook=name)
        assert len(told) < 9000
        assert "short = 1" in told


async def test_no_tool_tells_a_pasted_picture_letter_by_letter(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, PICTURE, "print(1)")
    async with connect(server) as agent:
        for tool, arguments in (
            ("read_cell", {"cell": 0}),
            ("read_cells", {"outputs": "off"}),
            ("list_cells", {}),
            ("list_cells", {"search": "data:"}),
            ("use_notebook", {}),
            ("delete_cell", {"cell": 0}),
            ("undo_changes", {}),
        ):
            assert len(await agent.ok(tool, notebook=name, **arguments)) < 9000, tool
        for tool, arguments in (
            ("overwrite_cell_source", {"source": "1", "if_hash": "0" * 12}),
            ("execute_cell", {"if_hash": "0" * 12}),
            ("edit_cell", {"edits": [{"old": PICTURE + "x", "new": ""}]}),
            ("edit_cell", {"edits": [{"old": "iVBORw0K", "new": ""}]}),
            ("edit_cell", {"edits": [{"old": "x", "new": "y"}], "if_hash": PICTURE}),
        ):
            assert len(await agent.fails(tool, notebook=name, cell=0, **arguments)) < 9000, tool
        assert len(await agent.fails("list_cells", notebook=name, search=f"({PICTURE}")) < 9000
        told = await agent.ok("edit_cell", notebook=name, cell=0, edits=[{"old": "![plot]", "new": "![a plot]"}])
        assert len(told) < 3000
        read = await agent.client.read_resource(f"notebook://{name}/cells/0")
        assert len(read.contents[0].text) < 9000
        assert "characters left out" in read.contents[0].text


async def test_a_long_outline_is_cut_to_a_result_and_says_how_to_go_on(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, *(f"value_{number} = {'1 + ' * 30}0" for number in range(300)))
    async with connect(server) as agent:
        told = await agent.ok("list_cells", notebook=name, limit=500)
        assert len(told) < 8300
        start = int(re.search(r"… more cells; list_cells with start=(\d+) shows them", told)[1])
        assert f"value_{start - 1} =" in told
        rest = text(await agent.call("list_cells", notebook=name, start=start, limit=500))
        assert f"value_{start} =" in rest


async def test_a_large_notebook_is_told_by_its_headings(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "import a", "x = 1")
    async with connect(server) as agent:
        cells = [
            {"source": f"{'#' * level} Part {number}", "cell_type": "markdown"}
            for number, level in enumerate((1, 2, 2, 1))
        ]
        await agent.ok("insert_cell", notebook=name, cells=cells, index=1)
        told = await agent.ok("list_cells", notebook=name, headings=True)
        assert told.splitlines()[1:] == [
            "0-0 (before the first heading)", "1-3 # Part 0", "2-2 ## Part 1", "3-3 ## Part 2", "4-5 # Part 3"
        ]  # fmt: skip
        told = await agent.ok("list_cells", notebook=name, headings=True, start=2, limit=1)
        assert told.splitlines()[1:] == ["2-2 ## Part 1", "… more headings; start=3 shows them"]
        assert "false with search" in await agent.fails("list_cells", notebook=name, headings=True, search="x")


async def test_outputs_are_searched_as_sources_are(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "print('nee' + 'dle', 'in', 'the', 'output')", "needle = 1", "'hay'")
    async with connect(server) as agent:
        await agent.ok("run_cells", notebook=name)
        told = (await agent.ok("list_cells", notebook=name, search="needle")).splitlines()[1:]
        assert [line.partition(": ")[2] for line in told] == ["out> needle in the output", "needle = 1"]
