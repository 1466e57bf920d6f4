"""The safety net: a notebook as it was before this project first wrote to it.

Kept below Jupyter's data directory, `mcp-proxy/snapshots/<notebook>/<time>.ipynb`, readable by their owner
only; the newest ten of each notebook. `of.json` beside them names the notebook.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_data_dir

from .private import private_folder
from .replacing import replacing

log = logging.getLogger(__name__)

KEPT = 10
STAMP = "%Y%m%dT%H%M%S%f"


@dataclass(frozen=True)
class Snapshot:
    """A snapshot that is there."""

    time: str
    notebook: str
    root: str
    file: Path


def folder_of_all(data_dir: Path) -> Path:
    """Where all snapshots are, below Jupyter's data directory."""
    return data_dir / "mcp-proxy" / "snapshots"


def stored(data_dir: Path | None = None) -> list[Snapshot]:
    """Every snapshot of this user, the newest first."""
    folder = folder_of_all(data_dir or Path(jupyter_data_dir()))
    found: list[Snapshot] = []
    for beside, root, notebook in _notebooks(folder):
        found += _of(beside, root, notebook)
    return _newest_first(found)


def _of(beside: Path, root: str, notebook: str) -> list[Snapshot]:
    return [Snapshot(file.stem, notebook, root, file) for file in beside.glob("*.ipynb")]


def _newest_first(found: list[Snapshot]) -> list[Snapshot]:
    return sorted(found, key=lambda snapshot: snapshot.time, reverse=True)


def _notebooks(folder: Path) -> Iterator[tuple[Path, str, str]]:
    """Each notebook's folder, with its server's root and its path; a damaged one is passed over."""
    for about in folder.glob("*/of.json"):
        try:
            of = json.loads(about.read_text(encoding="utf-8"))
            yield about.parent, str(of["root"]), str(of["notebook"])
        except (OSError, ValueError, TypeError, KeyError) as error:
            log.warning("%s cannot be used: %s", about, error)


class Snapshots:
    """The snapshots of one server, below `folder`. Its root folder tells servers with the same paths apart."""

    def __init__(self, folder: Path, root: str) -> None:
        self._folder = folder
        self._root = self.root = root
        self._left: dict[str, Path] = {}
        """For each notebook that was closed, what it held then."""

    def folder(self, path: str) -> Path:
        """Where the snapshots of a notebook are kept."""
        name = path.rsplit("/", 1)[-1].encode()[:80].decode("utf-8", "ignore")
        digest = hashlib.sha256(f"{self._root}\0{path}".encode()).hexdigest()[:12]
        return self._folder / f"{name}-{digest}"

    def notebooks(self, beside: str) -> list[str]:
        """The notebooks of this server that have a file of that name beside their snapshots."""
        return [
            notebook
            for folder, root, notebook in _notebooks(self._folder)
            if root == self._root and (folder / beside).exists()
        ]

    def all(self) -> list[Snapshot]:
        """Every snapshot of this server's notebooks, the newest first."""
        found: list[Snapshot] = []
        for beside, root, notebook in _notebooks(self._folder):
            if root == self._root:
                found += _of(beside, root, notebook)
        return _newest_first(found)

    def move(self, old: str, new: str) -> None:
        """A notebook has another path now: its snapshots go along, unless that path has some already."""
        before, after = self.folder(old), self.folder(new)
        if before.is_dir() and not after.exists():
            try:
                before.rename(after)
                (after / "of.json").write_text(json.dumps({"root": self._root, "notebook": new}), encoding="utf-8")
            except OSError as error:
                log.warning("the snapshots of %s stay under that name: %s", old, error)

    async def take(self, path: str, content: dict[str, Any]) -> Path:
        """Write a snapshot and return its path. Raises OSError where that fails."""
        return await asyncio.to_thread(self._write, path, content)

    async def leave(self, path: str, content: dict[str, Any]) -> Path:
        """Write a snapshot of what a notebook holds that is closed. Raises OSError where that fails."""
        self._left[path] = await self.take(path, content)
        return self._left[path]

    async def take_first(self, path: str, content: dict[str, Any]) -> None:
        """Write a snapshot of a notebook that is to be changed, unless it is as it was left. Raises OSError."""
        left = self._left.pop(path, None)
        if left is None or not await asyncio.to_thread(_holds, left, content):
            await self.take(path, content)

    def _write(self, path: str, content: dict[str, Any]) -> Path:
        folder = self.folder(path)
        private_folder(folder)
        with replacing(folder / "of.json") as about:
            json.dump({"root": self._root, "notebook": path}, about)
        while (target := folder / f"{datetime.now(timezone.utc):{STAMP}}.ipynb").exists():
            pass  # another client's, of this very microsecond
        with replacing(target) as file:
            json.dump({**content, "metadata": content.get("metadata") or {}}, file, ensure_ascii=False, indent=1)
        for old in sorted(folder.glob("*.ipynb"))[:-KEPT]:
            old.unlink(missing_ok=True)
        return target


def _holds(file: Path, content: dict[str, Any]) -> bool:
    """Whether a snapshot has this, but for whether Jupyter trusts it, which it says anew with each look at a file."""
    try:
        there = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return _untrusting(there) == _untrusting(content)


def _untrusting(content: dict[str, Any]) -> dict[str, Any]:
    cells = []
    for cell in content["cells"]:
        metadata = cell.get("metadata")
        cells.append(cell | {"metadata": metadata | {"trusted": None}} if isinstance(metadata, dict) else cell)
    return content | {"cells": cells}
