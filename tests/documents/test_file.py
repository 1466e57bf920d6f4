"""A notebook as a file: what comes from elsewhere in the meantime is never overwritten."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path
from typing import Any

import pytest
from harness import JupyterProcess

from jupyter_mcp_proxy.documents.document import Author
from jupyter_mcp_proxy.documents.editor import Editor
from jupyter_mcp_proxy.documents.file import FileDocument
from jupyter_mcp_proxy.documents.stored import LARGE
from jupyter_mcp_proxy.errors import Conflict, Unknown
from jupyter_mcp_proxy.jupyter.encoding import PIECE, notebook_model
from jupyter_mcp_proxy.jupyter.server import JupyterServer
from jupyter_mcp_proxy.store.snapshots import Snapshots

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


class Watched(JupyterServer):
    """A server of which is noted what hashes it was asked for."""

    def __init__(self, server: JupyterProcess) -> None:
        super().__init__(server.url, server.token)
        self.hashed: list[bool] = []

    async def contents(self, path: str, *, content: bool = True, **query: str | int) -> dict[str, Any]:
        self.hashed.append(bool(query.get("hash")))
        return await super().contents(path, content=content, **query)


def write_large(file: JupyterProcess, name: str) -> Path:
    """A notebook with an output of `LARGE` characters, written long ago."""
    path = file.write_notebook(name, "a = 1", "b = 1")
    content = json.loads(path.read_text())
    content["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["x" * LARGE]}]
    path.write_text(json.dumps(content))
    os.utime(path, (1_000_000_000, 1_000_000_000))
    return path


def save_in_secret(path: Path, cell: int, source: str) -> None:
    """Save a source as long as the old one, in the same tick of the file system's clock."""
    before = path.stat()
    save(path, cell, source)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)


async def test_a_large_file_is_not_hashed_to_be_read_again(file: JupyterProcess, name: str, tmp_path: Path) -> None:
    path = write_large(file, name)
    async with Watched(file) as api, FileDocument(api, name, Snapshots(tmp_path, "test")) as document:
        await document.read(lambda editor: editor.ids())
        api.hashed.clear()
        assert await document.read(lambda editor: editor.cell(1).source) == "b = 1"
        assert api.hashed == [False]
        save(path, 1, "b = 2")
        assert await document.read(lambda editor: editor.cell(1).source) == "b = 2"


async def test_a_save_in_the_same_tick_as_the_last_is_seen(file: JupyterProcess, name: str, tmp_path: Path) -> None:
    """What the file's time cannot tell yet, its hash does."""
    path = write_large(file, name)
    just_now = time.time() + 60  # however slow this machine is
    os.utime(path, (just_now, just_now))
    async with Watched(file) as api, FileDocument(api, name, Snapshots(tmp_path, "test")) as document:
        await document.read(lambda editor: None)
        save_in_secret(path, 1, "b = 3")
        assert await document.read(lambda editor: editor.cell(1).source) == "b = 3"


async def test_what_is_written_is_written_to_what_the_hash_says(
    file: JupyterProcess, name: str, tmp_path: Path
) -> None:
    """Time and size of a large file are enough to read, never to write over what somebody else has saved."""
    path = write_large(file, name)
    async with Watched(file) as api, FileDocument(api, name, Snapshots(tmp_path, "test")) as document:
        await document.read(lambda editor: None)
        save_in_secret(path, 1, "b = 3")
        await document.edit(lambda editor: editor.set_source(0, "a = 2"))
    assert sources(path) == ["a = 2", "b = 3"]


async def test_numbers_that_json_does_not_have_stay_in_an_output(
    file: JupyterProcess, name: str, tmp_path: Path
) -> None:
    """Python writes NaN into notebooks, as figures hold it; an edit of another cell must not fail on it."""
    path = file.write_notebook(name, "a = 1", "b = 1")
    content = json.loads(path.read_text())
    data = {"application/vnd.plotly.v1+json": {"data": [{"y": [1.5, math.nan, math.inf]}], "layout": {}}}
    content["cells"][1]["outputs"] = [{"output_type": "display_data", "metadata": {}, "data": data}]
    path.write_text(json.dumps(content))
    api = JupyterServer(file.url, file.token)
    async with api, FileDocument(api, name, Snapshots(tmp_path, "test")) as document:
        await document.edit(lambda editor: editor.set_source(0, "a = 2"))
    after = json.loads(path.read_text())
    assert sources(path) == ["a = 2", "b = 1"]
    shown = after["cells"][1]["outputs"][0]["data"]["application/vnd.plotly.v1+json"]["data"][0]["y"]
    assert shown[0] == 1.5 and math.isnan(shown[1]) and math.isinf(shown[2])


def test_a_notebook_is_sent_in_small_pieces_and_whole() -> None:
    """A long output is encoded piece by piece: neither its JSON nor its bytes are ever there as a whole."""
    text = 'é"\\\n😀\x00' * PIECE
    stream = {"output_type": "stream", "name": "stdout", "text": text}
    error = {"output_type": "error", "ename": "E", "evalue": "", "traceback": []}
    for outputs in ([], [error], [stream], [error, stream, error]):
        cell = {"id": "a", "cell_type": "code", "source": "", "metadata": {}, "execution_count": None}
        content = {"cells": [cell | {"outputs": outputs}, cell], "metadata": {"a": []}, "nbformat": 4}
        pieces = list(notebook_model(content))
        assert json.loads(b"".join(pieces)) == {"type": "notebook", "format": "json", "content": content}
        assert max(map(len, pieces)) < 5 * PIECE


def test_half_a_pair_of_surrogates_stops_no_write() -> None:
    """A kernel can print it; it has no UTF-8."""
    cell = {"id": "a", "cell_type": "raw", "metadata": {}, "source": "x\ud83dy"}
    body = b"".join(notebook_model({"cells": [cell], "metadata": {}, "nbformat": 4}))
    assert json.loads(body)["content"]["cells"][0]["source"] == "x?y"


async def test_a_change_whose_cell_somebody_has_deleted_does_not_stand_before_the_earlier_ones(
    file: JupyterProcess, name: str, tmp_path: Path
) -> None:
    """There is nothing of it to take back: undoing goes on with the one before."""
    path = file.write_notebook(name, "a = 1")
    me = Author("me", "me")
    api = JupyterServer(file.url, file.token)
    async with api, FileDocument(api, name, Snapshots(tmp_path, "test")) as document:
        await document.edit(lambda editor: editor.set_source(0, "a = 2"), author=me)
        await document.edit(lambda editor: editor.insert(1, "code", "b = 2"), author=me)
        content = json.loads(path.read_text())
        del content["cells"][1]
        path.write_text(json.dumps(content))
        assert await document.undo(me)
        assert sources(path) == ["a = 1"]
        assert not await document.undo(me)
