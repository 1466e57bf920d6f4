"""The person of the sixth task: in the room as JupyterLab is, and at Jupyter's REST as JupyterLab is."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import anyio
from harness.people import Person

from benchmarks.parts import JupyterProcess


class Actor:
    """Edits, deletes, restarts and renames; each is over when it returns."""

    def __init__(self, server: JupyterProcess, person: Person) -> None:
        self._server = server
        self._person = person

    async def edits(self) -> None:
        """Add a comment to the cell that the agent has read."""
        cell = self._find("step = 1")
        await self._person.types(cell, "  # mine")
        await anyio.sleep(0.5)

    async def deletes(self) -> None:
        """Remove the cell above the agent's."""
        self._person.delete(self._find("scratch"))
        await anyio.sleep(0.5)

    async def restarts(self) -> None:
        """Restart the notebook's kernel."""
        for session in await anyio.to_thread.run_sync(self._ask, "GET", "api/sessions"):
            if session["path"].endswith("shared.ipynb"):
                await anyio.to_thread.run_sync(self._ask, "POST", f"api/kernels/{session['kernel']['id']}/restart")

    async def renames(self) -> None:
        """Rename the notebook, and its session with it, as JupyterLab does (`SessionContext`, `onPathChanged`)."""
        await anyio.sleep(2)  # the room is saved a second after the last edit
        await anyio.to_thread.run_sync(self._ask, "PATCH", "api/contents/shared.ipynb", {"path": "final.ipynb"})
        renamed = {"path": "final.ipynb", "name": "final.ipynb", "type": "notebook"}
        for session in await anyio.to_thread.run_sync(self._ask, "GET", "api/sessions"):
            if session["path"].endswith("shared.ipynb"):
                await anyio.to_thread.run_sync(self._ask, "PATCH", f"api/sessions/{session['id']}", renamed)

    def _find(self, words: str) -> int:
        cells = self._person.notebook.ycells
        return next(index for index in range(len(cells)) if words in str(cells[index]["source"]))

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = json.dumps(body or {}).encode() if method != "GET" else None
        headers = {"Authorization": f"Bearer {self._server.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self._server.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.loads(response.read() or b"null")
