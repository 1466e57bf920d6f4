"""Working beside a person: a second collaborator is in the same room, as JupyterLab is."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from harness import JupyterProcess, connect
from harness.people import Person, person
from harness.sequences import EXAMPLES, GREEK, only_greek, under_hypothesis
from pycrdt import Assoc, Text

from jupyter_mcp_proxy.documents.collapse import collapsed
from jupyter_mcp_proxy.documents.shared import SharedDocument
from jupyter_mcp_proxy.errors import CollapsedDocument
from jupyter_mcp_proxy.jupyter.room import Room
from jupyter_mcp_proxy.jupyter.server import JupyterServer
from jupyter_mcp_proxy.store.snapshots import Snapshots

pytestmark = pytest.mark.anyio


async def test_edits_and_outputs_appear_at_once(live: JupyterProcess, name: str) -> None:
    """Before the cell has ended, the person sees the agent's edit and each line of output."""
    live.write_notebook(name, "pass")
    source = "import time\nfor i in range(4):\n    print('tick', i, flush=True)\n    time.sleep(0.5)"
    async with person(live, name) as other, connect(live) as agent:
        await agent.ok("execute_ipython", notebook=name, code="pass")
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source=source)
        assert other.source() == source, "the edit is with everybody when the call returns"
        seen: list[str] = []

        async def watch() -> None:
            for i in range(4):
                await other.sees(lambda i=i: f"tick {i}" in other.outputs())
                seen.append(other.notebook.ycells[0]["execution_state"])

        async with anyio.create_task_group() as group:
            group.start_soon(watch)
            await agent.ok("execute_cell", notebook=name, cell=0)
        assert seen == ["running"] * 4
        await other.sees(lambda: other.notebook.ycells[0]["execution_state"] == "idle")
        assert other.outputs() == "tick 0\ntick 1\ntick 2\ntick 3\n"
        assert other.notebook.ycells[0]["execution_count"] == 1


async def test_a_cell_that_a_person_makes_text_while_it_runs_is_told_as_no_code_cell(
    live: JupyterProcess, name: str
) -> None:
    """JupyterLab puts another cell with the same id in its place."""
    live.write_notebook(name, "import time\nprint('begun', flush=True)\ntime.sleep(3)\nprint('done')", ids=["aaaa0000"])
    async with person(live, name) as other, connect(live) as agent:
        told = asyncio.create_task(agent.ok("execute_cell", notebook=name, cell=0))
        await other.sees(lambda: "begun" in other.outputs(), seconds=60)
        with other.room.doc.transaction():
            text = {"id": "aaaa0000", "cell_type": "markdown", "source": other.source(), "metadata": {}}
            other.delete(0)
            other.notebook.ycells.insert(0, other.notebook.create_ycell(text))
        assert "no code cell any more, or gone; its outputs are only here.\nbegun\ndone" in await told
        assert "aaaa0000 markdown" in await agent.ok("list_cells", notebook=name)
        assert "outputs" not in other.notebook.ycells[0]


async def test_opening_that_is_cancelled_leaves_nobody_in_the_room(live: JupyterProcess, name: str) -> None:
    """Its client may be gone before a large document has come."""
    live.write_notebook(name, "pass")
    async with JupyterServer(live.url, live.token) as api:
        room = Room(api, name)
        with anyio.fail_after(20):
            async with anyio.create_task_group() as call:
                call.start_soon(room.__aenter__)
                while not any(task.get_name() == f"room {name}" for task in asyncio.all_tasks()):
                    await anyio.lowlevel.checkpoint()
                call.cancel_scope.cancel()
        assert room._connection.state.name == "CLOSED"
        assert not [task for task in asyncio.all_tasks() if name in task.get_name()]


async def test_the_agent_is_present_under_its_clients_name_and_leaves(live: JupyterProcess, name: str) -> None:
    live.write_notebook(name, "pass")

    def names(other: Person) -> list[str]:
        return [state["user"]["display_name"] for state in other.room.awareness.states.values() if "user" in state]

    async with person(live, name) as other:
        async with connect(live, "legacy", name="Claude Code") as agent:
            await agent.ok("use_notebook", notebook=name)
            await other.sees(lambda: "Claude Code" in names(other))
            await agent.ok("unuse_notebook", notebook=name)
        await other.sees(lambda: "Claude Code" not in names(other))


async def test_two_agents_are_two_people_each_with_a_cursor_in_its_cell(live: JupyterProcess, name: str) -> None:
    live.write_notebook(name, "a = 'ä😀'", "b = 1")

    def cells(other: Person) -> dict[str, str]:
        """Each agent's name with the cell that its cursor is in, both as JupyterLab reads them."""
        found = {}
        for state in other.room.awareness.states.values():
            for cursor in (state or {}).get("cursors", []):
                source = {"type": cursor["head"]["type"], "assoc": -1}
                for cell in other.notebook.ycells:
                    if cell["source"].sticky_index(0, Assoc.BEFORE).to_json() == source:
                        assert state["activeCellId"] == cell["id"]
                        found[state["user"]["display_name"]] = str(cell["source"])
        return found

    async with (
        person(live, name) as other,
        connect(live, name="Claude Code") as one,
        connect(live, "legacy", name="Cursor") as two,
    ):
        await one.ok("overwrite_cell_source", notebook=name, cell=0, source="a = 2")
        await two.ok("execute_cell", notebook=name, cell=1)
        await other.sees(lambda: cells(other) == {"Claude Code": "a = 2", "Cursor": "b = 1"})
        for agent in (one, two):
            await agent.ok("use_notebook", notebook=name)
        await one.ok("unuse_notebook", notebook=name)
        await other.sees(lambda: cells(other) == {"Cursor": "b = 1"})


