"""Taking back what an agent did takes nothing of a person's along."""

from __future__ import annotations

import contextlib
import secrets
from typing import Any

import pytest
from harness import JupyterProcess, connect
from harness.people import Person, person
from harness.sequences import EXAMPLES, GREEK, only_greek, under_hypothesis
from hypothesis import strategies as st
from pycrdt import UndoManager

from jupyter_mcp_proxy.documents.document import Author
from jupyter_mcp_proxy.documents.shared import SharedDocument
from jupyter_mcp_proxy.errors import CannotUndo
from jupyter_mcp_proxy.jupyter.server import JupyterServer
from jupyter_mcp_proxy.store.snapshots import Snapshots

pytestmark = pytest.mark.anyio


async def test_undoing_keeps_what_a_person_typed_into_the_agents_text(live: JupyterProcess, name: str) -> None:
    live.write_notebook(name, "start")
    async with person(live, name) as other, connect(live) as agent:
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="start\nby the agent")
        await other.types(0, "αβγ", at=len("start\nby "))
        await other.room.flush()
        await agent.ok("undo_changes", notebook=name)
        assert other.source() == "startαβγ"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("function foobar(x)\n    100x\nend", "import time; time.sleep(3)"),
        ("a = [1, 2, 3]\nb = a[1:]\nprint(b)", "a[2]"),
        ("x", "é = '🎈'"),
    ],
)
async def test_a_source_written_over_that_nobody_has_touched_since_is_taken_back(
    server: JupyterProcess, name: str, before: str, after: str
) -> None:
    server.write_notebook(name, before, "beside")
    async with connect(server) as agent:
        read = await agent.ok("read_cell", notebook=name, cell=0)
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source=after)
        await agent.ok("undo_changes", notebook=name)
        assert await agent.ok("read_cell", notebook=name, cell=0) == read


async def test_half_a_number_that_another_agent_has_made_another_one_is_not_taken_out(
    live: JupyterProcess, name: str
) -> None:
    """What both numbers share stays where it is, so Yjs holds it for the first one's."""
    live.write_notebook(name, "start")
    async with connect(live) as one, connect(live, name="two") as two:
        await one.ok("overwrite_cell_source", notebook=name, cell=0, source="x = 13\nstart")
        await two.ok("overwrite_cell_source", notebook=name, cell=0, source="x = 16\nstart")
        assert "its source is not what you left there" in await one.fails("undo_changes", notebook=name)
        assert "x = 16" in await one.ok("read_cell", notebook=name, cell=0)
        await two.ok("undo_changes", notebook=name)
        assert "Took back" in await one.ok("undo_changes", notebook=name)


async def test_lines_that_begin_alike_are_taken_out_whole(live: JupyterProcess, name: str) -> None:
    """Of `x = 1` that is put above `x = 2`, the first `x` could as well be held for the one that was there."""
    live.write_notebook(name, "x = 2")
    async with connect(live) as one, connect(live, name="two") as two:
        await one.ok("overwrite_cell_source", notebook=name, cell=0, source="x = 13\nx = 2")
        await two.ok("overwrite_cell_source", notebook=name, cell=0, source="x = 147\nx = 13\nx = 2")
        await one.ok("undo_changes", notebook=name)
        assert (await one.ok("read_cell", notebook=name, cell=0)).endswith("\nx = 147\nx = 2")
        await two.ok("undo_changes", notebook=name)
        assert (await one.ok("read_cell", notebook=name, cell=0)).endswith("\nx = 2")


