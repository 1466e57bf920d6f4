"""Everything that the tools work with, in one place: the open documents, their kernels, and who uses them."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from difflib import get_close_matches
from functools import partial
from pathlib import Path

from .documents.document import Author, Document, Guarantee
from .documents.files import Files
from .documents.opening import open_document
from .documents.place import same_file
from .documents.proposals import Proposals
from .documents.seen import Looks
from .documents.unsaved import NAME as UNSAVED
from .documents.users import Users
from .errors import ProxyError, ServerError, Unknown
from .execution.inspection import Inspector
from .execution.journal import Journal
from .execution.kernels import Kernels
from .execution.marks import Marks
from .execution.pause import Pause
from .execution.runner import Runner
from .jupyter.online import Online
from .jupyter.paths import Paths, clean_path, hidden
from .jupyter.server import JupyterServer
from .settings import Settings
from .store.snapshots import Snapshots, folder_of_all

log = logging.getLogger(__name__)

IDLE_LIMIT = 600.0
"""Seconds after which a document that no client uses is closed, and a client that does nothing is no longer shown."""
REAP_EVERY = 60.0
CLOSING_LIMIT = 2.0
"""Seconds that documents have to be closed when the sidecar is told to end."""
RETURN_PAUSES = (1.0, 5.0, 15.0, 60.0)
"""Seconds until a server that does not answer is asked again for a notebook that was left unwritten."""


class Workspace:
    """The live state behind the tools. An async context manager, open while the sidecar serves."""

    def __init__(
        self,
        server: JupyterServer,
        *,
        run_id: str,
        runtime_dir: str,
        data_dir: Path,
        root_dir: str,
        pause: Pause,
        proposals: Proposals | None = None,
    ) -> None:
        self.server = server
        self.proposals = proposals or Proposals(runtime_dir, run_id, os.getpid(), default=False)
        self.files = Files(server)
        self.pause = pause
        self.kernels = Kernels(server, f"mcp-proxy-{run_id}", runtime_dir)
        self.runner = Runner(server, self.kernels, Journal(runtime_dir, run_id), pause)
        self.marks = Marks(self.kernels, lambda: self.runner.kept.all, lambda path: self._documents.get(path))
        self.snapshots = self._snapshots = Snapshots(folder_of_all(data_dir), root_dir)
        self._documents: dict[str, Document] = {}
        self._last_use: dict[str, float] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self.on_reviewed: Callable[[], None] = lambda: None
        """Called when there is another change that a person may look at, or one less."""
        self.users = Users(Looks.of_run(runtime_dir, run_id))
        self._reused: set[str] = set()
        """Paths that a notebook had that is elsewhere now, and another has."""
        self._closing: set[asyncio.Task[None]] = set()
        self._held: Counter[str] = Counter()
        self._shared: bool | None = None
        self._online = Online(server)
        self._stack = AsyncExitStack()

    @classmethod
    def of(cls, settings: Settings, data_dir: Path, pause: Pause) -> Workspace:
        """The workspace of the server that the settings name."""
        server = JupyterServer(
            settings.server_url,
            token=settings.server_token,
            certificate=settings.server_certificate,
            unix_socket=settings.server_socket,
            paths=Paths(settings.allowed_paths, settings.refused_paths, settings.read_only_paths),
        )
        return cls(
            server,
            run_id=settings.run_id,
            runtime_dir=settings.runtime_dir,
            data_dir=data_dir,
            root_dir=settings.root_dir,
            pause=pause,
            proposals=Proposals(settings.runtime_dir, settings.run_id, settings.parent_pid, default=settings.review),
        )

    async def __aenter__(self) -> Workspace:
        self._stack.callback(self.users.end)
        await self._stack.enter_async_context(self.server)
        await self._stack.enter_async_context(self.kernels)
        self._stack.push_async_callback(self._close_documents)
        await self._stack.enter_async_context(self._online)
        await self._stack.enter_async_context(self.runner)
        reaper = asyncio.create_task(self._reap(), name="closing unused documents")
        self._stack.push_async_callback(_cancelled, reaper)
        self.runner.recover(self.document)
        writer = asyncio.create_task(self._write_what_was_left(), name="writing what an earlier process had not")
        self._stack.push_async_callback(_cancelled, writer)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _close_documents(self) -> None:
        closing = asyncio.gather(
            *(document.__aexit__(None, None, None) for document in self._documents.values()),
            *self._closing,
            return_exceptions=True,
        )
        with suppress(asyncio.TimeoutError):  # what is not written by then is kept for the next process
            await asyncio.wait_for(closing, CLOSING_LIMIT)
        self._documents.clear()

    async def focus(self) -> list[tuple[str, str | None]]:
        """Each person in JupyterLab with the path of the document in front of them."""
        shown = self.server.paths
        return [(name, path if path and shown.open(path) else None) for name, path in await self._online.people()]

    async def _write_what_was_left(self) -> None:
        """Open the notebooks that an earlier process has not written to their files; they are written then."""
        for path in await asyncio.to_thread(self._snapshots.notebooks, UNSAVED):
            for pause in RETURN_PAUSES:
                try:
                    if await self.has_collaboration():
                        return
                    document = await self.document(path)
                    await document.look_back()
                    if document.unsaved or path not in self._snapshots.notebooks(UNSAVED):
                        break
                    await asyncio.sleep(pause)  # the process that it belongs to is about to end
                except ServerError as error:
                    log.info("writing what was left for %s: %s", path, error)
                    await asyncio.sleep(pause)
                except Exception as error:
                    log.warning("what was left for %s is not written: %s", path, error)
                    break

    async def inspector(self, path: str) -> Inspector:
        """What looks into a notebook's kernel. Raises KernelFailed where it has none."""
        return await Inspector.of(path, server=self.server, kernels=self.kernels, running=self.runner.kept.running)

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
        """The open document of a notebook, opened if need be. Raises Unknown with near matches.

        One that was renamed is found by its old name, too, unless another has that now.
        """
        path = clean_path(path)
        while True:
            document = await self._document(await self._name_now(path))
            before = document.path
            await document.follow()
            if document.path == before:
                return document

    async def _document(self, path: str) -> Document:
        async with self._opening.setdefault(path, asyncio.Lock()):
            document = self._documents.get(path)
            if document is None:
                if await self.has_collaboration():
                    await self.focus()  # join the room of all people now: they become known in the next seconds
                document = await open_document(
                    self.server, path, self._snapshots, shared=await self.has_collaboration()
                )
                document.is_another = path in self._reused
                try:
                    await document.__aenter__()
                except Unknown as error:
                    raise await self._with_near_matches(path) from error
                first = next((each for each in self._documents.values() if each.is_at(path)), None)
                if first is not None:  # whoever asked for another name of it meanwhile
                    await document.__aexit__(None, None, None)
                    return first
                document.on_moved = partial(self._moved, document)
                document.review.announce = self.on_reviewed
                self._documents[path] = document
                self._reused.discard(path)
            self._last_use[document.path] = time.monotonic()
            return document

    async def _name_now(self, path: str) -> str:
        """What the notebook that a path means is called now."""
        now = self.users.names.now(path)
        if path in self._documents:
            return path
        if now == path:
            return await self._in_use(path)
        new_one = self._documents[now].has_another(path) if now in self._documents else None
        if new_one is None:
            try:
                new_one = bool(await self.server.contents(path, content=False))
            except ServerError:
                new_one = False
        if new_one:
            self.users.names.forget(path)
            self._reused.add(path)
        return path if new_one else now

    async def _in_use(self, path: str) -> str:
        """The name under which a file that has several, such as a link's, is in use already: two documents of one file
        would overwrite each other."""
        for document in self._documents.values():
            if document.is_at(path):
                return document.path
        sessions = [str(session.get("path")) for session in await self.server.sessions()]
        return path if path in sessions else same_file(self._snapshots.root, path, sessions) or path

    async def _moved(self, document: Document, old: str, new: str) -> None:
        """An open notebook has another path: all that is known of it goes along."""
        if self._documents.get(old) is document:
            del self._documents[old]
        replaced = self._documents.get(new)
        if replaced is not None:
            await self.close(new)
        self._documents[new] = document
        self._last_use[new] = time.monotonic()
        self._held[new] += self._held.pop(old, 0)
        self.users.moved(old, new)
        self.runner.moved(old, new)
        self.marks.moved(old, new)
        self.proposals.moved(old, new)
        self.on_reviewed()
        try:
            await self.kernels.moved(old, new)
        except ServerError as error:
            log.warning("the kernel's session of %s keeps that path: %s", old, error)

    async def _with_near_matches(self, path: str) -> Unknown:
        folder = path.rpartition("/")[0]
        try:
            model = await self.server.contents(folder)
            siblings = [item["path"] for item in model.get("content") or [] if item["type"] == "notebook"]
        except ServerError:
            siblings = []
        near = get_close_matches(path, siblings, n=3, cutoff=0.4) or siblings[:5]
        hint = hidden(path) or "list_files shows what there is; use_notebook with create=true makes one."
        return Unknown("notebook", path, near, hint)

    async def close(self, path: str) -> None:
        """Close a document; its file and its kernel stay. It goes on where whoever asks does not wait for it."""
        closing = asyncio.create_task(self._close(path), name=f"closing {path}")
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
        await asyncio.shield(closing)

    async def _close(self, path: str) -> None:
        async with self._opening.setdefault(path, asyncio.Lock()):
            document = self._documents.pop(path, None)
            if document is not None:
                await document.__aexit__(None, None, None)
                if document.review.changes:  # they can't be taken back any more
                    self.on_reviewed()

    @property
    def documents(self) -> list[Document]:
        """The notebooks that are open."""
        return list(self._documents.values())

    def below(self, path: str) -> list[Document]:
        """The open documents of a notebook, or of those in a folder, that have a file."""
        return [each for at, each in self._documents.items() if f"{at}/".startswith(f"{path}/") and not each.gone]

    def trouble(self, path: str) -> ProxyError | None:
        """Why changes of an open notebook are not in its file, where that is so."""
        return self._documents[path].trouble if path in self._documents else None

    async def _reap(self) -> None:
        while True:
            await asyncio.sleep(REAP_EVERY)
            now = time.monotonic()
            for client in self.users.idle(IDLE_LIMIT):
                self._online.hide(client)
                for document in self._documents.values():
                    document.hide(client)
            self.users.forget_idle()
            await self.kernels.reap(lambda kernel: bool(self.runner.kept.running(kernel)))
            for path in list(self._documents):
                if now - self._last_use.get(path, 0) > IDLE_LIMIT and not self.needed(path):
                    try:
                        await self.close(path)
                    except Exception as error:
                        log.warning("closing %s: %s", path, error)

    # -- clients --------------------------------------------------------------------------------------

    def show(self, who: Author, document: Document, cell_id: str | None = None) -> None:
        """Show a client in a notebook, and in JupyterLab's list of those who are online."""
        document.show(who, cell_id)
        if document.guarantee == "live":
            from .documents.people import online_state

            self._online.show(who.key, online_state(who.name, document.path))

    def unuse(self, client: str, path: str) -> bool:
        """A client closes a notebook; whether it had it open."""
        if path in self._documents:
            self._documents[path].hide(client)
            self._online.hide(client)
        return self.users.unuse(client, path)

    def restarted(self, client: str, path: str) -> bool:
        """Whether the notebook's kernel lost its variables since this client was last told."""
        return self.users.restarted(client, path, self.kernels.lives(path))

    def needed(self, path: str) -> bool:
        """Whether a client has the notebook open, a call works on it, something runs or is to be written in it, or an
        agent's change waits for a person, who could not take it back once it is closed."""
        document = self._documents.get(path)
        waits = document is not None and (document.unsaved or document.review.is_fresh)
        return self.users.has_open(path) or waits or self._held[path] > 0 or self.runner.kept.runs_in(path)

    def hold(self, document: Document) -> None:
        """Keep a document open while a call works on it, until `release`."""
        self._held[document.path] += 1

    def release(self, document: Document) -> None:
        """A call is done with a document."""
        self._held[document.path] -= 1
        self._last_use[document.path] = time.monotonic()


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