async def test_a_person_types_in_another_cell_while_the_agent_writes(live: JupyterProcess, name: str) -> None:
    live.write_notebook(name, "a = 0", "# ")
    async with person(live, name) as other, connect(live) as agent:
        await agent.ok("use_notebook", notebook=name)
        async with anyio.create_task_group() as group:
            group.start_soon(other.types, 1, GREEK * 4, None, 0.002)
            for number in range(20):
                await agent.ok("overwrite_cell_source", notebook=name, cell=0, source=f"a = {number}")
                await agent.ok("execute_cell", notebook=name, cell=0)
        assert other.source(1) == "# " + GREEK * 4
        read = await agent.ok("read_cells", notebook=name)
        assert GREEK * 4 in read
        assert "a = 19" in read


@pytest.mark.timeout(300 + EXAMPLES)
async def test_what_a_person_types_in_the_same_cell_survives(live: JupyterProcess, name: str) -> None:
    """However typing and the agent's rewriting interleave, every character stays, in order, and both sides agree.

    The agent reads the cell, changes its own lines and writes the whole source with the hash it read.
    """
    live.write_notebook(name, "start\n# ")
    async with person(live, name) as other, connect(live) as agent:
        await agent.ok("execute_ipython", notebook=name, code="pass")

        async def cell_alone() -> str:
            """The cell as it is told, without the line about what others did."""
            return (await agent.call("read_cell", notebook=name, cell=0, outputs=False)).content[0].text

        async def rewrite(line: str, above: bool) -> None:
            while True:
                read = await cell_alone()
                head, _, source = read.partition("\n")
                found = re.search(r"hash (\w+)", head)
                assert found
                lines = source.split("\n")
                mine = [each for each in lines if "#" not in each]
                theirs = [each for each in lines if "#" in each]
                new = "\n".join([line, *theirs] if above else [*mine[:2], line, *theirs])
                result = await agent.call("overwrite_cell_source", notebook=name, cell=0, source=new, if_hash=found[1])
                if not result.is_error:
                    return

        async def play(sequence: list[tuple[str, Any, Any]]) -> None:
            with other.room.doc.transaction():
                source: Text = other.notebook.ycells[0]["source"]
                source.clear()
                source += "start\n# "
            await other.room.flush()
            typed = ""
            for kind, first, second in sequence:
                if kind == "agent":
                    await rewrite(first, second)
                elif kind == "person":
                    typed += first
                    await other.types(0, first, None, second)
                elif kind == "run":
                    await agent.call("execute_cell", notebook=name, cell=0)
                else:
                    typed += second
                    await asyncio.gather(rewrite(first, True), other.types(0, second, None, 0.001))
            await other.room.flush()
            assert only_greek(other.source()) == typed
            with anyio.fail_after(10):  # the agent hears of the last keystroke a moment after the server
                while (await cell_alone()).partition("\n")[2] != other.source():
                    await anyio.sleep(0.02)

        await under_hypothesis(play)


async def test_a_lost_room_is_joined_again_with_an_empty_replica(
    live: JupyterProcess, name: str, tmp_path: Any
) -> None:
    """What an old replica held is never pushed: the server's document is what counts."""
    live.write_notebook(name, "a = 1", "b = 2")
    async with JupyterServer(live.url, live.token) as api:
        document = SharedDocument(api, name, Snapshots(tmp_path, "test"))
        async with document, person(live, name) as other:
            first = document._room
            assert first is not None
            await first._connection.close()
            await first.closed.wait()
            await other.types(0, " # the person")
            await other.room.flush()
            sources = await document.read(lambda editor: [cell.source for cell in editor.cells()])
            assert sources == ["a = 1 # the person", "b = 2"]
            assert document._room is not first
            await document.edit(lambda editor: editor.set_source(1, "b = 3"))
            await other.sees(lambda: other.source(1) == "b = 3")
            assert other.source(0) == "a = 1 # the person"


def test_a_document_far_smaller_than_its_file_is_suspicious() -> None:
    assert collapsed(0, 1)
    assert collapsed(1, 4)
    assert not collapsed(2, 4)
    assert not collapsed(1, 2)
    assert collapsed(1, 2, empty=True)
    assert not collapsed(1, 1, empty=True)
    assert not collapsed(0, 0)
    assert not collapsed(10, 3)


