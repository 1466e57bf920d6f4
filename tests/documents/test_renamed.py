"""A person renames, moves or deletes a notebook while an agent works in it, through Jupyter or on the disk."""

from __future__ import annotations

import json
import os
import shutil
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from harness import JupyterProcess, connect, shows

from jupyter_mcp_proxy.documents.file import FileDocument
from jupyter_mcp_proxy.jupyter.server import JupyterServer
from jupyter_mcp_proxy.store.snapshots import Snapshots, folder_of_all

pytestmark = pytest.mark.anyio

Rename = Callable[[JupyterProcess, str, str], Any]

COUNTING = "import time\nfor i in range(8):\n    print('tick', i, flush=True)\n    time.sleep(0.4)"


def ask(server: JupyterProcess, method: str, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        server.url + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"token {server.token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read() or b"null")


def through_jupyter(server: JupyterProcess, old: str, new: str) -> None:
    ask(server, "PATCH", f"api/contents/{old}", {"path": new})


def on_the_disk(server: JupyterProcess, old: str, new: str) -> None:
    os.rename(server.root / old, server.root / new)


both_ways = pytest.mark.parametrize("rename", [through_jupyter, on_the_disk])


def kernels_of(server: JupyterProcess, *names: str) -> list[str]:
    return [each["kernel"]["id"] for each in ask(server, "GET", "api/sessions") if each["path"] in names]


def sources(server: JupyterProcess, name: str) -> list[str]:
    return ["".join(cell["source"]) for cell in server.read_notebook(name)["cells"]]


async def holds(server: JupyterProcess, name: str, *wanted: str) -> None:
    """The file comes to hold these sources: jupyter-collaboration writes it a second after a change."""
    with anyio.fail_after(20):
        while sources(server, name) != list(wanted):
            await anyio.sleep(0.1)


@both_ways
async def test_the_old_path_finds_a_renamed_notebook_and_says_once_what_it_is_called(
    server: JupyterProcess, name: str, rename: Rename
) -> None:
    server.write_notebook(name, "a = 1", "pass")
    new = f"new-{name}"
    async with connect(server) as agent:
        await agent.ok("use_notebook", notebook=name)
        await agent.ok("execute_cell", notebook=name, cell=0)
        await agent.ok("overwrite_cell_source", notebook=name, cell=1, source="print(a + 1)")
        await holds(server, name, "a = 1", "print(a + 1)")
        rename(server, name, new)
        told = await agent.ok("execute_cell", notebook=name, cell=1)
        assert "\n2\n" in told, "it runs in the kernel that has the variables"
        assert f"[Note: {name} is now {new}; use that path]" in told
        assert "is now" not in await agent.ok("overwrite_cell_source", notebook=name, cell=1, source="b = 2")
        await holds(server, new, "a = 1", "b = 2")
        assert not (server.root / name).exists()
        assert len(set(kernels_of(server, name, new))) == 1
        assert kernels_of(server, new), "who opens it in JupyterLab finds the kernel"
        await agent.ok("undo_changes", notebook=new)
        await holds(server, new, "a = 1", "print(a + 1)")
        await agent.ok("undo_changes", notebook=new)
        await holds(server, new, "a = 1", "pass")
        opened = await agent.ok("list_notebooks")
        assert f"{new}  open" in opened
        assert f"{name}  " not in opened.replace(new, "")


@both_ways
async def test_a_cell_that_runs_meanwhile_goes_on_writing_into_the_renamed_file(
    server: JupyterProcess, name: str, rename: Rename
) -> None:
    server.write_notebook(name, COUNTING)
    new = f"new-{name}"
    async with connect(server) as agent:
        told = await agent.ok("execute_cell", notebook=name, cell=0, wait=0)
        execution = await shows(agent, told, "tick 1")
        rename(server, name, new)
        told = await agent.ok("wait_execution", execution=execution, wait=60)
        assert "is now" in told or "is now" in await agent.ok("list_notebooks")
        with anyio.fail_after(20):
            while "tick 7" not in json.dumps(server.read_notebook(new)["cells"][0]["outputs"]):
                await anyio.sleep(0.1)
        assert "tick 0" in json.dumps(server.read_notebook(new)["cells"][0]["outputs"])
        assert not (server.root / name).exists()


@both_ways
async def test_a_notebook_is_followed_when_its_folder_is_renamed(
    server: JupyterProcess, name: str, rename: Rename
) -> None:
    folder = f"folder-{name}"[:-6]
    (server.root / folder).mkdir()
    server.write_notebook(f"{folder}/a.ipynb", "pass")
    async with connect(server) as agent:
        await agent.ok("overwrite_cell_source", notebook=f"{folder}/a.ipynb", cell=0, source="mine")
        await holds(server, f"{folder}/a.ipynb", "mine")
        rename(server, folder, f"{folder}-b")
        told = await agent.ok("notebook_changes", notebook=f"{folder}/a.ipynb")
        assert f"[Note: {folder}/a.ipynb is now {folder}-b/a.ipynb; use that path]" in told
        assert told.startswith(f"{folder}-b/a.ipynb: 1 changes")
        await agent.ok("undo_changes", notebook=f"{folder}-b/a.ipynb")
        await holds(server, f"{folder}-b/a.ipynb", "pass")


@both_ways
async def test_a_new_file_with_the_old_name_is_the_one_that_is_meant(
    server: JupyterProcess, name: str, rename: Rename
) -> None:
    server.write_notebook(name, "old")
    new = f"new-{name}"
    async with connect(server) as agent:
        await agent.ok("use_notebook", notebook=name)
        rename(server, name, new)
        server.write_notebook(name, "young")
        assert "young" in await agent.ok("read_cell", notebook=name, cell=0)
        assert "old" in await agent.ok("read_cell", notebook=new, cell=0)
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="edited")
        await holds(server, name, "edited")
        assert sources(server, new) == ["old"]


