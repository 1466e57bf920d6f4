"""What of agents' work a person, or another program, has saved over: what counts as lost, and what becomes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from harness import JupyterProcess, connect, until
from harness.panel import ask

from jupyter_mcp_proxy.documents.overwritten import Loss, Work, undone
from jupyter_mcp_proxy.store.snapshots import stored

Cell = dict[str, Any]


def cell(id: str, source: str, **more: Any) -> Cell:
    return {"id": id, "cell_type": "code", "source": source, "metadata": {}, "outputs": [], **more}


def notebook(*cells: Cell) -> dict[str, Any]:
    return {"cells": list(cells), "metadata": {}}


A, B, C = cell("a", "x = 1"), cell("b", "y = 1\nz = 1"), cell("c", "text")
MARKDOWN = {"id": "c", "cell_type": "markdown", "source": "text", "metadata": {}}


@pytest.mark.parametrize(
    ("ours", "now", "lost"),
    [
        ((A, B, C), (A, B, C), ""),
        ((A | {"source": "x = 2"}, B, C), (A, B, C), "a"),
        ((A | {"source": "x = 2"}, B, C), (A | {"source": "x = 1  # mine"}, B, C), "a"),
        ((A | {"source": "x = 2"}, B, C), (A | {"source": "x = 2  # mine"}, B, C), ""),
        ((A | {"source": "x = 2"}, B, C), (B, C), ""),
        ((A, B | {"source": "y = 1"}, C), (A, B, C), "b"),
        ((A, B | {"source": "y = 1"}, C), (A, B | {"source": "y = 1\nmine"}, C), ""),
        ((A, B, C, cell("d", "new")), (A, B, C), "d"),
        ((A, C), (A, B, C), "b"),
        ((A, C), (A, C, cell("d", "mine")), ""),
        ((B, C, A), (A, B, C), "a"),
        ((B, C, A), (B, C, A), ""),
        ((B, C, A), (cell("d", "mine"), A, B, C), "a"),
        ((A, B, MARKDOWN), (A, B, C), "c"),
        ((A | {"metadata": {"tags": ["late"]}}, B, C), (A, B, C), "a"),
        ((A | {"metadata": {"tags": ["late"]}}, B, C), (A | {"metadata": {"tags": ["mine"]}}, B, C), ""),
        ((A | {"outputs": ["1"], "execution_count": 1}, B, C), (A, B, C), "a"),
        ((A | {"outputs": ["1"], "execution_count": 1}, B, C), (A | {"outputs": ["2"]}, B, C), ""),
    ],
)  # fmt: skip
def test_what_is_lost_is_that_of_which_nothing_is_left(
    ours: tuple[Cell, ...], now: tuple[Cell, ...], lost: str
) -> None:
    assert undone(notebook(A, B, C), notebook(*ours), notebook(*now)) == set(lost)


def test_a_script_has_no_outputs_that_could_be_lost() -> None:
    ran = notebook(A | {"outputs": ["1"], "execution_count": 1}, B)
    assert undone(notebook(A, B), ran, notebook(A, B), outputs=False) == set()


def test_a_change_is_lost_too_where_the_one_before_it_is_there() -> None:
    """JupyterLab had read the first, and not the second."""
    work = Work()
    one, two, three = (
        notebook(A | {"source": source}, B) for source in ("x = 1", "x = 1\nx = 2", "x = 1\nx = 2\nx = 3")
    )
    work.did(one, two, [], edited=True)
    work.did(two, three, [], edited=True)
    assert work.last is three
    assert set(work.missing(two)) == {"a"}
    assert work.missing(one) == {}  # told once


def test_each_client_is_told_of_its_own_once() -> None:
    work = Work()
    work.lost("n.ipynb", Loss(0.0, {"aaaaaaaaaa": "one", "b": "another"}, "20261129T033000"))
    (told,) = work.news("one")
    assert "without what you did in aaaaaaaa: it was overwritten" in told
    assert "in the snapshot 20261129T033000" in told
    assert work.news("one") == []
    assert len(work.news("another")) == 1
    assert "aaaaaaaa, b" in work.losses[0].line()


@pytest.mark.anyio
async def test_what_a_person_overwrites_is_in_a_snapshot_and_the_agent_is_told(file: JupyterProcess, name: str) -> None:
    path = file.write_notebook(name, "a = 1", "b = 1")
    before = path.read_text()
    async with connect(file, name="tidy") as agent:
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="a = 'the agent'")
        await agent.ok("insert_cell", notebook=name, source="c = 3")
        theirs = json.loads(before)
        theirs["cells"][1]["source"] = "b = 'mine'"
        path.write_text(json.dumps(theirs))
        kept = ask(file, "GET", f"changes?saved={name}")["overwritten"]
        assert ask(file, "GET", "changes?saved=unknown.ipynb") == {"overwritten": None}
        (snapshot,) = [each for each in stored(file.data) if each.time == kept]
        sources = ["".join(each["source"]) for each in json.loads(snapshot.file.read_text())["cells"]]
        assert sources == ["a = 'the agent'", "b = 1", "c = 3"]
        assert [each for each in ask(file, "GET", "changes")["changes"] if each["notebook"] == name] == []
        told = await agent.ok("notebook_changes", notebook=name)
        assert f"[Note: somebody has saved {name!r} without what you did in" in told
        assert told.count(kept) == 2  # in the note, and in the list
        told = await agent.ok("notebook_changes", notebook=name)
        assert "[Note: somebody" not in told
        assert f"kept in the snapshot {kept}" in told

        # Who goes on with what the agent has written takes nothing away.
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="a = 10")
        theirs["cells"][0]["source"] = "a = 10\nmine = 1"
        path.write_text(json.dumps(theirs))
        assert ask(file, "GET", f"changes?saved={name}") == {"overwritten": None}


def kept_of(server: JupyterProcess, name: str) -> list[list[str]]:
    """The sources in each snapshot of a notebook, the oldest first."""
    found = sorted((each.time, each.file) for each in stored(server.data) if each.notebook == name)
    return [["".join(cell["source"]) for cell in json.loads(file.read_text())["cells"]] for _, file in found]


@pytest.mark.anyio
async def test_what_agents_left_is_in_a_snapshot_once_the_notebook_is_closed_and_once_only(
    server: JupyterProcess, name: str
) -> None:
    """Who saves over it an hour later is seen by nobody here."""
    path = server.write_notebook(name, "a = 1", "b = 1")
    before = json.loads(path.read_text())
    async with connect(server) as agent:

        async def close() -> None:
            waiting = [each["id"] for each in ask(server, "GET", "changes")["changes"] if each["notebook"] == name]
            ask(server, "POST", "keep", {"changes": waiting})  # else it stays open for them for an hour
            await agent.ok("unuse_notebook", notebook=name)

        await agent.ok("use_notebook", notebook=name)
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="a = 'the agent'")
        await agent.ok("insert_cell", notebook=name, source="c = 3")
        await close()
        first, left = ["a = 1", "b = 1"], ["a = 'the agent'", "b = 1", "c = 3"]
        await until(lambda: kept_of(server, name) == [first, left])

        await agent.ok("use_notebook", notebook=name)
        await close()
        await agent.ok("use_notebook", notebook=name)
        await agent.ok("overwrite_cell_source", notebook=name, cell=1, source="b = 2")
        assert kept_of(server, name) == [first, left], "it is what the notebook was before this edit, too"
        await close()
        await until(lambda: len(kept_of(server, name)) == 3)

        path.write_text(json.dumps(before))
        assert kept_of(server, name)[-1] == ["a = 'the agent'", "b = 2", "c = 3"]
