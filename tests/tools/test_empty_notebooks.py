"""A file of a notebook's name in which nothing is, as `touch` and editors make it (microsoft/vscode-jupyter#4455)."""

from __future__ import annotations

import os
import sys
import time

import anyio
import pytest
from harness import JupyterProcess, connect, until

pytestmark = pytest.mark.anyio


def touch(server: JupyterProcess, name: str, content: bytes = b"") -> None:
    """A file that nobody has just begun to write."""
    (server.root / name).write_bytes(content)
    os.utime(server.root / name, (time.time() - 60,) * 2)


async def test_becomes_a_notebook_where_one_is_to_be_made(server: JupyterProcess, name: str) -> None:
    touch(server, name)
    async with connect(server) as agent:
        told = await agent.fails("list_cells", notebook=name)
        assert "it is empty. use_notebook with create=true" in told
        assert (server.root / name).read_bytes() == b""
        assert f"Created {name}: 0 cells" in await agent.ok("use_notebook", notebook=name, create=True)
        await agent.ok("insert_cell", notebook=name, source="a = 1")
        await until(lambda: "a = 1" in (server.root / name).read_text())
        assert f"Opened {name}: 1 cells" in await agent.ok("use_notebook", notebook=name, create=True)


@pytest.mark.parametrize("content", [b"\n", b"{}", b"half of a note"])
async def test_what_has_anything_in_it_is_left_as_it_is(server: JupyterProcess, name: str, content: bytes) -> None:
    touch(server, name, content)
    async with connect(server) as agent:
        assert "is not a readable notebook" in await agent.fails("use_notebook", notebook=name, create=True)
    assert (server.root / name).read_bytes() == content


@pytest.mark.skipif(sys.platform == "win32", reason="has no such pipes")
async def test_a_pipe_becomes_none_and_the_server_goes_on(server: JupyterProcess, name: str) -> None:
    os.mkfifo(server.root / name)
    os.utime(server.root / name, (time.time() - 60,) * 2)
    with anyio.fail_after(60):
        async with connect(server) as agent:
            await agent.fails("use_notebook", notebook=name, create=True)
            await agent.ok("list_files")