async def test_nothing_is_written_into_a_collapsed_document(live: JupyterProcess, name: str, tmp_path: Any) -> None:
    """The room has lost its cells and cannot save: the file is worth more than what is in memory."""
    path = live.write_notebook(name, *"abcdefgh")
    api = JupyterServer(live.url, live.token)
    async with api, SharedDocument(api, name, Snapshots(tmp_path, "test")) as document:
        assert document._room is not None
        before = path.read_text()
        document._room.awareness.set_local_state({"autosave": False})
        await document._room.flush()
        with document._room.doc.transaction():
            del document._notebook.ycells[1:]
        await document._room.flush()
        with pytest.raises(CollapsedDocument, match="has 1 cells, its file 8: nothing was written"):
            await document.edit(lambda editor: editor.set_source(0, "x"))
        assert path.read_text() == before


async def test_what_is_run_first_is_a_first_write_too(live: JupyterProcess, name: str) -> None:
    """Whether one cell is run or all of them: the outputs that are there are overwritten."""
    for tool, arguments in (("execute_cell", {"cell": 0}), ("run_cells", {})):
        each = f"{tool}-{name}"
        live.write_notebook(each, "'the original'", "2")
        async with connect(live) as agent:
            await agent.ok(tool, notebook=each, **arguments)
        (snapshot,) = (live.data / "mcp-proxy" / "snapshots").glob(f"{each}-*/*.ipynb")
        assert "the original" in snapshot.read_text()


async def test_the_notebook_is_kept_as_it_was_before_the_first_write(live: JupyterProcess, name: str) -> None:
    live.write_notebook(name, "the original")
    async with connect(live) as agent:
        await agent.ok("read_cells", notebook=name)
        assert not list((live.data / "mcp-proxy" / "snapshots").glob(f"{name}-*/*")), "reading writes nothing"
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="changed")
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="changed again")
    snapshots = list((live.data / "mcp-proxy" / "snapshots").glob(f"{name}-*/*.ipynb"))
    assert len(snapshots) == 1
    assert "the original" in snapshots[0].read_text()
    assert snapshots[0].stat().st_mode & 0o077 == 0
    command = [sys.executable, "-m", "jupyter_mcp_proxy", "snapshots"]
    env = os.environ | {"JUPYTER_DATA_DIR": str(live.data)}
    listed = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
    line = next(line for line in listed.splitlines() if f"  {name}  " in line)
    assert str(live.root) in line
    target = live.home / f"restored-{name}"
    restore = [*command, "--restore", line.split()[0], "--to", str(target)]
    assert subprocess.run(restore, env=env, capture_output=True).returncode == 0
    assert "the original" in target.read_text()
    again = subprocess.run(restore, env=env, capture_output=True, text=True)
    assert again.returncode == 1
    assert "File exists" in again.stderr


async def test_what_a_person_did_meanwhile_is_told_in_one_line(live: JupyterProcess, name: str) -> None:
    live.write_notebook(name, "a = 1", "b = 1")
    async with person(live, name) as other, connect(live) as agent:
        assert "[Note" not in await agent.ok("list_cells", notebook=name)
        await other.types(1, "23")
        await other.room.flush()
        told = await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="a = 2")
        assert re.search(r"\[Note: meanwhile a person edited 1 \(\w{8}\)\. notebook_changes\(since=\d+\)", told)
        assert "[Note" not in await agent.ok("list_cells", notebook=name)
        changes = (await agent.ok("notebook_changes", notebook=name)).splitlines()[1:]
        assert [line.split()[2] for line in changes] == ["edited", "edited"]
        assert changes[0].endswith("by somebody else")
        assert " by pytest " in changes[1]


async def test_what_a_person_looks_at_is_told_with_the_cell(live: JupyterProcess, name: str) -> None:
    """JupyterLab says its document in the room of everybody, and its cursor in the document's."""
    from pycrdt import Awareness, Doc, YMessageType

    from jupyter_mcp_proxy.jupyter.awareness import ROOM

    live.write_notebook(name, "first", "second cell")
    async with JupyterServer(live.url, live.token) as api, person(live, name) as other, connect(live) as agent:
        await agent.ok("use_notebook", notebook=name)
        async with api.websocket(ROOM) as everybody:
            awareness = Awareness(Doc())
            awareness.set_local_state({"user": {"display_name": "Ada"}, "current": f"notebook:RTC:{name}"})
            update = awareness.encode_awareness_update([awareness.client_id])
            from pycrdt import create_awareness_message

            assert YMessageType.AWARENESS == 1
            await everybody.send(create_awareness_message(update))
            source: Text = other.notebook.ycells[1]["source"]
            position = source.sticky_index(3).to_json()
            cursors = [{"anchor": position, "head": position}]
            other.room.presences.show("Ada", {"user": {"display_name": "Ada"}, "cursors": cursors})
            await other.room.flush()
            with anyio.fail_after(10):
                while "cell 1" not in (told := await agent.ok("get_user_focus")):
                    await anyio.sleep(0.1)
            assert f"Ada: {name}, cell 1 " in told
            assert "second cell" in told
