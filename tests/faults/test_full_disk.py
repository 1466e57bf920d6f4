"""A disk that is full, and a file that the server's user may not write."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest
from harness import JupyterProcess, StartJupyter, connect, until
from harness.agents import text
from harness.requests import as_client, post
from harness.tokens import API, make

from jupyter_mcp_proxy.store.token_errors import TokensUnreadable

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounts a disk, which root may"),
]


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A disk of 1 MB at a folder."""
    folder.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@contextmanager
def stopped(server: JupyterProcess) -> Iterator[JupyterProcess]:
    """A server that is stopped before its disk is taken away."""
    try:
        yield server
    finally:
        server.stop()


def fill(path: Path) -> None:
    """Take all that the disk has."""
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass


async def test_live_a_full_disk_is_told_seconds_later_at_each_call_until_it_has_room(
    start_jupyter: StartJupyter, tmp_path: Path
) -> None:
    root = tmp_path / "server0" / "root"
    with small_disk(root), stopped(start_jupyter()) as server:
        path = server.write_notebook("a.ipynb", "a = 1", "b = 2")
        async with connect(server) as agent:
            await agent.ok("overwrite_cell_source", notebook="a.ipynb", cell=0, source="a = 2")
            await until(lambda: "a = 2" in path.read_text())
            fill(root / "filler")
            before = path.read_bytes()
            big = "a = 3 # " + "x" * 9000
            await agent.ok("overwrite_cell_source", notebook="a.ipynb", cell=0, source=big)
            await anyio.sleep(3.5)
            for number in range(2):
                told = await agent.fails("overwrite_cell_source", notebook="a.ipynb", cell=1, source=str(number))
                assert "could not save 'a.ipynb': its disk is full" in told
                assert told.count("could not save") == 1
                assert "its disk is full" in await agent.ok("list_cells", notebook="a.ipynb")
            assert path.read_bytes() == before, "what was there is whole"
            (root / "filler").unlink()
            await agent.ok("overwrite_cell_source", notebook="a.ipynb", cell=1, source="b = 3")
            assert "disk" not in await agent.ok("read_cells", notebook="a.ipynb", cells=[1])
            await until(lambda: "a = 3" in path.read_text() and "b = 3" in path.read_text())


async def test_live_a_full_disk_for_jupyters_own_files_is_told_and_what_was_not_saved_is_once_it_has_room(
    start_jupyter: StartJupyter, tmp_path: Path
) -> None:
    """Jupyter (jupyter-server 2.21) saves no notebook that it cannot sign, with what is in its data directory."""
    data = tmp_path / "server0" / "data"
    elsewhere = {"JUPYTER_RUNTIME_DIR": str(data / "runtime")}
    with small_disk(data), stopped(start_jupyter(environment=elsewhere)) as server:
        path = server.write_notebook("a.ipynb", "a = 1", "b = 2")
        async with connect(server) as agent:
            await agent.ok("overwrite_cell_source", notebook="a.ipynb", cell=0, source="a = 2")
            await until(lambda: "a = 2" in path.read_text())
            fill(data / "filler")
            await agent.ok("overwrite_cell_source", notebook="a.ipynb", cell=0, source="a = 3 # " + "x" * 9000)
            with anyio.fail_after(30):
                while "not on disk" not in await agent.ok("list_cells", notebook="a.ipynb"):
                    await anyio.sleep(0.2)
            assert "a = 3" not in path.read_text()
            (data / "filler").unlink()
            await agent.ok("overwrite_cell_source", notebook="a.ipynb", cell=1, source="b = 3")
            await until(lambda: "a = 3" in path.read_text() and "b = 3" in path.read_text())


async def test_file_a_full_disk_for_what_we_keep_loses_no_edit_and_no_token_and_needs_no_restart(
    start_jupyter: StartJupyter, tmp_path: Path
) -> None:
    """Snapshots, the journal, the audit and the tokens are on a disk of their own, below Jupyter's data directory."""
    data = tmp_path / "server0" / "data"
    elsewhere = {"JUPYTER_RUNTIME_DIR": str(data / "runtime")}
    with small_disk(data), stopped(start_jupyter(rtc=False, environment=elsewhere)) as server:
        path = server.write_notebook("a.ipynb", "a = 1", "b = 2")
        token = make(server, "before")
        async with connect(server, token=token) as agent:
            await agent.ok("execute_cell", notebook="a.ipynb", cell=0)
            fill(data / "filler")
            for number in range(3):
                source = f"a = {number} # " + "x" * 9000
                result = await agent.call("overwrite_cell_source", notebook="a.ipynb", cell=0, source=source)
                if result.is_error:
                    assert "Free the disk" in text(result), text(result)
                    assert "Nothing was changed" in text(result)
                    assert source not in path.read_text()
                else:
                    await until(lambda source=source: source in path.read_text())
            result = await agent.call("execute_cell", notebook="a.ipynb", cell=1)
            assert not result.is_error or "disk is full" in text(result), text(result)
            with pytest.raises(TokensUnreadable):
                make(server, "meanwhile")
            status, _, told = post(server, {"name": "n" * 64}, API, **as_client())
            assert b"No space left on device" in told, (status, told)
            assert (await agent.call("list_cells", notebook="a.ipynb")).is_error is False, "its token still holds"
            (data / "filler").unlink()
            await agent.ok("overwrite_cell_source", notebook="a.ipynb", cell=0, source="a = 9")
            await until(lambda: "a = 9" in path.read_text())
            assert make(server, "after")
            await agent.ok("execute_cell", notebook="a.ipynb", cell=0)
        assert "jupyter_mcp_proxy/" not in server.log, "the tracebacks that Jupyter logs are its own"