def snapshots_of(server: JupyterProcess, name: str) -> list[Path]:
    return sorted(Snapshots(folder_of_all(server.data), str(server.root)).folder(name).glob("*.ipynb"))


@pytest.mark.parametrize("how", ["through Jupyter", "on the disk", "moved out"])
async def test_a_notebook_that_is_gone_takes_no_edit_and_no_run_and_is_in_a_snapshot(
    server: JupyterProcess, name: str, how: str, tmp_path: Path
) -> None:
    server.write_notebook(name, "pass")
    async with connect(server) as agent:
        await agent.ok("use_notebook", notebook=name)
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="mine = 1")
        await holds(server, name, "mine = 1")
        if how == "through Jupyter":
            ask(server, "DELETE", f"api/contents/{name}")
        elif how == "on the disk":
            (server.root / name).unlink()
        else:
            shutil.move(server.root / name, tmp_path / name)
        for _ in range(3):
            for tool, arguments in (
                ("overwrite_cell_source", {"cell": 0, "source": "x"}),
                ("execute_cell", {"cell": 0}),
                ("execute_ipython", {"code": "1"}),
            ):
                told = await agent.fails(tool, notebook=name, **arguments)
                assert "is gone: its file was deleted, or moved" in told
        kept = snapshots_of(server, name)[-1]
        assert kept.stem in told, "the refusal names the snapshot"
        assert "mine = 1" in kept.read_text()
        assert len(snapshots_of(server, name)) == 2, "the one before the first edit, and this one"
        result = await agent.call("read_cell", notebook=name, cell=0)
        assert "is gone: its file was deleted" in str(result.content), "who reads is told as well"
        assert not (server.root / name).exists()
        assert not kernels_of(server, name)


async def test_a_notebook_that_is_back_is_edited_as_it_is_then(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "pass")
    async with connect(server) as agent:
        await agent.ok("use_notebook", notebook=name)
        (server.root / name).unlink()
        await agent.fails("overwrite_cell_source", notebook=name, cell=0, source="x")
        await agent.ok("use_notebook", notebook=name, create=True)
        await agent.ok("insert_cell", notebook=name, index=-1, source="anew")
        await holds(server, name, "anew")


