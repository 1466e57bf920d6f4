"""What Jupyter itself makes of a notebook's file: opened and saved, or edited by a person in its room.

Without jupyter-collaboration a file is what the Contents API gives, sent back to it, as JupyterLab saves. With it a
file is what the room writes: a person types into the first cell and takes it back.
"""

from __future__ import annotations

import json
from typing import Any

import anyio
import httpx
from harness import JupyterProcess
from harness.people import person

TYPED = "a person was here "
SECONDS = 40.0


class CannotOpen(Exception):
    """Jupyter does not open a file."""


class CannotSave(Exception):
    """Jupyter opens a file and does not save it."""


def _api(server: JupyterProcess, path: str) -> tuple[str, dict[str, Any]]:
    return f"{server.url}api/contents/{path}", {
        "headers": {"Authorization": f"token {server.token}"},
        "timeout": 60,
        "trust_env": False,
    }


def opened(server: JupyterProcess, path: str) -> dict[str, Any]:
    """The content of a notebook as Jupyter gives it, with cells that have a type and a source as all that opens has."""
    url, options = _api(server, path)
    answer = httpx.get(url, params={"type": "notebook"}, **options)
    if not answer.is_success:
        raise CannotOpen(answer.text[:300])
    content = json.loads(answer.content)["content"]
    for cell in content.get("cells", [{}]):
        if "source" not in cell or "cell_type" not in cell:
            raise CannotOpen("a cell without a source or a type")
    return dict(content)


def saved(server: JupyterProcess, path: str) -> bytes:
    """The file after it was opened and saved through the Contents API."""
    url, options = _api(server, path)
    model = {"type": "notebook", "format": "json", "content": opened(server, path)}
    answer = httpx.put(url, content=json.dumps(model).encode(), **options)
    if not answer.is_success:
        raise CannotSave(answer.text[:300])
    return (server.root / path).read_bytes()


async def saved_by_room(server: JupyterProcess, path: str) -> bytes:
    """The file after a person has typed into its first cell, and taken it back."""
    file = server.root / path
    try:
        async with person(server, path) as somebody:
            source = somebody.notebook.ycells[0]["source"]
            source.insert(0, TYPED)
            await until_file(server, path, lambda written: TYPED.encode() in written)
            del source[: len(TYPED)]
            await until_file(server, path, lambda written: TYPED.encode() not in written)
    except TimeoutError:
        raise CannotSave("its room saves nothing") from None
    return file.read_bytes()


async def until_file(server: JupyterProcess, path: str, right: Any, seconds: float = SECONDS) -> bytes:
    """The file once it is a whole notebook and right. Raises TimeoutError."""
    with anyio.fail_after(seconds):
        while True:
            written = (server.root / path).read_bytes()
            if right(written) and written.rstrip().endswith(b"}"):
                return written
            await anyio.sleep(0.1)
