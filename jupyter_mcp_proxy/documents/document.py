"""A notebook as a document that can be read and changed, whether it is shared or a file.

Both kinds offer `read` and `edit`; what is done is a plain function of an `Editor`, the same for both.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from ..errors import Conflict, Gone, NotSaved, ProxyError, ServerError
from ..jupyter.server import JupyterServer
from ..store.snapshots import Snapshots
from .cells import Cell
from .editor import Editor
from .history import OTHERS, OURSELVES, Entry, History
from .place import GONE, Place
from .restoring import put_back
from .review import Review

if TYPE_CHECKING:
    from .overwritten import Loss

log = logging.getLogger(__name__)

T = TypeVar("T")
TakeSnapshot = Callable[[str, dict[str, Any]], Awaitable[Any]]
Guarantee = Literal["live", "file"]

LOOK_AGAIN = 0.2
"""Seconds after which a file that is not there is looked for once more: some programs write it anew by removing it."""

RESTORE_TRIES = 3
"""How often a notebook is looked at anew that somebody types in while a snapshot is put back."""


@dataclass(frozen=True)
class Author:
    """Who makes a change: `key` tells clients apart, `name` is shown, and with that of its token in the history."""

    key: str
    name: str
    token: str = ""

    @property
    def signature(self) -> str:
        """How the history calls it."""
        return f"{self.name} ({self.token})" if self.token else self.name

    @property
    def whole(self) -> tuple[str, str, str]:
        """All that is known of them."""
        return self.key, self.name, self.token

    def undoing(self, by: str | None) -> tuple[str, str]:
        """Name and key in the history of who takes their changes back: themselves, or a person."""
        return (self.signature, self.key) if by is None else (by, OTHERS)


class Document(ABC):
    """An open notebook. An async context manager."""

    guarantee: Guarantee

    @property
    @abstractmethod
    def promise(self) -> str:
        """What the guarantee means, in a few words."""

    def __init__(self, server: JupyterServer, path: str, snapshots: Snapshots) -> None:
        self.path = path
        self._server = server
        self._snapshots = snapshots
        self._snapshot_taken = False
        self._taking_snapshot = asyncio.Lock()
        self._place = Place(snapshots.root, path)
        self._following = asyncio.Lock()
        self.is_another = False
        """Whether its path was that of another file a moment ago, which a room may still hold."""
        self.gone: Gone | None = None
        """Why nothing can be done with it, while its file is not there."""
        self.on_moved: Callable[[str, str], Awaitable[None]] | None = None
        """Called with the old path and the new one."""
        self.history = History()
        """What has happened to the cells since the document was opened."""
        self.review = Review()
        """What agents have changed since then, for a person to keep or to take back."""

    @property
    def takes_changes(self) -> bool:
        """Whether it is known that a change made now would be kept, and be seen at once."""
        return False

    @property
    def unsaved(self) -> bool:
        """Whether something was accepted that only this process knows to write."""
        return False

    @property
    def trouble(self) -> ProxyError | None:
        """Why changes that were accepted are not in the file, where that is so."""
        return self.gone

    def losses(self, key: str) -> list[str]:
        """What the client with this key is to be told, once, of edits of its own that were lost."""
        return []

    @property
    def overwritten(self) -> list[Loss]:
        """What of our clients' work others have saved over, as far as that is known."""
        return []

    def just_overwritten(self) -> Loss | None:
        """What the person who has just saved it is to be told of that, once."""
        return None

    def is_at(self, path: str) -> bool:
        """Whether another path leads to the same file, as far as that can be told."""
        return self._place.is_at(path)

    def has_another(self, path: str) -> bool | None:
        """Whether there is a file at another path; None where that cannot be told."""
        return self._place.exists(path)

    async def follow(self) -> None:
        """Have the path that the file has now. Where it has none, `gone` says so, and what is here is in a snapshot."""
        where = self._where()
        if where == self.path and self.gone is None:
            return
        async with self._following:
            where = self._where()
            if where is None and self.gone is not None and await self._is_there():
                where = self.path
            if where == GONE and self.gone is None:
                await asyncio.sleep(LOOK_AGAIN)
                where = self._where()
            if where == GONE:
                await self._is_gone()
                return
            if where is not None and self.gone is not None:
                self.gone = None
                await self._is_back()
            if where not in (None, self.path):
                await self._move(where or "")

    def _where(self) -> str | None:
        where = self._place.now()
        return where if not where or where == self.path or self._server.paths.open(where) else GONE

    async def _move(self, new: str) -> None:
        old = self.path
        await self._moved(new)
        self.path = new
        if self.on_moved is not None:
            await self.on_moved(old, new)

    async def has_moved(self, new: str) -> None:
        """We have moved the file: work with its new path, whether or not the file tells."""
        async with self._following:
            if self.path != new:
                self._place.moved(new)
                await self._move(new)

    def is_deleted(self, kept: str | None) -> None:
        """We have deleted the file; what it held is in that snapshot."""
        self.gone = Gone(self.path, kept)

    async def _is_gone(self) -> None:
        """Put what is here into a snapshot, once."""
        if self.gone is not None:
            return
        self.gone = Gone(self.path, None)  # whoever asks meanwhile is refused, too
        self.gone = Gone(self.path, await self.keep())

    async def keep(self) -> str | None:
        """Put what is here into a snapshot; its name, None where that fails."""
        content = self._held()
        return None if content is None else await self._kept(content)

    async def _kept(self, content: dict[str, Any], *, leaves: bool = False) -> str | None:
        """Put a content into a snapshot, such as the one that is left when the document is closed."""
        take = self._snapshots.leave if leaves else self._snapshots.take
        try:
            return (await take(self.path, content)).stem
        except OSError as error:
            log.warning("no snapshot of %s could be taken: %s", self.path, error)
            return None

    @abstractmethod
    async def settle(self) -> None:
        """Have the file hold what is here, as far as the server writes it."""

    async def _is_there(self) -> bool:
        try:
            await self._server.contents(self.path, content=False)
        except ServerError as error:
            if error.status == 404:
                return False
            raise
        return True

    def refuse_if_gone(self) -> None:
        """Raise Gone where the file is not there any more, or InvalidNotebook where it is known to be none now."""
        if self.gone is not None:
            raise self.gone

    @abstractmethod
    def _held(self) -> dict[str, Any] | None:
        """The content as it is known here."""

    @abstractmethod
    async def _moved(self, new: str) -> None:
        """Work with another path from now on."""

    @abstractmethod
    async def _is_back(self) -> None:
        """The file was gone, and is there again."""

    async def __aenter__(self) -> Document:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    @abstractmethod
    async def read(self, look: Callable[[Editor], T]) -> T:
        """Run `look` on the current content; it must change nothing."""

    @abstractmethod
    async def edit(
        self,
        change: Callable[[Editor], T],
        *,
        author: Author | None = None,
        outputs_only: bool = False,
        who: str = OURSELVES,
    ) -> T:
        """Run `change` on the current content and keep what it does.

        `change` may run more than once, and looks before it writes: what raises has changed nothing. Raises
        Conflict, CollapsedDocument or NotSaved. With `outputs_only` (a kernel's results coming in) no snapshot
        is taken. What an `author` does is theirs in the history, and can be taken back; without one it is `who`'s.
        """

    async def restore(self, content: dict[str, Any]) -> list[str]:
        """Make the notebook what a snapshot holds, for a person; the ids of the cells that were changed.

        What stands in it until then is in another snapshot. Raises NotSaved where that can't be taken.
        """
        for _ in range(RESTORE_TRIES):
            await self.look_back()
            before = self._held()
            if before is None:
                continue
            await self._take_snapshot(before)

            def change(editor: Editor, before: dict[str, Any] = before) -> list[str]:
                if self._held() != before:  # somebody has typed meanwhile, which is in no snapshot
                    raise Conflict(self.path)
                return put_back(editor, content)

            try:
                return await self.edit(change, who=OTHERS)
            except Conflict:
                continue
        raise Conflict(self.path)

    @abstractmethod
    async def undo(
        self, author: Author, since: int | None = None, *, only: int | None = None, by: str | None = None
    ) -> list[Entry]:
        """Take back the author's last change, or the change with the number `since` and all their later ones.

        With `only` the change with that number, and of their later ones those that touch the same cells. `by` is the
        person who takes it back, where that is not the author.

        Only what the author did: what others did since stays. Returns what changed by it; nothing where there
        was nothing to take back. Raises CannotUndo where it would take somebody else's work along.
        """

    def _kept_of(self, author: Author, number: int, by: str | None) -> Set[str] | None:
        """The cells in which a change stays that a person (`by`) takes back, since people keep it there; None where
        all of it stays. Its author takes back all of it."""
        return frozenset() if by is None else self.review.kept(author.key, number)

    @abstractmethod
    def undoable(self, key: str) -> set[int]:
        """The numbers of the changes of a client that could be taken back, unless others are in the way."""

    def has_forgotten(self, key: str) -> bool:
        """Whether there were earlier changes of a client that cannot be taken back any more, but for their age."""
        return False

    @abstractmethod
    async def look_back(self) -> History:
        """The history, with all that others have done until now."""

    def counts(self) -> dict[str, tuple[int | None, str]] | None:
        """For each cell the execution count that it had last, and its source's hash; None where nobody has looked."""
        return self.history.counts()

    def show(self, who: Author, cell_id: str | None = None) -> None:  # noqa: B027 - only shared documents have it
        """Show people who is at work here, with a cursor in the cell; without one where it was."""

    def hide(self, key: str) -> None:  # noqa: B027
        """Show a client, by its author's key, no longer."""

    def people(self) -> list[str]:
        """The names of the people who have the notebook open, as far as that is known."""
        return []

    async def cursor_of(self, name: str) -> Cell | None:
        """The cell that a person's cursor is in, as far as that is known."""
        return None

    async def _before_first_edit(self, content: Callable[[], dict[str, Any]]) -> None:
        async with self._taking_snapshot:  # of several clients that write first the others wait for the one
            if not self._snapshot_taken:
                await self._take_snapshot(content(), self._snapshots.take_first)
                self._snapshot_taken = True

    async def _take_snapshot(self, content: dict[str, Any], take: TakeSnapshot | None = None) -> None:
        try:
            await (take or self._snapshots.take)(self.path, content)
        except OSError as error:
            raise NotSaved(self.path, f"no snapshot of it could be taken ({error})") from error
