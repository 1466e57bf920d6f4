"""Editing inside cells, moving them, running several, and taking things back."""

from __future__ import annotations

import re

import anyio
import pytest
from harness import ERAS, JupyterProcess, connect, until

pytestmark = pytest.mark.anyio


def sources(read: str) -> list[str]:
    """The sources that read_cells(outputs="off") tells."""
    return [part.split("\n", 1)[1] if "\n" in part else "" for part in re.split(r"\n\n(?=── )", read)]


async def now(agent: object, name: str) -> list[str]:
    return sources(await agent.ok("read_cells", notebook=name, outputs="off"))  # type: ignore[attr-defined]


async def test_text_is_replaced_inside_a_cell_and_the_diff_comes_back(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a = 1\nb = 2\nc = a + b")
    async with connect(server) as agent:
        edits = [{"old": "a = 1", "new": "a = 10"}, {"old": "a", "new": "alpha", "replace_all": True}]
        told = await agent.ok("edit_cell", notebook=name, cell=0, edits=edits)
        assert "-a = 1\n" in told
        assert "+alpha = 10\n" in told
        assert await now(agent, name) == ["alpha = 10\nb = 2\nc = alpha + b"]


async def test_edits_are_made_together_or_not_at_all(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a = 1\nb = 1")
    async with connect(server) as agent:
        for edits, words in (
            ([{"old": "a = 1", "new": "a = 2"}, {"old": "zzz", "new": ""}], "to the letter"),
            ([{"old": "a = 1", "new": "a = 2"}, {"old": "= ", "new": ""}], "occurs 2 times"),
            ([], "at least one edit"),
            ([{"old": "", "new": "x"}], "the text to replace"),
            ([{"old": "b  =  1", "new": ""}], "the nearest line is 'b = 1'"),
        ):
            assert words in await agent.fails("edit_cell", notebook=name, cell=0, edits=edits)
        assert "`edits[0].new` is missing" in await agent.fails(
            "edit_cell", notebook=name, cell=0, edits=[{"old": "a"}]
        )
        stale = await agent.fails(
            "edit_cell", notebook=name, cell=0, edits=[{"old": "a", "new": "b"}], if_hash="0" * 12
        )
        assert "changed since you read it" in stale
        assert await now(agent, name) == ["a = 1\nb = 1"]


async def test_a_name_is_changed_over_the_whole_notebook_in_one_call(server: JupyterProcess, name: str) -> None:
    before = [f"total{number} = area({number}) + subarea({number})" for number in range(12)]
    server.write_notebook(name, *before)
    async with connect(server) as agent:
        await agent.ok("insert_cell", notebook=name, source="area in words", cell_type="markdown", index=0)
        rename = {"old": "area", "new": "surface", "word": True, "replace_all": True}
        told = await agent.ok("edit_cell", notebook=name, edits=[rename], dry_run=True)
        assert told.startswith("Would edit 12 cells, 12 replacement(s); nothing was written.")
        assert await now(agent, name) == ["area in words", *before]
        told = await agent.ok("edit_cell", notebook=name, edits=[rename])
        assert told.startswith("Edited 12 cells, 12 replacement(s).")
        assert "+total3 = surface(3) + subarea(3)" in told
        found = re.search(r"── 4 \w+ now hash (\w+)", told)
        assert found
        await agent.ok("overwrite_cell_source", notebook=name, cell=4, source=before[3], if_hash=found[1])
        after = [source.replace(" area", " surface") for source in before]
        assert await now(agent, name) == ["area in words", *after[:3], before[3], *after[4:]]
        await agent.ok("undo_changes", notebook=name)
        assert "Took back: edited 1" in await agent.ok("undo_changes", notebook=name)
        assert await now(agent, name) == ["area in words", *before]


async def test_an_expression_that_fits_nowhere_is_told_as_one(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a = 1\nb = 1")
    async with connect(server) as agent:
        edit = {"old": "^b", "new": "c", "regex": True}
        told = await agent.fails("edit_cell", notebook=name, cell=0, edits=[edit])
        assert "expected an expression that fits in the cell ((?m) has ^ and $ mean lines). Nothing was changed" in told
        await agent.ok("edit_cell", notebook=name, cell=0, edits=[edit | {"old": "(?m)^b"}])
        assert await now(agent, name) == ["a = 1\nc = 1"]


async def test_each_edit_may_name_its_cell(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "x = 1", "x = 1", "y = 1")
    async with connect(server) as agent:
        edits = [
            {"cell": 1, "old": "1", "new": "2"},
            {"old": "y", "new": "z"},
            {"cell": -1, "old": r"(\w) = (\d)", "new": r"\2 == \1", "regex": True},
        ]
        assert "Edited 2 cells, 3" in await agent.ok("edit_cell", notebook=name, edits=edits)
        assert await now(agent, name) == ["x = 1", "x = 2", "1 == z"]
        told = await agent.fails("edit_cell", notebook=name, edits=[{"old": "x", "new": "y"}])
        assert "occurs 2 times in 2 cells" in told
        told = await agent.fails(
            "edit_cell", notebook=name, edits=[{"cell": 0, "old": "x", "new": "y"}, {"cell": 1, "old": "q", "new": ""}]
        )
        assert "`edits[1].old`" in told
        for edit, words in (
            ({"old": "(", "new": "", "regex": True}, "`edits[0].old` is '('; expected a regular expression"),
            ({"old": "x", "new": r"\3", "regex": True}, "expected a text with the groups of `old`"),
        ):
            assert words in await agent.fails("edit_cell", notebook=name, cell=0, edits=[edit])
        assert "no `cell` is given" in await agent.fails("edit_cell", notebook=name, edits=edits, if_hash="0" * 12)
        assert await now(agent, name) == ["x = 1", "x = 2", "1 == z"]


async def test_what_is_written_comes_back_as_a_diff_and_as_short_ids_with_hashes(
    server: JupyterProcess, name: str
) -> None:
    server.write_notebook(name, "a = 1\nb = 1", ids=["first"])
    async with connect(server) as agent:
        told = await agent.ok("overwrite_cell_source", notebook=name, cell="first", source="a = 1\nb = 2")
        assert told.endswith("@@ -1,2 +1,2 @@\n a = 1\n-b = 1\n+b = 2")
        cells = [
            {"source": "last"},
            {"source": "# Title", "cell_type": "markdown", "after": "first"},
            {"source": "below", "after": 0},
            {"source": "end"},
        ]
        told = await agent.ok("insert_cell", notebook=name, cells=cells)
        made = re.findall(r"(\w+) cell (\w{8}) at index (\d), hash (\w{12})", told)
        assert [(kind, index) for kind, _, index, _ in made] == [
            ("code", "4"), ("markdown", "1"), ("code", "2"), ("code", "3")
        ]  # fmt: skip
        assert await now(agent, name) == ["a = 1\nb = 2", "# Title", "below", "end", "last"]
        _, cell, _, digest = made[0]
        await agent.ok("overwrite_cell_source", notebook=name, cell=cell, source="x", if_hash=digest)


async def test_a_cell_is_moved_with_all_that_it_has(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "print('zero')", "one", "two")
    async with connect(server) as agent:
        await agent.ok("execute_cell", notebook=name, cell=0)
        before = await agent.ok("read_cell", notebook=name, cell=0)
        told = await agent.ok("move_cell", notebook=name, cell=0)
        assert "from index 0 to 2" in told
        after = await agent.ok("read_cell", notebook=name, cell=2)
        assert after == before.replace("── 0 ", "── 2 ")
        await agent.ok("move_cell", notebook=name, cell=2, index=0)
        await agent.ok("move_cell", notebook=name, cell=0, after=1)
        assert await now(agent, name) == ["one", "print('zero')", "two"]
        assert "0 to 2" in await agent.fails("move_cell", notebook=name, cell=0, index=9)


async def test_several_cells_are_inserted_and_deleted_in_one_call(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "first", "last")
    async with connect(server) as agent:
        cells = [{"source": "# Title", "cell_type": "markdown"}, {"source": "a = 1"}, {"source": "b = 2"}]
        told = await agent.ok("insert_cell", notebook=name, cells=cells, index=1)
        ids = re.findall(r"cell (\S+) at index (\d)", told)
        assert [index for _, index in ids] == ["1", "2", "3"]
        assert await now(agent, name) == ["first", "# Title", "a = 1", "b = 2", "last"]
        told = await agent.ok("delete_cell", notebook=name, cell=[ids[2][0], ids[0][0], -1])
        assert "Deleted 3 cell(s)" in told
        assert "last" in told
        assert await now(agent, name) == ["first", "a = 1"]
        assert "no cell 'zz'" in await agent.fails("delete_cell", notebook=name, cell=[0, "zz"])
        assert "either source or cells" in await agent.fails("insert_cell", notebook=name)
        assert await now(agent, name) == ["first", "a = 1"]


async def test_a_cell_becomes_one_of_another_type(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "1 + 1")
    async with connect(server) as agent:
        await agent.ok("execute_cell", notebook=name, cell=0)
        told = await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="# Sum", cell_type="markdown")
        assert "Wrote markdown cell" in told
        assert re.match(r"0 \w+ markdown: # Sum$", (await agent.ok("list_cells", notebook=name)).splitlines()[1])
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="2 + 2", cell_type="code")
        assert "4" in await agent.ok("execute_cell", notebook=name, cell=0)


async def test_outputs_are_cleared(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "1", "2", "3")
    async with connect(server) as agent:
        await agent.ok("run_cells", notebook=name)
        assert await agent.ok("clear_outputs", notebook=name, cells=[0, -1]) == "Cleared 2 cell(s)."
        lines = (await agent.ok("list_cells", notebook=name)).splitlines()[1:]
        assert [" out" in line for line in lines] == [False, True, False]
        assert await agent.ok("clear_outputs", notebook=name) == "Cleared 1 cell(s)."


async def test_outputs_that_were_cleared_come_back_with_their_counts(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "1", "2")
    async with connect(server) as agent:
        await agent.ok("run_cells", notebook=name)
        before = (await agent.ok("list_cells", notebook=name)).splitlines()[1:]
        assert all(" out" in line for line in before)
        await agent.ok("clear_outputs", notebook=name)
        assert "Took back: " in await agent.ok("undo_changes", notebook=name)
        assert (await agent.ok("list_cells", notebook=name)).splitlines()[1:] == before


async def test_what_was_cleared_does_not_come_back_beside_the_results_of_a_later_run(
    server: JupyterProcess, name: str
) -> None:
    server.write_notebook(name, "import time; print(time.time_ns())", "print('second')")
    async with connect(server) as agent:
        await agent.ok("run_cells", notebook=name)
        await agent.ok("clear_outputs", notebook=name)
        ran = (await agent.ok("execute_cell", notebook=name, cell=0)).splitlines()[1]
        assert "edited 1" in await agent.ok("undo_changes", notebook=name)
        told = await agent.ok("read_cells", notebook=name)
        assert told.count(ran[:4]) == 1
        assert ran in told
        assert "\nsecond" in told
        await agent.ok("clear_outputs", notebook=name, cells=[0])
        await agent.ok("execute_cell", notebook=name, cell=0)
        assert "nothing was done" in await agent.ok("undo_changes", notebook=name)


async def test_undoing_a_move_takes_no_results_or_metadata_along_that_came_since(
    server: JupyterProcess, name: str
) -> None:
    server.write_notebook(name, "print('first')", "b", ids=["a", "b"])
    async with connect(server) as agent, connect(server) as other:
        await agent.ok("move_cell", notebook=name, cell="a", index=1)
        await other.ok("execute_cell", notebook=name, cell="a")
        await other.ok("set_cell_metadata", notebook=name, cell="a", metadata={"tags": ["mine"]})
        assert "moved" in await agent.ok("undo_changes", notebook=name)
        told = await agent.ok("read_cell", notebook=name, cell=0)
        assert "\nfirst" in told
        assert "mine" in told


async def test_undoing_takes_no_results_of_a_later_run(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "1", "2")
    async with connect(server) as agent:
        await agent.ok("run_cells", notebook=name)
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="40 + 2")
        assert "42" in await agent.ok("execute_cell", notebook=name, cell=0)
        await agent.ok("undo_changes", notebook=name)
        told = await agent.ok("read_cell", notebook=name, cell=0)
        assert "42" in told
        assert "40 + 2" not in told


