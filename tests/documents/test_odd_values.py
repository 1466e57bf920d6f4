"""Values that a shared document has trouble with: an edit works or is refused, and leaves nothing half done."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from harness import JupyterProcess, connect
from harness.people import person

from jupyter_mcp_proxy.documents.editor import Editor
from jupyter_mcp_proxy.documents.shared import SharedDocument
from jupyter_mcp_proxy.documents.storable import first_odd, plain, storable
from jupyter_mcp_proxy.errors import NotShareable
from jupyter_mcp_proxy.jupyter.server import JupyterServer
from jupyter_mcp_proxy.store.snapshots import Snapshots

HUGE = {"limit": 1e22, "less": -1e300, "list": [2.0**63, 0.5, 3], "exact": 2**53 + 1}


def output(value: Any) -> dict[str, Any]:
    data = {"application/vnd.plotly.v1+json": {"data": [{"y": [1, value]}], "layout": {}}, "text/plain": "Figure"}
    return {"output_type": "display_data", "metadata": {}, "data": data}


def write(server: JupyterProcess, name: str, value: Any = 0, *, metadata: Any = None) -> Path:
    """A notebook of three cells, whose second has a value in its output, and metadata."""
    path = server.write_notebook(name, "a = 1", "b = 1", "c = 1")
    content = json.loads(path.read_text())
    content["cells"][1]["outputs"] = [output(value)]
    content["cells"][1]["metadata"] = metadata or {}
    path.write_text(json.dumps(content))
    return path


# -- what is what -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value, stored",
    [
        (2**63 - 1, 2**63 - 1),
        (2**63, 2.0**63),
        (10**400, "inf"),
        (1e22, 1e22),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        ("\ud83d", "?"),
        ({"\ud83d": [True, None, (1,)]}, {"?": [True, None, [1]]}),
    ],
)
def test_what_is_put_into_a_document_can_be_held_and_saved(value: Any, stored: Any) -> None:
    found = storable({"x": value})["x"]
    assert (type(found), found) == (type(stored), stored)


def test_whole_numbers_come_out_as_integers_where_those_are_exact() -> None:
    assert json.dumps(plain({"a": [1.0, 2.0**53, 1e22, 0.5, float("nan")]})) == (
        '{"a": [1, 9007199254740992.0, 1e+22, 0.5, NaN]}'
    )


@pytest.mark.parametrize(
    "value, told, loads",
    [
        (float("nan"), "nan", True),
        (float("inf"), "inf", True),
        (2**64, "an integer beyond 64 bits (1.84467e+19)", False),
        ("\udc00", "half a pair of surrogates", False),
        ([float("nan"), 2**64], "an integer beyond 64 bits", False),
        ([1.5, 2, float("nan")], "nan", True),
        ([1.5, 2**64], "an integer beyond 64 bits", False),
        ([float("inf"), float("-inf"), 10**400], "an integer beyond 64 bits (inf)", False),
    ],
)
def test_a_value_that_is_odd_is_told_with_its_cell(value: Any, told: str, loads: bool) -> None:
    cells = [{"id": "first"}, {"id": "second-cell", "outputs": [{"data": {"a": [value]}}]}]
    odd = first_odd({"cells": cells, "metadata": {}})
    assert odd is not None
    assert odd.where.startswith(f"cell 1 (second-c) has {told}")
    assert odd.where.endswith("in its outputs")
    assert (odd.cell, odd.loads) == ("second-cell", loads)


def test_ordinary_values_are_not_odd() -> None:
    figures = [output([[1.5, 2], [1e308, 1e308], [True, -(2**63)], []])]
    cells = [{"id": "a", "metadata": HUGE, "source": "ä😀", "outputs": figures}]
    assert first_odd({"cells": cells, "metadata": {"a": 2**64}}) is None
    odd = first_odd({"cells": cells, "metadata": {"a": 2**64 + 1}})
    assert odd is not None and odd.where.startswith("its metadata have an integer beyond 64 bits")


# -- in a room ----------------------------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.parametrize("where", ["output", "metadata"])
async def test_a_cell_with_numbers_beyond_64_bits_moves_and_changes_its_type(
    live: JupyterProcess, name: str, where: str
) -> None:
    write(live, name, 6.022e23 if where == "output" else 0, metadata=HUGE if where == "metadata" else None)
    async with connect(live) as agent, person(live, name) as other:
        before = other.notebook.ycells[1].to_py()
        await agent.ok("move_cell", notebook=name, cell=1, index=0)
        assert [other.source(place) for place in range(3)] == ["b = 1", "a = 1", "c = 1"]
        assert other.notebook.ycells[0].to_py() == before
        await agent.ok("move_cell", notebook=name, cell=0, index=-1)
        assert other.notebook.ycells[2].to_py() == before
        await agent.ok("overwrite_cell_source", notebook=name, cell=2, source="# b", cell_type="markdown")
        assert other.notebook.ycells[2].to_py()["metadata"] == before["metadata"]
        for _ in range(3):
            await agent.ok("undo_changes", notebook=name)
        assert [other.source(place) for place in range(3)] == ["a = 1", "b = 1", "c = 1"]
        assert other.notebook.ycells[1].to_py() == before


@pytest.mark.anyio
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
async def test_what_cannot_be_saved_is_refused_with_its_cell_until_it_is_taken_out(
    live: JupyterProcess, name: str, value: float
) -> None:
    """jupyter-collaboration fails at every save of such a document: whatever anybody does in it would be lost."""
    path = write(live, name, value)
    before = path.read_text()
    async with connect(live) as agent, person(live, name) as other:
        assert "b = 1" in await agent.ok("read_cells", notebook=name)
        for tool, arguments in (("move_cell", {"index": 0}), ("overwrite_cell_source", {"source": "x"})):
            told = await agent.fails(tool, notebook=name, cell=1, **arguments)
            assert "cell 1 (" in told
            assert f"has {value} (no number in JSON) in its outputs" in told
            assert "Nothing was changed" in told
        assert [other.source(place) for place in range(3)] == ["a = 1", "b = 1", "c = 1"]
        assert path.read_text() == before
        await agent.ok("clear_outputs", notebook=name, cells=[1])
        await agent.ok("overwrite_cell_source", notebook=name, cell=1, source="b = 2")
    content = live.read_notebook(name)
    assert content["cells"][1]["outputs"] == []


@pytest.mark.anyio
@pytest.mark.parametrize("value", [2**64, 10**22])
async def test_what_the_server_cannot_open_is_refused_at_once_with_its_cell(
    live: JupyterProcess, name: str, value: int
) -> None:
    path = write(live, name, value)
    before = path.read_text()
    began = time.monotonic()
    async with connect(live) as agent:
        told = await agent.fails("read_cells", notebook=name)
    assert time.monotonic() - began < 30
    assert "cell 1 (" in told
    assert "has an integer beyond 64 bits" in told
    assert path.read_text() == before


@pytest.mark.anyio
@pytest.mark.parametrize("part", ["execution_count", "attachments", "of_an_extension"])
async def test_what_the_server_cannot_open_is_found_anywhere_in_a_cell(
    live: JupyterProcess, name: str, part: str
) -> None:
    path = write(live, name)
    content = json.loads(path.read_text())
    content["cells"][1][part] = 2**64 if part != "attachments" else {"a.json": {"application/json": [2**64]}}
    path.write_text(json.dumps(content))
    async with connect(live) as agent:
        began = time.monotonic()
        told = await agent.fails("read_cells", notebook=name)
    assert time.monotonic() - began < 30
    assert f"has an integer beyond 64 bits (1.84467e+19) in its {part}" in told


@pytest.mark.anyio
async def test_in_a_file_what_is_no_number_hinders_no_undo(file: JupyterProcess, name: str) -> None:
    """NaN is not what it is compared with, not even with itself."""
    path = write(file, name, float("nan"), metadata={"limit": float("nan")})
    before = json.loads(path.read_text())["cells"]
    async with connect(file) as agent:
        await agent.ok("move_cell", notebook=name, cell=1, index=0)
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="# b", cell_type="markdown")
        await agent.ok("overwrite_cell_source", notebook=name, cell=1, source="a = 2")
        await agent.ok("delete_cell", notebook=name, cell=0)
        for _ in range(4):
            assert "Took back" in await agent.ok("undo_changes", notebook=name)
    cells = json.loads(path.read_text())["cells"]
    assert [cell["id"] for cell in cells] == [cell["id"] for cell in before]
    assert json.dumps(cells[1]["metadata"]) == '{"limit": NaN}'
    assert ["".join(cell["source"]) for cell in cells] == ["a = 1", "b = 1", "c = 1"]


@pytest.mark.anyio
async def test_a_change_that_fails_half_done_is_seen_by_nobody(live: JupyterProcess, name: str, tmp_path: Path) -> None:
    write(live, name)

    def fails(editor: Editor) -> None:
        editor.delete(0)
        editor.insert(0, "code", "half a pair: \ud83d")

    def is_wrong(editor: Editor) -> None:
        editor.set_source(0, "changed")
        raise KeyError("a fault of ours")

    async with (
        JupyterServer(live.url, live.token) as api,
        person(live, name) as other,
        SharedDocument(api, name, Snapshots(tmp_path, "test")) as document,
    ):
        with pytest.raises(NotShareable, match=r"half a pair of surrogates.*Nothing was changed"):
            await document.edit(fails)
        with pytest.raises(KeyError):
            await document.edit(is_wrong)
        await document.edit(lambda editor: editor.set_source(2, "c = 2"))
        await other.sees(lambda: other.source(2) == "c = 2")
        assert [other.source(place) for place in range(3)] == ["a = 1", "b = 1", "c = 2"]
