"""Whether agents may move or delete a path with all that is in it.

What is asked is the disk where the server's files are on this machine: Jupyter lists no hidden files, and a folder is
moved and deleted with those. A link in a folder is deleted as such; moved, it leads from other names to the same.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import BadValue, PathRefused
from ..jupyter.paths import api_path

if TYPE_CHECKING:  # the tools load this while the sidecar starts
    from ..jupyter.server import JupyterServer

MOST: Final = 20_000
"""Files and folders below one folder that are looked at."""
CHECKPOINTS: Final = ".ipynb_checkpoints"
"""Jupyter's own folder of what it saved last, in every folder with a notebook."""

Item = tuple[str, bool]
"""A path from the server's root, and whether it is a folder."""


async def check_whole(
    server: JupyterServer, root: str, path: str, *, folder: bool, parameter: str = "path", to: str | None = None
) -> list[str]:
    """Raise PathRefused or PathReadOnly unless agents may write a file, or a folder with all that is in it, where it is
    and where it goes. Returns the notebooks among it."""
    items: list[Item] = [(path, folder)]
    if folder:
        below = await asyncio.to_thread(_on_disk, root, path, to is not None)
        items += await _listed(server, path) if below is None else below
    if len(items) > MOST:
        raise BadValue(parameter, path, f"a folder with at most {MOST:,} files in it. Nothing was done")
    for item, is_folder in items:
        if not server.paths.open(item):
            raise PathRefused(path, within=item != path)
        server.paths.check_write(item, folder=is_folder)
        if to is not None:
            there = to + item[len(path) :]
            if not server.paths.open(there):
                raise PathRefused(to, within=item != path)
            server.paths.check_write(there, folder=is_folder)
    return [item for item, is_folder in items if item.endswith(".ipynb") and not is_folder]


async def check_movable(root: str, path: str, to: str, *, folder: bool) -> None:
    """Raise BadValue where the system would not move a file or folder for its rights.

    Jupyter (by Python's `shutil.move`) would copy it, fail to remove it, and leave both, or an empty folder.
    """
    denied = await asyncio.to_thread(_denied, Path(root, path), Path(root, to), folder) if root else None
    if denied is not None:
        name = "the server's root" if denied == Path(root) else repr(denied.relative_to(root).as_posix())
        raise BadValue(
            "path", path, f"what the server's own user may move; it may not write in {name}. Nothing was done"
        )


def _denied(source: Path, target: Path, folder: bool) -> Path | None:
    """The folder whose rights are in the way on this machine; None where none is, or nothing is there."""
    if not source.exists():
        return None
    there = next(each for each in target.parents if each.exists())
    changed = [source.parent, there]
    if folder and source.stat().st_dev != there.stat().st_dev:  # it is copied, and taken away piece by piece
        changed += [Path(each) for each, _, _ in os.walk(source)]
    elif folder and not there.samefile(source.parent):  # it has another folder above it, which it notes itself
        changed.append(source)
    return next((each for each in changed if not os.access(each, os.W_OK | os.X_OK)), None)


def _on_disk(root: str, path: str, through_links: bool) -> list[Item] | None:
    """What is below a folder on this machine; None where it is not there."""
    top = Path(root, path)
    if not root or not top.is_dir():
        return None
    found: list[Item] = []
    for folder, folders, files in os.walk(top, followlinks=through_links):
        if CHECKPOINTS in folders:
            folders.remove(CHECKPOINTS)
        above = Path(folder).relative_to(root).as_posix()
        found += [(f"{above}/{name}", True) for name in folders]
        found += [(f"{above}/{name}", False) for name in files]
        if len(found) > MOST:
            break
    return found


async def _listed(server: JupyterServer, path: str) -> list[Item]:
    """What the server lists below a folder, with what agents are not shown."""
    found: list[Item] = []
    folders = [path]
    while folders and len(found) <= MOST:
        model = await server.request("GET", f"api/contents/{api_path(folders.pop())}", f"Reading {path!r}")
        for item in model.get("content") or []:
            is_folder = item["type"] == "directory"
            found.append((item["path"], is_folder))
            folders += [item["path"]] if is_folder else []
    return found
