"""Taking back what an agent did after another program has written the file, which the room then reads anew: of what the
room holds of a cell that is another there, Yjs knows nothing any more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from harness import JupyterProcess, connect, until
from harness.people import Person, person

pytestmark = pytest.mark.anyio


async def test_a_merge_is_taken_back_out_of_the_cell_whose_file_was_replaced_since(
    live: JupyterProcess, name: str
) -> None:
    live.write_notebook(name, "a = 1", "b = 2", "c = 3", ids=["a", "b", "c"])
    async with person(live, name) as other, connect(live) as agent:
        await agent.ok("merge_cells", notebook=name, cells=["a", "b"])
        await is_replaced(live, name, other, {"a": "a = 1\n\nb = 2\nd = 4"})
        other.insert(0, "mine", "m")
        await other.room.flush()
        await agent.ok("undo_changes", notebook=name)
        await other.sees(lambda: sources(other) == ["mine", "a = 1\nd = 4", "b = 2", "c = 3"])


@pytest.mark.parametrize("by_disk", [True, False])
async def test_a_merge_is_not_taken_back_where_what_it_joined_is_another_text_now(
    live: JupyterProcess, name: str, by_disk: bool
) -> None:
    """Half of the second cell's text would stay behind."""
    live.write_notebook(name, "a = 1", "b = 2", ids=["a", "b"])
    async with person(live, name) as other, connect(live) as agent:
        await agent.ok("merge_cells", notebook=name, cells=["a", "b"])
        await other.sees(lambda: other.source() == "a = 1\n\nb = 2")
        if by_disk:
            await is_replaced(live, name, other, {"a": "a = 1\n\nb = 23"})
        else:
            await other.types(0, "3")
            await other.room.flush()
        told = await agent.fails("undo_changes", notebook=name)
        assert "cell a: its source is not what you left there. Nothing was taken back" in told
        await other.room.flush()
        assert sources(other) == ["a = 1\n\nb = 23"]


async def test_a_split_is_taken_back_to_where_it_was_in_the_cell_whose_file_was_replaced_since(
    live: JupyterProcess, name: str
) -> None:
    live.write_notebook(name, "a = 1\nb = 2\nc = 3", ids=["a"])
    async with person(live, name) as other, connect(live) as agent:
        await agent.ok("split_cell", notebook=name, cell="a", at=[3])
        await is_replaced(live, name, other, {"a": "d = 4\na = 1\nb = 2"})
        await agent.ok("undo_changes", notebook=name)
        await other.sees(lambda: sources(other) == ["d = 4\na = 1\nb = 2\nc = 3"])


async def test_what_was_written_over_comes_back_instead_of_what_came_from_the_disk_and_not_beside_it(
    live: JupyterProcess, name: str
) -> None:
    live.write_notebook(name, "a = 1\nb = 2\nc = 3", ids=["a"])
    async with person(live, name) as other, connect(live) as agent:
        await agent.ok("edit_cell", notebook=name, cell="a", edits=[{"old": "a = 1", "new": "x = 9"}])
        await is_replaced(live, name, other, {"a": "x = 9\nb = 2\nc = 4"})
        await agent.ok("undo_changes", notebook=name)
        await other.sees(lambda: sources(other) == ["a = 1\nb = 2\nc = 4"])
        await agent.ok("edit_cell", notebook=name, cell="a", edits=[{"old": "a = 1", "new": "x = 9"}])
        await is_replaced(live, name, other, {"a": "x = 99\nb = 2\nc = 4"})
        assert "not what you left there" in await agent.fails("undo_changes", notebook=name)
        assert sources(other) == ["x = 99\nb = 2\nc = 4"]


async def is_replaced(server: JupyterProcess, name: str, other: Person, wanted: dict[str, str]) -> None:
    """Write the file by another one, as git does, with these sources, until the room has them.

    jupyter-collaboration (4) looks each second, and takes a file that comes between its own write and its look at that
    file's time for its own.
    """
    await other.sees(lambda: not other.notebook.dirty)
    path = Path(server.root / name)
    ids = [str(cell["id"]) for cell in other.notebook.ycells]
    await until(lambda: [cell["id"] for cell in json.loads(path.read_text())["cells"]] == ids)
    content = json.loads(path.read_text())
    for cell in content["cells"]:
        cell["source"] = wanted.get(cell["id"], cell["source"])

    def arrives() -> bool:
        return {str(cell["id"]): str(cell["source"]) for cell in other.notebook.ycells}.items() >= wanted.items()

    for _ in range(5):
        beside = path.with_suffix(".new")
        beside.write_text(json.dumps(content, indent=1))
        beside.replace(path)
        try:
            await other.sees(arrives, 4)
            return
        except TimeoutError:
            continue
    raise AssertionError("the room has not read the file")


def sources(other: Person) -> list[str]:
    return [str(cell["source"]) for cell in other.notebook.ycells]
