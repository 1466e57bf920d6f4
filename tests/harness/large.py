"""A large notebook as a file, the document that writes it late, and its end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import JupyterProcess
from jupyter_mcp_proxy.documents.document import Author
from jupyter_mcp_proxy.documents.editor import Editor
from jupyter_mcp_proxy.documents.file import FileDocument
from jupyter_mcp_proxy.documents.stored import LARGE
from jupyter_mcp_proxy.jupyter.server import JupyterServer
from jupyter_mcp_proxy.store.snapshots import Snapshots

AGENT = Author("agent", "Agent")


class Counting(JupyterServer):
    """A server of which is counted how often it was asked to write a notebook."""

    def __init__(self, server: JupyterProcess) -> None:
        super().__init__(server.url, server.token)
        self.writes = 0

    async def save_notebook(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
        self.writes += 1
        return await super().save_notebook(path, content)


class Opened(FileDocument):
    """A large notebook of which one cell was edited: from there on it is large and known to be writable."""

    async def __aenter__(self) -> Opened:
        await super().__aenter__()
        await self.edit(write(0, "a = 2"), author=AGENT)
        return self

    async def crash(self) -> None:
        """Leave everything as a process does that is killed; the system lets go of what it had locked."""
        if self._late._writer is not None:
            self._late._writer.cancel()
        self._late._unsaved.release()


async def crashed(api: JupyterServer, name: str, snapshots: Snapshots) -> None:
    """A process has ended that was to write `b = 2`."""
    document = await Opened(api, name, snapshots).__aenter__()
    await document.edit(write(1, "b = 2"), author=AGENT)
    await document.crash()


def write_large(server: JupyterProcess, name: str) -> Path:
    path = server.write_notebook(name, "a = 1", "b = 1", "c = 1")
    content = json.loads(path.read_text())
    content["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["x" * LARGE]}]
    path.write_text(json.dumps(content))
    return path


def write(cell: int, source: str) -> Callable[[Editor], None]:
    return lambda editor: editor.set_source(cell, source)


def save(path: Path, change: Callable[[list[dict[str, Any]]], Any]) -> None:
    """Save the notebook as somebody else would."""
    content = json.loads(path.read_text())
    change(content["cells"])
    path.write_text(json.dumps(content))


def sources(path: Path) -> list[str]:
    """The sources in a file; none while it is being written."""
    try:
        return ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]]
    except ValueError:
        return []


def kept(snapshots: Snapshots, name: str) -> Path:
    return snapshots.folder(name) / "unsaved.json"


def snapshot_sources(snapshots: Snapshots, name: str) -> list[list[str]]:
    return [sources(file) for file in sorted(snapshots.folder(name).glob("*.ipynb"))]