async def test_cells_are_run_in_one_call_and_stop_at_the_first_error(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "x = 1", "x += 1\nprint('x is', x)", "1 / 0", "print('never')")
    async with connect(server) as agent:
        told = await agent.ok("run_cells", notebook=name)
        lines = told.splitlines()
        assert lines.pop(0).startswith("Started kernel python3 (")
        assert re.match(r"b\w+ · error at the 3rd of 4; 1 not run \(4\) · ", lines[0])
        assert re.match(r"0 \w+ ok \[1\]", lines[1])
        assert lines[2].endswith(": x is 2")
        assert " error [3] " in lines[3]
        assert lines[3].endswith(": ZeroDivisionError: division by zero")
        assert re.match(r"3 \w+ not run$", lines[4])
        assert "ZeroDivisionError" in told
        told = await agent.ok("run_cells", notebook=name, stop_on_error=False)
        assert "never" in told
        told = await agent.ok("run_cells", notebook=name, start=1, restart_first=True)
        assert "NameError" in told
        assert len(re.findall(r"^\d \w+ ", told, re.MULTILINE)) == 3
        told = await agent.ok("run_cells", notebook=name, cells=[3, 0])
        assert [line[0] for line in told.splitlines()[1:]] == ["3", "0"]
        assert "at least one code cell" in await agent.fails("run_cells", notebook=name, cells=[])
        assert "nothing where `cells`" in await agent.fails("run_cells", notebook=name, cells=[0], start=1)


