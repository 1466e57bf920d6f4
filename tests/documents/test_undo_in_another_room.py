"""Taking back what an agent did before its notebook was renamed on the disk, or its room was lost:
jupyter-collaboration makes another document of the file, in which Yjs knows of no earlier change."""

from __future__ import annotations

import os

import anyio
import pytest
from harness import JupyterProcess, connect
from harness.people import person

pytestmark = pytest.mark.anyio


def told_of(server: JupyterProcess, name: str) -> list[tuple[str, str]]:
    return [(cell["id"], "".join(cell["source"])) for cell in server.read_notebook(name)["cells"]]


async def holds(server: JupyterProcess, name: str, *wanted: tuple[str, str]) -> None:
    with anyio.move_on_after(20):
        while told_of(server, name) != list(wanted):
            await anyio.sleep(0.1)
    assert told_of(server, name) == list(wanted)


FIRST = (("a", "a = 1\nb = 2\nc = 3"), ("b", "two"), ("c", "three"), ("d", "four"), ("e", "five"))


async def test_every_kind_of_change_is_taken_back_with_all_that_the_cells_held(live: JupyterProcess, name: str) -> None:
    """One by one, over two renames, until the file is what it was, cell by cell, byte by byte."""
    path = live.write_notebook(name, *(source for _, source in FIRST), ids=[id for id, _ in FIRST])
    async with connect(live) as agent:
        await agent.ok("execute_cell", notebook=name, cell="d")
        await agent.ok("set_cell_metadata", notebook=name, cell="b", metadata={"tags": ["kept"]})
        await agent.ok("set_cell_metadata", notebook=name, cell="b", metadata={"tags": ["other"]})
        await anyio.sleep(2.5)
        began = path.read_bytes()
        await agent.ok("edit_cell", notebook=name, cell="a", edits=[{"old": "b = 2", "new": "b = 20"}])
        await agent.ok("split_cell", notebook=name, cell="a", at=[2])
        await agent.ok("move_cell", notebook=name, cell="e", index=0)
        await agent.ok("delete_cell", notebook=name, cell="d")
        await anyio.sleep(2.5)
        os.rename(live.root / name, live.root / f"1-{name}")
        await agent.ok("insert_cell", notebook=f"1-{name}", index=1, source="new")
        await agent.ok("merge_cells", notebook=f"1-{name}", cells=["b", "c"])
        await agent.ok("set_cell_metadata", notebook=f"1-{name}", cell="e", metadata={"tags": ["mine"]})
        await anyio.sleep(2.5)
        os.rename(live.root / f"1-{name}", live.root / f"2-{name}")
        await agent.ok("overwrite_cell_source", notebook=f"2-{name}", cell="e", source="fifth")
        for _ in range(8):
            assert "Took back" in await agent.ok("undo_changes", notebook=f"2-{name}")
        await holds(live, f"2-{name}", *FIRST)
        with anyio.fail_after(10):
            while (live.root / f"2-{name}").read_bytes() != began:
                await anyio.sleep(0.2)
        await agent.ok("undo_changes", notebook=f"2-{name}", since=0)
        with anyio.fail_after(10):
            while "tags" in live.read_notebook(f"2-{name}")["cells"][1]["metadata"]:
                await anyio.sleep(0.2)
        await holds(live, f"2-{name}", *FIRST)


async def test_what_a_person_has_written_in_the_new_room_stays_and_what_it_would_cost_is_refused(
    live: JupyterProcess, name: str
) -> None:
    live.write_notebook(name, "a = 1\nb = 2\nc = 3", "two", ids=["a", "b"])
    async with connect(live) as agent:
        await agent.ok("edit_cell", notebook=name, cell="a", edits=[{"old": "a = 1", "new": "a = 10"}])
        await agent.ok("overwrite_cell_source", notebook=name, cell="b", source="2")
        await holds(live, name, ("a", "a = 10\nb = 2\nc = 3"), ("b", "2"))
        os.rename(live.root / name, live.root / f"new-{name}")
        await agent.ok("list_cells", notebook=f"new-{name}")
        async with person(live, f"new-{name}") as other:
            await other.types(0, "\nd = 4")
            await other.types(1, "2")
            other.insert(0, "theirs", "p")
            await other.room.flush()
            assert "cell b: its source is not what you left" in await agent.fails(
                "undo_changes", notebook=f"new-{name}"
            )
        await holds(live, f"new-{name}", ("p", "theirs"), ("a", "a = 10\nb = 2\nc = 3\nd = 4"), ("b", "22"))


async def test_of_another_notebook_that_has_the_path_now_nothing_is_taken_back(live: JupyterProcess, name: str) -> None:
    live.write_notebook(name, "a = 1", "b = 2", ids=["a", "b"])
    async with connect(live) as agent:
        await agent.ok("delete_cell", notebook=name, cell="b")
        await holds(live, name, ("a", "a = 1"))
        (live.root / name).unlink()
        await agent.fails("overwrite_cell_source", notebook=name, cell=0, source="x")
        live.write_notebook(name, "other", ids=["o"])
        assert "no change of yours" in await agent.ok("undo_changes", notebook=name)
        assert told_of(live, name) == [("o", "other")]


async def test_a_notebook_that_is_renamed_to_and_fro_has_it_all(live: JupyterProcess, name: str) -> None:
    live.write_notebook(name, "a = 1", "b = 2", ids=["a", "b"])
    async with connect(live) as agent:
        await agent.ok("overwrite_cell_source", notebook=name, cell="a", source="a = 10")
        await agent.ok("delete_cell", notebook=name, cell="b")
        await holds(live, name, ("a", "a = 10"))
        os.rename(live.root / name, live.root / f"1-{name}")
        await agent.ok("list_cells", notebook=f"1-{name}")
        os.rename(live.root / f"1-{name}", live.root / name)
        await agent.ok("undo_changes", notebook=name)
        await agent.ok("undo_changes", notebook=name)
        await holds(live, name, ("a", "a = 1"), ("b", "b = 2"))
