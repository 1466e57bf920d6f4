"""A large notebook as a file: changes do not wait for Jupyter to write it, and none is lost."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from harness import JupyterProcess, connect, until
from harness.large import AGENT, Counting, Opened, kept, save, snapshot_sources, sources, write, write_large

from jupyter_mcp_proxy.documents.file import FileDocument
from jupyter_mcp_proxy.documents.history import OTHERS
from jupyter_mcp_proxy.documents.stored import LARGE
from jupyter_mcp_proxy.errors import NotSaved, ServerError, Unknown
from jupyter_mcp_proxy.execution.pause import Pause
from jupyter_mcp_proxy.jupyter.server import JupyterServer
from jupyter_mcp_proxy.store.snapshots import Snapshots
from jupyter_mcp_proxy.workspace import Workspace

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def workspace(api: JupyterServer, server: JupyterProcess, folder: Path) -> AsyncIterator[Workspace]:
    pause = Pause(str(folder), "test", os.getpid())
    async with Workspace(
        api, run_id="test", runtime_dir=str(folder), data_dir=folder, root_dir=str(server.root), pause=pause
    ) as opened:
        yield opened


# -- writing ------------------------------------------------------------------------------------------


async def test_changes_are_written_together_a_moment_after_the_last(
    file: JupyterProcess, name: str, large: Path, snapshots: Snapshots
) -> None:
    async with Counting(file) as api, Opened(api, name, snapshots) as document:
        assert (sources(large)[0], api.writes) == ("a = 2", 1)  # the first at once: now we know that it can be written
        for number in range(5):
            await document.edit(write(1, f"b = {number}"), author=AGENT)
            assert await document.read(lambda editor: editor.cell(1).source) == f"b = {number}"
        new = await document.edit(lambda editor: editor.insert(3, "code", "d = 1"), author=AGENT)
        assert kept(snapshots, name).stat().st_mode & 0o777 == 0o600
        await until(lambda: not kept(snapshots, name).exists())
        assert sources(large) == ["a = 2", "b = 4", "c = 1", "d = 1"]
        assert json.loads(large.read_text())["cells"][3]["id"] == new
        assert api.writes == 2


async def test_what_is_changed_again_and_again_does_not_wait_for_ever(
    file: JupyterProcess, name: str, large: Path, snapshots: Snapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_mcp_proxy.documents.late.SETTLED", 1000.0)
    monkeypatch.setattr("jupyter_mcp_proxy.documents.late.LONGEST", 0.5)
    async with Counting(file) as api, Opened(api, name, snapshots) as document:
        await document.edit(write(1, "b = 2"), author=AGENT)
        await until(lambda: not kept(snapshots, name).exists())
        assert sources(large)[1] == "b = 2"


async def test_who_reads_while_it_is_being_written_does_not_wait_for_the_server(
    file: JupyterProcess, name: str, large: Path, snapshots: Snapshots
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
        assert sources(large)[1] == "b = 3"


async def test_a_small_file_is_written_with_every_change(file: JupyterProcess, name: str, snapshots: Snapshots) -> None:
    path = file.write_notebook(name, "a = 1")
    async with Counting(file) as api, FileDocument(api, name, snapshots) as document:
        for number in range(3):
            await document.edit(write(0, f"a = {number}"), author=AGENT)
            assert sources(path) == [f"a = {number}"]
        assert not kept(snapshots, name).exists()


async def test_closing_a_notebook_writes_what_waits(
    file: JupyterProcess, name: str, large: Path, snapshots: Snapshots
) -> None:
    async with JupyterServer(file.url, file.token) as api:
        async with Opened(api, name, snapshots) as document:
            await document.edit(write(1, "b = 2"), author=AGENT)
        assert sources(large) == ["a = 2", "b = 2", "c = 1"]
        assert not kept(snapshots, name).exists()


async def test_closing_a_notebook_goes_on_where_nobody_waits_for_it(
    file: JupyterProcess, name: str, large: Path, tmp_path: Path
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
        assert sources(large) == ["a = 2", "b = 2", "c = 1"]
        assert not opened.needed(name)


async def test_changes_while_it_is_being_written_are_written_too(
    file: JupyterProcess, name: str, large: Path, snapshots: Snapshots
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
        assert sources(large) == ["a = 2", "b = 3"]
        assert api.writes == 3


async def test_what_waits_is_taken_back_like_any_change(
    file: JupyterProcess, name: str, large: Path, snapshots: Snapshots
) -> None:
    async with JupyterServer(file.url, file.token) as api, Opened(api, name, snapshots) as document:
        await document.edit(write(1, "b = 2"), author=AGENT)
        await document.edit(lambda editor: editor.delete(2), author=AGENT)
        await document.undo(AGENT)
        await document.undo(AGENT)
        assert [entry.action for entry in (await document.look_back()).since(0)] == [
            "edited", "edited", "deleted", "added", "edited",
        ]  # fmt: skip
    assert sources(large) == ["a = 2", "b = 1", "c = 1"]


async def test_where_another_process_writes_the_same_notebook_nothing_waits(
    file: JupyterProcess, name: str, large: Path, snapshots: Snapshots
) -> None:
    async with (
        JupyterServer(file.url, file.token) as api,
        Opened(api, name, snapshots),
        Opened(api, name, snapshots) as second,
    ):
        await second.edit(write(1, "b = 2"), author=AGENT)
        assert sources(large)[1] == "b = 2"


# -- beside somebody else -----------------------------------------------------------------------------


async def test_what_somebody_saves_meanwhile_stays(
    file: JupyterProcess, name: str, large: Path, snapshots: Snapshots
) -> None:
    async with JupyterServer(file.url, file.token) as api, Opened(api, name, snapshots) as document:
        await document.edit(write(1, "b = 2"), author=AGENT)
        save(large, lambda cells: cells[2].update(source="c = 'the person'"))
        seen = await document.read(lambda editor: [cell.source for cell in editor.cells()])
        assert seen == ["a = 2", "b = 2", "c = 'the person'"]
        foreign = [entry for entry in (await document.look_back()).since(0) if entry.who == OTHERS]
        assert [(entry.action, entry.index) for entry in foreign] == [("edited", 2)]
    assert sources(large) == ["a = 2", "b = 2", "c = 'the person'"]


async def test_of_two_versions_of_a_cell_the_one_that_was_saved_stays_and_ours_is_in_a_snapshot(
    file: JupyterProcess, name: str, large: Path, snapshots: Snapshots
) -> None:
    async with JupyterServer(file.url, file.token) as api, Opened(api, name, snapshots) as document:
        await document.edit(write(1, "b = 2"), author=AGENT)
        save(large, lambda cells: cells[1].update(source="b = 'the person'"))
        assert await document.read(lambda editor: editor.cell(1).source) == "b = 'the person'"
        assert (await document.look_back()).entries[-1].who == OTHERS
    assert sources(large) == ["a = 2", "b = 'the person'", "c = 1"]
    assert snapshot_sources(snapshots, name)[-1] == ["a = 2", "b = 2", "c = 1"]


async def test_a_save_that_the_files_time_does_not_show_is_seen_before_it_is_written_over(
    file: JupyterProcess, name: str, large: Path, snapshots: Snapshots
) -> None:
    async with JupyterServer(file.url, file.token) as api, Opened(api, name, snapshots) as document:
        before = large.stat()
        os.utime(large, ns=(before.st_atime_ns, before.st_mtime_ns - 10**10))  # long enough ago for its time to tell
        before = large.stat()
        await document.read(lambda editor: None)
        await document.read(lambda editor: None)
        assert document._copy.version is not None and document._copy.version.tells
        await document.edit(write(1, "b = 2"), author=AGENT)
        large.write_text(large.read_text().replace("c = 1", "c = 9"))
        os.utime(large, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert (large.stat().st_mtime_ns, large.stat().st_size) == (before.st_mtime_ns, before.st_size)
    assert sources(large) == ["a = 2", "b = 2", "c = 9"]


async def test_a_save_right_behind_ours_is_what_the_file_holds(
    file: JupyterProcess, name: str, large: Path, snapshots: Snapshots
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
    assert sources(large) == ["a = 2", "b = 'the person'", "c = 1"]


async def test_results_that_a_person_has_saved_meanwhile_stay(
    file: JupyterProcess, name: str, large: Path, snapshots: Snapshots
) -> None:
    theirs = [{"output_type": "stream", "name": "stdout", "text": "theirs\n"}]
    async with JupyterServer(file.url, file.token) as api, Opened(api, name, snapshots) as document:
        ours = [{"output_type": "stream", "name": "stdout", "text": "ours\n"}]
        await document.edit(lambda editor: editor.set_outputs(1, ours), outputs_only=True)
        save(large, lambda cells: cells[1].update(source="b = 'theirs'", outputs=theirs, execution_count=9))
        await document.read(lambda editor: None)
    cell = file.read_notebook(name)["cells"][1]
    assert (cell["source"], cell["execution_count"]) == ("b = 'theirs'", 9)
    assert [output["text"] for output in cell["outputs"]] == ["theirs\n"]
    last = sorted(snapshots.folder(name).glob("*.ipynb"))[-1]
    assert json.loads(last.read_text())["cells"][1]["outputs"] == ours


async def test_what_was_to_be_written_to_a_notebook_that_is_gone_is_in_a_snapshot(
    file: JupyterProcess, name: str, large: Path, snapshots: Snapshots
) -> None:
    async with JupyterServer(file.url, file.token) as api, Opened(api, name, snapshots) as document:
        await document.edit(write(1, "b = 2"), author=AGENT)
        large.unlink()
        with pytest.raises(Unknown):
            await document.edit(write(1, "b = 3"), author=AGENT)
        await until(lambda: not kept(snapshots, name).exists())
        with pytest.raises(Unknown):
            await document.read(lambda editor: editor.ids())
    assert not large.exists()
    assert snapshot_sources(snapshots, name)[-1] == ["a = 2", "b = 2", "c = 1"]


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
            server.kill_sidecar()
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
    file: JupyterProcess, name: str, large: Path, snapshots: Snapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(Counting):
        async def save_notebook(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
            if 1 <= self.writes < 3:
                self.writes += 1
                raise ServerError("Writing", 500, "disk full") if self.writes == 2 else ValueError("unforeseen")
            return await super().save_notebook(path, content)

    monkeypatch.setattr("jupyter_mcp_proxy.documents.late.RETRY", 0.2)
    async with Failing(file) as api, Opened(api, name, snapshots) as document:
        await document.edit(write(1, "b = 2"), author=AGENT)
        await until(lambda: document.trouble is not None)
        told = str(document.trouble)
        assert "disk full" in told or "unforeseen" in told
        assert document.unsaved
        await until(lambda: not kept(snapshots, name).exists())
        assert (document.trouble, document.unsaved, api.writes) == (None, False, 4)
        assert sources(large)[1] == "b = 2"


async def test_a_notebook_that_cannot_be_written_is_closed_and_kept(
    file: JupyterProcess, name: str, large: Path, snapshots: Snapshots
) -> None:
    class Failing(Counting):
        async def save_notebook(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
            if self.writes:
                raise ServerError("Writing", 500, "disk full")
            return await super().save_notebook(path, content)

    async with Failing(file) as api, Opened(api, name, snapshots) as document:
        await document.edit(write(1, "b = 2"), author=AGENT)
    assert sources(large)[1] == "b = 1"
    async with JupyterServer(file.url, file.token) as server, FileDocument(server, name, snapshots):
        pass
    assert sources(large)[1] == "b = 2"


async def test_a_change_that_could_not_be_kept_was_not_made(
    file: JupyterProcess, name: str, large: Path, snapshots: Snapshots
) -> None:
    async with JupyterServer(file.url, file.token) as api, Opened(api, name, snapshots) as document:
        kept(snapshots, name).with_suffix(".tmp").mkdir()
        with pytest.raises(NotSaved, match="could not be kept"):
            await document.edit(write(1, "b = 2"), author=AGENT)
        assert await document.read(lambda editor: editor.cell(1).source) == "b = 1"
    assert sources(large) == ["a = 2", "b = 1", "c = 1"]
