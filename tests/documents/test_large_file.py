"""A large notebook as a file: changes do not wait for Jupyter to write it, and none is lost."""

from __future__ import annotations

import json
import os
import resource
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from harness import JupyterProcess, connect, until

from jupyter_mcp_proxy.documents.document import Author
from jupyter_mcp_proxy.documents.editor import Editor
from jupyter_mcp_proxy.documents.file import FileDocument
from jupyter_mcp_proxy.documents.history import OTHERS
from jupyter_mcp_proxy.documents.stored import LARGE
from jupyter_mcp_proxy.errors import NotSaved, ServerError, Unknown
from jupyter_mcp_proxy.execution.pause import Pause
from jupyter_mcp_proxy.jupyter.server import JupyterServer
from jupyter_mcp_proxy.store.snapshots import Snapshots
from jupyter_mcp_proxy.workspace import Workspace

pytestmark = pytest.mark.anyio

AGENT = Author("agent", "Agent")


class Counting(JupyterServer):
    """A server of which is counted how often it was asked to write a notebook."""

    def __init__(self, server: JupyterProcess) -> None:
        super().__init__(server.url, server.token)
        self.writes = 0

    async def save_notebook(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
        self.writes += 1
        return await super().save_notebook(path, content)


class Opened(FileDocument):
    """A large notebook of which one cell was edited: from there on it is large and known to be writable."""

    async def __aenter__(self) -> Opened:
        await super().__aenter__()
        await self.edit(write(0, "a = 2"), author=AGENT)
        return self

    async def crash(self) -> None:
        """Leave everything as a process does that is killed; the system lets go of what it had locked."""
        if self._writer is not None:
            self._writer.cancel()
        self._unsaved.release()


async def crashed(api: JupyterServer, name: str, snapshots: Snapshots) -> None:
    """A process has ended that was to write `b = 2`."""
    document = await Opened(api, name, snapshots).__aenter__()
    await document.edit(write(1, "b = 2"), author=AGENT)
    await document.crash()


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    return Snapshots(tmp_path / "snapshots", "test")


@pytest.fixture
def path(file: JupyterProcess, name: str) -> Path:
    """A notebook of more than `LARGE` bytes with three cells."""
    return write_large(file, name)


def write_large(server: JupyterProcess, name: str) -> Path:
    path = server.write_notebook(name, "a = 1", "b = 1", "c = 1")
    content = json.loads(path.read_text())
    content["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["x" * LARGE]}]
    path.write_text(json.dumps(content))
    return path


def write(cell: int, source: str) -> Callable[[Editor], None]:
    return lambda editor: editor.set_source(cell, source)


def save(path: Path, change: Callable[[list[dict[str, Any]]], Any]) -> None:
    """Save the notebook as somebody else would."""
    content = json.loads(path.read_text())
    change(content["cells"])
    path.write_text(json.dumps(content))


def sources(path: Path) -> list[str]:
    """The sources in a file; none while it is being written."""
    try:
        return ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]]
    except ValueError:
        return []


@asynccontextmanager
async def workspace(api: JupyterServer, server: JupyterProcess, folder: Path) -> AsyncIterator[Workspace]:
    pause = Pause(str(folder), "test", os.getpid())
    async with Workspace(
        api, run_id="test", runtime_dir=str(folder), data_dir=folder, root_dir=str(server.root), pause=pause
    ) as opened:
        yield opened


def kept(snapshots: Snapshots, name: str) -> Path:
    return snapshots.folder(name) / "unsaved.json"


def snapshot_sources(snapshots: Snapshots, name: str) -> list[list[str]]:
    return [sources(file) for file in sorted(snapshots.folder(name).glob("*.ipynb"))]


# -- writing ------------------------------------------------------------------------------------------