async def test_a_long_run_of_cells_goes_on_and_is_stopped_as_one(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "import time\ntime.sleep(0.7)", "time.sleep(60)", "print('never')")
    async with connect(server) as agent:
        await agent.ok("execute_ipython", notebook=name, code="pass")
        told = await agent.ok("run_cells", notebook=name, wait=1.5)
        batch = told.split(" · ")[0].split("\n")[-1]
        with anyio.fail_after(60):
            while " · running · 1 of 3 cells" not in told:
                told = await agent.ok("wait_execution", execution=batch, wait=0.5)
        await agent.ok("interrupt_kernel", execution=batch)
        told = await agent.ok("wait_execution", execution=batch, wait=20)
        assert " · interrupted at the 2nd of 3; 1 not run (3) · " in told
        assert "never" not in told


# -- what others do, and taking back ------------------------------------------------------------------


async def test_what_an_agent_did_is_told_and_taken_back(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a = 1", "b = 1", "c = 1")
    async with connect(server, name="Undoer") as agent:
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="a = 2")
        await agent.ok("insert_cell", notebook=name, source="d = 1", index=1)
        await agent.ok("delete_cell", notebook=name, cell=-1)
        await agent.ok("move_cell", notebook=name, cell=0, index=-1)
        assert await now(agent, name) == ["d = 1", "b = 1", "a = 2"]
        told = await agent.ok("notebook_changes", notebook=name)
        assert [line.split()[2] for line in told.splitlines()[1:]] == ["edited", "added", "deleted", "moved"]
        assert told.count("by Undoer") == 4
        second = told.splitlines()[2].split()[0]
        assert "Took back: moved" in await agent.ok("undo_changes", notebook=name)
        assert await now(agent, name) == ["a = 2", "d = 1", "b = 1"]
        await agent.ok("undo_changes", notebook=name, since=int(second))
        assert await now(agent, name) == ["a = 2", "b = 1", "c = 1"]
        await agent.ok("undo_changes", notebook=name)
        assert await now(agent, name) == ["a = 1", "b = 1", "c = 1"]
        assert "no change of yours" in await agent.ok("undo_changes", notebook=name)


