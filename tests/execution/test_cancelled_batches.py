"""A client that goes away in the moment in which the cells of its batch are marked leaves no mark behind."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import anyio
import pytest
from harness import JupyterProcess
from harness.people import person

from jupyter_mcp_proxy.documents.shared import SharedDocument
from jupyter_mcp_proxy.execution.journal import Journal
from jupyter_mcp_proxy.execution.kernels import Kernels
from jupyter_mcp_proxy.execution.pause import Pause
from jupyter_mcp_proxy.execution.runner import Runner
from jupyter_mcp_proxy.jupyter.server import JupyterServer
from jupyter_mcp_proxy.store.snapshots import Snapshots

pytestmark = pytest.mark.anyio


async def test_cells_that_are_marked_when_their_client_goes_do_not_wait_for_ever(
    live: JupyterProcess, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are queued; the call that was cancelled stops what it has queued."""
    live.write_notebook(name, "1", "2", ids=["one", "two"])
    async with (
        JupyterServer(live.url, live.token) as api,
        Kernels(api, "a-session", str(live.runtime)) as kernels,
        Runner(api, kernels, Journal(str(tmp_path), "run"), Pause(str(tmp_path), "run", os.getpid())) as runner,
        SharedDocument(api, name, Snapshots(tmp_path, "test")) as document,
        person(live, name) as lab,
    ):
        kernel = await kernels.start(name, None)
        marked, edit = anyio.Event(), document.edit

        async def slow(*arguments: Any, **options: Any) -> Any:
            result = await edit(*arguments, **options)
            marked.set()
            await anyio.sleep(0.3)  # as until the room has said that it has the change
            return result

        monkeypatch.setattr(document, "edit", slow)

        async def call() -> None:
            await runner.start_batch(document, kernel.id, [("one", 0, "1"), ("two", 1, "2")], stop_on_error=True)

        async with anyio.create_task_group() as group:
            group.start_soon(call)
            await marked.wait()
            group.cancel_scope.cancel()
        await lab.sees(lambda: [cell["execution_state"] for cell in lab.notebook.ycells] == ["idle"] * 2, 60)
        assert [cell["execution_count"] for cell in lab.notebook.ycells] == [1, 2]
