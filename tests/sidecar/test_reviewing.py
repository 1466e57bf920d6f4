"""What a person sees of the changes of agents, keeps and takes back, by the API that the panel in JupyterLab has."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import anyio
import anyio.to_thread
import pytest
from harness import TOKEN, Agent, JupyterProcess, connect, post
from harness.panel import ask, watching
from harness.people import person

pytestmark = pytest.mark.anyio


def changes(server: JupyterProcess, notebook: str) -> list[Any]:
    """The changes of a notebook that wait for a person."""
    return [each for each in ask(server, "GET", "changes")["changes"] if each["notebook"] == notebook]


def whole(server: JupyterProcess, id: str) -> Any:
    return ask(server, "GET", f"changes?id={quote(id)}")["change"]


def undo(server: JupyterProcess, id: str, **more: Any) -> Any:
    return ask(server, "POST", "undo", {"change": id, **more})


async def source(agent: Agent, notebook: str, cell: int | str) -> str:
    return await agent.ok("read_cell", notebook=notebook, cell=cell, outputs=False)


async def test_a_person_sees_what_an_agent_has_edited_added_and_deleted(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a = 1", "b = 2", "c = 3")
    ids = [cell["id"] for cell in server.read_notebook(name)["cells"]]
    async with connect(server, name="tidy") as agent, watching(server) as stream:
        _, before = await stream.event()
        await agent.ok("edit_cell", notebook=name, cell=0, edits=[{"old": "1", "new": "10"}])
        edited = await stream.call("edit_cell", "ok")
        await agent.ok("delete_cell", notebook=name, cell=1)
        await agent.ok("insert_cell", notebook=name, source="d = 4")
        await stream.until("state", lambda state: state["changes"] > before["changes"])
    first, second, third = changes(server, name)
    assert edited["changes"] == [first["id"]]
    assert edited["index"] == 0
    assert first["client"] == "tidy"
    assert first["token"] is None
    assert first["undoable"] is True
    assert first["cells"] == [{"cell": ids[0], "index": 0, "action": "edited"}]
    assert second["cells"] == [{"cell": ids[1], "index": 1, "action": "deleted"}]
    assert third["cells"][0]["action"] == "added"
    (piece,) = whole(server, first["id"])["cells"]
    assert (piece["before"], piece["after"], piece["now"]) == ("a = 1", "a = 10", "a = 10")
    (piece,) = whole(server, second["id"])["cells"]
    assert (piece["before"], piece["after"], piece["now"]) == ("b = 2", None, None)
    (piece,) = whole(server, third["id"])["cells"]
    assert (piece["before"], piece["after"], piece["now"]) == (None, "d = 4", "d = 4")
    assert whole(server, "nothing") is None


async def test_one_change_is_taken_back_and_those_on_other_cells_stay(server: JupyterProcess, name: str) -> None:
    """Those that came later on its own cell go with it, as they stand on it."""
    server.write_notebook(name, "a = 1", "b = 2")
    ids = [cell["id"] for cell in server.read_notebook(name)["cells"]]
    async with connect(server) as agent:
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="a = 10")
        await agent.ok("overwrite_cell_source", notebook=name, cell=1, source="b = 20")
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="a = 100")
        await agent.ok("insert_cell", notebook=name, source="c = 3")
        one, two, three, four = changes(server, name)
        assert undo(server, one["id"]) == {"cells": [ids[0]], "why": None}
        assert [each["id"] for each in changes(server, name)] == [two["id"], four["id"]]
        assert "a = 1\n" in await source(agent, name, 0) + "\n"
        assert "b = 20" in await source(agent, name, 1)
        assert "c = 3" in await source(agent, name, 2)
        again = undo(server, three["id"])
        assert again["cells"] == []
        assert "was taken back" in again["why"]


async def test_all_that_one_agent_did_since_is_taken_back_and_nothing_of_another(
    server: JupyterProcess, name: str
) -> None:
    server.write_notebook(name, "a = 1", "b = 2")
    async with connect(server, name="one") as agent, connect(server, name="another") as other:
        await agent.ok("edit_cell", notebook=name, cell=0, edits=[{"old": "1", "new": "10"}])
        await agent.ok("insert_cell", notebook=name, source="c = 3")
        await other.ok("overwrite_cell_source", notebook=name, cell=1, source="b = 'theirs'")
        await agent.ok("insert_cell", notebook=name, source="d = 4")
        _, second, theirs, _ = changes(server, name)
        assert len(undo(server, second["id"], later=True)["cells"]) == 2
        assert len(changes(server, name)) == 2
        assert theirs["id"] in [each["id"] for each in changes(server, name)]
        listed = await other.ok("list_cells", notebook=name)
        assert "a = 10" in listed
        assert "theirs" in listed
        assert "c = 3" not in listed
        assert "d = 4" not in listed


async def test_what_a_person_has_kept_stays_when_the_rest_is_taken_back(server: JupyterProcess, name: str) -> None:
    """In another cell of the same change, and in another change."""
    server.write_notebook(name, "a = 1", "b = 2")
    async with connect(server, name="tidy") as agent:
        await agent.ok("insert_cell", notebook=name, cells=[{"source": "c = 3"}, {"source": "d = 4"}])
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="a = 10")
        await agent.ok("overwrite_cell_source", notebook=name, cell=1, source="b = 20")
        added, first, second = changes(server, name)
        ask(server, "POST", "keep", {"changes": [added["id"]], "cell": added["cells"][0]["cell"]})
        ask(server, "POST", "keep", {"changes": [first["id"]]})
        (left,) = [each for each in changes(server, name) if each["id"] == added["id"]]
        assert left["cells"] == added["cells"][1:]
        assert undo(server, added["id"], later=True)["why"] is None
        assert changes(server, name) == []
        listed = await agent.ok("list_cells", notebook=name)
        for there in ("a = 10", "b = 2", "c = 3"):
            assert there in listed
        for gone in ("b = 20", "d = 4"):
            assert gone not in listed
        assert undo(server, second["id"])["cells"] == []


async def test_a_part_that_cannot_be_taken_back_by_itself_is_not(live: JupyterProcess, name: str) -> None:
    """A shared notebook brings a deleted cell back with its whole change, or not at all."""
    live.write_notebook(name, "a = 1", "b = 2")
    async with connect(live) as agent:
        await agent.ok("merge_cells", notebook=name, cells=[0, 1])
        (merged,) = changes(live, name)
        edited = next(each["cell"] for each in merged["cells"] if each["action"] == "edited")
        ask(live, "POST", "keep", {"changes": [merged["id"]], "cell": edited})
        assert "has kept the change in another cell" in undo(live, merged["id"])["why"]
        assert "b = 2" in await source(agent, name, 0)


async def test_a_deleted_cell_comes_back_with_its_outputs(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a = 1", "print('kept ' * 2)", "c = 3")
    ids = [cell["id"] for cell in server.read_notebook(name)["cells"]]
    async with connect(server) as agent:
        await agent.ok("execute_cell", notebook=name, cell=1)
        await agent.ok("delete_cell", notebook=name, cell=1)
        await agent.ok("insert_cell", notebook=name, source="later")
        deleted, _ = changes(server, name)
        assert undo(server, deleted["id"]) == {"cells": [ids[1]], "why": None}
        assert "kept kept" in await agent.ok("read_cell", notebook=name, cell=ids[1])
        assert "later" in await source(agent, name, 3)


async def test_the_agent_is_told_that_a_person_has_taken_its_change_back(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a = 1")
    async with connect(server) as agent:
        await agent.ok("insert_cell", notebook=name, source="b = 2")
        (change,) = changes(server, name)
        undo(server, change["id"])
        assert "[Note: meanwhile a person deleted 1" in await agent.ok("list_cells", notebook=name)
        assert "no change of yours" in await agent.ok("undo_changes", notebook=name)


async def test_what_the_agent_takes_back_itself_waits_no_longer(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a = 1")
    async with connect(server) as agent:
        await agent.ok("insert_cell", notebook=name, source="b = 2")
        await agent.ok("undo_changes", notebook=name)
        assert changes(server, name) == []


async def test_what_is_kept_waits_no_longer_cell_by_cell_or_as_a_whole(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "x = 1", "x = 2")
    ids = [cell["id"] for cell in server.read_notebook(name)["cells"]]
    async with connect(server) as agent:
        edits = [{"old": "x", "new": "y", "replace_all": True}]
        await agent.ok("edit_cell", notebook=name, edits=edits)
        (change,) = changes(server, name)
        assert ask(server, "POST", "keep", {"changes": [change["id"]], "cell": ids[0]}) == {"kept": 1}
        (change,) = changes(server, name)
        assert [cell["cell"] for cell in change["cells"]] == [ids[1]]
        assert ask(server, "POST", "keep", {"changes": [change["id"]]}) == {"kept": 1}
        assert changes(server, name) == []
        assert ask(server, "POST", "keep", {"changes": [change["id"]]}) == {"kept": 0}
        assert "y = 1" in await source(agent, name, 0)


async def test_what_a_person_typed_since_into_the_agents_text_stays(live: JupyterProcess, name: str) -> None:
    live.write_notebook(name, "start", "other")
    async with person(live, name) as other, connect(live) as agent:
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="start\nby the agent")
        await agent.ok("overwrite_cell_source", notebook=name, cell=1, source="more")
        await other.types(0, "αβγ", at=len("start\nby "))
        await other.room.flush()
        undo(live, changes(live, name)[0]["id"])
        await other.sees(lambda: other.source() == "startαβγ")
        assert other.source(1) == "more"


async def test_a_new_cell_that_a_person_has_typed_in_is_not_taken_back_and_it_is_said_why(
    live: JupyterProcess, name: str
) -> None:
    live.write_notebook(name, "start")
    async with person(live, name) as other, connect(live, name="eager") as agent:
        await agent.ok("insert_cell", notebook=name, source="mine")
        await other.sees(lambda: len(other.notebook.ycells) == 2)
        await other.types(1, "αβγ")
        await other.room.flush()
        (change,) = changes(live, name)
        refused = undo(live, change["id"])
        assert refused["cells"] == []
        assert "In cell 1: its source is not what eager left there" in refused["why"]
        assert other.source(1) == "mineαβγ"
        assert changes(live, name) == [change]


async def test_in_a_file_a_move_is_not_taken_back_where_cells_came_or_went_since(
    file: JupyterProcess, name: str
) -> None:
    """It knows places by their numbers, and would shuffle what has others by now."""
    file.write_notebook(name, "a", "b", "c", "d")
    async with connect(file) as agent:
        await agent.ok("move_cell", notebook=name, cell=0, index=3)
        await agent.ok("insert_cell", notebook=name, index=0, source="x")
        move, insert = changes(file, name)
        assert "added, deleted or moved since" in undo(file, move["id"])["why"]
        assert ["".join(cell["source"]) for cell in file.read_notebook(name)["cells"]] == ["x", "b", "c", "d", "a"]
        assert undo(file, insert["id"])["why"] is None
        assert undo(file, move["id"])["why"] is None
        assert ["".join(cell["source"]) for cell in file.read_notebook(name)["cells"]] == ["a", "b", "c", "d"]


async def test_two_who_take_back_the_same_at_one_moment_do_not_collide(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a")
    async with connect(server) as agent:
        await agent.ok("insert_cell", notebook=name, source="b")
        (added,) = changes(server, name)
        async with anyio.create_task_group() as group:
            for _ in range(2):
                group.start_soon(anyio.to_thread.run_sync, undo, server, added["id"])
        assert "1 cells" in await agent.ok("list_cells", notebook=name)


async def test_in_a_file_what_a_person_has_changed_since_is_not_taken_back(file: JupyterProcess, name: str) -> None:
    file.write_notebook(name, "start", "other")
    async with connect(file, name="eager") as agent:
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="by the agent")
        content = file.read_notebook(name)
        content["cells"][0]["source"] = "by the agent and the person"
        (file.root / name).write_text(json.dumps(content))
        (change,) = changes(file, name)
        assert "not what eager left there" in undo(file, change["id"])["why"]
        assert file.read_notebook(name)["cells"][0]["source"] == "by the agent and the person"


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("undo", b"{}"), ("undo", b'{"change": 1}'), ("undo", b'{"change": "a", "later": "yes"}'), ("undo", b"[" * 999),
        ("undo", b'{"change": "a", "more": 1}'), ("keep", b'{"changes": "a"}'), ("keep", b'{"changes": [1]}'),
        ("keep", b'{"changes": [], "cell": 1}'), ("keep", b"null"),
    ],
)  # fmt: skip
async def test_nonsense_takes_nothing_back(live: JupyterProcess, what: str, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content_Type": "application/json"}
    status, _, answer = post(live, body, f"mcp-proxy/api/{what}", **headers)
    assert status == 400
    assert json.loads(answer)["message"].startswith("Send ")
