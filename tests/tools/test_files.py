"""Reading and writing files on real servers."""

from __future__ import annotations

import base64
import io
import re
import resource
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from harness import JupyterProcess, connect, text
from PIL import Image

from jupyter_mcp_proxy.errors import BadValue
from jupyter_mcp_proxy.tools.files import lines_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def folder(server: JupyterProcess, name: str) -> Path:
    """A folder of the test's own in the server's root."""
    path = server.root / name.removesuffix(".ipynb")
    path.mkdir()
    return path


def digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()[:12]


def picture(kind: str, width: int = 40, height: int = 30) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(buffer, kind)
    return buffer.getvalue()


# -- reading ------------------------------------------------------------------------------------------


async def test_a_text_file_is_read_with_its_hash(server: JupyterProcess, folder: Path) -> None:
    file = folder / "notes.txt"
    file.write_text("eins\nzwei ✓\ndrei\n")
    path = f"{folder.name}/notes.txt"
    async with connect(server) as agent:
        told = await agent.ok("read_file", path=path)
        assert told == f"{path}: 3 lines, 19 B, hash {digest(file)}\neins\nzwei ✓\ndrei"
        assert (await agent.ok("read_file", path=f"/{path}")) == told
        told = await agent.ok("read_file", path=path, offset=2, limit=1)
        assert told.splitlines()[0].endswith("; read_file with offset=3 goes on")
        assert "lines 2 to 2 of 3" in told
        assert told.splitlines()[1:] == ["zwei ✓"]
        assert (await agent.ok("read_file", path=path, offset=-1)).splitlines()[1:] == ["drei"]
        assert "1 to 3" in await agent.fails("read_file", path=path, offset=4)


async def test_a_long_file_is_cut_to_the_budget_and_read_on(server: JupyterProcess, folder: Path) -> None:
    (folder / "long.csv").write_text("".join(f"{i},value {i}\n" for i in range(5000)))
    path = f"{folder.name}/long.csv"
    read: list[str] = []
    async with connect(server) as agent:
        offset, steps = 1, 0
        while True:
            told = await agent.ok("read_file", path=path, offset=offset)
            assert len(told) < 8200
            head, *lines = told.splitlines()
            read += lines
            steps += 1
            following = re.search(r"offset=(\d+) goes on", head)
            if not following:
                break
            offset = int(following[1])
    assert read == (folder / "long.csv").read_text().splitlines()
    assert steps > 5


def test_what_the_lines_do_not_show_stands_in_the_headline() -> None:
    assert lines_of("a", "", 1, None, 100, "0 B") == "a: empty, 0 B"
    assert lines_of("a", "x", 1, None, 100, "1 B") == "a: 1 lines, 1 B, no line end at its end\nx"
    assert lines_of("a", "x\r\ny\r\n", 1, None, 100, "6 B") == "a: 2 lines, 6 B, line ends CRLF\nx\ny"
    told = lines_of("a", "x" * 500 + "\nnext\n", 1, None, 100, "506 B")
    assert "offset=2 goes on" in told
    assert "400 more characters in this line" in told
    assert lines_of("a", "1\n2\n3\n", -9, None, 100, "").endswith("1\n2\n3")
    assert lines_of("a", "1\n2\n3\n", 0, 1, 100, "").endswith("\n1")
    with pytest.raises(BadValue):
        lines_of("a", "1\n", 2, None, 100, "")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
async def test_an_image_is_seen(server: JupyterProcess, folder: Path, kind: str) -> None:
    (folder / "small.img").write_bytes(picture(kind))
    (folder / f"large.{kind.lower()}").write_bytes(picture(kind, 3000, 1500))
    async with connect(server) as agent:
        result = await agent.call("read_file", path=f"{folder.name}/small.img")
        assert f"image/{kind.lower()}, 40 × 30" in text(result)
        assert [block.type for block in result.content] == ["text", "image"]
        assert result.content[1].mime_type == f"image/{kind.lower()}"
        assert base64.b64decode(result.content[1].data) == (folder / "small.img").read_bytes()
        result = await agent.call("read_file", path=f"{folder.name}/large.{kind.lower()}")
        assert "3000 × 1500" in text(result)
        with Image.open(io.BytesIO(base64.b64decode(result.content[1].data))) as shown:
            assert shown.size == (1024, 512)
            assert result.content[1].mime_type == f"image/{shown.format.lower()}"


