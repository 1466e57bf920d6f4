"""Files, folders and notebooks are moved, copied and deleted on real servers, and what is open of them goes along."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from harness import JupyterProcess, connect, shows, until
from harness.people import person
from harness.tokens import make

from jupyter_mcp_proxy.jupyter.server import JupyterServer
from jupyter_mcp_proxy.store.snapshots import Snapshots, folder_of_all

pytestmark = pytest.mark.anyio

COUNTING = "import time\nfor i in range(8):\n    print('tick', i, flush=True)\n    time.sleep(0.4)"


@pytest.fixture
def folder(server: JupyterProcess, name: str) -> Path:
    """A folder of the test's own in the server's root."""
    path = server.root / name.removesuffix(".ipynb")
    path.mkdir()
    return path


def sources(server: JupyterProcess, name: str) -> list[str]:
    return ["".join(cell["source"]) for cell in server.read_notebook(name)["cells"]]


async def holds(server: JupyterProcess, name: str, *wanted: str) -> None:
    """The file comes to hold these sources: jupyter-collaboration writes it a second after a change."""
    with anyio.fail_after(20):
        while sources(server, name) != list(wanted):
            await anyio.sleep(0.1)


def sessions(server: JupyterProcess) -> dict[str, str]:
    """The kernel of each notebook."""
    return {each["path"]: each["kernel"]["id"] for each in json.loads(server.get("api/sessions")[1])}


def snapshots_of(server: JupyterProcess, name: str) -> list[Path]:
    return sorted(Snapshots(folder_of_all(server.data), str(server.root)).folder(name).glob("*.ipynb"))


def trashed(server: JupyterProcess, name: str) -> Path:
    """A file in the trash of the server's user, as freedesktop.org has it."""
    return server.home / ".local" / "share" / "Trash" / "files" / name


# -- moving -------------------------------------------------------------------------------------------


async def test_a_file_is_renamed_moved_into_a_folder_and_into_one_that_is_made(
    server: JupyterProcess, folder: Path
) -> None:
    at = folder.name
    (folder / "a.csv").write_text("1,2\n")
    (folder / "data").mkdir()
    async with connect(server) as agent:
        assert await agent.ok("move_file", path=f"{at}/a.csv", to=f"{at}/b.csv") == f"Moved {at}/a.csv to {at}/b.csv."
        told = await agent.ok("move_file", path=f"{at}/b.csv", to=f"{at}/data")
        assert told == f"Moved {at}/b.csv to {at}/data/b.csv."
        told = await agent.ok("move_file", path=f"{at}/data/b.csv", to=f"{at}/new/deep/")
        assert told == f"Made the folder {at}/new/deep. Moved {at}/data/b.csv to {at}/new/deep/b.csv."
        told = await agent.ok("move_file", path=f"{at}/new", to=f"/{at}/old")
        assert told == f"Moved {at}/new to {at}/old."
    assert (folder / "old" / "deep" / "b.csv").read_text() == "1,2\n"