async def test_changes_are_written_together_a_moment_after_the_last(
    file: JupyterProcess, name: str, path: Path, snapshots: Snapshots
) -> None:
    async with Counting(file) as api, Opened(api, name, snapshots) as document:
        assert (sources(path)[0], api.writes) == ("a = 2", 1)  # the first at once: now we know that it can be written
        for number in range(5):
            await document.edit(write(1, f"b = {number}"), author=AGENT)
            assert await document.read(lambda editor: editor.cell(1).source) == f"b = {number}"
        new = await document.edit(lambda editor: editor.insert(3, "code", "d = 1"), author=AGENT)
        assert kept(snapshots, name).stat().st_mode & 0o777 == 0o600
        await until(lambda: not kept(snapshots, name).exists())
        assert sources(path) == ["a = 2", "b = 4", "c = 1", "d = 1"]
        assert json.loads(path.read_text())["cells"][3]["id"] == new
        assert api.writes == 2


async def test_what_is_changed_again_and_again_does_not_wait_for_ever(
    file: JupyterProcess, name: str, path: Path, snapshots: Snapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_mcp_proxy.documents.file.SETTLED", 1000.0)
    monkeypatch.setattr("jupyter_mcp_proxy.documents.file.LONGEST", 0.5)
    async with Counting(file) as api, Opened(api, name, snapshots) as document:
        await document.edit(write(1, "b = 2"), author=AGENT)
        await until(lambda: not kept(snapshots, name).exists())
        assert sources(path)[1] == "b = 2"


async def test_who_reads_while_it_is_being_written_does_not_wait_for_the_server(
    file: JupyterProcess, name: str, path: Path, snapshots: Snapshots
) -> None:
    asked: list[str] = []

    class Slow(Counting):
        async def contents(self, path: str, *, content: bool = True, **query: str | int) -> dict[str, Any]:
            asked.append(path)
            return await super().contents(path, content=content, **query)

        async def save_notebook(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
            if self.writes == 1:
                asked.clear()
                assert await document.read(lambda editor: editor.cell(1).source) == "b = 2"
                await document.edit(write(1, "b = 3"), author=AGENT)
                assert not asked
            return await super().save_notebook(path, content)

    async with Slow(file) as api, Opened(api, name, snapshots) as document:
        await document.edit(write(1, "b = 2"), author=AGENT)
        await until(lambda: not kept(snapshots, name).exists())
        assert sources(path)[1] == "b = 3"


async def test_a_small_file_is_written_with_every_change(file: JupyterProcess, name: str, snapshots: Snapshots) -> None:
    path = file.write_notebook(name, "a = 1")
    async with Counting(file) as api, FileDocument(api, name, snapshots) as document:
        for number in range(3):
            await document.edit(write(0, f"a = {number}"), author=AGENT)
            assert sources(path) == [f"a = {number}"]
        assert not kept(snapshots, name).exists()


async def test_closing_a_notebook_writes_what_waits(
    file: JupyterProcess, name: str, path: Path, snapshots: Snapshots
) -> None:
    async with JupyterServer(file.url, file.token) as api:
        async with Opened(api, name, snapshots) as document:
            await document.edit(write(1, "b = 2"), author=AGENT)
        assert sources(path) == ["a = 2", "b = 2", "c = 1"]
        assert not kept(snapshots, name).exists()


async def test_closing_a_notebook_goes_on_where_nobody_waits_for_it(
    file: JupyterProcess, name: str, path: Path, tmp_path: Path
) -> None:
    """As when the client goes away; meanwhile nobody gets another document of it."""

    class Slow(Counting):
        begun, go_on = anyio.Event(), anyio.Event()

        async def save_notebook(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
            if self.writes == 1:
                self.begun.set()
                await self.go_on.wait()
            return await super().save_notebook(path, content)

    api = Slow(file)
    async with workspace(api, file, tmp_path) as opened:
        document = await opened.document(name)
        await document.edit(write(0, "a = 2"), author=AGENT)
        await document.edit(write(1, "b = 2"), author=AGENT)
        assert opened.needed(name), "it is not closed for having no user while something is to be written"
        with anyio.move_on_after(0.1):
            await opened.close(name)
        await api.begun.wait()
        with anyio.move_on_after(0.2) as scope:
            await opened.document(name)
        assert scope.cancelled_caught
        api.go_on.set()
        assert await (await opened.document(name)).read(lambda editor: editor.cell(1).source) == "b = 2"
        assert sources(path) == ["a = 2", "b = 2", "c = 1"]
        assert not opened.needed(name)


async def test_changes_while_it_is_being_written_are_written_too(
    file: JupyterProcess, name: str, path: Path, snapshots: Snapshots
) -> None:
    class Interrupted(Counting):
        async def save_notebook(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
            if self.writes == 1:
                await document.edit(write(1, "b = 3"), author=AGENT)
                await document.edit(lambda editor: editor.delete(2), author=AGENT)
                assert await document.read(lambda editor: editor.ids()) == ids[:2]
            return await super().save_notebook(path, content)

    async with Interrupted(file) as api, Opened(api, name, snapshots) as document:
        ids = await document.read(lambda editor: editor.ids())
        await document.edit(write(1, "b = 2"), author=AGENT)
        await until(lambda: not kept(snapshots, name).exists())
        assert sources(path) == ["a = 2", "b = 3"]
        assert api.writes == 3


async def test_what_waits_is_taken_back_like_any_change(
    file: JupyterProcess, name: str, path: Path, snapshots: Snapshots
) -> None:
    async with JupyterServer(file.url, file.token) as api, Opened(api, name, snapshots) as document:
        await document.edit(write(1, "b = 2"), author=AGENT)
        await document.edit(lambda editor: editor.delete(2), author=AGENT)
        await document.undo(AGENT)
        await document.undo(AGENT)
        assert [entry.action for entry in (await document.look_back()).since(0)] == [
            "edited", "edited", "deleted", "added", "edited",
        ]  # fmt: skip
    assert sources(path) == ["a = 2", "b = 1", "c = 1"]


async def test_where_another_process_writes_the_same_notebook_nothing_waits(
    file: JupyterProcess, name: str, path: Path, snapshots: Snapshots
) -> None:
    async with (
        JupyterServer(file.url, file.token) as api,
        Opened(api, name, snapshots),
        Opened(api, name, snapshots) as second,
    ):
        await second.edit(write(1, "b = 2"), author=AGENT)
        assert sources(path)[1] == "b = 2"


# -- beside somebody else -----------------------------------------------------------------------------


async def test_what_somebody_saves_meanwhile_stays(
    file: JupyterProcess, name: str, path: Path, snapshots: Snapshots
) -> None:
    async with JupyterServer(file.url, file.token) as api, Opened(api, name, snapshots) as document:
        await document.edit(write(1, "b = 2"), author=AGENT)
        save(path, lambda cells: cells[2].update(source="c = 'the person'"))
        seen = await document.read(lambda editor: [cell.source for cell in editor.cells()])
        assert seen == ["a = 2", "b = 2", "c = 'the person'"]
        foreign = [entry for entry in (await document.look_back()).since(0) if entry.who == OTHERS]
        assert [(entry.action, entry.index) for entry in foreign] == [("edited", 2)]
    assert sources(path) == ["a = 2", "b = 2", "c = 'the person'"]


async def test_of_two_versions_of_a_cell_the_one_that_was_saved_stays_and_ours_is_in_a_snapshot(
    file: JupyterProcess, name: str, path: Path, snapshots: Snapshots
) -> None:
    async with JupyterServer(file.url, file.token) as api, Opened(api, name, snapshots) as document:
        await document.edit(write(1, "b = 2"), author=AGENT)
        save(path, lambda cells: cells[1].update(source="b = 'the person'"))
        assert await document.read(lambda editor: editor.cell(1).source) == "b = 'the person'"
        assert (await document.look_back()).entries[-1].who == OTHERS
    assert sources(path) == ["a = 2", "b = 'the person'", "c = 1"]
    assert snapshot_sources(snapshots, name)[-1] == ["a = 2", "b = 2", "c = 1"]


async def test_a_save_that_the_files_time_does_not_show_is_seen_before_it_is_written_over(
    file: JupyterProcess, name: str, path: Path, snapshots: Snapshots
) -> None:
    async with JupyterServer(file.url, file.token) as api, Opened(api, name, snapshots) as document:
        before = path.stat()
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns - 10**10))  # long enough ago for its time to tell
        before = path.stat()
        await document.read(lambda editor: None)
        await document.read(lambda editor: None)
        assert document._version is not None and document._version.tells
        await document.edit(write(1, "b = 2"), author=AGENT)
        path.write_text(path.read_text().replace("c = 1", "c = 9"))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert (path.stat().st_mtime_ns, path.stat().st_size) == (before.st_mtime_ns, before.st_size)
    assert sources(path) == ["a = 2", "b = 2", "c = 9"]


async def test_a_save_right_behind_ours_is_what_the_file_holds(
    file: JupyterProcess, name: str, path: Path, snapshots: Snapshots
) -> None:
    class Followed(Counting):
        async def save_notebook(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
            model = await super().save_notebook(path, content)
            if self.writes == 2:
                save(file.root / path, lambda cells: cells[1].update(source="b = 'the person'"))
            return model

    async with Followed(file) as api, Opened(api, name, snapshots) as document:
        await document.edit(write(1, "b = 2"), author=AGENT)
        await until(lambda: api.writes == 2 and not kept(snapshots, name).exists())
        assert await document.read(lambda editor: editor.cell(1).source) == "b = 'the person'"
    assert sources(path) == ["a = 2", "b = 'the person'", "c = 1"]


async def test_results_that_a_person_has_saved_meanwhile_stay(
    file: JupyterProcess, name: str, path: Path, snapshots: Snapshots
) -> None:
    theirs = [{"output_type": "stream", "name": "stdout", "text": "theirs\n"}]
    async with JupyterServer(file.url, file.token) as api, Opened(api, name, snapshots) as document:
        ours = [{"output_type": "stream", "name": "stdout", "text": "ours\n"}]
        await document.edit(lambda editor: editor.set_outputs(1, ours), outputs_only=True)
        save(path, lambda cells: cells[1].update(source="b = 'theirs'", outputs=theirs, execution_count=9))
        await document.read(lambda editor: None)
    cell = file.read_notebook(name)["cells"][1]
    assert (cell["source"], cell["execution_count"]) == ("b = 'theirs'", 9)
    assert [output["text"] for output in cell["outputs"]] == ["theirs\n"]
    last = sorted(snapshots.folder(name).glob("*.ipynb"))[-1]
    assert json.loads(last.read_text())["cells"][1]["outputs"] == ours


async def test_what_was_to_be_written_to_a_notebook_that_is_gone_is_in_a_snapshot(
    file: JupyterProcess, name: str, path: Path, snapshots: Snapshots
) -> None:
    async with JupyterServer(file.url, file.token) as api, Opened(api, name, snapshots) as document:
        await document.edit(write(1, "b = 2"), author=AGENT)
        path.unlink()
        with pytest.raises(Unknown):
            await document.edit(write(1, "b = 3"), author=AGENT)
        await until(lambda: not kept(snapshots, name).exists())
        with pytest.raises(Unknown):
            await document.read(lambda editor: editor.ids())
    assert not path.exists()
    assert snapshot_sources(snapshots, name)[-1] == ["a = 2", "b = 2", "c = 1"]


# -- after a crash ------------------------------------------------------------------------------------


async def test_what_a_crash_left_is_written_by_whoever_opens_the_notebook(
    file: JupyterProcess, name: str, path: Path, snapshots: Snapshots
) -> None:
    async with JupyterServer(file.url, file.token) as api:
        await crashed(api, name, snapshots)
        assert sources(path) == ["a = 2", "b = 1", "c = 1"]
        save(path, lambda cells: cells[2].update(source="c = 'the person'"))
        async with FileDocument(api, name, snapshots) as another:
            assert await another.read(lambda editor: editor.cell(1).source) == "b = 2"
    assert sources(path) == ["a = 2", "b = 2", "c = 'the person'"]
    assert not kept(snapshots, name).exists()


async def test_what_a_crash_left_does_not_go_over_what_was_saved_since(
    file: JupyterProcess, name: str, path: Path, snapshots: Snapshots
) -> None:
    async with JupyterServer(file.url, file.token) as api:
        await crashed(api, name, snapshots)
        save(path, lambda cells: cells[1].update(source="b = 'the person'"))
        async with FileDocument(api, name, snapshots):
            pass
    assert sources(path) == ["a = 2", "b = 'the person'", "c = 1"]
    assert snapshot_sources(snapshots, name)[-1] == ["a = 2", "b = 2", "c = 1"]


async def test_what_waits_does_not_go_into_another_notebook_of_that_name(
    file: JupyterProcess, name: str, path: Path, snapshots: Snapshots
) -> None:
    async with JupyterServer(file.url, file.token) as api, Opened(api, name, snapshots) as document:
        await document.edit(lambda editor: editor.insert(3, "code", "d = 1"), author=AGENT)
        path.unlink()
        file.write_notebook(name, "other = 1")
        assert [cell.source for cell in await document.read(lambda editor: editor.cells())] == ["other = 1"]
        assert not document.unsaved
    assert sources(path) == ["other = 1"]
    assert snapshot_sources(snapshots, name)[-1] == ["a = 2", "b = 1", "c = 1", "d = 1"]


async def test_what_belongs_to_a_process_that_ends_is_taken_over_once_it_has(
    file: JupyterProcess, name: str, path: Path, snapshots: Snapshots
) -> None:
    async with JupyterServer(file.url, file.token) as api:
        document = await Opened(api, name, snapshots).__aenter__()
        await document.edit(write(1, "b = 2"), author=AGENT)
        async with FileDocument(api, name, snapshots) as next_one:
            assert await next_one.read(lambda editor: editor.cell(1).source) == "b = 1"
            await document.crash()
            assert await next_one.read(lambda editor: editor.cell(1).source) == "b = 2"
    assert sources(path) == ["a = 2", "b = 2", "c = 1"]


@pytest.mark.parametrize("there", ["nothing", "another notebook"])
async def test_what_a_crash_left_of_a_notebook_that_is_gone_is_in_a_snapshot(
    file: JupyterProcess, name: str, path: Path, snapshots: Snapshots, there: str
) -> None:
    async with JupyterServer(file.url, file.token) as api:
        await crashed(api, name, snapshots)
        path.unlink()
        if there == "nothing":
            with pytest.raises(Unknown):
                await FileDocument(api, name, snapshots).__aenter__()
        file.write_notebook(name, "other = 1", "other = 2")
        async with FileDocument(api, name, snapshots):
            pass
    assert sources(path) == ["other = 1", "other = 2"]
    assert snapshot_sources(snapshots, name)[-1] == ["b = 2"]
    assert not kept(snapshots, name).exists()


async def test_what_a_crash_left_is_taken_over_by_whoever_writes_next(
    file: JupyterProcess, name: str, path: Path, snapshots: Snapshots
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
    assert sources(path) == ["a = 2", "b = 2", "c = 3"]


async def test_our_version_of_a_cell_that_was_deleted_after_a_crash_is_in_a_snapshot(
    file: JupyterProcess, name: str, path: Path, snapshots: Snapshots
) -> None:
    async with JupyterServer(file.url, file.token) as api:
        await crashed(api, name, snapshots)
        save(path, lambda cells: cells.pop(1))
        async with FileDocument(api, name, snapshots):
            pass
    assert sources(path) == ["a = 2", "c = 1"]
    assert "b = 2" in snapshot_sources(snapshots, name)[-1]


async def test_what_is_damaged_stands_in_nobodys_way(
    file: JupyterProcess, name: str, path: Path, snapshots: Snapshots
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
    assert sources(path) == ["a = 2", "b = 3", "c = 1"]


async def test_a_crash_in_the_middle_of_writing_loses_nothing(
    file: JupyterProcess, name: str, path: Path, snapshots: Snapshots
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
        await until(lambda: api.writes == 2 and document._writer.cancelled())  # type: ignore[union-attr]
        assert sources(path) == ["a = 2", "b = 2", "c = 1", "d = 1"]
        async with FileDocument(api, name, snapshots):
            pass
    assert sources(path) == ["a = 2", "b = 3", "c = 1", "d = 1"]


@pytest.mark.parametrize("how", ["the sidecar is killed", "the server is stopped"])
async def test_what_a_tool_said_is_in_the_file_whatever_ends(
    start_jupyter: Callable[..., JupyterProcess], name: str, how: str
) -> None:
    server = start_jupyter(rtc=False)
    path = write_large(server, name)
    async with connect(server) as agent:
        await agent.ok("insert_cell", notebook=name, source="first = 1", index=0)
        await agent.ok("insert_cell", notebook=name, source="second = 2", index=0)
        if how == "the sidecar is killed":
            os.kill(server.sidecar_pid(), signal.SIGKILL)
    if how == "the server is stopped":
        server.stop()
        JupyterProcess.__init__(server, server.home, rtc=False)
        server.wait()
        async with connect(server) as agent:
            await agent.ok("list_notebooks")
    await until(lambda: sources(path)[:1] == ["second = 2"])
    assert sources(path) == ["second = 2", "first = 1", "a = 1", "b = 1", "c = 1"]


# -- what cannot be written ---------------------------------------------------------------------------


async def test_a_file_that_cannot_be_written_any_more_is_told_and_nothing_is_lost(
    start_jupyter: Callable[..., JupyterProcess], name: str
) -> None:
    """As on a full disk: the server may write no file larger than half of it."""
    server = start_jupyter(rtc=False)
    path = write_large(server, name)
    async with connect(server) as agent:
        await agent.ok("insert_cell", notebook=name, source="first = 1", index=0)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (LARGE // 2, resource.RLIM_INFINITY))
        await agent.ok("insert_cell", notebook=name, source="second = 2", index=0)
        async with connect(server) as reader:
            told = ""

            async def hears() -> bool:
                nonlocal told
                told = await reader.ok("list_cells", notebook=name)
                return f"could not save '{name}'" in told

            with anyio.fail_after(30):
                while not await hears():
                    await anyio.sleep(0.1)
        assert "second = 2" in told
        assert "File too large" in told
        assert "is kept and written as soon as" in told
        told = await agent.fails("insert_cell", notebook=name, source="third = 3", index=0)
        assert f"could not save '{name}'" in told
        assert "third" not in await agent.ok("list_cells", notebook=name)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await agent.ok("insert_cell", notebook=name, source="third = 3", index=0)
        assert "could not save" not in await agent.ok("list_cells", notebook=name)
        await until(lambda: sources(path)[:1] == ["third = 3"])
    assert sources(path) == ["third = 3", "second = 2", "first = 1", "a = 1", "b = 1", "c = 1"]


async def test_what_could_not_be_written_is_tried_again(
    file: JupyterProcess, name: str, path: Path, snapshots: Snapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(Counting):
        async def save_notebook(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
            if 1 <= self.writes < 3:
                self.writes += 1
                raise ServerError("Writing", 500, "disk full") if self.writes == 2 else ValueError("unforeseen")
            return await super().save_notebook(path, content)

    monkeypatch.setattr("jupyter_mcp_proxy.documents.file.RETRY", 0.2)
    async with Failing(file) as api, Opened(api, name, snapshots) as document:
        await document.edit(write(1, "b = 2"), author=AGENT)
        await until(lambda: document.trouble is not None)
        told = str(document.trouble)
        assert "disk full" in told or "unforeseen" in told
        assert document.unsaved
        await until(lambda: not kept(snapshots, name).exists())
        assert (document.trouble, document.unsaved, api.writes) == (None, False, 4)
        assert sources(path)[1] == "b = 2"


async def test_a_notebook_that_cannot_be_written_is_closed_and_kept(
    file: JupyterProcess, name: str, path: Path, snapshots: Snapshots
) -> None:
    class Failing(Counting):
        async def save_notebook(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
            if self.writes:
                raise ServerError("Writing", 500, "disk full")
            return await super().save_notebook(path, content)

    async with Failing(file) as api, Opened(api, name, snapshots) as document:
        await document.edit(write(1, "b = 2"), author=AGENT)
    assert sources(path)[1] == "b = 1"
    async with JupyterServer(file.url, file.token) as server, FileDocument(server, name, snapshots):
        pass
    assert sources(path)[1] == "b = 2"


async def test_a_change_that_could_not_be_kept_was_not_made(
    file: JupyterProcess, name: str, path: Path, snapshots: Snapshots
) -> None:
    async with JupyterServer(file.url, file.token) as api, Opened(api, name, snapshots) as document:
        kept(snapshots, name).with_suffix(".tmp").mkdir()
        with pytest.raises(NotSaved, match="could not be kept"):
            await document.edit(write(1, "b = 2"), author=AGENT)
        assert await document.read(lambda editor: editor.cell(1).source) == "b = 1"
    assert sources(path) == ["a = 2", "b = 1", "c = 1"]
