"""A notebook that Jupyter renames just while the server writes it.

jupyter-collaboration (5.0) tries its write once more where the file has moved. Between the move on the disk and
the moment at which jupyter-server-fileid (0.10) hears of it, it finds no other name: then it takes what it
has written itself for another program's, and gives the room that, without what came in between.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from harness import StartJupyter, connect, until
from harness.people import person
from harness.requests import as_client, post

pytestmark = pytest.mark.anyio

SLOW = """
import asyncio
from pathlib import Path

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

class Slow(AsyncLargeFileManager):
    async def _save_notebook(self, os_path, nb, capture_validation_error=None):
        await super()._save_notebook(os_path, nb, capture_validation_error)
        root = Path(self.root_dir)
        if (root / "waits").exists():
            (root / "written").touch()
            while not (root / "moved").exists():
                await asyncio.sleep(0.01)

    async def rename_file(self, old_path, new_path):
        await super().rename_file(old_path, new_path)
        (Path(self.root_dir) / "moved").touch()
        await asyncio.sleep(0.5)
"""


async def test_an_edit_that_jupyter_takes_back_is_told_and_is_in_a_snapshot(
    start_jupyter: StartJupyter, tmp_path: Path
) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    server = start_jupyter(
        arguments=("--ServerApp.contents_manager_class=slow.Slow",), environment={"PYTHONPATH": str(tmp_path)}
    )
    server.write_notebook("a.ipynb", "1", "2", "3", ids=["a", "b", "c"])
    renamed = json.dumps({"path": "b.ipynb"}).encode()
    async with connect(server) as agent, person(server, "a.ipynb", "Ada") as ada:
        await agent.ok("overwrite_cell_source", notebook="a.ipynb", cell="a", source="x = 0")
        (server.root / "waits").touch()
        await agent.ok("overwrite_cell_source", notebook="a.ipynb", cell="a", source="x = 1")
        await until((server.root / "written").exists)
        status, _, body = await asyncio.to_thread(
            post, server, renamed, path="api/contents/a.ipynb", method="PATCH", **as_client()
        )
        assert status == 200, body
        await agent.ok("delete_cell", notebook="b.ipynb", cell="c")
        await agent.ok("overwrite_cell_source", notebook="b.ipynb", cell="b", source="y = 2")
        await ada.sees(lambda: len(ada.notebook.ycells) == 3)  # Jupyter puts back what it had written
        told = await agent.ok("list_cells", notebook="b.ipynb")
        assert "your last edits of c, b in 'b.ipynb' are not there any more" in told
        assert "it was renamed while the server wrote it" in told
        snapshot = told.split("in the snapshot ")[1].split(".")[0]
        (kept,) = server.data.glob(f"mcp-proxy/snapshots/*/{snapshot}*")
        assert "y = 2" in kept.read_text()
        assert "are not there any more" not in await agent.ok("list_cells", notebook="b.ipynb")
