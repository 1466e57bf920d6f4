"""Files and folders: looking around, reading, writing."""

from __future__ import annotations

import asyncio
import io
from fnmatch import fnmatch
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp_types import ContentBlock, ImageContent
from pydantic import Field

from ..documents.files import MARK, size_text
from ..errors import BadValue
from ..jupyter.paths import clean_path
from ..outputs.images import FORMATS, MOST_PIXELS, Image, shrink_bytes
from ..outputs.rich import IMAGE_TYPES
from .blocks import text_block
from .call import Call
from .characters import on_one_line, sendable
from .matching import check_glob
from .registry import tool

MOST_FILES = 300
LARGEST = 50_000_000
"""Bytes of a file that is still read: the server answers with the whole of it."""


@tool("read", "List files")
async def list_files(
    ctx: Context[Any, Any],
    path: Annotated[str, Field(description="Folder, from the server root")] = "",
    pattern: Annotated[str | None, Field(description="Glob on names, such as *.ipynb")] = None,
    depth: Annotated[int, Field(description="Levels of folders to enter", ge=1, le=8)] = 1,
) -> str:
    """List the files and folders of the Jupyter server, with sizes."""
    files = Call.of(ctx).workspace.files
    if pattern:
        check_glob("pattern", pattern)
    top = clean_path(path)
    lines: list[str] = []
    left_out = 0
    folders = [(top, 1)]
    while folders:
        folder, level = folders.pop(0)
        model = await files.folder(folder)
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
            name = on_one_line(item["path"])
            unnamed = "" if sendable(name) == name else "  (no UTF-8: only code can open it)"
            size = "/" if item["type"] == "directory" else f"  {size_text(item.get('size'))}"
            lines.append(f"{name}{size}{unnamed}")
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
    """Read a text file by lines, with its hash, or see an image. Notebooks: read_cells."""
    call = Call.of(ctx)
    files = call.workspace.files
    path = clean_path(path)
    size = (await files.look(path)).get("size")
    if size is not None and size > LARGEST:
        raise BadValue(
            "path",
            path,
            f"a file of at most {size_text(LARGEST)}; it has {size_text(size)}. Read parts of it with code "
            "(execute_ipython)",
        )
    if path.endswith(".ipynb") and await files.is_notebook(path):
        raise BadValue(
            "path",
            path,
            f"a file that is no notebook. list_cells(notebook={path!r}) outlines this one, read_cells reads it",
        )
    content = await files.read(path)
    known = f"{size_text(len(content.raw))}, hash {content.digest}"
    if content.text is not None:
        return [text_block(lines_of(path, content.text, offset, limit, call.settings.output_budget, known))]
    image = await asyncio.to_thread(_image, content.raw)
    if image is None:
        kind = content.kind or "unknown type"
        return [text_block(f"{path}: binary ({kind}), {known}. It is not shown; code can read it (execute_ipython).")]
    shown, about = image
    return [
        text_block(f"{path}: {about}, {known}"),
        ImageContent(type="image", data=shown.data, mime_type=shown.media_type),
    ]


def lines_of(path: str, text: str, offset: int, limit: int | None, budget: int, known: str) -> str:
    """A headline and the lines of a text from `offset` on, as many as `limit` and a budget of characters allow."""
    marked = text.startswith(MARK)
    lines = text.removeprefix(MARK).split("\n")
    ends = lines[-1] == ""
    if ends:
        lines.pop()
    total = len(lines)
    facts = [known]
    if "\r\n" in text:
        facts.append("line ends CRLF")
        lines = [line.removesuffix("\r") for line in lines]
    if marked:
        facts.append("byte order mark")
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
    written = await Call.of(ctx).workspace.files.write(path, content, if_hash=if_hash, overwrite=overwrite)
    made = f"Made the folder {written.folders[-1]}. " if written.folders else ""
    done = "Created" if written.before is None else "Replaced"
    was = "" if written.before is None else f", before {size_text(written.before.get('size'))}"
    kept = f", {' and '.join(written.kept)} as the file had" if written.kept else ""
    return f"{made}{done} {path}: {size_text(written.size)}, hash {written.digest}{was}{kept}."


def _image(raw: bytes) -> tuple[Image, str] | None:
    """An image that a client can show, and what it is; None for what is no such image, or a broken one.

    Decided by the content: a client that is given anything else under an image's name rejects the whole result.
    """
    from PIL import Image as Picture

    try:
        with Picture.open(io.BytesIO(raw), formats=FORMATS) as picture:
            media = Picture.MIME.get(picture.format or "", "")
            if media not in IMAGE_TYPES:
                return None
            width, height = picture.size
            if width * height > MOST_PIXELS:
                return None
    except (OSError, ValueError, SyntaxError, EOFError, Picture.DecompressionBombError, RuntimeWarning):
        return None
    shown = shrink_bytes(raw)
    return (shown, f"{media}, {width} × {height}") if isinstance(shown, Image) else None
