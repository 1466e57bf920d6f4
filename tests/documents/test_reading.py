"""Jupyter is not asked for a notebook while somebody writes it: it would take the write back."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any, cast

import anyio
import pytest
from harness import JupyterProcess, connect

from jupyter_mcp_proxy.documents import reading, stored
from jupyter_mcp_proxy.documents.ids import CellIds
from jupyter_mcp_proxy.documents.reading import read_notebook
from jupyter_mcp_proxy.documents.stored import StoredFile, Version
from jupyter_mcp_proxy.errors import NotSaved, ServerError
from jupyter_mcp_proxy.jupyter.server import JupyterServer

pytestmark = pytest.mark.anyio


async def test_a_notebook_that_is_being_written_is_read_when_it_is_and_the_write_is_not_taken_back(
    server: JupyterProcess, name: str
) -> None:
    """As Jupyter writes: what was there is beside the file, which is empty until the new text is made."""
    path = server.write_notebook(name, "a = 1")
    server.write_notebook(f"new-{name}", "a = 2")
    before = path.with_name(f".~{name}")
    shutil.copy2(path, before)
    path.write_bytes(b"")
    told: list[str] = []

    async def read() -> None:
        async with connect(server) as agent:
            told.append(await agent.ok("read_cells", notebook=name))

    async with anyio.create_task_group() as reading_it:
        reading_it.start_soon(read)
        await anyio.sleep(1.5)
        path.write_bytes((server.root / f"new-{name}").read_bytes())
        before.unlink()
    assert "a = 2" in told[0]
    assert not path.with_name(f"{name}.invalid").exists()


class Answers:
    """A server that gives its answers in turn, for each whole notebook that is asked for or written."""

    def __init__(self, *answers: Any, size: int = 10) -> None:
        self.answers = list(answers)
        self.model = {"size": size, "last_modified": "2020-01-01T00:00:00Z", "hash": "old"}

    async def contents(self, path: str, *, content: bool = True, **_: Any) -> Any:
        return self._next() if content else self.model

    async def save_notebook(self, path: str, content: Any) -> Any:
        if self._next() == "kept":
            self.model = {"size": 11, "last_modified": "2020-01-01T00:00:01Z", "hash": "new"}
        return self.model

    def _next(self) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def answering(*answers: Any, size: int = 10) -> tuple[Answers, JupyterServer]:
    server = Answers(*answers, size=size)
    return server, cast(JupyterServer, server)


HALF = ServerError("Reading", 400, "Unreadable Notebook")


@pytest.mark.parametrize("status", [400, 404, 500])
async def test_what_cannot_be_read_is_read_once_more_before_that_is_said(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(reading, "MOMENT", 0.01)
    _, server = answering(ServerError("Reading", status, "half of it"), {"content": 1})
    assert await read_notebook(server, "a.ipynb") == {"content": 1}
    _, server = answering(HALF, HALF, {"content": 1})
    with pytest.raises(ServerError, match="Unreadable"):
        await read_notebook(server, "a.ipynb")


async def test_nobody_waits_for_a_file_that_is_empty_and_is_not_being_written() -> None:
    began = time.monotonic()
    _, server = answering({"content": 1}, size=0)
    await read_notebook(server, "a.ipynb")
    assert time.monotonic() - began < 1


async def test_a_write_that_was_taken_back_is_made_again_and_is_not_called_saved(tmp_path: Path) -> None:
    content = {"cells": [], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}
    known, server = answering("taken back", "kept")
    replaced = Version.of(known.model, 0)
    written = await StoredFile(server, "a.ipynb", CellIds(tmp_path)).write(content, replaced)
    assert written is not None
    assert (written.hash, known.answers) == ("new", [])
    _, server = answering(*["taken back"] * stored.TRIES)
    with pytest.raises(NotSaved, match="puts back what was there"):
        await StoredFile(server, "a.ipynb", CellIds(tmp_path)).write(content, replaced)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (b"{'a': 1}", "Notebook does not appear to be JSON"),
        (b'{"nbformat": 5, "nbformat_minor": 0, "metadata": {}, "cells": []}', "Unsupported nbformat version 5"),
        (b'{"nbformat": 2, "metadata": {}, "worksheets": [{"cells": [{}]}]}', "cell_type"),
        (
            b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code", "source": "\xe9"}]}',
            "",
        ),
    ],
    ids=["no JSON", "a version to come", "an old one that is broken", "no UTF-8"],
)
async def test_why_a_notebook_cannot_be_read_is_told_without_its_place_on_the_machine(
    server: JupyterProcess, name: str, written: bytes, why: str
) -> None:
    (server.root / name).write_bytes(written)
    async with connect(server) as agent:
        told = await agent.fails("use_notebook", notebook=name)
    assert why in told
    assert str(server.root) not in told
    assert "Error(" not in told


async def test_the_root_is_no_notebook(server: JupyterProcess) -> None:
    async with connect(server) as agent:
        told = await agent.fails("insert_execute_code_cell", notebook="/", source="1")
    assert "Error executing tool" not in told
    assert str(server.root) not in told
