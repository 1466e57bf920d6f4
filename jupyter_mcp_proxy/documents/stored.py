"""A notebook's file as the Contents API has it: its content, and what tells one content from another."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..errors import InvalidNotebook, MaybeSaved, NotSaved, ServerError, ServerUnreachable, Unknown
from ..jupyter.paths import api_path
from .ids import CellIds
from .reading import read_notebook, why_unreadable

if TYPE_CHECKING:
    from ..jupyter.server import JupyterServer

LARGE = 1_000_000
"""Bytes from which on a file is large: at 50 MB Jupyter takes 70 ms to hash it and half a second to write it."""
MOST_CELLS = 100_000
"""What a notebook may have to be read. A million hold up every client for many seconds."""
TRIES = 3
"""How often a content is written whose writing leaves the file as it was."""
FINE_TICK, COARSE_TICK = 0.1, 2.5
"""Seconds that two writes must be apart to show in a file's time: where it has fractions of a second, and where not."""


@dataclass(frozen=True)
class Version:
    """What tells one content of a file from another."""

    hash: str | None
    stat: tuple[str | None, int | None]
    """When it was written, and how long it is."""
    tells: bool = field(compare=False)
    """Whether `stat` alone would show a later write: the file is large, and was written long before it was hashed."""

    @property
    def is_large(self) -> bool:
        """Whether the file is large."""
        return (self.stat[1] or 0) >= LARGE

    @classmethod
    def of(cls, model: dict[str, Any], asked_at: float) -> Version:
        """The version in a model of Jupyter's that was asked for at that time."""
        stat = (model.get("last_modified"), model.get("size"))
        return cls(model.get("hash"), stat, (stat[1] or 0) >= LARGE and _is_past(stat[0], asked_at))


def _is_past(modified: str | None, now: float) -> bool:
    try:
        at = datetime.fromisoformat((modified or "").replace("Z", "+00:00"))
    except ValueError:
        return False
    return now - at.timestamp() > (FINE_TICK if at.microsecond else COARSE_TICK)


def of_cells(path: str, content: Any) -> dict[str, Any]:
    """A notebook's content, whose cells have what each must have. Raises InvalidNotebook where they do not.

    Jupyter gives such a file all the same, and jupyter-collaboration closes its room with 1003.
    """
    if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
        raise InvalidNotebook(path, "it has no list of cells")
    if len(content["cells"]) > MOST_CELLS:
        count = len(content["cells"])
        raise InvalidNotebook(path, f"it has {count:,} cells, and more than {MOST_CELLS:,} are not read")
    for number, cell in enumerate(content["cells"]):
        if not isinstance(cell, dict) or "source" not in cell or "cell_type" not in cell:
            raise InvalidNotebook(path, f"cell {number} has no source or no type")
    return content


class StoredFile:
    """One notebook on the server's disk. Nothing of it is kept here."""

    def __init__(self, server: JupyterServer, path: str, ids: CellIds) -> None:
        self._server = server
        self._path = path
        self._ids = ids

    async def read(self) -> tuple[dict[str, Any], Version]:
        """The content, in which every cell has an id, and its version."""
        asked_at = time.time()
        model = await self._get(content=True)
        content = of_cells(self._path, model["content"])
        return self._ids.given(content), Version.of(model, asked_at)

    async def version(self) -> Version:
        """The version of what is there now, with its hash."""
        asked_at = time.time()
        return Version.of(await self._get(content=False), asked_at)

    async def still(self, version: Version) -> Version | None:
        """What is known of a version that is still there, without hashing it where that tells; None where it is not."""
        if version.tells:
            return version if Version.of(await self._get(content=False, hash=False), 0).stat == version.stat else None
        now = await self.version()
        return now if now == version else None

    async def write(self, content: dict[str, Any], replaced: Version | None = None) -> Version | None:
        """Write a content: its version, or None where somebody has saved another since.

        Whoever reads the file in that moment makes Jupyter put back what was there (`reading`), and it says nothing:
        where the file is still what is to be `replaced` it is written again. Raises NotSaved, or MaybeSaved where the
        server has not said how it ended.
        """
        for _ in range(TRIES):
            written = await self._write(content)
            if replaced is None or written != replaced:  # a write of the same content has a time of its own
                return written
        raise NotSaved(self._path, "somebody reads it all the time, for which Jupyter puts back what was there")

    async def remove(self) -> None:
        """Take away what we have just written where no file was any more."""
        with suppress(ServerError):  # it stays beside the notebook, then
            await self._server.request("DELETE", f"api/contents/{api_path(self._path)}", f"Removing {self._path!r}")

    async def _write(self, content: dict[str, Any]) -> Version | None:
        self._ids.keep(content)
        try:
            model = await self._server.save_notebook(self._path, self._ids.without(content))
        except ServerUnreachable:
            raise MaybeSaved(self._path) from None
        except ServerError as error:
            raise NotSaved(self._path, error.message) from error
        try:
            written = await self.version()
        except Unknown:  # it has been renamed or deleted since
            return None
        except ServerError as error:
            raise MaybeSaved(self._path) from error
        return written if written.stat == Version.of(model, 0).stat else None

    async def _get(self, *, content: bool, hash: bool = True) -> dict[str, Any]:
        try:
            if content:
                return await read_notebook(self._server, self._path, hash=hash)
            return await self._server.contents(self._path, content=False, type="notebook", hash=int(hash))
        except ServerError as error:
            if error.status == 404:
                raise Unknown("notebook", self._path) from error
            if error.status in (400, 500) and content:
                raise InvalidNotebook(self._path, why_unreadable(self._path, error)) from error
            raise
