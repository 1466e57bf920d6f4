"""The cell that is meant is the one that is read, written and run, whatever has happened meanwhile."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from harness import Agent, JupyterProcess, connect, until
from harness.people import Person, person
from harness.tokens import make

pytestmark = pytest.mark.anyio


async def test_a_number_is_an_index_where_ids_are_numbers_too(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a", "b", "c", "d", ids=["3", "2", "1", "1234abcd"])
    async with connect(server) as agent:
        for cell, source in ((1, "b"), ("1", "c"), (3, "d"), ("3", "a"), ("1234", "d"), ("0", "a"), (-1, "d")):
            assert (await agent.ok("read_cell", notebook=name, cell=cell)).splitlines()[1] == source, cell
        assert "read as an index. Indices are 0 to 3" in await agent.fails("read_cell", notebook=name, cell=1234)
        assert "2 1 code" in await agent.ok("delete_cell", notebook=name, cell="1")
        assert "1 2 code" in await agent.ok("delete_cell", notebook=name, cell=1)


async def test_true_and_false_are_no_indices(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a", "b")
    async with connect(server) as agent:
        for tool, arguments in (
            ("delete_cell", {"cell": True}),
            ("delete_cell", {"cell": [False]}),
            ("overwrite_cell_source", {"cell": True, "source": "x"}),
            ("insert_cell", {"source": "x", "after": True}),
            ("insert_cell", {"cells": [{"source": "x", "after": False}]}),
            ("edit_cell", {"edits": [{"cell": True, "old": "a", "new": "x"}]}),
            ("run_cells", {"cells": [True]}),
            ("run_cells", {"start": True}),
        ):
            told = await agent.fails(tool, notebook=name, **arguments)
            assert "takes neither true nor false" in told, (tool, arguments, told)
        assert ["".join(cell["source"]) for cell in server.read_notebook(name)["cells"]] == ["a", "b"]


async def hash_of(agent: Agent, name: str, cell: int | str) -> str:
    found = re.search(r" hash (\w+)", await agent.ok("read_cell", notebook=name, cell=cell))
    assert found
    return found[1]


@asynccontextmanager
async def at_work(agent: Agent, server: JupyterProcess, name: str, shown: str) -> AsyncIterator[Person]:
    """A person who comes while the agent has the notebook open: their name is heard before anything that they do."""
    await agent.ok("list_cells", notebook=name)
    async with person(server, name, shown) as somebody:
        yield somebody


def changed_by_hand(server: JupyterProcess, name: str, *cells: tuple[str, str]) -> None:
    """A person saves the notebook with these cells, ids and sources, from elsewhere."""
    content = server.read_notebook(name)
    made = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    content["cells"] = [made | {"id": id, "source": source} for id, source in cells]
    (server.root / name).write_text(json.dumps(content))


WRITES = (
    ("overwrite_cell_source", {"cell": 1, "source": "x"}),
    ("edit_cell", {"cell": "1", "edits": [{"old": "b", "new": "x"}]}),
    ("delete_cell", {"cell": 1}),
    ("delete_cell", {"cell": [-1, 1]}),
    ("move_cell", {"cell": 1, "index": 0}),
    ("move_cell", {"cell": -1, "after": 1}),
    ("clear_outputs", {"cells": [1]}),
    ("insert_cell", {"source": "x", "after": 1}),
    ("insert_cell", {"source": "x", "index": 1}),
    ("execute_cell", {"cell": 1}),
    ("run_cells", {"start": 1}),
)
"""Calls that mean a cell by its index."""


async def test_an_index_that_means_another_cell_by_now_is_not_written_to(file: JupyterProcess, name: str) -> None:
    cells = [("t0", "a"), ("t1", "b"), ("t2", "c")]
    file.write_notebook(name, *[source for _, source in cells], ids=[id for id, _ in cells])
    async with connect(file) as agent:
        for number, (tool, arguments) in enumerate(WRITES):
            await agent.ok("list_cells", notebook=name)
            new = [(f"new{number}", "new"), ("newer", "newer"), *cells]
            changed_by_hand(file, name, *new)
            told = await agent.fails(tool, notebook=name, **arguments)
            assert "is another cell; what was there when you last looked is t" in told, tool
            assert "added, deleted or moved by a person. Nothing was done" in told, tool
            assert f"[Note: meanwhile a person added 0 (new{number})" in told, tool
            assert [cell["source"] for cell in file.read_notebook(name)["cells"]] == [source for _, source in new], tool
            changed_by_hand(file, name, *cells)
        await agent.ok("list_cells", notebook=name)
        changed_by_hand(file, name, *cells, ("t3", "d"))
        assert "(index 1)" in await agent.ok("overwrite_cell_source", notebook=name, cell=1, source="below")


async def test_the_client_has_been_told_once_it_was_refused(live: JupyterProcess, name: str) -> None:
    live.write_notebook(name, "a", "b", ids=["t0", "t1"])
    async with connect(live) as agent, at_work(agent, live, name, "Ann") as ann:
        ann.insert(0, "new", "new")
        await ann.room.flush()
        told = await agent.fails("overwrite_cell_source", notebook=name, cell=1, source="x")
        assert "Index 1 is another cell; what was there when you last looked is t1, at 2." in told
        assert "moved by Ann. Nothing was done" in told
        assert "[Note: meanwhile Ann added 0 (new)" in told
        assert "t0 (index 1)" in await agent.ok("overwrite_cell_source", notebook=name, cell=1, source="x")


async def test_what_an_agent_has_moved_itself_refuses_nothing(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a", "b", ids=["t0", "t1"])
    async with connect(server) as agent:
        await agent.ok("list_cells", notebook=name)
        await agent.ok("insert_cell", notebook=name, source="new", index=0)
        assert "t0 (index 1)" in await agent.ok("overwrite_cell_source", notebook=name, cell=1, source="x")


async def test_with_a_hash_the_refusal_says_where_the_cell_is_and_no_others_source(
    server: JupyterProcess, name: str
) -> None:
    server.write_notebook(name, "secret of t0", "b", ids=["t0", "t1"])
    async with connect(server) as agent, connect(server, name="Other agent") as other:
        known = await hash_of(agent, name, 1)
        await other.ok("insert_cell", notebook=name, source="new", index=0)
        for _ in range(2):  # the second time it has been told where it is
            told = await agent.fails("overwrite_cell_source", notebook=name, cell=1, source="x", if_hash=known)
            assert "Index 1 is another cell; what you read is t1, at 2" in told
            assert "secret" not in told
        await other.ok("overwrite_cell_source", notebook=name, cell="t1", source="edited, too")
        told = await agent.fails("overwrite_cell_source", notebook=name, cell=1, source="x", if_hash=known)
        assert "what you read was edited since, or is elsewhere" in told
        assert "secret" not in told
        told = await agent.fails("overwrite_cell_source", notebook=name, cell="t1", source="x", if_hash=known)
        assert "edited, too" in told


async def test_of_two_equal_cells_the_one_that_was_read_is_meant(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "same", "same", ids=["t0", "t1"])
    async with connect(server) as agent, connect(server) as other:
        known = await hash_of(agent, name, 1)
        await other.ok("insert_cell", notebook=name, source="same", index=0)
        told = await agent.fails("delete_cell", notebook=name, cell=1, if_hash=known)
        assert "what was there when you last looked is t1, at 2" in told


async def test_a_hash_finds_its_cell_where_its_index_is_no_cells_any_more(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a", "b", ids=["t0", "t1"])
    async with connect(server) as agent, connect(server) as other:
        known = await hash_of(agent, name, 1)
        await other.ok("delete_cell", notebook=name, cell=0)
        told = await agent.fails("overwrite_cell_source", notebook=name, cell=1, source="x", if_hash=known)
        assert "Index 1 is another cell; what you read is t1, at 0" in told


async def test_the_id_of_a_deleted_cell_means_no_other(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a", "b", "c", "d", ids=["t1", "t10", "0", "00"])
    async with connect(server) as agent, connect(server, name="Other agent") as other:
        known = await hash_of(agent, name, "t1")
        await other.ok("delete_cell", notebook=name, cell=["t1", "0"])
        for gone in ("t1", "0"):
            for tool, arguments in (
                ("overwrite_cell_source", {"source": "x"}),
                ("overwrite_cell_source", {"source": "x", "if_hash": known}),
                ("set_cell_metadata", {"metadata": {}}),
                ("execute_cell", {}),
                ("read_cell", {}),
                ("read_output", {}),
            ):
                told = await agent.fails(tool, notebook=name, cell=gone, **arguments)
                assert f"Cell {gone} is not there any more: Other agent deleted it at" in told, tool
            assert "not there any more" in await agent.fails("read_cells", notebook=name, cells=[gone])
        await other.ok("undo_changes", notebook=name)
        await agent.ok("overwrite_cell_source", notebook=name, cell="t1", source="x")


# -- who it was ---------------------------------------------------------------------------------------


async def test_people_are_called_as_in_jupyterlab(live: JupyterProcess, name: str) -> None:
    live.write_notebook(name, "a", "b", ids=["t0", "t1"])
    async with (
        connect(live) as agent,
        at_work(agent, live, name, "Ann") as ann,
        at_work(agent, live, name, "Bob") as bob,
    ):
        await ann.types(0, "!")
        await ann.room.flush()
        # The server writes into the document, too, when it has saved it: that is nobody's edit.
        await until(lambda: "a!" in str(live.read_notebook(name)))
        assert "[Note: meanwhile Ann edited 0 (t0)." in await agent.ok("list_cells", notebook=name)
        await bob.sees(lambda: bob.source() == "a!")
        await bob.types(1, "?")
        await bob.room.flush()
        assert "[Note: meanwhile Bob edited 1 (t1)." in await agent.ok("list_cells", notebook=name)
        bob.delete(1)
        await bob.room.flush()
        # Nothing says whose a deletion is.
        assert "[Note: meanwhile Ann or Bob deleted 1 (t1)." in await agent.ok("list_cells", notebook=name)
        changes = (await agent.ok("notebook_changes", notebook=name)).splitlines()[1:]
        assert [line.split(" by ")[1] for line in changes] == ["Ann", "Bob", "Ann or Bob"]


async def test_agents_are_called_by_their_client_and_their_token(server: JupyterProcess, name: str, label: str) -> None:
    server.write_notebook(name, "a")
    token = make(server, label, "edit")
    async with connect(server) as agent, connect(server, name="Claude Code", token=token) as other:
        await agent.ok("list_cells", notebook=name)
        await other.ok("insert_cell", notebook=name, source="b")
        assert f"[Note: meanwhile Claude Code ({label}) added 1 (" in await agent.ok("list_cells", notebook=name)
        assert f"by Claude Code ({label})" in await agent.ok("notebook_changes", notebook=name)


async def test_of_a_deleted_cell_it_is_said_by_whom(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a", "b", "c", ids=["aaaa0000", "bbbb0000", "cccc0000"])
    async with connect(server) as agent, connect(server, name="Other agent") as other:
        await agent.ok("list_cells", notebook=name)
        await agent.ok("delete_cell", notebook=name, cell="aaaa")
        await other.ok("delete_cell", notebook=name, cell="bbbb")
        told = await agent.fails("read_cell", notebook=name, cell="aaaa0000")
        assert re.search(r"Cell aaaa0000 is not there any more: you deleted it at .*, undo_changes\(since=\d+\)", told)
        told = await agent.fails("overwrite_cell_source", notebook=name, cell="bbbb", source="x")
        assert "Cell bbbb0000 is not there any more: Other agent deleted it at" in told
        assert "whose undo_changes brings it back" in told


async def test_of_a_cell_that_a_person_has_deleted_it_is_said_by_whom(live: JupyterProcess, name: str) -> None:
    live.write_notebook(name, "a", "b", ids=["aaaa0000", "bbbb0000"])
    async with connect(live) as agent, at_work(agent, live, name, "Ann") as ann:
        ann.delete(1)
        await ann.room.flush()
        told = await agent.fails("overwrite_cell_source", notebook=name, cell="bbbb0000", source="x")
        assert "Cell bbbb0000 is not there any more: Ann deleted it at" in told
        assert "their undo brings it back" in told
        assert "[Note: meanwhile Ann deleted 1 (bbbb0000)." in told
