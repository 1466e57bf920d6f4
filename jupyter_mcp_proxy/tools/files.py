"""Looking around: files and folders."""

from __future__ import annotations

from difflib import get_close_matches
from fnmatch import fnmatch
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from pydantic import Field

from ..errors import ServerError, Unknown
from .call import Call
from .registry import tool

MOST_FILES = 300


@tool("read", "List files")
async def list_files(
    ctx: Context[Any, Any],
    path: Annotated[str, Field(description="Folder, from the server root")] = "",
    pattern: Annotated[str | None, Field(description="Glob on names, such as *.ipynb")] = None,
    depth: Annotated[int, Field(description="Levels of folders to enter", ge=1, le=8)] = 1,
) -> str:
    """List the files and folders of the Jupyter server, with sizes."""
    from ..jupyter.server import clean_path

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


async def _near(server: Any, folder: str) -> list[str]:
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
