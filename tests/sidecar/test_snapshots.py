"""What a person does with the snapshots of a notebook, by the API that the panel in JupyterLab has."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from harness import JupyterProcess, connect, until
from harness.panel import ask

pytestmark = pytest.mark.anyio


def snapshots(server: JupyterProcess, notebook: str) -> list[str]:
    """The names of a notebook's snapshots, the newest first."""
    found = ask(server, "GET", f"snapshots?{urlencode({'notebook': notebook})}")["snapshots"]
    assert {each["notebook"] for each in found} <= {notebook}
    return [each["time"] for each in found]


def compared(server: JupyterProcess, notebook: str, time: str) -> Any:
    return ask(server, "GET", f"snapshots?{urlencode({'notebook': notebook, 'time': time})}")["snapshot"]


async def test_a_snapshot_is_put_back_and_so_is_what_stood_there_before_that(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a = 1", "b = 2", "c = 3")
    ids = [cell["id"] for cell in server.read_notebook(name)["cells"]]
    assert snapshots(server, name) == []
    async with connect(server, name="tidy") as agent:
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="a = 'agent'")
        await agent.ok("delete_cell", notebook=name, cell=1)
        (first,) = snapshots(server, name)
        assert {"notebook": name, "time": first} in ask(server, "GET", "snapshots")["snapshots"]
        assert compared(server, name, first)["cells"] == [
            {"cell": ids[0], "index": 0, "action": "edited", "before": "a = 'agent'", "after": "a = 1"},
            {"cell": ids[1], "index": 1, "action": "added", "before": None, "after": "b = 2"},
        ]
        done = ask(server, "POST", "restore", {"notebook": name, "time": first})
        assert done == {"cells": ids[:2], "why": None}
        assert "b = 2" in await agent.ok("read_cell", notebook=name, cell=ids[1])
        assert "a = 1" in await agent.ok("read_cell", notebook=name, cell=0)
        assert compared(server, name, first)["cells"] == []

        second, again = snapshots(server, name)
        assert again == first
        assert ask(server, "POST", "restore", {"notebook": name, "time": second})["cells"] == ids[:2]
        listed = await agent.ok("list_cells", notebook=name)
        assert "a = 'agent'" in listed
        assert "b = 2" not in listed


async def test_what_is_not_listed_is_not_put_back(live: JupyterProcess, name: str) -> None:
    live.write_notebook(name, "a = 1")
    for time in ("20260101T000000000000", "../of", ""):
        assert compared(live, name, time) is None
        done = ask(live, "POST", "restore", {"notebook": name, "time": time})
        assert done["cells"] == []
        assert "no such snapshot" in done["why"]


async def test_a_deleted_cell_comes_back_with_the_files_attached_to_it(server: JupyterProcess, name: str) -> None:
    """From a snapshot and by the undo of the change, where the notebook is shared and where it is a file."""
    picture = {"a.png": {"image/png": "iVBORw0KGgo="}}
    server.write_notebook(name, "a = 1", "![](attachment:a.png)", "c = 3")
    content = server.read_notebook(name)
    content["cells"][1] = {
        "id": content["cells"][1]["id"], "cell_type": "markdown", "metadata": {}, "attachments": picture,
        "source": "![](attachment:a.png)",
    }  # fmt: skip
    (server.root / name).write_text(json.dumps(content))

    def attached() -> bool:
        return [cell.get("attachments") for cell in server.read_notebook(name)["cells"]] == [None, picture, None]

    async with connect(server, name="tidy") as agent:
        await agent.ok("delete_cell", notebook=name, cell=1)
        (change,) = (each for each in ask(server, "GET", "changes")["changes"] if each["notebook"] == name)
        assert ask(server, "POST", "undo", {"change": change["id"]})["why"] is None
        await until(attached)
        await agent.ok("delete_cell", notebook=name, cell=content["cells"][1]["id"])
        assert ask(server, "POST", "restore", {"notebook": name, "time": snapshots(server, name)[-1]})["why"] is None
        await until(attached)
