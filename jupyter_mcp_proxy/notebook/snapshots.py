"""The safety net: a notebook as it was before this project first wrote to it.

Kept below Jupyter's data directory, `mcp-proxy/snapshots/<notebook>/<time>.ipynb`, readable by their owner
only; the newest ten of each notebook. `of.json` beside them names the notebook.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_data_dir

KEPT = 10


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
    found = []
    for about in folder.glob("*/of.json"):
        of = json.loads(about.read_text(encoding="utf-8"))
        found += [Snapshot(file.stem, of["notebook"], of["root"], file) for file in about.parent.glob("*.ipynb")]
    return sorted(found, key=lambda snapshot: snapshot.time, reverse=True)


class Snapshots:
    """The snapshots of one server, below `folder`. Its root folder tells servers with the same paths apart."""

    def __init__(self, folder: Path, root: str) -> None:
        self._folder = folder
        self._root = root

    def folder(self, path: str) -> Path:
        """Where the snapshots of a notebook are kept."""
        name = path.rsplit("/", 1)[-1].encode()[:80].decode("utf-8", "ignore")
        digest = hashlib.sha256(f"{self._root}\0{path}".encode()).hexdigest()[:12]
        return self._folder / f"{name}-{digest}"

    def notebooks(self, beside: str) -> list[str]:
        """The notebooks of this server that have a file of that name beside their snapshots."""
        found = []
        for about in self._folder.glob("*/of.json"):
            of = json.loads(about.read_text(encoding="utf-8"))
            if of["root"] == self._root and (about.parent / beside).exists():
                found.append(str(of["notebook"]))
        return found

    async def take(self, path: str, content: dict[str, Any]) -> Path:
        """Write a snapshot and return its path. Raises OSError where that fails."""
        return await asyncio.to_thread(self._write, path, content)

    def _write(self, path: str, content: dict[str, Any]) -> Path:
        folder = self.folder(path)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S%f")
        (folder / "of.json").write_text(json.dumps({"root": self._root, "notebook": path}), encoding="utf-8")
        target = folder / f"{stamp}.ipynb"
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({**content, "metadata": content.get("metadata", {})}, file, ensure_ascii=False, indent=1)
        for old in sorted(folder.glob("*.ipynb"))[:-KEPT]:
            old.unlink(missing_ok=True)
        return target
