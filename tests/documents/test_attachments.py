"""An image that is attached to a text cell comes back with the cell."""

from __future__ import annotations

from typing import Any

import nbformat
import nbformat.v4
import pytest
from harness import Agent, JupyterProcess, connect, until
from harness.panel import ask

pytestmark = pytest.mark.anyio

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
IMAGE = {"dot.png": {"image/png": PIXEL}}


def write_with_image(server: JupyterProcess, name: str) -> None:
    text = nbformat.v4.new_markdown_cell("![dot](attachment:dot.png)", id="image", attachments=IMAGE)
    one, two = (nbformat.v4.new_code_cell(source, id=source) for source in ("one", "two"))
    (server.root / name).write_text(nbformat.writes(nbformat.v4.new_notebook(cells=[one, text, two])))


def cells(server: JupyterProcess, name: str) -> list[Any]:
    """What each cell is called on the disk, and what is attached to it."""
    return [(cell["id"], cell.get("attachments")) for cell in server.read_notebook(name)["cells"]]


async def delete(server: JupyterProcess, agent: Agent, name: str) -> None:
    write_with_image(server, name)
    await agent.ok("delete_cell", notebook=name, cell="image")
    await until(lambda: cells(server, name) == [("one", None), ("two", None)])


WHOLE = [("one", None), ("image", IMAGE), ("two", None)]


async def test_with_a_deleted_cell_that_the_agent_takes_back(server: JupyterProcess, name: str) -> None:
    async with connect(server) as agent:
        await delete(server, agent, name)
        await agent.ok("undo_changes", notebook=name)
        await until(lambda: cells(server, name) == WHOLE)


async def test_with_a_deleted_cell_that_a_person_takes_back_after_others_have_worked_beside_it(
    server: JupyterProcess, name: str
) -> None:
    async with connect(server) as agent, connect(server, name="other") as other:
        await delete(server, agent, name)
        await other.ok("overwrite_cell_source", notebook=name, cell="two", source="two, by another")
        (change, _) = [each for each in ask(server, "GET", "changes")["changes"] if each["notebook"] == name]
        assert ask(server, "POST", "undo", {"change": change["id"]})["why"] is None
        await until(lambda: cells(server, name) == WHOLE)


async def test_with_one_that_became_code_or_went_elsewhere(server: JupyterProcess, name: str) -> None:
    """Code has none: it is there again once that is taken back."""
    write_with_image(server, name)
    async with connect(server) as agent:
        await agent.ok("overwrite_cell_source", notebook=name, cell="image", source="x = 1", cell_type="code")
        await until(lambda: cells(server, name)[1] == ("image", None))
        await agent.ok("undo_changes", notebook=name)
        await until(lambda: cells(server, name) == WHOLE)
        await agent.ok("move_cell", notebook=name, cell="image", index=0)
        await until(lambda: cells(server, name)[0] == ("image", IMAGE))
        await agent.ok("undo_changes", notebook=name)
        await until(lambda: cells(server, name) == WHOLE)


async def test_with_one_whose_deletion_a_person_has_accepted_and_takes_back(server: JupyterProcess, name: str) -> None:
    write_with_image(server, name)
    async with connect(server, name=name[:60]) as agent:
        await agent.ok("list_cells", notebook=name)
        ask(server, "POST", "review", {"on": True, "client": name[:60], "token": None})
        await agent.ok("delete_cell", notebook=name, cell="image")
        (waits,) = [each for each in ask(server, "GET", "changes")["proposals"] if each["notebook"] == name]
        assert cells(server, name) == WHOLE
        assert ask(server, "POST", "accept", {"proposals": [waits["id"]]})["cells"] == ["image"]
        await until(lambda: cells(server, name) == [("one", None), ("two", None)])
        (change,) = [each for each in ask(server, "GET", "changes")["changes"] if each["notebook"] == name]
        assert ask(server, "POST", "undo", {"change": change["id"]})["why"] is None
        await until(lambda: cells(server, name) == WHOLE)