@pytest.mark.parametrize("typed_in", [0, 1])
async def test_undoing_a_move_takes_nothing_along_that_a_person_typed(
    live: JupyterProcess, name: str, tmp_path: Any, typed_in: int
) -> None:
    """Of two cells that have changed places, the one that the agent moved is a copy, which undoing removes."""
    live.write_notebook(name, "a", "b")
    me = Author("me", "me")
    api = JupyterServer(live.url, live.token)
    document = SharedDocument(api, name, Snapshots(tmp_path, "test"))
    async with api, person(live, name) as other, document:
        await document.edit(lambda editor: editor.move(0, 1), author=me)
        await other.sees(lambda: other.source(0) == "b")
        await other.types(typed_in, "α")
        await other.room.flush()
        with contextlib.suppress(CannotUndo):
            await document.undo(me)
        assert "α" in "".join(await document.read(lambda editor: [cell.source for cell in editor.cells()]))


async def test_what_undoing_has_brought_back_is_not_taken_along_by_the_next(
    live: JupyterProcess, name: str, tmp_path: Any
) -> None:
    """Once in five times Yjs takes what it restores of two authors for one piece, and removes all of it."""
    live.write_notebook(name, "a", "b")
    api = JupyterServer(live.url, live.token)
    document = SharedDocument(api, name, Snapshots(tmp_path, "test"))
    async with api, person(live, name) as other, document:
        for _ in range(20):
            me = Author(secrets.token_hex(4), "me")
            await document.edit(start_over)
            await document.edit(lambda editor: editor.set_source(1, "x = 1"), author=me)
            await other.sees(lambda: other.source(1) == "x = 1")
            await other.types(1, "αβ")
            await other.types(1, "γ")
            await other.room.flush()
            await document.edit(lambda editor: editor.move(1, 0), author=me)
            await document.undo(me)
            with contextlib.suppress(CannotUndo):
                await document.undo(me)
            assert "αβγ" in await document.read(lambda editor: editor.cell(1).source)


async def test_undoing_step_by_step_comes_back_to_where_it_began(
    live: JupyterProcess, name: str, tmp_path: Any
) -> None:
    live.write_notebook(name, "what the person wrote", "b")
    me = Author("me", "me")
    api = JupyterServer(live.url, live.token)
    document = SharedDocument(api, name, Snapshots(tmp_path, "test"))
    steps = [
        lambda editor: editor.set_source(0, "what the agent wrote"),
        lambda editor: editor.move(0, 1),
        lambda editor: editor.set_source(1, "something else"),
        lambda editor: editor.set_source(1, "what the person wrote, and more"),
        lambda editor: editor.delete(1),
    ]
    async with api, document:
        seen = []
        for step in steps:
            seen.append(await document.read(lambda editor: [cell.source for cell in editor.cells()]))
            await document.edit(step, author=me)
        for before in reversed(seen):
            assert await document.undo(me)
            assert await document.read(lambda editor: [cell.source for cell in editor.cells()]) == before


async def test_a_move_is_not_taken_back_where_somebody_else_has_moved_or_deleted_the_cell_since(
    live: JupyterProcess, name: str, tmp_path: Any
) -> None:
    """Yjs would bring back the copy that the move took away, beside the one that is there, or though none is wanted."""
    live.write_notebook(name, "a", "b", "c")
    me, another = Author("me", "me"), Author("another", "another")
    api = JupyterServer(live.url, live.token)
    document = SharedDocument(api, name, Snapshots(tmp_path, "test"))

    async def sources() -> list[str]:
        return await document.read(lambda editor: [cell.source for cell in editor.cells()])

    async with api, document:
        await document.edit(lambda editor: editor.move(0, 2), author=me)
        await document.edit(lambda editor: editor.move(2, 1), author=another)
        with pytest.raises(CannotUndo, match="moved since"):
            await document.undo(me)
        assert await sources() == ["b", "a", "c"]
        assert await document.undo(another)
        assert await document.undo(me)
        assert await sources() == ["a", "b", "c"]
        await document.edit(lambda editor: editor.move(0, 2), author=me)
        await document.edit(lambda editor: editor.delete(2), author=another)
        with pytest.raises(CannotUndo, match="not there any more"):
            await document.undo(me)
        assert await sources() == ["b", "c"]