@pytest.mark.parametrize("era", ERAS)
async def test_one_agent_takes_back_nothing_of_anothers(server: JupyterProcess, name: str, era: str) -> None:
    server.write_notebook(name, "a = 1", "b = 1")
    async with connect(server, era, name="one") as one, connect(server, era, name="two") as two:
        await one.ok("overwrite_cell_source", notebook=name, cell=0, source="a = 'one'")
        await two.ok("overwrite_cell_source", notebook=name, cell=1, source="b = 'two'")
        await one.ok("undo_changes", notebook=name)
        assert await now(two, name) == ["a = 1", "b = 'two'"]
        assert "no change of yours" in await one.ok("undo_changes", notebook=name)


async def test_a_cell_that_somebody_else_has_worked_in_is_not_taken_back(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a = 1")
    async with connect(server, name="one") as one, connect(server, name="two") as two:
        await one.ok("insert_cell", notebook=name, source="b = 1")
        await two.ok("edit_cell", notebook=name, cell=1, edits=[{"old": "1", "new": "'two'"}])
        assert "somebody else did in cell" in await one.fails("undo_changes", notebook=name)
        assert await now(one, name) == ["a = 1", "b = 'two'"]


async def test_a_refused_undo_says_what_of_it_was_done(server: JupyterProcess, name: str) -> None:
    """Changes are taken back one by one, the last first: what came before the obstacle is done."""
    server.write_notebook(name, "a")
    async with connect(server, name="one") as one, connect(server, name="two") as two:
        await one.ok("insert_cell", notebook=name, source="mine")
        await two.ok("overwrite_cell_source", notebook=name, cell=1, source="theirs")
        await one.ok("overwrite_cell_source", notebook=name, cell=0, source="b")
        first = (await one.ok("notebook_changes", notebook=name)).splitlines()[1].split()[0]
        told = await one.fails("undo_changes", notebook=name, since=int(first))
        assert "Your later changes were taken back, this one was not." in told
        assert await now(one, name) == ["a", "theirs"]
        assert "Nothing was taken back." in await one.fails("undo_changes", notebook=name)


async def test_a_restarted_kernel_is_told_with_the_next_result(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "pass")
    async with connect(server, name="one") as one, connect(server, name="two") as two:
        await one.ok("execute_ipython", notebook=name, code="x = 1")
        await two.ok("restart_notebook", notebook=name)
        assert "[Note: the kernel has died or was restarted" in await one.ok("list_cells", notebook=name)
        assert "[Note" not in await one.ok("list_cells", notebook=name)
        assert "[Note" not in await two.ok("list_cells", notebook=name)


@pytest.mark.parametrize("kind", ["new", "no cells", "one cell"])
async def test_after_the_first_insert_was_undone_editing_goes_on(server: JupyterProcess, name: str, kind: str) -> None:
    """The file still has what is taken back; that is no shared document that has lost its cells."""
    path = server.write_notebook(name, *[""] * (kind == "one cell"))
    if kind == "new":
        path.unlink()
    async with connect(server) as agent:
        await agent.ok("use_notebook", notebook=name, create=kind == "new")
        before = await now(agent, name)
        await agent.ok("insert_cell", notebook=name, source="a = 1")
        await until(lambda: "a = 1" in path.read_text())
        await agent.ok("undo_changes", notebook=name)
        assert await now(agent, name) == before
        await agent.ok("insert_cell", notebook=name, source="b = 1")
        await agent.ok("undo_changes", notebook=name)
        await agent.ok("insert_cell", notebook=name, source="c = 1")
        assert [source for source in await now(agent, name) if source] == ["c = 1"]
