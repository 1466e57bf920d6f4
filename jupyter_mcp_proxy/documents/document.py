"""A notebook as a document that can be read and changed, whether it is shared or a file.

Both kinds offer `read` and `edit`; what is done is a plain function of an `Editor`, the same for both.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from ..errors import NotSaved, ProxyError
from ..jupyter.server import JupyterServer
from ..store.snapshots import Snapshots
from .cells import Cell
from .editor import Editor
from .history import OURSELVES, Entry, History

T = TypeVar("T")
Guarantee = Literal["live", "file"]


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
        self.history = History()
        """What has happened to the cells since the document was opened."""

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
        return None

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

    @abstractmethod
    async def undo(self, author: Author, since: int | None = None) -> list[Entry]:
        """Take back the author's last change, or the change with the number `since` and all their later ones.

        Only what the author did: what others did since stays. Returns what changed by it; nothing where there
        was nothing to take back. Raises CannotUndo where it would take somebody else's work along.
        """

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
                await self._take_snapshot(content())
                self._snapshot_taken = True

    async def _take_snapshot(self, content: dict[str, Any]) -> None:
        try:
            await self._snapshots.take(self.path, content)
        except OSError as error:
            raise NotSaved(self.path, f"no snapshot of it could be taken ({error})") from error
