"""Nothing is changed that nobody asked for: a file is what Jupyter's own open and save would have made of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from harness import JupyterProcess, connect

pytestmark = pytest.mark.anyio

STREAM = {"output_type": "stream", "name": "stdout", "text": ["1\n", "2\n"]}
CODE = {"cell_type": "code", "execution_count": 3, "metadata": {"z": 1, "a": {"y": [1.0, 2]}}, "outputs": [STREAM]}
CELLS = [
    CODE | {"source": ["a = 1\r\n", "b = 2"]},
    {"cell_type": "markdown", "metadata": {}, "source": "# Title\n\ntext", "attachments": {"a.png": {}}},
    {"cell_type": "raw", "metadata": {"format": "text/html"}, "source": ["<b>"]},
    CODE | {"source": []},
]
OLD_CELL = {"cell_type": "code", "input": "a = 1", "language": "python", "outputs": [], "collapsed": False}


def version(minor: int) -> dict[str, Any]:
    cells = [cell | ({"id": f"cell-{place}"} if minor >= 5 else {}) for place, cell in enumerate(CELLS)]
    return {"nbformat": 4, "nbformat_minor": minor, "metadata": {"kept": {"b": 1, "a": 2}}, "cells": cells}


def opened_and_saved(server: JupyterProcess, name: str) -> bytes:
    """The file after it was opened and saved through Jupyter alone."""
    url, headers = f"{server.url}api/contents/{name}", {"Authorization": f"token {server.token}"}
    model = httpx.get(url, headers=headers, params={"type": "notebook"}, trust_env=False).json()
    saved = {"type": "notebook", "format": "json", "content": model["content"]}
    assert httpx.put(url, headers=headers, json=saved, trust_env=False).is_success
    return (server.root / name).read_bytes()


@pytest.mark.parametrize("minor, indent", [(0, 4), (2, 1), (4, None), (5, 4), (99, 1)])
async def test_edits_that_were_undone_leave_the_file_as_jupyter_would_have_written_it(
    file: JupyterProcess, name: str, minor: int, indent: int | None
) -> None:
    """The format stays, no cell gets an id; indentation and order of names are Jupyter's own."""
    text = json.dumps(version(minor), indent=indent)
    (file.root / name).write_text(text)
    (file.root / f"as-{name}").write_text(text)
    async with connect(file) as agent:
        await agent.ok("edit_cell", notebook=name, cell=0, edits=[{"old": "b = 2", "new": "b = 3"}])
        await agent.ok("overwrite_cell_source", notebook=name, cell=1, source="# Another", cell_type="code")
        await agent.ok("move_cell", notebook=name, cell=3, index=0)
        await agent.ok("insert_cell", notebook=name, source="c = 1", index=1)
        await agent.ok("delete_cell", notebook=name, cell=-1)
        assert json.loads((file.root / name).read_text())["nbformat_minor"] == minor
        for _ in range(5):
            await agent.ok("undo_changes", notebook=name)
    assert (file.root / name).read_bytes() == opened_and_saved(file, f"as-{name}")


async def test_an_older_format_is_written_as_jupyter_writes_it(file: JupyterProcess, name: str) -> None:
    """Jupyter makes every format before 4 the newest one when it opens it, with ids."""
    sheets = [{"cells": [OLD_CELL]}]
    (file.root / name).write_text(json.dumps({"nbformat": 2, "metadata": {"name": ""}, "worksheets": sheets}))
    async with connect(file) as agent:
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="a = 2")
    written = (file.root / name).read_bytes()
    assert json.loads(written)["nbformat"] == 4
    assert opened_and_saved(file, name) == written


async def test_cells_of_an_old_format_keep_their_ids_while_somebody_else_saves(file: JupyterProcess, name: str) -> None:
    path: Path = file.root / name
    path.write_text(json.dumps(version(4)))
    async with connect(file) as agent:
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="mine")
        told = await agent.ok("insert_cell", notebook=name, source="new", index=1)
        inserted = told.split("cell ")[1].split()[0]
        content = json.loads(path.read_text())
        assert not any("id" in cell for cell in content["cells"])
        content["cells"].insert(0, content["cells"].pop())
        content["cells"][1]["source"] = "a person's"
        path.write_text(json.dumps(content))
        await agent.ok("overwrite_cell_source", notebook=name, cell=inserted, source="newer")
        sources = ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]]
        assert sources == ["", "a person's", "newer", "# Title\n\ntext", "<b>"]
        assert "edited" in await agent.ok("notebook_changes", notebook=name)


async def test_an_old_formats_cell_gets_its_results_and_still_no_id(file: JupyterProcess, name: str) -> None:
    path: Path = file.root / name
    path.write_text(json.dumps(version(4)))
    async with connect(file) as agent:
        assert "42" in await agent.ok("insert_execute_code_cell", notebook=name, source="6 * 7", index=0)
    content = json.loads(path.read_text())
    assert content["nbformat_minor"] == 4
    assert content["cells"][0]["outputs"][0]["data"]["text/plain"] == ["42"]
    assert not any("id" in cell for cell in content["cells"])
    snapshots = (file.data / "mcp-proxy" / "snapshots").glob(f"{name}-*/*.ipynb")
    assert not any("id" in cell for each in snapshots for cell in json.loads(each.read_text())["cells"])