async def test_what_is_neither_text_nor_an_image_is_named_not_dumped(server: JupyterProcess, folder: Path) -> None:
    (folder / "data.bin").write_bytes(bytes(range(256)) * 100)
    (folder / "broken.png").write_bytes(picture("PNG", 400, 400)[:100])
    (folder / "zeros.txt").write_bytes(b"a\0b")
    (folder / "latin.txt").write_bytes("größe".encode("latin-1"))
    (folder / "scan.tiff").write_bytes(picture("TIFF"))
    async with connect(server) as agent:
        for name, kind in (
            ("data.bin", "application/octet-stream"),
            ("broken.png", "image/png"),
            ("zeros.txt", "text/plain"),
            ("latin.txt", "text/plain"),
            ("scan.tiff", "image/tiff"),
        ):
            result = await agent.call("read_file", path=f"{folder.name}/{name}")
            assert not result.is_error
            assert [block.type for block in result.content] == ["text"]
            assert f"binary ({kind})" in text(result)
            assert digest(folder / name) in text(result)
            assert len(text(result)) < 300


async def test_a_notebook_a_folder_and_a_file_that_is_not_there_are_told_apart(
    server: JupyterProcess, folder: Path, name: str
) -> None:
    server.write_notebook(name, "a = 1")
    (folder / "report.md").write_text("x")
    (folder / "broken.ipynb").write_text('{"cells": [ this is not JSON')
    async with connect(server) as agent:
        assert f"list_cells(notebook='{name}')" in await agent.fails("read_file", path=name)
        assert f"list_files(path='{folder.name}')" in await agent.fails("read_file", path=folder.name)
        told = await agent.fails("read_file", path=f"{folder.name}/reprot.md")
        assert f"There is no file '{folder.name}/reprot.md'. Near matches: {folder.name}/report.md" in told
        assert "allow_hidden" in await agent.fails("read_file", path=f"{folder.name}/.secret")
        assert "leads out of the server's root" in await agent.fails("read_file", path="../x")
        assert "this is not JSON" in await agent.ok("read_file", path=f"{folder.name}/broken.ipynb")


async def test_a_file_too_large_to_be_answered_whole_is_not_fetched(server: JupyterProcess, folder: Path) -> None:
    with (folder / "huge.csv").open("wb") as file:
        file.truncate(60_000_000)
    async with connect(server) as agent:
        assert "60.0 MB" in await agent.fails("read_file", path=f"{folder.name}/huge.csv")


# -- writing ------------------------------------------------------------------------------------------


async def test_a_file_is_written_read_and_replaced(server: JupyterProcess, folder: Path) -> None:
    path = f"{folder.name}/made/deep/script.py"
    file = server.root / path
    async with connect(server) as agent:
        told = await agent.ok("write_file", path=path, content="print('ü')\n")
        assert told == (f"Made the folder {folder.name}/made/deep. Created {path}: 12 B, hash {digest(file)}.")
        assert file.read_text() == "print('ü')\n"
        head = (await agent.ok("read_file", path=path)).splitlines()[0]
        known = re.search(r"hash ([0-9a-f]{12})", head)[1]
        told = await agent.ok("write_file", path=path, content="x\r\ny", if_hash=known)
        assert told.startswith(f"Replaced {path}: 4 B, hash ")
        assert "before 12 B" in told
        assert file.read_bytes() == b"x\r\ny"
        await agent.ok("write_file", path=path, content="", overwrite=True)
        assert file.read_bytes() == b""


