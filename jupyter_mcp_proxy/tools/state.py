"""What the MCP server keeps between calls: the settings, what agents do, and the workspace, opened behind the first
request."""

from __future__ import annotations

import asyncio
import gc
import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_core.paths import jupyter_data_dir

from ..execution.pause import Pause
from ..settings import Settings
from ..store.audit import Audit, audit_file
from .activity import Activity
from .permission import Permission
from .recording import Recorder

if TYPE_CHECKING:
    from ..workspace import Workspace


class State:
    """An async context manager. The workspace's libraries take as long to import as MCP itself does, so they are
    imported once the server listens already; `ready` waits for them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.pause = Pause(settings.runtime_dir, settings.run_id, settings.parent_pid)
        self.activity = Activity()
        self.permission = Permission(
            settings.runtime_dir, settings.run_id, settings.parent_pid, everyone=settings.ask_before_running
        )
        self.permission.are_there = self.activity.is_watched_by_one_who_answers
        self.permission.announce = self.activity.announce
        self.recorder = Recorder(
            self.activity,
            Audit(audit_file(Path(jupyter_data_dir()))) if settings.audit else None,
            contents=settings.audit_contents,
            root=settings.root_dir,
        )
        self.changes = 0
        """Grows with each change of an agent that waits for a person, and when one does so no longer."""
        self._opening: asyncio.Task[Workspace] | None = None

    async def __aenter__(self) -> State:
        self._opening = asyncio.create_task(self._open(), name="opening the workspace")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.recorder.__aexit__(None, None, None)
        if self._opening is None:
            return
        if not self._opening.done():
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        elif self._opening.exception() is None:
            await self._opening.result().__aexit__(None, None, None)

    async def ready(self) -> Workspace:
        """The workspace, once it is open."""
        assert self._opening is not None
        return await asyncio.shield(self._opening)

    @property
    def is_ready(self) -> bool:
        """Whether the workspace is open."""
        opening = self._opening
        return opening is not None and opening.done() and not opening.cancelled() and opening.exception() is None

    @property
    def degraded(self) -> bool:
        """Whether the plain entry point serves, so that nobody has checked who asks."""
        return self.settings.relay != "streaming"

    def _reviewed(self) -> None:
        self.changes += 1
        self.activity.announce()

    @property
    def workspace(self) -> Workspace:
        """The open workspace; only after `ready`."""
        assert self._opening is not None
        return self._opening.result()

    async def _open(self) -> Workspace:
        for module in ("workspace", "documents.shared", "documents.file"):
            await asyncio.to_thread(importlib.import_module, f"jupyter_mcp_proxy.{module}")
        # What is loaded stays: a later collection need not look at it, and stops us for 4 ms instead of 50.
        gc.freeze()
        gc.enable()
        from ..workspace import Workspace

        workspace = Workspace.of(self.settings, Path(jupyter_data_dir()), self.pause)
        people = workspace.runner.questions.people
        people.are_there = self.activity.is_watched_by_one_who_answers
        people.announce = self.activity.announce
        workspace.on_reviewed = workspace.proposals.announce = self._reviewed
        return await workspace.__aenter__()