@pytest.mark.parametrize("rtc", [True, False])
async def test_a_file_that_the_servers_user_may_not_write_says_so_at_once(
    start_jupyter: StartJupyter, tmp_path: Path, rtc: bool
) -> None:
    """The server has no more rights than a plain user: root without them may not write a read-only file either."""
    plain = tmp_path / "plain"
    rights = "-dac_override,-dac_read_search"
    plain.write_text(f'#!/bin/sh\nexec setpriv --bounding-set={rights} --inh-caps={rights} {sys.executable} "$@"\n')
    plain.chmod(0o755)
    server = start_jupyter(rtc=rtc, python=str(plain))
    path = server.write_notebook("a.ipynb", "a = 1")
    before = path.read_bytes()
    path.chmod(0o444)
    async with connect(server) as agent:
        for _ in range(2):
            told = await agent.fails("overwrite_cell_source", notebook="a.ipynb", cell=0, source="a = 2")
            assert ("it is read-only" if rtc else "Permission denied") in told
            assert "Nothing was changed" in told
        assert path.read_bytes() == before
        path.chmod(0o644)
    async with connect(server) as agent:
        assert "a = 1" in await agent.ok("read_cells", notebook="a.ipynb")


@pytest.mark.parametrize(
    ("code", "printed", "told"),
    [
        ("for number in range(30_000): print('x' * 99)", 2_900_000, "What is printed from here on is not kept"),
        ("print('x' * 30_000_000)", 0, "what the kernel sent could not be kept"),
    ],
    ids=["many lines", "one that is long"],
)
async def test_a_full_disk_takes_nothing_from_the_cell_that_it_has_room_for_and_is_told_as_that(
    start_jupyter: StartJupyter, tmp_path: Path, code: str, printed: int, told: str
) -> None:
    elsewhere = {"TMPDIR": str(tmp_path / "temporary")}
    with small_disk(tmp_path / "temporary"), stopped(start_jupyter(environment=elsewhere)) as server:
        server.write_notebook("a.ipynb", code, "print('after')")
        async with connect(server) as agent:
            result = await agent.ok("execute_cell", notebook="a.ipynb", cell=0, wait=120)
            assert told in result
            assert "No space left on device" in result
            assert "lost its connection" not in result
            assert "after" in await agent.ok("execute_cell", notebook="a.ipynb", cell=1, wait=60)
        await until(lambda: "after" in str(server.read_notebook("a.ipynb")["cells"][1].get("outputs")))
        outputs = server.read_notebook("a.ipynb")["cells"][0]["outputs"]
        assert sum("".join(output["text"]).count("x") for output in outputs) >= printed


async def test_in_a_file_a_full_disk_refuses_the_edit_at_once_and_takes_the_next_when_it_has_room(
    start_jupyter: StartJupyter, tmp_path: Path
) -> None:
    root = tmp_path / "server0" / "root"
    with small_disk(root), stopped(start_jupyter(rtc=False)) as server:
        path = server.write_notebook("a.ipynb", "a = 1", "b = 2")
        async with connect(server) as agent:
            await agent.ok("overwrite_cell_source", notebook="a.ipynb", cell=0, source="a = 2")
            fill(root / "filler")
            before = path.read_bytes()
            for number in range(2):
                big = f"a = {number} # " + "x" * 9000
                told = await agent.fails("overwrite_cell_source", notebook="a.ipynb", cell=0, source=big)
                assert "could not save 'a.ipynb'" in told
                assert "No space left on device" in told
                assert path.read_bytes() == before, "what was there is whole"
                assert "a = 2" in await agent.ok("read_cell", notebook="a.ipynb", cell=0), "and agents see it"
            (root / "filler").unlink()
            await agent.ok("overwrite_cell_source", notebook="a.ipynb", cell=1, source="b = 3")
            assert "disk" not in await agent.ok("read_cells", notebook="a.ipynb", cells=[1])
            await agent.ok("undo_changes", notebook="a.ipynb", since=0)
            assert [cell["source"] for cell in server.read_notebook("a.ipynb")["cells"]] == [["a = 1"], ["b = 2"]]
        assert "jupyter_mcp_proxy/" not in server.log, "the traceback that Jupyter logs is its own"


@pytest.mark.parametrize("rtc", [True, False])
async def test_where_our_own_files_have_no_room_no_edit_is_made_without_its_snapshot(
    start_jupyter: StartJupyter, tmp_path: Path, rtc: bool
) -> None:
    """Snapshots, tokens and the audit are below Jupyter's data directory."""
    kept = tmp_path / "kept"
    elsewhere = {"JUPYTER_DATA_DIR": str(kept / "data")}
    with small_disk(kept), stopped(start_jupyter(rtc=rtc, environment=elsewhere)) as server:
        path = server.write_notebook("a.ipynb", "a = 1")
        async with connect(server) as agent:
            await agent.ok("read_cells", notebook="a.ipynb")
            fill(kept / "filler")
            before = path.read_bytes()
            told = await agent.fails("overwrite_cell_source", notebook="a.ipynb", cell=0, source="a = 2")
            assert "no snapshot of it could be taken" in told
            assert "No space left" in told
            assert path.read_bytes() == before
            assert "a = 1" in await agent.ok("read_cells", notebook="a.ipynb")
            (kept / "filler").unlink()
            await agent.ok("overwrite_cell_source", notebook="a.ipynb", cell=0, source="a = 3")
            await until(lambda: "a = 3" in path.read_text())
