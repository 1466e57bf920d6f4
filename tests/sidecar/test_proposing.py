"""Review mode: an agent's edits wait until a person accepts them, by the API that the panel in JupyterLab has."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import anyio
import anyio.to_thread
import pytest
from harness import TOKEN, Agent, JupyterProcess, connect, post, until
from harness.panel import ask, watching
from harness.people import person

pytestmark = pytest.mark.anyio

PROPOSED = "Proposed, not applied"


@asynccontextmanager
async def reviewed(server: JupyterProcess, name: str) -> AsyncIterator[Agent]:
    """An agent whose edits wait, named after the notebook: the switch is for that one."""
    ask(server, "POST", "review", {"on": True, "client": name[:60], "token": None})
    async with connect(server, name=name[:60]) as agent:
        yield agent


def proposals(server: JupyterProcess, name: str) -> list[Any]:
    return [each for each in ask(server, "GET", "changes")["proposals"] if each["notebook"] == name]


def whole(server: JupyterProcess, id: str) -> Any:
    return ask(server, "GET", f"changes?id={quote(id)}")["change"]


def decide(server: JupyterProcess, what: str, *proposed: Any, **more: Any) -> Any:
    return ask(server, "POST", what, {"proposals": [each["id"] for each in proposed], **more})


def saved(server: JupyterProcess, name: str) -> list[str]:
    return ["".join(cell["source"]) for cell in server.read_notebook(name)["cells"]]


async def has(server: JupyterProcess, name: str, *sources: str) -> None:
    """The notebook's file comes to say this."""
    await until(lambda: saved(server, name) == list(sources))


async def test_edits_wait_and_the_agent_reads_the_notebook_with_them(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a = 1", "b = 2", "c = 3")
    async with reviewed(server, name) as agent:
        edited = await agent.ok("edit_cell", notebook=name, cell=0, edits=[{"old": "1", "new": "10"}])
        assert edited.startswith(PROPOSED)
        await agent.ok("delete_cell", notebook=name, cell=1)
        await agent.ok("insert_cell", notebook=name, source="d = 4")
        await agent.ok("overwrite_cell_source", notebook=name, cell="2", source="d = 40")
        listed = await agent.ok("list_cells", notebook=name)
        assert "as you propose it, not applied: 3 cells" in listed
        assert "proposed: a = 10" in listed
        assert "proposed: d = 40" in listed
        assert "b = 2" not in listed
        assert "a = 10" in await agent.ok("read_cell", notebook=name, cell=0)
        async with connect(server, name="another") as other:
            assert "a = 10" not in await other.ok("list_cells", notebook=name)
        edit, delete, add = proposals(server, name)
        assert [each["cells"][0]["action"] for each in (edit, delete, add)] == ["edited", "deleted", "added"]
        (piece,) = whole(server, edit["id"])["cells"]
        assert (piece["before"], piece["after"]) == ("a = 1", "a = 10")
        assert len(decide(server, "accept", edit, delete, add)["cells"]) == 3
        await has(server, name, "a = 10", "c = 3", "d = 40")
        told = await agent.ok("notebook_changes", notebook=name)
        assert f"in {name} a person accepted what you proposed for" in told
        assert "which you proposed" in told
        assert proposals(server, name) == []
        assert "proposed" not in await agent.ok("list_cells", notebook=name)


async def test_what_a_person_rejects_is_gone_and_the_agent_is_told_with_its_next_call(
    server: JupyterProcess, name: str
) -> None:
    server.write_notebook(name, "a = 1", "b = 2")
    async with reviewed(server, name) as agent:
        edits = [{"old": "= ", "new": "= 1", "replace_all": True}]
        await agent.ok("edit_cell", notebook=name, edits=edits)
        first, second = proposals(server, name)
        decide(server, "reject", first)
        decide(server, "accept", second)
        listed = await agent.ok("list_cells", notebook=name)
        assert f"a person rejected what you proposed for {first['cells'][0]['cell'][:8]}" in listed
        assert ": a = 1" in listed
        assert ": b = 12" in listed
        assert "rejected what" not in await agent.ok("list_cells", notebook=name)
        await has(server, name, "a = 1", "b = 12")


async def test_what_is_accepted_is_an_edit_of_that_agent_which_a_person_can_undo(
    server: JupyterProcess, name: str
) -> None:
    server.write_notebook(name, "a = 1")
    async with reviewed(server, name) as agent:
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="a = 2")
        decide(server, "accept", *proposals(server, name))
        (change,) = [each for each in ask(server, "GET", "changes")["changes"] if each["notebook"] == name]
        assert change["client"] == name[:60]
        assert ask(server, "POST", "undo", {"change": change["id"]})["why"] is None
        await has(server, name, "a = 1")


async def test_cells_are_moved_split_merged_labelled_and_cleared_once_accepted(
    server: JupyterProcess, name: str
) -> None:
    server.write_notebook(name, "a\nb", "c", "d", "# e")
    ids = [cell["id"] for cell in server.read_notebook(name)["cells"]]
    async with reviewed(server, name) as agent:
        await agent.ok("split_cell", notebook=name, cell=ids[0], at=[2])
        await agent.ok("merge_cells", notebook=name, cells=[ids[1], ids[2]])
        await agent.ok("overwrite_cell_source", notebook=name, cell=ids[3], source="# e", cell_type="markdown")
        await agent.ok("set_cell_metadata", notebook=name, cell=ids[1], metadata={"tags": ["x"]})
        await agent.ok("move_cell", notebook=name, cell=ids[3], index=0)
        await agent.ok("clear_outputs", notebook=name)
        split = next(each for each in proposals(server, name) if each["cells"][0]["cell"] == ids[0])
        assert len(decide(server, "accept", split)["cells"]) == 2  # one without the other would double the text
        await has(server, name, "a", "b", "c", "d", "# e")
        decide(server, "accept", *proposals(server, name))
        await has(server, name, "# e", "a", "b", "c\n\nd")
        cells = server.read_notebook(name)["cells"]
        assert cells[0]["cell_type"] == "markdown"
        assert cells[3]["metadata"]["tags"] == ["x"]