async def test_what_waits_to_be_written_to_a_large_file_is_written_to_the_renamed_one(
    file: JupyterProcess, name: str, large: Path
) -> None:
    new = f"new-{name}"
    async with connect(file) as agent:
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="first = 1")
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="second = 2")
        os.rename(large, file.root / new)
        with anyio.fail_after(30):
            while sources(file, new)[0] != "second = 2":
                await anyio.sleep(0.1)
        assert not large.exists()
        assert "is now" in await agent.ok("list_notebooks")


@both_ways
async def test_two_notebooks_that_swap_their_names_keep_what_is_each_ones_own(
    server: JupyterProcess, name: str, rename: Rename
) -> None:
    """On the disk, and with jupyter-collaboration, each has the room that the other had, which holds the other's cells
    until the server has looked."""
    other, between = f"other-{name}", f"between-{name}"
    server.write_notebook(name, "who = 'one'", "pass")
    server.write_notebook(other, "who = 'two'", "pass")
    async with connect(server) as agent:
        for each in (name, other):
            await agent.ok("execute_cell", notebook=each, cell=0)
        await holds(server, name, "who = 'one'", "pass")
        for old, new in ((name, between), (other, name), (between, other)):
            rename(server, old, new)
        assert "who = 'two'" in await agent.ok("read_cell", notebook=name, cell=0)
        assert "who = 'one'" in await agent.ok("read_cell", notebook=other, cell=0)
        assert "0 changes after" in await agent.ok("notebook_changes", notebook=other, since=1)
        await agent.ok("overwrite_cell_source", notebook=name, cell=1, source="edited = 2")
        await agent.ok("overwrite_cell_source", notebook=other, cell=1, source="edited = 1")
        await holds(server, name, "who = 'two'", "edited = 2")
        await holds(server, other, "who = 'one'", "edited = 1")


@pytest.mark.parametrize("to", ["{}-und Käse #1 50%?.ipynb", "NAME-{}.ipynb", "a folder/{}.ipynb"])
@both_ways
async def test_whatever_the_new_name_is_it_is_followed(
    server: JupyterProcess, name: str, rename: Rename, to: str
) -> None:
    new = to.format(name.removesuffix(".ipynb"))
    (server.root / "a folder").mkdir(exist_ok=True)
    server.write_notebook(name, "pass")
    async with connect(server) as agent:
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="mine")
        await holds(server, name, "mine")
        rename(server, name, new)
        told = await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="again")
        assert f"[Note: {name} is now {new}; use that path]" in told
        assert "is now" not in await agent.ok("read_cell", notebook=new, cell=0)
        await holds(server, new, "again")
        assert not (server.root / name).exists()


async def test_a_notebook_that_is_renamed_while_it_is_written_is_in_one_file(
    file: JupyterProcess, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What we send to the old name then would be a second file, and the notebook without the change."""
    path, new = file.write_notebook(name, "pass"), f"new-{name}"
    api = JupyterServer(file.url, file.token)
    save, renamed = api.save_notebook, [False]

    async def renamed_at_this_moment(at: str, content: Any) -> Any:
        if not renamed[0]:
            renamed[0] = True
            path.rename(file.root / new)
        return await save(at, content)

    monkeypatch.setattr(api, "save_notebook", renamed_at_this_moment)
    async with api, FileDocument(api, name, Snapshots(tmp_path, str(file.root))) as document:
        await document.edit(lambda editor: editor.insert(1, "code", "added"))
        assert document.path == new
    assert sources(file, new) == ["pass", "added"]
    assert not path.exists()


async def test_a_notebook_that_is_renamed_right_after_it_was_written_gets_the_change_once(
    file: JupyterProcess, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, new = file.write_notebook(name, "pass"), f"new-{name}"
    api = JupyterServer(file.url, file.token)
    save = api.save_notebook

    async def renamed_then(at: str, content: Any) -> Any:
        model = await save(at, content)
        if path.exists():
            path.rename(file.root / new)
        return model

    monkeypatch.setattr(api, "save_notebook", renamed_then)
    async with api, FileDocument(api, name, Snapshots(tmp_path, str(file.root))) as document:
        await document.edit(lambda editor: editor.insert(1, "code", "added"))
        assert await document.read(lambda editor: [cell.source for cell in editor.cells()]) == ["pass", "added"]
    assert sources(file, new) == ["pass", "added"]
    assert not path.exists()