async def test_a_split_or_a_merge_is_not_taken_back_where_one_of_its_cells_is_gone(
    live: JupyterProcess, name: str
) -> None:
    """The text would go with the second cell, and come back nowhere; or come back though it was deleted."""
    live.write_notebook(name, "a = 1\nb = 2", "c = 3", "d = 4")
    async with person(live, name) as other, connect(live) as agent:
        await agent.ok("split_cell", notebook=name, cell=0, at=[2])
        await other.sees(lambda: other.source(1) == "b = 2")
        undo = UndoManager(scopes=[other.notebook.ycells], capture_timeout_millis=0)
        other.delete(1)
        await other.room.flush()
        assert "not there any more" in await agent.fails("undo_changes", notebook=name)
        assert other.source(0) == "a = 1"
        assert undo.undo()
        await other.room.flush()
        await agent.ok("undo_changes", notebook=name)
        await other.sees(lambda: other.source(0) == "a = 1\nb = 2" and other.source(1) == "c = 3")
    async with person(live, name) as other, connect(live) as agent:
        await agent.ok("split_cell", notebook=name, cell=0, at=[2])
        other.delete(0)
        await other.room.flush()
        assert "not there any more" in await agent.fails("undo_changes", notebook=name)
        assert [other.source(index) for index in range(3)] == ["b = 2", "c = 3", "d = 4"]
        await agent.ok("merge_cells", notebook=name, cells=[0, 1])
        other.delete(0)
        await other.room.flush()
        assert "not there any more" in await agent.fails("undo_changes", notebook=name)
        assert [str(cell["source"]) for cell in other.notebook.ycells] == ["d = 4"]


async def test_a_merge_is_taken_back_in_a_cell_that_was_moved_since_and_not_where_what_it_joined_was_typed_in(
    live: JupyterProcess, name: str
) -> None:
    """The move makes the cell anew: of that one Yjs takes nothing out, and its text would be there twice."""
    live.write_notebook(name, "a = 1", "b = 2", "c = 3", ids=["a", "b", "c"])
    async with person(live, name) as other, connect(live) as agent:
        await agent.ok("merge_cells", notebook=name, cells=["a", "b"])
        await moves_to_the_end(other, 0)
        await agent.ok("undo_changes", notebook=name)
        await other.sees(lambda: sorted(map(other.source, range(3))) == ["a = 1", "b = 2", "c = 3"])
        await agent.ok("merge_cells", notebook=name, cells=["c", "a"])
        await moves_to_the_end(other, 0)
        await moves_to_the_end(other, 0)
        await other.types(1, "# mine\n", at=0)
        await other.room.flush()
        await other.types(1, "0")
        await other.room.flush()
        assert "not what you left there" in await agent.fails("undo_changes", notebook=name)
        assert [other.source(0), other.source(1)] == ["b = 2", "# mine\nc = 3\n\na = 10"]
        source = other.notebook.ycells[1]["source"]
        del source[len(str(source)) - 1]
        await other.room.flush()
        await agent.ok("undo_changes", notebook=name)
        await other.sees(lambda: sorted(map(other.source, range(3))) == ["# mine\nc = 3", "a = 1", "b = 2"])


async def test_a_merge_is_not_taken_back_where_what_it_joined_was_split_off_again(
    live: JupyterProcess, name: str
) -> None:
    """The second cell would come back beside the one that has its text by now."""
    live.write_notebook(name, "a = 1", "b = 2")
    async with connect(live) as one, connect(live) as two:
        await one.ok("merge_cells", notebook=name, cells=[0, 1])
        await two.ok("split_cell", notebook=name, cell=0, at=[2])
        assert "not what you left there" in await one.fails("undo_changes", notebook=name)
        await two.ok("undo_changes", notebook=name)
        await one.ok("undo_changes", notebook=name)
        told = await one.ok("read_cells", notebook=name)
        assert (told.count("a = 1"), told.count("b = 2"), told.count("── ")) == (1, 1, 2)