async def test_nothing_is_replaced_and_nothing_that_is_not_there_is_moved(server: JupyterProcess, folder: Path) -> None:
    at = folder.name
    for name in ("a.txt", "b.txt", "sub/a.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    server.write_notebook(f"{at}/a.ipynb", "pass")
    async with connect(server) as agent:
        for tool in ("move_file", "copy_file"):
            for to in (f"{at}/b.txt", f"{at}/sub", f"{at}/sub/", f"{at}/a.txt"):
                told = await agent.fails(tool, path=f"{at}/a.txt", to=to)
                assert "exists. Nothing was done" in told
            told = await agent.fails(tool, path=f"{at}/c.txt", to=f"{at}/d.txt")
            assert f"There is no file '{at}/c.txt'. Near matches: " in told
            assert "leads out" in await agent.fails(tool, path=f"{at}/a.txt", to="../x")
            assert "which itself stays" in await agent.fails(tool, path="", to="x")
        assert "outside of" in await agent.fails("move_file", path=at, to=f"{at}/sub/b")
        assert "ends with .ipynb" in await agent.fails("move_file", path=f"{at}/a.ipynb", to=f"{at}/a.json")
        assert "this is a folder" in await agent.fails("copy_file", path=f"{at}/sub", to=f"{at}/sub2")
    assert {path.name: path.read_text() for path in folder.rglob("*.txt")} == {"b.txt": "b.txt", "a.txt": "sub/a.txt"}
    assert (folder / "a.txt").read_text() == "a.txt"


async def test_an_open_notebook_goes_along_and_only_others_are_told(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a = 1", "pass")
    new = f"sub-{name[:-6]}/new.ipynb"
    async with connect(server, name="mover") as agent, connect(server, name="other") as other:
        await other.ok("use_notebook", notebook=name)
        await agent.ok("use_notebook", notebook=name)
        await agent.ok("execute_cell", notebook=name, cell=0)
        await agent.ok("overwrite_cell_source", notebook=name, cell=1, source="print(a + 1)")
        kernel = sessions(server)[name]
        told = await agent.ok("move_file", path=name, to=new)
        assert told.endswith(f"Moved {name} to {new}.")
        assert sources(server, new) == ["a = 1", "print(a + 1)"], "what was not yet on the disk has been written"
        assert (await agent.ok("execute_cell", notebook=new, cell=1)).endswith("\n2")
        assert "[Note: " not in await agent.ok("read_cells", notebook=new)
        told = await other.ok("read_cells", notebook=name)
        assert f"[Note: {name} is now {new}; use that path]" in told
        assert sessions(server).get(new) == kernel
        assert name not in sessions(server)
        await agent.ok("undo_changes", notebook=new)
        await holds(server, new, "a = 1", "pass")
        assert len(snapshots_of(server, new)) == 1
    assert not (server.root / name).exists()


async def test_a_cell_that_runs_writes_on_into_the_moved_notebook(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, COUNTING)
    new = f"new-{name}"
    async with connect(server) as agent:
        told = await agent.ok("execute_cell", notebook=name, cell=0, wait=0)
        execution = await shows(agent, told, "tick 1")
        await agent.ok("move_file", path=name, to=new)
        assert "tick 7" in await agent.ok("wait_execution", execution=execution, wait=60)
        with anyio.fail_after(20):
            while "tick 7" not in json.dumps(server.read_notebook(new)["cells"][0]["outputs"]):
                await anyio.sleep(0.1)
        assert "tick 0" in json.dumps(server.read_notebook(new)["cells"][0]["outputs"])
        assert not (server.root / name).exists()


async def test_a_folder_is_moved_with_its_open_notebooks_and_their_kernels(
    server: JupyterProcess, folder: Path
) -> None:
    at, to = folder.name, f"{folder.name}-b"
    server.write_notebook(f"{at}/a.ipynb", "x = 5")
    server.write_notebook(f"{at}/shut.ipynb", "pass")
    async with connect(server) as agent:
        await agent.ok("overwrite_cell_source", notebook=f"{at}/shut.ipynb", cell=0, source="mine")
        await agent.ok("use_notebook", notebook=f"{at}/shut.ipynb")
        await agent.ok("unuse_notebook", notebook=f"{at}/shut.ipynb")
        await agent.ok("execute_cell", notebook=f"{at}/a.ipynb", cell=0)
        kernel = sessions(server)[f"{at}/a.ipynb"]
        told = await agent.ok("move_file", path=at, to=to)
        assert f"Moved {at} to {to}. What is open of it goes on there: " in told
        assert f"{to}/a.ipynb" in told
        assert sessions(server)[f"{to}/a.ipynb"] == kernel
        assert "\n5" in await agent.ok("execute_ipython", notebook=f"{to}/a.ipynb", code="x")
        await agent.ok("insert_cell", notebook=f"{to}/a.ipynb", source="more")
        await holds(server, f"{to}/a.ipynb", "x = 5", "more")
        assert sources(server, f"{to}/shut.ipynb") == ["mine"]
        assert len(snapshots_of(server, f"{to}/shut.ipynb")) == 1
    assert not folder.exists()


# -- copying ------------------------------------------------------------------------------------------


async def test_a_file_and_a_notebook_as_it_is_now_are_copied(server: JupyterProcess, folder: Path) -> None:
    at = folder.name
    (folder / "a.bin").write_bytes(bytes(range(256)))
    server.write_notebook(f"{at}/a.ipynb", "pass")
    async with connect(server) as agent:
        told = await agent.ok("copy_file", path=f"{at}/a.bin", to=f"{at}/deep/b.bin")
        assert told == f"Made the folder {at}/deep. Copied {at}/a.bin to {at}/deep/b.bin (256 B)."
        assert (folder / "deep" / "b.bin").read_bytes() == bytes(range(256))
        await agent.ok("overwrite_cell_source", notebook=f"{at}/a.ipynb", cell=0, source="edited")
        assert f"Copied {at}/a.ipynb to {at}/deep/a.ipynb" in await agent.ok(
            "copy_file", path=f"{at}/a.ipynb", to=f"{at}/deep"
        )
        assert sources(server, f"{at}/deep/a.ipynb") == ["edited"]
        await agent.ok("overwrite_cell_source", notebook=f"{at}/deep/a.ipynb", cell=0, source="the copy's")
        await holds(server, f"{at}/deep/a.ipynb", "the copy's")
        assert sources(server, f"{at}/a.ipynb") == ["edited"]


# -- deleting -----------------------------------------------------------------------------------------


async def test_a_file_is_deleted_into_the_trash(server: JupyterProcess, folder: Path) -> None:
    file = folder / f"{folder.name}.csv"
    file.write_text("1,2\n")
    async with connect(server) as agent:
        told = await agent.ok("delete_file", path=f"{folder.name}/{file.name}")
        assert told.startswith(f"Deleted {folder.name}/{file.name} (4 B). It is in the trash of the server's system")
        assert not file.exists()
        assert trashed(server, file.name).read_text() == "1,2\n"
        assert "There is no file" in await agent.fails("delete_file", path=f"{folder.name}/{file.name}")


async def test_a_deleted_notebook_is_in_a_snapshot_and_stays_deleted(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "pass")
    async with connect(server) as agent, connect(server) as other:
        await other.ok("use_notebook", notebook=name)
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="x = 1")
        await agent.ok("execute_cell", notebook=name, cell=0)
        kernel = sessions(server)[name]
        await agent.ok("insert_cell", notebook=name, source="last words")
        told = await agent.ok("delete_file", path=name)
        kept = re.search(r"What it held is in the snapshot (\w+): ", told)[1]
        assert "last words" in next(file for file in snapshots_of(server, name) if file.stem == kept).read_text()
        assert "last words" in trashed(server, name).read_text()
        assert f"Ended its kernel python3 ({kernel})." in told
        assert name not in sessions(server)
        told = await other.fails("overwrite_cell_source", notebook=name, cell=0, source="x")
        assert "is gone: its file was deleted" in told
        assert kept in told
        await anyio.sleep(2)  # jupyter-collaboration writes a second after a change
        assert not (server.root / name).exists()
        await agent.ok("use_notebook", notebook=name, create=True)
        await agent.ok("insert_cell", notebook=name, source="anew")
        await holds(server, name, "anew")


async def test_a_notebook_that_a_person_has_open_is_not_deleted(server: JupyterProcess, name: str) -> None:
    """Told by who is connected to its kernel, and in a shared document by who is there."""
    server.write_notebook(name, "pass")
    async with connect(server) as agent, JupyterServer(server.url, server.token) as api:
        await agent.ok("execute_cell", notebook=name, cell=0)
        async with api.websocket(f"api/kernels/{sessions(server)[name]}/channels"):
            await until(lambda: json.loads(server.get("api/kernels/" + sessions(server)[name])[1])["connections"] > 1)
            assert "somebody has it open in JupyterLab" in await agent.fails("delete_file", path=name)
        if server.guarantee == "live":
            async with person(server, name, "Ada") as ada:
                await ada.types(0, " ")  # whoever has heard of that has heard of her
                await until(lambda: not (server.root / name).read_text().count('"pass"'))
                assert "Ada has it open in JupyterLab" in await agent.fails("delete_file", path=name)
    assert (server.root / name).exists()


async def test_a_notebook_in_which_something_runs_is_not_deleted(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, COUNTING)
    async with connect(server) as agent:
        told = await agent.ok("execute_cell", notebook=name, cell=0, wait=0)
        await shows(agent, told, "tick 1")
        told = await agent.fails("delete_file", path=name)
        assert f"Something runs in '{name}': nothing was deleted" in told
        assert (server.root / name).exists()
        await agent.ok("interrupt_kernel", notebook=name)
        with anyio.fail_after(30):
            while (await agent.call("delete_file", path=name)).is_error:
                await anyio.sleep(0.2)
    assert not (server.root / name).exists()


async def test_a_folder_is_deleted_with_its_notebooks_in_snapshots(server: JupyterProcess, folder: Path) -> None:
    (folder / "sub").mkdir()
    server.write_notebook(f"{folder.name}/a.ipynb", "one")
    server.write_notebook(f"{folder.name}/sub/b.ipynb", "two")
    (folder / "broken.ipynb").write_text("{")
    async with connect(server) as agent:
        await agent.ok("use_notebook", notebook=f"{folder.name}/a.ipynb")
        told = await agent.ok("delete_file", path=folder.name)
        assert "What its notebooks held is in the snapshots " in told
        for path, source in (("a.ipynb", "one"), ("sub/b.ipynb", "two")):
            (kept,) = snapshots_of(server, f"{folder.name}/{path}")
            assert f"{kept.stem} ({folder.name}/{path})" in told
            assert source in kept.read_text()
    assert not folder.exists()
    assert (trashed(server, folder.name) / "broken.ipynb").read_text() == "{"


async def test_a_folder_is_deleted_after_a_notebook_in_it(server: JupyterProcess, folder: Path) -> None:
    for name in ("a.ipynb", "b.ipynb"):
        server.write_notebook(f"{folder.name}/{name}", "pass")
    async with connect(server) as agent:
        await agent.ok("use_notebook", notebook=f"{folder.name}/a.ipynb")
        await agent.ok("delete_file", path=f"{folder.name}/a.ipynb")
        await agent.ok("copy_file", path=f"{folder.name}/b.ipynb", to=f"{folder.name}/c.ipynb")
        await agent.ok("move_file", path=folder.name, to=f"{folder.name}-b")
        await agent.ok("delete_file", path=f"{folder.name}-b")
    assert not folder.exists()


async def test_without_a_trash_the_result_says_that_a_file_is_gone_for_good(
    start_jupyter: Callable[..., JupyterProcess],
) -> None:
    server = start_jupyter(rtc=False, arguments=("--FileContentsManager.delete_to_trash=False",))
    (server.root / "a.txt").write_text("x")
    (server.root / "full").mkdir()
    (server.root / "full" / "b.txt").write_text("x")
    async with connect(server) as agent:
        told = await agent.ok("delete_file", path="a.txt")
        assert told == "Deleted a.txt (1 B). This server has no trash: the file itself is gone for good."
        assert "not empty" in await agent.fails("delete_file", path="full")
    assert (server.root / "full" / "b.txt").exists()
    assert not trashed(server, "a.txt").exists()


# -- what is not for agents ---------------------------------------------------------------------------


async def test_what_agents_may_not_write_is_neither_moved_nor_a_place_to_move_to(
    start_jupyter: Callable[..., JupyterProcess],
) -> None:
    server = start_jupyter(rtc=False, environment={"JUPYTER_MCP_PROXY_REFUSED_PATHS": '["private", "*.pem"]'})
    for name in (
        "a.txt",
        "private/x.txt",
        "keys/sub/b.pem",
        "env/.env",
        "ready/python3/kernel.json.txt",
        "spec/kernel.json",
        "jupyter_config.py",
        "plain/x.txt",
        "plain/.ipynb_checkpoints/x-checkpoint.txt",
    ):
        (server.root / name).parent.mkdir(parents=True, exist_ok=True)
        (server.root / name).write_text(name)
    before = sorted(str(path) for path in server.root.rglob("*"))
    async with connect(server) as agent:
        for path in ("private/x.txt", "private", "keys", "keys/sub", "env", "spec", "spec/kernel.json", "env/.env"):
            for tool, more in (("move_file", {"to": "moved"}), ("delete_file", {})):
                told = await agent.fails(tool, path=path, **more)
                assert "not open to agents" in told or "not for agents" in told or "hidden" in told, told
                assert "b.pem" not in told, "nor is it told what is there"
        for to in (
            "private/y.txt",
            "x.pem",
            "kernel.json",
            ".bashrc",
            "share/jupyter/a.txt",
            "sitecustomize.py",
            ".git/",
        ):
            for tool in ("move_file", "copy_file"):
                told = await agent.fails(tool, path="a.txt", to=to)
                assert "not open to agents" in told or "not for agents" in told, told
        for to in ("share/jupyter", "x/profile_default/startup", ".local"):
            told = await agent.fails("move_file", path="plain", to=to)
            assert "not for agents" in told
        for path in ("private/x.txt", "keys/sub/b.pem"):
            assert "not open to agents" in await agent.fails("copy_file", path=path, to="copy.txt")
        assert sorted(str(path) for path in server.root.rglob("*")) == before
        await agent.ok("move_file", path="plain", to="simple")
        await agent.ok("copy_file", path="jupyter_config.py", to="mine.txt")


async def test_these_need_the_edit_tier_and_an_editor_ends_no_kernel(
    start_jupyter: Callable[..., JupyterProcess],
) -> None:
    server = start_jupyter(rtc=False)
    server.write_notebook("a.ipynb", "pass")
    async with connect(server) as agent:
        await agent.ok("execute_cell", notebook="a.ipynb", cell=0)
    kernel = sessions(server)["a.ipynb"]
    async with connect(server, token=make(server, "reader", "read")) as agent:
        for tool, more in (("move_file", {"to": "b.ipynb"}), ("copy_file", {"to": "b.ipynb"}), ("delete_file", {})):
            assert "'edit'" in await agent.fails(tool, path="a.ipynb", **more)
    async with connect(server, token=make(server, "editor", "edit")) as agent:
        await agent.ok("move_file", path="a.ipynb", to="b.ipynb")
        told = await agent.ok("delete_file", path="b.ipynb")
        assert f"Its kernel {kernel} goes on: ending it needs the tier run." in told
    assert sessions(server) == {"b.ipynb": kernel}
