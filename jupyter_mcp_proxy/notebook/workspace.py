"""Everything that the tools work with, in one place: the open documents, their kernels, and who uses them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from contextlib import AsyncExitStack
from difflib import get_close_matches
from pathlib import Path

from ..errors import NotNamed, ProxyError, ServerError, Unknown
from ..jupyter.server import JupyterServer, clean_path
from .document import Document, Guarantee, open_document
from .journal import Journal
from .kernels import Kernels
from .runner import Runner
from .snapshots import Snapshots

log = logging.getLogger(__name__)

IDLE_LIMIT = 600.0
"""Seconds after which a document that no client uses is closed."""
REAP_EVERY = 60.0
MOST_CLIENTS = 1000


class Workspace:
    """The live state behind the tools. An async context manager, open while the sidecar serves."""

    def __init__(self, server: JupyterServer, *, run_id: str, runtime_dir: str, data_dir: Path) -> None:
        self.server = server
        self.kernels = Kernels(server, f"mcp-proxy-{run_id}", runtime_dir)
        self.runner = Runner(server, self.kernels, Journal(runtime_dir, run_id))
        self._snapshots = Snapshots(data_dir / "mcp-proxy" / "snapshots", server.url)
        self._documents: dict[str, Document] = {}
        self._last_use: dict[str, float] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self._clients: OrderedDict[str, dict[str, None]] = OrderedDict()
        self._shared: bool | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Workspace:
        await self._stack.enter_async_context(self.server)
        await self._stack.enter_async_context(self.kernels)
        self._stack.push_async_callback(self._close_documents)
        await self._stack.enter_async_context(self.runner)
        reaper = asyncio.create_task(self._reap(), name="closing unused documents")
        self._stack.push_async_callback(_cancelled, reaper)
        self.runner.recover(self.document)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _close_documents(self) -> None:
        for document in list(self._documents.values()):
            await document.__aexit__(None, None, None)
        self._documents.clear()

    # -- documents ------------------------------------------------------------------------------------

    async def has_collaboration(self) -> bool:
        """Whether notebooks are shared documents on this server. Asked once."""
        if self._shared is None:
            self._shared = await self.server.has_collaboration()
        return self._shared

    async def guarantee(self) -> Guarantee:
        """What kind of documents this server has."""
        return "live" if await self.has_collaboration() else "file"

    async def document(self, path: str) -> Document:
        """The open document of a notebook, opened if need be. Raises Unknown with near matches."""
        path = clean_path(path)
        async with self._opening.setdefault(path, asyncio.Lock()):
            document = self._documents.get(path)
            if document is None:
                document = await open_document(
                    self.server, path, self._snapshots, shared=await self.has_collaboration()
                )
                try:
                    await document.__aenter__()
                except Unknown as error:
                    raise await self._with_near_matches(path) from error
                self._documents[path] = document
            self._last_use[path] = time.monotonic()
            return document

    async def _with_near_matches(self, path: str) -> Unknown:
        folder = path.rpartition("/")[0]
        try:
            model = await self.server.contents(folder)
            siblings = [item["path"] for item in model.get("content") or [] if item["type"] == "notebook"]
        except ServerError:
            siblings = []
        near = get_close_matches(path, siblings, n=3, cutoff=0.4) or siblings[:5]
        return Unknown(
            "notebook", path, near, "list_files shows what there is; use_notebook with create=true makes one."
        )

    async def close(self, path: str) -> None:
        """Close a document; its file and its kernel stay."""
        async with self._opening.setdefault(path, asyncio.Lock()):
            document = self._documents.pop(path, None)
            if document is not None:
                await document.__aexit__(None, None, None)

    async def _reap(self) -> None:
        while True:
            await asyncio.sleep(REAP_EVERY)
            used = {path for opened in self._clients.values() for path in opened}
            for path in list(self._documents):
                idle = time.monotonic() - self._last_use.get(path, 0)
                if path not in used and idle > IDLE_LIMIT and not self.runner.runs_in(path):
                    try:
                        await self.close(path)
                    except ProxyError as error:
                        log.info("closing %s: %s", path, error)

    # -- clients --------------------------------------------------------------------------------------

    def opened_by(self, client: str) -> list[str]:
        """The notebooks that a client has open, in the order of opening."""
        return list(self._clients.get(client, ()))

    def use(self, client: str, path: str) -> None:
        """A client opens a notebook."""
        self._clients.setdefault(client, {})[path] = None
        self._clients.move_to_end(client)
        while len(self._clients) > MOST_CLIENTS:
            self._clients.popitem(last=False)

    def unuse(self, client: str, path: str) -> bool:
        """A client closes a notebook; whether it had it open."""
        had = path in self._clients.get(client, {})
        self._clients.get(client, {}).pop(path, None)
        return had

    def used(self, path: str) -> bool:
        """Whether any client has the notebook open."""
        return any(path in opened for opened in self._clients.values())

    def named(self, client: str, path: str | None) -> str:
        """The notebook that a reading call means: the one it names, else the only one its client has open."""
        if path:
            return clean_path(path)
        opened = self.opened_by(client)
        if len(opened) != 1:
            raise NotNamed(opened)
        return opened[0]


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