async def test_a_file_that_exists_is_not_replaced_unread_or_stale(server: JupyterProcess, folder: Path) -> None:
    file = folder / "notes.md"
    file.write_text("the person's")
    path = f"{folder.name}/notes.md"
    async with connect(server) as agent:
        told = await agent.fails("write_file", path=path, content="mine")
        assert "Nothing was written" in told
        assert "overwrite=true" in told
        assert digest(file) not in told, "the hash is to be had by reading only"
        known = digest(file)
        file.write_text("the person's, changed")
        told = await agent.fails("write_file", path=path, content="mine", if_hash=known)
        assert "changed since you read it; nothing was written" in told
        assert f"read_file(path={path!r})" in told
        assert "the hash that read_file showed" in await agent.fails("write_file", path=path, content="", if_hash=" ")
        assert file.read_text() == "the person's, changed"
        file.unlink()
        told = await agent.fails("write_file", path=path, content="mine", if_hash=known)
        assert "no longer there; nothing was written" in told
        assert not file.exists()


async def test_what_is_no_place_for_a_text_file_is_refused(server: JupyterProcess, folder: Path) -> None:
    (folder / "plain").write_text("x")
    async with connect(server) as agent:
        told = await agent.fails("write_file", path=f"{folder.name}/a.ipynb", content="{}")
        assert "use_notebook with create=true" in told
        assert "this is a folder" in await agent.fails("write_file", path=folder.name, content="x", overwrite=True)
        assert "path of a file" in await agent.fails("write_file", path=f"{folder.name}/new/", content="x")
        assert "path of a file" in await agent.fails("write_file", path="", content="x")
        assert "leads out" in await agent.fails("write_file", path=f"{folder.name}/../../x", content="x")
        for tool, more in (("write_file", {"content": "x"}), ("read_file", {})):
            told = await agent.fails(tool, path=f"{folder.name}/plain/x.txt", **more)
            assert f"'{folder.name}/plain' is a file" in told
        told = await agent.fails("write_file", path=f"{folder.name}/.hidden", content="x")
        assert "Nothing was changed" in told
    assert sorted(path.name for path in folder.iterdir()) == ["plain"]


async def test_a_write_that_fails_says_why_and_changes_nothing(
    start_jupyter: Callable[..., JupyterProcess],
) -> None:
    """As on a full disk: the server may write no file larger than that."""
    server = start_jupyter(rtc=False)
    (server.root / "old.txt").write_text("old")
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
    async with connect(server) as agent:
        for path in ("new.txt", "old.txt"):
            told = await agent.fails("write_file", path=path, content="x" * 3_000_000, overwrite=True)
            assert f"could not save '{path}'" in told
            assert ("File too large" if path == "old.txt" else "may be full") in told
            assert "Nothing was changed" in told
        assert [path.name for path in server.root.iterdir() if not path.name.startswith(".")] == ["old.txt"]
        assert (server.root / "old.txt").read_text() == "old"


async def test_a_save_hook_that_changes_the_text_is_noticed(start_jupyter: Callable[..., JupyterProcess]) -> None:
    """Success is not reported for what is not on disk."""
    hook = "lambda model, **_: model.update(content=model.get('content', '').upper())"
    server = start_jupyter(rtc=False, wait=False, environment={})
    server.stop()
    config = server.home / "config"
    config.mkdir(exist_ok=True)
    (config / "jupyter_server_config.py").write_text(f"c.FileContentsManager.pre_save_hook = {hook}\n")
    server = JupyterProcess(server.home, rtc=False).wait()
    try:
        async with connect(server) as agent:
            told = await agent.fails("write_file", path="a.txt", content="quiet")
            assert "what is on disk now is something else" in told
            assert digest(server.root / "a.txt") in told
    finally:
        server.stop()


async def test_writing_needs_the_edit_tier(start_jupyter: Callable[..., JupyterProcess]) -> None:
    server = start_jupyter(rtc=False, environment={"JUPYTER_MCP_PROXY_TIER": "read"})
    (server.root / "a.txt").write_text("x")
    async with connect(server) as agent:
        await agent.ok("read_file", path="a.txt")
        assert "'edit'" in await agent.fails("write_file", path="a.txt", content="y", overwrite=True)
    assert (server.root / "a.txt").read_text() == "x"