async def test_a_cell_that_is_only_proposed_does_not_run(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a = 1", "b = 2")
    async with reviewed(server, name) as agent:
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="a = 10")
        assert "is proposed, not applied" in await agent.fails("execute_cell", notebook=name, cell=0)
        assert "is proposed, not applied" in await agent.fails("run_cells", notebook=name)
        inserted = await agent.ok("insert_execute_code_cell", notebook=name, source="c = 3")
        assert inserted.startswith(PROPOSED)
        assert "Not run." in inserted
        assert saved(server, name) == ["a = 1", "b = 2"]


async def test_an_agent_takes_back_what_it_proposed_last_and_nothing_that_was_applied(
    server: JupyterProcess, name: str
) -> None:
    server.write_notebook(name, "a = 1")
    async with reviewed(server, name) as agent:
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="a = 2")
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="a = 3")
        await agent.ok("undo_changes", notebook=name)
        assert "a = 2" in await agent.ok("read_cell", notebook=name, cell=0)
        await agent.ok("undo_changes", notebook=name)
        assert proposals(server, name) == []
        assert "Nothing was taken back" in await agent.fails("undo_changes", notebook=name)


async def test_two_clicks_accept_a_new_cell_once_and_an_old_proposal_is_not_accepted(
    server: JupyterProcess, name: str
) -> None:
    server.write_notebook(name, "a")
    async with reviewed(server, name) as agent:
        await agent.ok("insert_cell", notebook=name, source="b")
        (old,) = proposals(server, name)
        await agent.ok("overwrite_cell_source", notebook=name, cell=1, source="c")
        assert decide(server, "accept", old) == {"cells": [], "left": {}}  # the person has seen another text
        (new,) = proposals(server, name)
        async with anyio.create_task_group() as group:
            for _ in range(2):
                group.start_soon(anyio.to_thread.run_sync, decide, server, "accept", new)
        await has(server, name, "a", "c")


async def test_what_a_person_types_meanwhile_stays_and_a_clash_is_theirs_to_decide(
    live: JupyterProcess, name: str
) -> None:
    live.write_notebook(name, "one\ntwo\nthree", "x = 1")
    async with person(live, name) as other, reviewed(live, name) as agent:
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="one\ntwo\nTHREE")
        await agent.ok("overwrite_cell_source", notebook=name, cell=1, source="x = 2")
        await other.types(0, "αβγ", at=0)
        await other.types(1, "23")
        await other.room.flush()
        first, second = proposals(live, name)
        assert whole(live, first["id"])["clash"] is None
        assert "Somebody has changed the same lines" in whole(live, second["id"])["clash"]
        assert "αβγone" in await agent.ok("read_cell", notebook=name, cell=0)
        answer = decide(live, "accept", first, second)
        assert len(answer["cells"]) == 1
        assert list(answer["left"]) == [second["id"]]
        await other.sees(lambda: other.source() == "αβγone\ntwo\nTHREE")
        assert other.source(1) == "x = 123"
        decide(live, "accept", second, insist=True)
        await other.sees(lambda: other.source(1) == "x = 2")


async def test_in_a_file_what_somebody_has_saved_meanwhile_stays(file: JupyterProcess, name: str) -> None:
    file.write_notebook(name, "one\ntwo\nthree")
    async with reviewed(file, name) as agent:
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="one\ntwo\nTHREE")
        content = file.read_notebook(name)
        content["cells"][0]["source"] = "mine\none\ntwo\nthree"
        (file.root / name).write_text(json.dumps(content))
        decide(file, "accept", *proposals(file, name))
        await has(file, name, "mine\none\ntwo\nTHREE")


async def test_the_panel_hears_of_the_switch_and_of_proposals(live: JupyterProcess, name: str) -> None:
    live.write_notebook(name, "a")
    async with watching(live) as stream, reviewed(live, name) as agent:
        _, before = await stream.event()
        assert before["review"] is False
        await agent.ok("insert_cell", notebook=name, source="b")
        called = await stream.call("insert_cell", "ok")
        assert called["changes"] == [proposals(live, name)[0]["id"]]
        assert called["proposed"] is True
        state = await stream.until("state", lambda state: state["changes"] > before["changes"])
        assert [each["review"] for each in state["clients"] if each["name"] == name[:60]] == [True]


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("accept", b"{}"), ("accept", b'{"proposals": "a"}'), ("accept", b'{"proposals": [], "insist": 1}'),
        ("reject", b'{"proposals": [1]}'), ("reject", b'{"proposals": [], "more": 1}'), ("review", b'{"on": 1}'),
        ("review", b'{"on": true, "client": "a"}'), ("review", b"null"),
    ],
)  # fmt: skip
async def test_nonsense_decides_nothing(live: JupyterProcess, what: str, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content_Type": "application/json"}
    status, _, answer = post(live, body, f"mcp-proxy/api/{what}", **headers)
    assert status == 400
    assert json.loads(answer)["message"].startswith("Send ")