async def test_what_was_done_to_a_cell_is_taken_back_after_its_person_has_deleted_it_and_brought_it_back(
    live: JupyterProcess, name: str
) -> None:
    live.write_notebook(name, "a", "b", ids=["a", "b"])
    async with person(live, name) as other, connect(live) as agent:
        await agent.ok("overwrite_cell_source", notebook=name, cell="a", source="written")
        await other.sees(lambda: other.source(0) == "written")
        undo = UndoManager(scopes=[other.notebook.ycells], capture_timeout_millis=0)
        other.delete(0)
        assert undo.undo()
        await other.room.flush()
        assert "Took back: edited 0 (a)" in await agent.ok("undo_changes", notebook=name)
        await other.sees(lambda: other.source(0) == "a")


async def test_metadata_of_a_cell_that_was_moved_since_are_not_said_to_be_taken_back(
    live: JupyterProcess, name: str
) -> None:
    live.write_notebook(name, "a", "b", ids=["a", "b"])
    async with person(live, name) as other, connect(live) as agent:
        await agent.ok("set_cell_metadata", notebook=name, cell="a", metadata={"tags": ["t"]})
        await other.sees(lambda: "tags" in other.notebook.ycells[0]["metadata"])
        await moves_to_the_end(other, 0)
        assert "moved since" in await agent.fails("undo_changes", notebook=name)


async def test_a_change_of_which_nothing_is_left_takes_no_other_along_that_is_not_to_be_taken_back(
    live: JupyterProcess, name: str
) -> None:
    """Where nothing is left of the last change Yjs would go on to the one before, asked or not."""
    live.write_notebook(name, "a", "b", "c", ids=["a", "b", "c"])
    async with person(live, name) as other, connect(live) as agent:
        await agent.ok("insert_cell", notebook=name, index=0, source="made")
        await agent.ok("edit_cell", notebook=name, cell="b", edits=[{"old": "b", "new": "b and more"}])
        await other.sees(lambda: other.source(0) == "made")
        await other.types(0, " by both")
        other.delete(2)
        await other.room.flush()
        assert "not what you left there" in await agent.fails("undo_changes", notebook=name)
        assert [other.source(index) for index in range(3)] == ["made by both", "a", "c"]
        await agent.ok("overwrite_cell_source", notebook=name, cell="a", source="again")
        await agent.ok("undo_changes", notebook=name)
        await other.sees(lambda: other.source(1) == "a")


async def test_what_somebody_else_has_written_over_is_not_mixed_with_what_was_there_before(
    live: JupyterProcess, name: str
) -> None:
    live.write_notebook(name, "w17b", ids=["a"])
    async with connect(live) as one, connect(live) as two:
        await one.ok("overwrite_cell_source", notebook=name, cell="a", source="w18a")
        await two.ok("overwrite_cell_source", notebook=name, cell="a", source="w26b")
        assert "not what you left there" in await one.fails("undo_changes", notebook=name)
        assert "w26b" in await one.ok("read_cell", notebook=name, cell="a")


async def test_what_a_split_took_does_not_come_back_into_what_somebody_else_has_written_there(
    live: JupyterProcess, name: str
) -> None:
    live.write_notebook(name, "w0p\nw13b", ids=["a"])
    async with connect(live) as one, connect(live) as two:
        await one.ok("split_cell", notebook=name, cell="a", at=[2])
        await two.ok("overwrite_cell_source", notebook=name, cell="a", source="w17b")
        assert "not what you left there" in await one.fails("undo_changes", notebook=name)
        assert "w17b" in await one.ok("read_cell", notebook=name, cell="a")


async def test_a_move_that_is_none_any_more_is_passed_over(live: JupyterProcess, name: str) -> None:
    live.write_notebook(name, "a", "b", "c", ids=["a", "b", "c"])
    async with person(live, name) as other, connect(live) as agent:
        await agent.ok("overwrite_cell_source", notebook=name, cell="a", source="written")
        await agent.ok("move_cell", notebook=name, cell="b", index=2)
        await other.sees(lambda: other.source(1) == "c")
        other.delete(1)
        await other.room.flush()
        assert "edited 0 (a)" in await agent.ok("undo_changes", notebook=name)
        await other.sees(lambda: [other.source(0), other.source(1)] == ["a", "b"])


