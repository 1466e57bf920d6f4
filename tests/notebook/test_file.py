"""A notebook as a file: what comes from elsewhere in the meantime is never overwritten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from harness import JupyterProcess

from jupyter_mcp_proxy.errors import Conflict, Unknown
from jupyter_mcp_proxy.jupyter.server import JupyterServer
from jupyter_mcp_proxy.notebook.document import Editor
from jupyter_mcp_proxy.notebook.file import FileDocument, with_ids
from jupyter_mcp_proxy.notebook.snapshots import Snapshots

pytestmark = pytest.mark.anyio


def save(path: Path, cell: int, source: str) -> None:
    content = json.loads(path.read_text())
    content["cells"][cell]["source"] = [source]
    path.write_text(json.dumps(content))


def sources(path: Path) -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]]


async def test_a_save_between_our_read_and_our_write_is_kept(file: JupyterProcess, name: str, tmp_path: Path) -> None:
    """The change is made again to what is there now."""
    path = file.write_notebook(name, "a = 1", "b = 1")
    runs = 0

    def change(editor: Editor) -> None:
        nonlocal runs
        runs += 1
        if runs == 1:  # a person saves in this very moment
            save(path, 1, "b = 'the person'")
        editor.set_source(0, "a = 2")

    api = JupyterServer(file.url, file.token)
    async with api, FileDocument(api, name, Snapshots(tmp_path, "test")) as document:
        await document.edit(change)
    assert runs >= 2
    assert sources(path) == ["a = 2", "b = 'the person'"]


async def test_who_always_comes_in_between_gets_a_conflict_and_keeps_everything(
    file: JupyterProcess, name: str, tmp_path: Path
) -> None:
    path = file.write_notebook(name, "a = 1", "b = 1")
    runs = 0

    def change(editor: Editor) -> None:
        nonlocal runs
        runs += 1
        save(path, 1, f"b = {runs}" * runs)
        editor.set_source(0, "a = 2")

    api = JupyterServer(file.url, file.token)
    async with api, FileDocument(api, name, Snapshots(tmp_path, "test")) as document:
        with pytest.raises(Conflict):
            await document.edit(change)
    assert sources(path)[0] == "a = 1"


async def test_an_edit_that_fails_on_an_old_content_is_tried_on_the_new_one(
    file: JupyterProcess, name: str, tmp_path: Path
) -> None:
    """The cell that it needs has come since we looked."""
    path = file.write_notebook(name, "a = 1")
    api = JupyterServer(file.url, file.token)
    async with api, FileDocument(api, name, Snapshots(tmp_path, "test")) as document:
        with pytest.raises(Unknown):
            await document.edit(lambda editor: editor.find("new-cell"))
        content = json.loads(path.read_text())
        content["cells"].append(content["cells"][0] | {"id": "new-cell"})
        path.write_text(json.dumps(content))
        await document.edit(lambda editor: editor.set_source(editor.find("new-cell"), "b = 1"))
    assert sources(path) == ["a = 1", "b = 1"]


def test_cells_without_ids_get_the_same_ones_at_every_reading() -> None:
    def read() -> dict[str, Any]:
        cells = [{"cell_type": "code", "source": ["a", "b"]}, {"cell_type": "code", "source": "ab"}]
        return with_ids({"nbformat": 4, "nbformat_minor": 2, "cells": cells})

    first, second = read(), read()
    ids = [cell["id"] for cell in first["cells"]]
    assert ids == [cell["id"] for cell in second["cells"]]
    assert len(set(ids)) == 2
    assert (first["nbformat"], first["nbformat_minor"]) == (4, 5)
