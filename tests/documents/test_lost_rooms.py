"""A room that ends, comes back without its content, or is given another by a program that writes the file."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from harness import JupyterProcess, connect, until
from harness.repositories import git
from harness.rooms import Wire, is_save, is_update

from jupyter_mcp_proxy.documents.document import Author
from jupyter_mcp_proxy.documents.shared import SharedDocument
from jupyter_mcp_proxy.errors import CollapsedDocument, MaybeSaved, ServerError
from jupyter_mcp_proxy.store.snapshots import Snapshots

pytestmark = pytest.mark.anyio

CODES = {1003: '{"reason": "initialization_error"}', 4404: "Error initializing: a.ipynb.", 4500: ""}
"""Those that jupyter-collaboration (4) closes a room with."""
AGENT = Author("key", "agent")


class Tried:
    """A notebook in a room whose wire can be cut."""

    def __init__(self, document: SharedDocument, wire: Wire) -> None:
        self.document, self.wire = document, wire

    async def edit(self, source: str) -> None:
        await self.document.edit(lambda editor: editor.set_source(0, source), author=AGENT)

    async def sources(self) -> list[str]:
        return await self.document.read(lambda editor: [cell.source for cell in editor.cells()])

    async def cut(self, code: int) -> None:
        room = self.document._room
        assert room is not None
        await self.wire.close(code, CODES[code])
        await room.closed.wait()


@asynccontextmanager
async def tried(server: JupyterProcess, name: str, folder: Path) -> AsyncIterator[Tried]:
    server.write_notebook(name, "a = 1", "b = 2")
    async with (
        Wire(server.url, server.token) as wire,
        SharedDocument(wire, name, Snapshots(folder, str(server.root))) as document,
    ):
        yield Tried(document, wire)


def in_file(server: JupyterProcess, name: str) -> list[str]:
    return ["".join(cell["source"]) for cell in server.read_notebook(name)["cells"]]


@pytest.mark.parametrize("code", CODES)
async def test_a_change_whose_room_is_closed_under_it_is_told_as_one_that_may_have_been_made(
    live: JupyterProcess, name: str, tmp_path: Path, code: int
) -> None:
    """Whether it has arrived or not: what is read next is what there is, and nothing is there twice."""
    async with tried(live, name, tmp_path) as it:
        await it.edit("a = 2")
        for number, passed_on in enumerate((False, True)):
            it.wire.cut = (code, CODES[code], is_update, passed_on)
            with pytest.raises(MaybeSaved):
                await it.edit(f"a = 3{number}")
            assert await it.sources() == [f"a = 3{number}" if passed_on else "a = 2", "b = 2"]
            told = it.document.losses("key")
            assert len(told) == (0 if passed_on else 1), "who looks learns which of the two it was"
        await it.edit("a = 4")
        assert await it.sources() == ["a = 4", "b = 2"]
        assert it.document.losses("key") == []
        await until(lambda: in_file(live, name) == ["a = 4", "b = 2"])


async def test_a_first_change_that_nobody_said_was_written_is_not_to_be_made_again_unseen(
    live: JupyterProcess, name: str, tmp_path: Path
) -> None:
    """It has arrived; that the connection ended at the question after it must not have it made twice."""
    async with tried(live, name, tmp_path) as it:
        it.wire.cut = (4500, "", is_save, False)
        with pytest.raises(MaybeSaved, match=r"may have been made\. Look with list_cells before you repeat it"):
            await it.edit("a = 2")
        assert await it.sources() == ["a = 2", "b = 2"]


async def test_an_undo_that_was_not_confirmed_is_not_to_be_made_again_unseen(
    live: JupyterProcess, name: str, tmp_path: Path
) -> None:
    async with tried(live, name, tmp_path) as it:
        await it.edit("a = 2")
        await it.edit("a = 3")
        it.wire.cut = (4500, "", is_update, True)
        with pytest.raises(MaybeSaved):
            await it.document.undo(AGENT)
        assert await it.sources() == ["a = 2", "b = 2"]


async def test_what_was_done_before_a_room_was_lost_is_taken_back_in_the_next_one(
    live: JupyterProcess, name: str, tmp_path: Path
) -> None:
    """One after the other, what was done in the new room first; an edit that never arrived is passed over."""
    async with tried(live, name, tmp_path) as it:
        await it.edit("a = 2")
        await it.edit("a = 2\nc = 3")
        it.wire.cut = (1003, CODES[1003], is_update, False)
        with pytest.raises(MaybeSaved):
            await it.edit("a = 2\nc = 3\nlost = 1")
        await it.edit("a = 2\nc = 3\nd = 4")
        for left in ("a = 2\nc = 3", "a = 2", "a = 1"):
            await it.document.undo(AGENT)
            assert await it.sources() == [left, "b = 2"]
        await until(lambda: in_file(live, name) == ["a = 1", "b = 2"])


@pytest.mark.parametrize("code", CODES)
async def test_a_room_that_is_closed_as_soon_as_it_is_opened_says_its_code_and_works_once_it_opens(
    live: JupyterProcess, name: str, tmp_path: Path, code: int
) -> None:
    async with tried(live, name, tmp_path) as it:
        await it.edit("a = 2")
        it.wire.refusal = (code, CODES[code])
        await it.cut(code)
        for _ in range(2):
            with pytest.raises(ServerError, match=f"answered {code}"):
                await it.edit("a = 3")
        it.wire.refusal = None
        assert await it.sources() == ["a = 2", "b = 2"]
        await it.edit("a = 4")
        await until(lambda: in_file(live, name) == ["a = 4", "b = 2"])


@pytest.mark.parametrize("code", CODES)
async def test_a_room_that_comes_back_empty_is_told_at_every_call_and_its_last_edits_are_in_a_snapshot(
    live: JupyterProcess, name: str, tmp_path: Path, code: int
) -> None:
    async with tried(live, name, tmp_path) as it:
        await it.edit("a = 2")  # the first is written at once
        await it.edit("a = 'not on disk'")
        it.wire.empty = True
        await it.cut(code)
        assert await it.sources() == []
        assert isinstance(it.document.trouble, CollapsedDocument)
        with pytest.raises(CollapsedDocument, match="has 0 cells, its file 2: nothing was written"):
            await it.edit("a = 3")
        (told,) = it.document.losses("key")
        assert "your last edits" in told
        assert it.document.losses("key") == [], "it is said once"
        assert kept_in(tmp_path, told) == ["a = 'not on disk'", "b = 2"]
        it.wire.empty = False
        await it.cut(code)
        assert len(await it.sources()) == 2
        assert it.document.trouble is None


def kept_in(folder: Path, told: str) -> list[str]:
    """The cells of the snapshot that a note names."""
    assert "in the snapshot" in told, told
    (kept,) = folder.rglob(told.partition("in the snapshot ")[2].partition(".")[0] + ".ipynb")
    return ["".join(cell["source"]) for cell in json.loads(kept.read_text())["cells"]]


def two_branches(path: Path) -> None:
    """A notebook under git whose third cell is another one on the other branch."""
    root = path.parent
    git(root, "init", "-q", "-b", "one")
    git(root, "add", path.name)
    git(root, "commit", "-qm", "one")
    git(root, "checkout", "-qb", "two")
    path.write_text(path.read_text().replace("c = 3", "c = 33"))
    git(root, "commit", "-qam", "two")
    git(root, "checkout", "-q", "one")


async def test_an_edit_that_another_branch_replaces_before_it_is_on_disk_is_told_and_kept(
    live: JupyterProcess, name: str
) -> None:
    """Git does not know of it, and jupyter-collaboration gives the room the file's content."""
    folder = live.root / name.removesuffix(".ipynb")
    folder.mkdir()
    notebook = f"{folder.name}/{name}"
    path = live.write_notebook(notebook, "a = 1", "b = 2", "c = 3")
    two_branches(path)
    async with connect(live) as agent, connect(live) as other:
        await agent.ok("overwrite_cell_source", notebook=notebook, cell=0, source="a = 10")
        await until(lambda: "a = 10" in path.read_text())
        git(folder, "commit", "-qam", "an edit that was written")
        await agent.ok("overwrite_cell_source", notebook=notebook, cell=1, source="b = 20")
        git(folder, "checkout", "-q", "two")
        told = ""
        with anyio.fail_after(30):
            while "c = 33" not in told:
                told = await other.ok("list_cells", notebook=notebook)
        assert "your last edits" not in told, "who has lost nothing is not told so"
        told = await agent.ok("list_cells", notebook=notebook)
        assert "your last edits of" in told
        assert "edited 1" in told
        assert kept_in(live.data, told) == ["a = 10", "b = 20", "c = 33"], "what was written is git's, and here, too"
        assert "your last edits" not in await agent.ok("list_cells", notebook=notebook)