async def moves_to_the_end(person: Person, index: int) -> None:
    """As JupyterLab moves a cell: it makes it anew."""
    with person.room.doc.transaction():
        cell = person.notebook.ycells[index].to_py()
        person.delete(index)
        person.notebook.ycells.append(person.notebook.create_ycell(cell))
    await person.room.flush()


moves = st.lists(
    st.one_of(
        st.tuples(st.just("agent edits"), st.integers(0, 3), st.sampled_from(["x = 1", "y = 2\nz = 3", ""])),
        st.tuples(st.just("agent inserts"), st.integers(0, 3), st.sampled_from(["new = 1", "# new"])),
        st.tuples(st.just("agent moves"), st.integers(0, 3), st.integers(0, 3)),
        st.tuples(st.just("person types"), st.integers(0, 3), st.text(alphabet=GREEK, min_size=1, max_size=4)),
        st.tuples(st.just("agent undoes"), st.none(), st.none()),
        st.tuples(st.just("person undoes one"), st.integers(0, 9), st.none()),
    ),
    min_size=1,
    max_size=12,
)


@pytest.mark.timeout(300 + EXAMPLES)
async def test_undo_in_between_keeps_every_character_of_the_persons(
    live: JupyterProcess, name: str, tmp_path: Any
) -> None:
    """Whatever the agent edits, moves and takes back, and whichever of that a person does, what a person typed stays,
    and both sides are equal."""
    live.write_notebook(name, "a", "b")
    api = JupyterServer(live.url, live.token)
    document = SharedDocument(api, name, Snapshots(tmp_path, "test"))
    async with api, person(live, name) as other, document:

        async def play(sequence: list[tuple[str, Any, Any]]) -> None:
            me = Author(secrets.token_hex(4), "me")  # has nothing to take back yet
            await document.edit(start_over)
            typed = ""
            for kind, cell, what in sequence:
                await document.edit(lambda editor: None)  # the person's typing has arrived
                await other.room.flush()
                count = len(other.notebook.ycells)
                place = (cell or 0) % count
                if kind == "agent edits":
                    await document.edit(lambda e, p=place, w=what: write_around(e, p, w), author=me)
                elif kind == "agent inserts":
                    await document.edit(lambda e, p=place, w=what: e.insert(p, "code", w), author=me)
                elif kind == "agent moves" and place != what % count:
                    await document.edit(lambda e, p=place, t=what % count: e.move(p, t), author=me)
                elif kind == "person types":
                    typed += what
                    await other.types(place, what)
                    await other.room.flush()
                elif kind == "agent undoes":
                    with contextlib.suppress(CannotUndo):
                        await document.undo(me)
                elif kind == "person undoes one":
                    numbers = sorted(document.undoable(me.key))
                    with contextlib.suppress(CannotUndo):
                        one = numbers[cell % len(numbers)] if numbers else 0
                        await document.undo(me, only=one, by="a person")
            await other.room.flush()
            await document.edit(lambda editor: None)
            mine = await document.read(lambda editor: [cell.source for cell in editor.cells()])
            await other.sees(lambda: [str(cell["source"]) for cell in other.notebook.ycells] == mine)
            assert sorted(only_greek("".join(mine))) == sorted(typed)

        await under_hypothesis(play, moves)


def start_over(editor: Any) -> None:
    while editor.ids():
        editor.delete(0)
    for source in ("a", "b"):
        editor.insert(len(editor.ids()), "code", source)


def write_around(editor: Any, place: int, text: str) -> None:
    """The agent writes its own text before what a person typed in the cell."""
    editor.set_source(place, text + only_greek(editor.cell_at(place).source))
