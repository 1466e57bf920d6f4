"""Splitting and merging cells, their metadata, and taking it all back, in shared documents and files."""

from __future__ import annotations

import json
import re
from typing import Any

import nbformat
import pytest
from harness import Agent, JupyterProcess, connect, until
from harness.people import person
from nbformat import v4

from jupyter_mcp_proxy.documents.metadata import wrong_shape

pytestmark = pytest.mark.anyio

LONG = "import a\n\n\ndef f():\n    return 1\n\nf()"


def cells_on_disk(server: JupyterProcess, name: str) -> list[tuple[str, str, Any, int]]:
    return [
        (cell["id"], "".join(cell["source"]), cell["metadata"], len(cell.get("outputs", [])))
        for cell in server.read_notebook(name)["cells"]
    ]


async def sources(agent: Agent, name: str) -> list[str]:
    read = await agent.ok("read_cells", notebook=name, outputs="off")
    return [part.split("\n", 1)[1] if "\n" in part else "" for part in re.split(r"\n\n(?=── )", read)]


async def test_a_cell_is_split_at_lines_and_merged_and_both_are_taken_back(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, LONG, "last", ids=["first", "last"])
    async with connect(server) as agent:
        await agent.ok("set_cell_metadata", notebook=name, cell="first", metadata={"tags": ["skip-execution"]})
        before = await agent.ok("read_cell", notebook=name, cell="first")
        told = await agent.ok("split_cell", notebook=name, cell=0, at=[4, 7])
        made = re.findall(r"code cell (\w+) at index (\d), hash (\w+)", told)
        assert [(made[0][0], *index) for _, *index, _ in made] == [("first", "0"), ("first", "1"), ("first", "2")]
        assert await sources(agent, name) == ["import a", "def f():\n    return 1", "f()", "last"]
        assert '"skip-execution"' in await agent.ok("read_cell", notebook=name, cell=made[2][0])
        told = await agent.ok("merge_cells", notebook=name, cells=[2, "first", made[1][0]])
        assert re.match(r"Merged into code cell first at index 0, hash \w{12}\.", told)
        assert await sources(agent, name) == ["import a\n\ndef f():\n    return 1\n\nf()", "last"]
        assert "Took back: " in await agent.ok("undo_changes", notebook=name)
        assert await sources(agent, name) == ["import a", "def f():\n    return 1", "f()", "last"]
        assert "Took back: " in await agent.ok("undo_changes", notebook=name)
        assert await agent.ok("read_cell", notebook=name, cell="first") == before


