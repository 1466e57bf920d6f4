"""What a crash left of a large notebook is written by whoever comes next, or is in a snapshot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from harness import JupyterProcess, until
from harness.large import AGENT, Counting, Opened, crashed, kept, save, snapshot_sources, sources, write

from jupyter_mcp_proxy.documents.file import FileDocument
from jupyter_mcp_proxy.errors import Unknown
from jupyter_mcp_proxy.jupyter.server import JupyterServer
from jupyter_mcp_proxy.store.snapshots import Snapshots

pytestmark = pytest.mark.anyio


async def test_what_a_crash_left_is_written_by_whoever_opens_the_notebook(
    file: JupyterProcess, name: str, large: Path, snapshots: Snapshots
) -> None:
    async with JupyterServer(file.url, file.token) as api:
        await crashed(api, name, snapshots)
        assert sources(large) == ["a = 2", "b = 1", "c = 1"]
        save(large, lambda cells: cells[2].update(source="c = 'the person'"))
        async with FileDocument(api, name, snapshots) as another:
            assert await another.read(lambda editor: editor.cell(1).source) == "b = 2"
    assert sources(large) == ["a = 2", "b = 2", "c = 'the person'"]
    assert not kept(snapshots, name).exists()


async def test_what_a_crash_left_does_not_go_over_what_was_saved_since(
    file: JupyterProcess, name: str, large: Path, snapshots: Snapshots
) -> None:
    async with JupyterServer(file.url, file.token) as api:
        await crashed(api, name, snapshots)
        save(large, lambda cells: cells[1].update(source="b = 'the person'"))
        async with FileDocument(api, name, snapshots):
            pass
    assert sources(large) == ["a = 2", "b = 'the person'", "c = 1"]
    assert snapshot_sources(snapshots, name)[-1] == ["a = 2", "b = 2", "c = 1"]


async def test_what_waits_does_not_go_into_another_notebook_of_that_name(
    file: JupyterProcess, name: str, large: Path, snapshots: Snapshots
) -> None:
    async with JupyterServer(file.url, file.token) as api, Opened(api, name, snapshots) as document:
        await document.edit(lambda editor: editor.insert(3, "code", "d = 1"), author=AGENT)
        large.unlink()
        file.write_notebook(name, "other = 1")
        assert [cell.source for cell in await document.read(lambda editor: editor.cells())] == ["other = 1"]
        assert not document.unsaved
    assert sources(large) == ["other = 1"]
    assert snapshot_sources(snapshots, name)[-1] == ["a = 2", "b = 1", "c = 1", "d = 1"]


async def test_what_belongs_to_a_process_that_ends_is_taken_over_once_it_has(
    file: JupyterProcess, name: str, large: Path, snapshots: Snapshots
) -> None:
    async with JupyterServer(file.url, file.token) as api:
        document = await Opened(api, name, snapshots).__aenter__()
        await document.edit(write(1, "b = 2"), author=AGENT)
        async with FileDocument(api, name, snapshots) as next_one:
            assert await next_one.read(lambda editor: editor.cell(1).source) == "b = 1"
            await document.crash()
            assert await next_one.read(lambda editor: editor.cell(1).source) == "b = 2"
    assert sources(large) == ["a = 2", "b = 2", "c = 1"]


@pytest.mark.parametrize("there", ["nothing", "another notebook"])
async def test_what_a_crash_left_of_a_notebook_that_is_gone_is_in_a_snapshot(
    file: JupyterProcess, name: str, large: Path, snapshots: Snapshots, there: str
) -> None:
    async with JupyterServer(file.url, file.token) as api:
        await crashed(api, name, snapshots)
        large.unlink()
        if there == "nothing":
            with pytest.raises(Unknown):
                await FileDocument(api, name, snapshots).__aenter__()
        file.write_notebook(name, "other = 1", "other = 2")
        async with FileDocument(api, name, snapshots):
            pass
    assert sources(large) == ["other = 1", "other = 2"]
    assert snapshot_sources(snapshots, name)[-1] == ["b = 2"]
    assert not kept(snapshots, name).exists()


async def test_what_a_crash_left_is_taken_over_by_whoever_writes_next(
    file: JupyterProcess, name: str, large: Path, snapshots: Snapshots
) -> None:
    """Another server of the same folder had the notebook open, too."""
    async with JupyterServer(file.url, file.token) as api:
        document = await Opened(api, name, snapshots).__aenter__()
        async with FileDocument(api, name, snapshots) as other:
            await document.edit(write(1, "b = 2"), author=AGENT)
            await document.crash()
            await other.edit(write(2, "c = 2"), author=AGENT)
            await other.edit(write(2, "c = 3"), author=AGENT)
            assert await other.read(lambda editor: editor.cell(1).source) == "b = 2"
    assert sources(large) == ["a = 2", "b = 2", "c = 3"]


async def test_our_version_of_a_cell_that_was_deleted_after_a_crash_is_in_a_snapshot(
    file: JupyterProcess, name: str, large: Path, snapshots: Snapshots
) -> None:
    async with JupyterServer(file.url, file.token) as api:
        await crashed(api, name, snapshots)
        save(large, lambda cells: cells.pop(1))
        async with FileDocument(api, name, snapshots):
            pass
    assert sources(large) == ["a = 2", "c = 1"]
    assert "b = 2" in snapshot_sources(snapshots, name)[-1]


async def test_what_is_damaged_stands_in_nobodys_way(
    file: JupyterProcess, name: str, large: Path, snapshots: Snapshots
) -> None:
    async with JupyterServer(file.url, file.token) as api:
        await crashed(api, name, snapshots)
        damaged = snapshots.folder("damaged.ipynb")
        damaged.mkdir()
        (damaged / "of.json").write_text("")
        assert snapshots.notebooks("unsaved.json") == [name]
        kept(snapshots, name).write_text('{"cells"')
        async with FileDocument(api, name, snapshots) as another:
            await another.edit(write(1, "b = 3"), author=AGENT)
    assert sources(large) == ["a = 2", "b = 3", "c = 1"]


async def test_a_crash_in_the_middle_of_writing_loses_nothing(
    file: JupyterProcess, name: str, large: Path, snapshots: Snapshots
) -> None:
    """The file may hold what was sent or what was there before: either way it gets what came after."""

    class Crashing(Counting):
        async def save_notebook(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
            model = await super().save_notebook(path, content)
            if self.writes == 2:
                await document.edit(write(1, "b = 3"), author=AGENT)
                await document.crash()
            return model

    async with Crashing(file) as api:
        document = await Opened(api, name, snapshots).__aenter__()
        await document.edit(write(1, "b = 2"), author=AGENT)
        await document.edit(lambda editor: editor.insert(3, "code", "d = 1"), author=AGENT)
        await until(lambda: api.writes == 2 and document._late._writer.cancelled())  # type: ignore[union-attr]
        assert sources(large) == ["a = 2", "b = 2", "c = 1", "d = 1"]
        async with FileDocument(api, name, snapshots):
            pass
    assert sources(large) == ["a = 2", "b = 3", "c = 1", "d = 1"]