async def test_another_branch_under_an_open_notebook_is_what_is_read_and_edited_next(
    server: JupyterProcess, name: str
) -> None:
    """What was written is in git; that it is not here any more is told, and not as what had never been written."""
    folder = server.root / name.replace("[", "-").removesuffix(".ipynb")
    folder.mkdir()
    notebook = f"{folder.name}/{name}"
    path = server.write_notebook(notebook, "a = 1", "b = 2", "c = 3")
    two_branches(path)
    async with connect(server) as agent:
        await agent.ok("overwrite_cell_source", notebook=notebook, cell=0, source="a = 10")
        await until(lambda: "a = 10" in path.read_text())
        await anyio.sleep(1)  # the room hears that it was written a moment after it was
        git(folder, "commit", "-qam", "written")
        git(folder, "checkout", "-q", "two")
        told = ""
        with anyio.fail_after(30):
            while "c = 33" not in told:
                told = await agent.ok("list_cells", notebook=notebook)
        assert "your last edits" not in told
        assert "code: a = 1\n" in told
        await agent.ok("overwrite_cell_source", notebook=notebook, cell=1, source="b = 20")
        await until(lambda: in_file(server, notebook) == ["a = 1", "b = 20", "c = 33"])


@pytest.mark.parametrize("how", ["moved there", "copied with its time"])
async def test_an_older_copy_that_somebody_puts_back_is_what_is_read_and_edited_next(
    server: JupyterProcess, name: str, how: str
) -> None:
    """jupyter-collaboration (4) takes a file that is older than the one before for the same, and writes over it."""
    path = server.write_notebook(name, "a = 1", "b = 2")
    kept = server.root / f"{name}.bak"
    shutil.copy2(path, kept)
    os.utime(kept, (path.stat().st_mtime - 1000,) * 2)
    async with connect(server) as agent:
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="a = 10")
        await until(lambda: in_file(server, name) == ["a = 10", "b = 2"])
        await anyio.sleep(1.5)
        if how == "moved there":
            kept.replace(path)
        else:
            shutil.copy2(kept, path)
        await anyio.sleep(1.5)
        assert "code: a = 1\n" in await agent.ok("list_cells", notebook=name)
        await agent.ok("overwrite_cell_source", notebook=name, cell=1, source="b = 20")
        await anyio.sleep(2.5)
        assert in_file(server, name) == ["a = 1", "b = 20"]


async def test_an_older_copy_is_not_written_over_by_an_edit_that_follows_at_once(
    server: JupyterProcess, name: str
) -> None:
    path = server.write_notebook(name, "a = 1", "b = 2")
    kept = server.root / f"{name}.bak"
    shutil.copy2(path, kept)
    async with connect(server) as agent:
        await agent.ok("overwrite_cell_source", notebook=name, cell="0", source="a = 10")
        await until(lambda: in_file(server, name) == ["a = 10", "b = 2"])
        await anyio.sleep(1.5)
        ids = [cell["id"] for cell in server.read_notebook(name)["cells"]]
        kept.replace(path)
        await agent.ok("overwrite_cell_source", notebook=name, cell=ids[1], source="b = 20")
        await anyio.sleep(2.5)
        assert in_file(server, name) == ["a = 1", "b = 20"]