async def test_cells_are_merged_only_if_each_is_what_was_read(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a", "b")
    async with connect(server) as agent:
        hashes = re.findall(r"hash (\w{12})", await agent.ok("read_cells", notebook=name))
        await agent.ok("overwrite_cell_source", notebook=name, cell=1, source="changed")
        told = await agent.fails("merge_cells", notebook=name, cells=[0, 1], if_hash=hashes)
        assert "changed since you read it; nothing was written" in told
        assert "as many hashes" in await agent.fails("merge_cells", notebook=name, cells=[0, 1], if_hash=hashes[:1])
        hashes = re.findall(r"hash (\w{12})", await agent.ok("read_cells", notebook=name))
        await agent.ok("merge_cells", notebook=name, cells=[1, 0], if_hash=hashes[::-1])
        assert "a\n\nchanged" in await agent.ok("read_cell", notebook=name, cell=0)


async def test_what_cannot_be_split_or_merged_says_why(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, LONG, "b", "c")
    async with connect(server) as agent:
        await agent.ok("overwrite_cell_source", notebook=name, cell=1, source="b", cell_type="markdown")
        for at in ([], [1], [8], [2, 3]):
            told = await agent.fails("split_cell", notebook=name, cell=0, at=at)
            assert "lines 2 to 7" in told or "between which there is something" in told
        for cells, words in (([0], "two or more"), ([0, 2], "one behind the other"), ([0, 1], "of one type")):
            assert words in await agent.fails("merge_cells", notebook=name, cells=cells)
        assert await sources(agent, name) == [LONG, "b", "c"]


async def test_outputs_stay_with_the_first_part(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "x = 1\nprint(x)", "print(2)")
    async with connect(server) as agent:
        await agent.ok("run_cells", notebook=name)
        await agent.ok("split_cell", notebook=name, cell=0, at=[2])
        has = [" out" in line for line in (await agent.ok("list_cells", notebook=name)).splitlines()[1:]]
        assert has == [True, False, True]
        await agent.ok("merge_cells", notebook=name, cells=[1, 2])
        await agent.ok("undo_changes", notebook=name)
        has = [" out" in line for line in (await agent.ok("list_cells", notebook=name)).splitlines()[1:]]
        assert has == [True, False, True]


async def test_metadata_are_set_by_name_and_taken_back(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a", "b")
    async with connect(server) as agent:
        assert "── metadata" not in await agent.ok("read_cell", notebook=name, cell=0)
        await agent.ok("set_cell_metadata", notebook=name, cell=0, metadata={"slideshow": {"slide_type": "skip"}})
        told = await agent.ok(
            "set_cell_metadata", notebook=name, cell=0, metadata={"tags": ["parameters"], "gone": None}
        )
        assert json.loads(told.partition(" metadata ")[2]) == {
            "slideshow": {"slide_type": "skip"},
            "tags": ["parameters"],
        }
        assert '── metadata {"slideshow"' in await agent.ok("read_cell", notebook=name, cell=0)
        assert "edited 0" in await agent.ok("notebook_changes", notebook=name)
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="a = 1")
        await agent.ok("set_cell_metadata", notebook=name, cell=0, metadata={"slideshow": None})
        for left in ('{"slideshow": {"slide_type": "skip"}, "tags": ["parameters"]}',) * 2 + (
            '{"slideshow": {"slide_type": "skip"}}',
        ):
            assert "Took back: edited 0" in await agent.ok("undo_changes", notebook=name)
            read = await agent.ok("read_cell", notebook=name, cell=0)
            assert json.loads(read.partition("── metadata ")[2]) == json.loads(left)
        assert "Took back: edited 0" in await agent.ok("undo_changes", notebook=name)
        assert "── metadata" not in await agent.ok("read_cell", notebook=name, cell=0)
        assert "no change of yours" in await agent.ok("undo_changes", notebook=name)


async def test_what_protects_a_cell_is_not_an_agents_to_set(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a")
    async with connect(server) as agent:
        for metadata, words in (
            ({"trusted": True}, "without trusted"),
            ({"deletable": True, "editable": None, "x": 1}, "without deletable, editable"),
            ({"tags": "parameters"}, "a list of texts"),
        ):
            assert words in await agent.fails("set_cell_metadata", notebook=name, cell=0, metadata=metadata)


NOT_SO: list[dict[str, Any]] = [
    *({"tags": tags} for tags in ("no list", [1], [""], ["a,b"], ["a", "a"], {})),
    *({"name": name} for name in ("", "\n", 1)),
    *({"jupyter": jupyter} for jupyter in (3, "x", [])),
    *({"collapsed": collapsed} for collapsed in ("yes", 1)),
    *({"scrolled": scrolled} for scrolled in ("no", 2)),
    {"format": 5},
    {"execution": {"iopub.execute_input": 1}},
]
SO: list[dict[str, Any]] = [
    {"tags": ["a", "b c"], "name": "n", "jupyter": {"source_hidden": True}, "format": "text/html"},
    {"collapsed": False, "scrolled": "auto", "execution": {"shell.execute_reply": "now"}, "own": [{"tags": 1}]},
]


def test_metadata_have_the_shapes_that_nbformat_gives_them() -> None:
    """What is refused would be no valid notebook, and what is taken is one."""
    for metadata, valid in [(each, False) for each in NOT_SO] + [(each, True) for each in SO]:
        cells = [new("1") for new in (v4.new_code_cell, v4.new_raw_cell, v4.new_markdown_cell)]
        for cell in cells:
            cell.metadata = nbformat.from_dict(metadata)
        notebook = v4.new_notebook()
        notebook.cells = cells
        assert nbformat.validator.isvalid(notebook) == valid, metadata
        assert (wrong_shape(metadata) == "") == valid, metadata


async def test_metadata_that_would_make_the_notebook_invalid_are_refused(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "1")
    before = server.read_notebook(name)
    async with connect(server) as agent:
        for metadata in NOT_SO:
            told = await agent.fails("set_cell_metadata", notebook=name, cell=0, metadata=metadata)
            assert f"`{next(iter(metadata))}` to be " in told
        assert server.read_notebook(name) == before


async def test_metadata_that_fit_are_taken_and_told_as_they_are(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a")
    fitting = {
        "tags": ["parameters", "a b"], "name": "first", "format": "text/plain", "collapsed": True, "scrolled": "auto",
        "jupyter": {"source_hidden": True}, "whole": 1, "deep": [{"x": 2, "y": 0.5}],
    }  # fmt: skip
    async with connect(server) as agent:
        told = await agent.ok("set_cell_metadata", notebook=name, cell=0, metadata=fitting)
        assert '"deep": [{"x": 2, "y": 0.5}]' in told
        assert '"whole": 1}' in told, "a whole number stays one, in a shared document, too"
        await until(lambda: server.read_notebook(name)["cells"][0]["metadata"] == fitting)
    assert nbformat.validator.isvalid(nbformat.read(server.root / name, 4))
    assert json.dumps(server.read_notebook(name)["cells"][0]["metadata"]["whole"]) == "1"


async def test_metadata_that_a_person_sets_meanwhile_stay(live: JupyterProcess, name: str) -> None:
    live.write_notebook(name, "a")
    async with person(live, name) as other, connect(live) as agent:
        await agent.ok("set_cell_metadata", notebook=name, cell=0, metadata={"tags": ["mine"]})
        await other.sees(lambda: "tags" in other.notebook.ycells[0]["metadata"])
        other.notebook.ycells[0]["metadata"]["theirs"] = 1
        await other.room.flush()
        await agent.ok("undo_changes", notebook=name)
        assert '── metadata {"theirs": 1' in await agent.ok("read_cell", notebook=name, cell=0)
