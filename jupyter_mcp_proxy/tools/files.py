"""Files and folders: looking around, reading, writing."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
from contextlib import suppress
from difflib import get_close_matches
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.mcpserver import Context
from mcp_types import ContentBlock, ImageContent
from pydantic import Field

from ..errors import BadValue, NotSaved, ServerError, StaleFile, Unknown
from ..jupyter.paths import api_path, clean_path
from ..outputs.render import Image, shrink
from ..outputs.text import IMAGE_TYPES
from .blocks import text_block
from .call import Call
from .registry import tool

if TYPE_CHECKING:
    from ..jupyter.server import JupyterServer

MOST_FILES = 300
LARGEST = 50_000_000
"""Bytes of a file that is still read: the server answers with the whole of it."""
DIGITS = 12
"""Of a file's hash that are shown, as many as of a cell's."""


@tool("read", "List files")
async def list_files(
    ctx: Context[Any, Any],
    path: Annotated[str, Field(description="Folder, from the server root")] = "",
    pattern: Annotated[str | None, Field(description="Glob on names, such as *.ipynb")] = None,
    depth: Annotated[int, Field(description="Levels of folders to enter", ge=1, le=8)] = 1,
) -> str:
    """List the files and folders of the Jupyter server, with sizes."""
    server = Call.of(ctx).workspace.server
    top = clean_path(path)
    lines: list[str] = []
    left_out = 0
    folders = [(top, 1)]
    while folders:
        folder, level = folders.pop(0)
        try:
            model = await server.contents(folder)
        except ServerError as error:
            if error.status == 404:
                raise Unknown(
                    "folder", folder, await _near(server, folder), "list_files without a path shows the root."
                ) from error
            raise
        if model["type"] != "directory":
            return f"{folder} is a {model['type']}, not a folder ({model.get('size')} bytes)."
        for item in sorted(model["content"], key=lambda item: (item["type"] != "directory", item["path"])):
            if item["type"] == "directory" and level < depth:
                folders.append((item["path"], level + 1))
            if pattern and not fnmatch(item["name"], pattern):
                continue
            if len(lines) >= MOST_FILES:
                left_out += 1
                continue
            lines.append(
                f"{item['path']}/" if item["type"] == "directory" else f"{item['path']}  {_size(item.get('size'))}"
            )
    if left_out:
        lines.append(f"… {left_out} more: name a folder or a pattern")
    return "\n".join(lines) or f"Nothing{f' named {pattern}' if pattern else ''} in {top or 'the root'}."


@tool("read", "Read a file")
async def read_file(
    ctx: Context[Any, Any],
    path: str,
    offset: Annotated[int, Field(description="First line, from 1; negative from the end")] = 1,
    limit: Annotated[int | None, Field(description="Most lines", ge=1)] = None,
) -> list[ContentBlock]:
    """Read a text file by lines, with its hash for write_file, or see an image. For notebooks use read_cells."""
    call = Call.of(ctx)
    server = call.workspace.server
    path = clean_path(path)
    model = await _look(server, path)
    size = model.get("size")
    if size is not None and size > LARGEST:
        raise BadValue(
            "path",
            path,
            f"a file of at most {_size(LARGEST)}; it has {_size(size)}. Read parts of it with code (execute_ipython)",
        )
    if path.endswith(".ipynb") and await _is_notebook(server, path):
        raise BadValue(
            "path",
            path,
            f"a file that is no notebook. list_cells(notebook={path!r}) outlines this one, read_cells reads it",
        )
    model = await _content(server, path)
    raw = _bytes(model)
    known = f"{_size(len(raw))}, hash {_digest(raw)}"
    if model["format"] == "text" and "\0" not in model["content"]:
        return [text_block(lines_of(path, model["content"], offset, limit, call.settings.output_budget, known))]
    image = await asyncio.to_thread(_image, raw)
    kind = model.get("mimetype") or "unknown type"
    if image is None:
        return [text_block(f"{path}: binary ({kind}), {known}. It is not shown; code can read it (execute_ipython).")]
    shown, about = image
    return [
        text_block(f"{path}: {about}, {known}"),
        ImageContent(type="image", data=shown.data, mime_type=shown.media_type),
    ]


def lines_of(path: str, text: str, offset: int, limit: int | None, budget: int, known: str) -> str:
    """A headline and the lines of a text from `offset` on, as many as `limit` and a budget of characters allow."""
    lines = text.split("\n")
    ends = lines[-1] == ""
    if ends:
        lines.pop()
    total = len(lines)
    facts = [known]
    if "\r\n" in text:
        facts.append("line ends CRLF")
        lines = [line.removesuffix("\r") for line in lines]
    if total and not ends:
        facts.append("no line end at its end")
    if not total:
        return f"{path}: empty, {known}"
    start = max(0, total + offset) if offset < 0 else max(0, offset - 1)
    if start >= total:
        raise BadValue("offset", offset, f"1 to {total}, the number of its lines, or negative from the end")
    shown: list[str] = []
    left = budget
    for line in lines[start : total if limit is None else start + limit]:
        if len(line) > left:
            if not shown:
                shown.append(f"{line[:left]}\n… {len(line) - left:,} more characters in this line; code can read them")
            break
        shown.append(line)
        left -= len(line) + 1
    end = start + len(shown)
    goes_on = f"; read_file with offset={end + 1} goes on" if end < total else ""
    span = f"{total:,} lines" if len(shown) == total else f"lines {start + 1} to {end} of {total:,}"
    return "\n".join([f"{path}: {span}, {', '.join(facts)}{goes_on}", *shown])


@tool("edit", "Write a file", destructive=True, idempotent=True)
async def write_file(
    ctx: Context[Any, Any],
    path: str,
    content: str,
    if_hash: Annotated[str | None, Field(description="Hash from read_file; refused if stale")] = None,
    overwrite: Annotated[bool, Field(description="Replace it unseen")] = False,
) -> str:
    """Write a whole text file. One that exists needs if_hash or overwrite, so that nothing unread is lost."""
    server = Call.of(ctx).workspace.server
    wanted = path
    path = clean_path(path)
    if not path or wanted.endswith(("/", "\\")):
        raise BadValue("path", wanted, "the path of a file")
    if path.endswith(".ipynb"):
        raise BadValue(
            "path",
            path,
            "a file that is no notebook. use_notebook with create=true makes one; insert_cell, overwrite_cell_source "
            "and delete_cell change it",
        )
    server.paths.check(path)
    try:
        raw = content.encode()
    except UnicodeEncodeError as error:
        raise BadValue("content", content[error.start : error.end], "text that UTF-8 can hold") from error
    before = await _replaceable(server, path, if_hash, overwrite)
    folders = await _make_folders(server, path) if before is None else []
    try:
        await server.save_contents(path, {"type": "file", "format": "text", "content": content})
    except ServerError as error:
        reason = error.message
        if before is None:
            await _remove_remains(server, path, raw)
            if "/.~" in reason:  # Jupyter looks for the old content to put back, and reports that there is none
                reason = "the server could not write all of it; a disk or a quota may be full"
        raise NotSaved(path, reason) from error
    await _verify(server, path, raw)
    made = f"Made the folder {folders[-1]}. " if folders else ""
    done = "Created" if before is None else "Replaced"
    was = "" if before is None else f", before {_size(before.get('size'))}"
    return f"{made}{done} {path}: {_size(len(raw))}, hash {_digest(raw)}{was}."


async def _replaceable(server: JupyterServer, path: str, if_hash: str | None, overwrite: bool) -> dict[str, Any] | None:
    """The model of the file that a write replaces, None where there is none. Raises where it must not be replaced."""
    if if_hash is not None and not if_hash.strip():
        raise BadValue("if_hash", if_hash, "the hash that read_file showed, or nothing")
    try:
        model = await server.contents(path, content=False)
    except ServerError as error:
        await _missing_folders(server, path)
        if error.status != 404:
            raise
        if if_hash is not None:
            raise StaleFile(path, "") from error
        return None
    if model["type"] == "directory":
        raise BadValue("path", path, "the path of a file; this is a folder")
    if if_hash is not None:
        current = await _current_digest(server, path)
        if current != if_hash.strip().lower():
            raise StaleFile(path, current)
    elif not overwrite:
        raise BadValue(
            "overwrite",
            overwrite,
            f"if_hash or overwrite=true, as {path!r} exists ({_size(model.get('size'))}). Nothing was written; "
            "read_file shows it with its hash",
        )
    return model


async def _missing_folders(server: JupyterServer, path: str) -> list[str]:
    """The folders above a path that are not there, the innermost last. Raises BadValue where one is a file."""
    parts = path.split("/")[:-1]
    for depth in range(len(parts)):
        folder = "/".join(parts[: depth + 1])
        try:
            model = await server.contents(folder, content=False)
        except ServerError as error:
            if error.status != 404:
                raise
            return ["/".join(parts[: end + 1]) for end in range(depth, len(parts))]
        if model["type"] != "directory":
            raise BadValue("path", path, f"a path in folders; {folder!r} is a file")
    return []


async def _make_folders(server: JupyterServer, path: str) -> list[str]:
    """Make the folders above a path that are missing; those that were made, the innermost last."""
    missing = await _missing_folders(server, path)
    for folder in missing:
        try:
            await server.save_contents(folder, {"type": "directory"})
        except ServerError as error:
            raise NotSaved(path, f"its folder {folder!r} could not be made ({error.message})") from error
    return missing


async def _verify(server: JupyterServer, path: str, raw: bytes) -> None:
    """Raise ServerError where a file does not hold what was written to it."""
    found = await _current_digest(server, path)
    if found != _digest(raw):
        raise ServerError(
            f"Writing {path!r}",
            200,
            f"it took the text, but what is on disk now is something else (hash {found}): a save hook or somebody "
            "else changed it. Look at it with read_file before you write again",
        )


async def _remove_remains(server: JupyterServer, path: str, raw: bytes) -> None:
    """Take away the beginning of a new file that a failed write has left behind."""
    with suppress(ServerError):
        left = _bytes(await server.contents(path, type="file"))
        if raw.startswith(left):
            await server.request("DELETE", f"api/contents/{api_path(path)}", f"Removing the remains of {path!r}")


async def _look(server: JupyterServer, path: str) -> dict[str, Any]:
    """The model of a file without its content. Raises Unknown with near matches, and for a folder BadValue."""
    try:
        model = await server.contents(path, content=False)
    except ServerError as error:
        await _missing_folders(server, path)
        if error.status != 404:
            raise
        hint = "list_files shows what there is."
        if any(part.startswith(".") for part in path.split("/")):
            hint += " Jupyter shows hidden files only with ContentsManager.allow_hidden."
        raise Unknown("file", path, await _near(server, path), hint) from error
    if model["type"] == "directory":
        raise BadValue("path", path, f"a file; this is a folder, which list_files(path={path!r}) lists")
    return model


async def _is_notebook(server: JupyterServer, path: str) -> bool:
    try:
        content = (await server.contents(path, type="notebook")).get("content")
    except ServerError as error:
        if error.status in (400, 500):
            return False
        raise
    return isinstance(content, dict) and isinstance(content.get("cells"), list)


async def _content(server: JupyterServer, path: str) -> dict[str, Any]:
    try:
        return await server.contents(path, type="file")
    except ServerError as error:
        if error.status == 403 and error.message.startswith("Permission denied"):
            raise BadValue("path", path, f"a file that the server may read ({error.message})") from error
        raise


async def _current_digest(server: JupyterServer, path: str) -> str:
    model = await server.contents(path, content=False, type="file", hash=1)
    if model.get("hash_algorithm") == "sha256" and model.get("hash"):
        return str(model["hash"])[:DIGITS]
    return _digest(_bytes(await _content(server, path)))


def _bytes(model: dict[str, Any]) -> bytes:
    content: str = model["content"]
    return content.encode() if model["format"] == "text" else base64.b64decode(content)


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:DIGITS]


def _image(raw: bytes) -> tuple[Image, str] | None:
    """An image that a client can show, and what it is; None for what is no such image, or a broken one.

    Decided by the content: a client that is given anything else under an image's name rejects the whole result.
    """
    from PIL import Image as Picture

    try:
        with Picture.open(io.BytesIO(raw)) as picture:
            media = Picture.MIME.get(picture.format or "", "")
            if media not in IMAGE_TYPES:
                return None
            width, height = picture.size
            picture.load()
    except (OSError, ValueError, SyntaxError, EOFError, Picture.DecompressionBombError):
        return None
    shown = shrink(base64.b64encode(raw).decode(), media)
    return None if shown is None else (shown, f"{media}, {width} × {height}")


async def _near(server: JupyterServer, folder: str) -> list[str]:
    parent = folder.rpartition("/")[0]
    try:
        model = await server.contents(parent)
    except ServerError:
        return []
    siblings = [item["path"] for item in model.get("content") or []]
    return get_close_matches(folder, siblings, n=3, cutoff=0.5)


def _size(size: int | None) -> str:
    if size is None:
        return ""
    if size < 1000:
        return f"{size} B"
    return f"{size / 1000:.1f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"
