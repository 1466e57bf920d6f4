"""Writing a text file keeps what its reader is not shown, and waits for nothing that is no file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import anyio
import pytest
from harness import JupyterProcess, connect

from jupyter_mcp_proxy.tools.files import lines_of

pytestmark = pytest.mark.anyio

MARK = b"\xef\xbb\xbf"


@pytest.fixture
def folder(file: JupyterProcess, name: str) -> Path:
    """A folder of the test's own in the server's root."""
    path = file.root / name.removesuffix(".ipynb")
    path.mkdir()
    return path


def test_a_byte_order_mark_is_told_and_stands_before_no_line() -> None:
    told = lines_of("a", "\ufeffx\ny\n", 1, None, 100, "7 B")
    assert told == "a: 2 lines, 7 B, byte order mark\nx\ny"
    assert lines_of("a", "\ufeff", 1, None, 100, "3 B") == "a: empty, 3 B"


@pytest.mark.parametrize(
    ("before", "written", "after", "kept"),
    [
        (MARK + b"a,b\n", "a,c\n", MARK + b"a,c\n", "byte order mark as the file had"),
        (
            MARK + b"a\r\nb\r\n",
            "a\nc\n",
            MARK + b"a\r\nc\r\n",
            "byte order mark and line ends (CRLF) as the file had",
        ),
        (MARK + b"a", "\ufeffb", MARK + b"b", None),
        (b"a", "\ufeffb", MARK + b"b", None),
        (MARK + b"a", "", b"", None),
        (b"a\rb\r", "a\nc\n", b"a\rc\r", "line ends (CR) as the file had"),
        (b"\xff\xfea\0", "a", b"a", None),
    ],
)
async def test_a_file_keeps_its_byte_order_mark_and_its_line_ends(
    file: JupyterProcess, folder: Path, before: bytes, written: str, after: bytes, kept: str | None
) -> None:
    """Programs on Windows know UTF-8 by it, Excel and PowerShell among them (MoonshotAI/kimi-code#3825)."""
    (folder / "a.csv").write_bytes(before)
    async with connect(file) as agent:
        told = await agent.ok("write_file", path=f"{folder.name}/a.csv", content=written, overwrite=True)
    assert (folder / "a.csv").read_bytes() == after
    assert (kept in told) if kept else ("as the file had" not in told)


@pytest.mark.skipif(sys.platform == "win32", reason="has no such pipes")
@pytest.mark.parametrize("what", ["pipe", "link to a pipe", "link to nothing that is there"])
async def test_what_is_no_file_is_not_written_to_and_the_server_goes_on(
    file: JupyterProcess, folder: Path, what: str
) -> None:
    """Opening a pipe waits for whoever reads it: the whole server stood still (pydantic/pydantic-ai-harness#613)."""
    os.mkfifo(folder / "pipe")
    if what == "link to a pipe":
        (folder / "a.txt").symlink_to("pipe")
    elif what == "pipe":
        (folder / "pipe").rename(folder / "a.txt")
    else:
        (folder / "a.txt").symlink_to("nowhere/at-all")
    path = f"{folder.name}/a.txt"
    with anyio.fail_after(30):
        async with connect(file) as agent:
            told = await agent.fails("write_file", path=path, content="x\n", overwrite=True)
            assert "Nothing was written" in told
            await agent.fails("copy_file", path=path, to=f"{folder.name}/b.txt")
            await agent.ok("move_file", path=path, to=f"{folder.name}/c.txt")
            assert (folder / "c.txt").is_symlink() == what.startswith("link")
            assert not os.path.lexists(folder / "a.txt")
            await agent.ok("list_files", path=folder.name)
