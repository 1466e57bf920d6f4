"""Looking at the file beneath a shared document: the document may hold far less, as a room does that lost its content,
and the file may be no notebook any more, as where git has left the marks of a conflict in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import CollapsedDocument, InvalidNotebook, ServerError, Unknown
from .reading import AS_DOCUMENT, read_notebook, why_unreadable
from .stored import of_cells

if TYPE_CHECKING:
    from ..jupyter.server import JupyterServer


class InFile:
    """What is known of a notebook's file, beside which its shared document is looked at."""

    def __init__(self) -> None:
        self.cells = 0
        self.writable = True
        self.unreadable: InvalidNotebook | None = None
        """Why the file is no notebook. Its room has what it had, which the server would write over the file."""
        self._replaced = 0

    async def look(self, server: JupyterServer, path: str) -> dict[str, Any]:
        """What the file has now. Raises Unknown or InvalidNotebook."""
        try:
            model = await read_notebook(server, path, times=AS_DOCUMENT)
        except ServerError as error:
            if error.status == 404:
                raise Unknown("notebook", path) from error
            if error.status in (400, 500):
                raise InvalidNotebook(path, why_unreadable(path, error)) from error
            raise
        content = of_cells(path, model["content"])
        self.cells = len(content["cells"])
        self.writable = bool(model.get("writable", True))
        return content

    async def may_be_written(self, server: JupyterServer, path: str) -> bool:
        """Whether the server's user may write the file. Where not it is looked at anew: that may have changed."""
        if not self.writable:
            self.writable = bool((await server.contents(path, content=False)).get("writable", True))
        return self.writable

    async def look_whether_readable(self, server: JupyterServer, path: str, replaced: int) -> None:
        """See whether the file is a notebook, where another program has `replaced` it since, or it was none."""
        if replaced == self._replaced and self.unreadable is None:
            return
        self._replaced = replaced
        try:
            await self.look(server, path)
            self.unreadable = None
        except InvalidNotebook as error:
            self.unreadable = error
        except Unknown:
            self.unreadable = None  # it is gone again, which is told as that

    def leave(self, left: int) -> None:
        """Expect no more cells in the file than we have left: it is written later, and says until then what was."""
        self.cells = min(self.cells, left) or left

    def outweighs(self, ycells: Any) -> bool:
        """Whether what a shared document holds is suspiciously little beside the file."""
        cells = len(ycells)
        return collapsed(cells, self.cells, empty=cells == 1 and not str(ycells[0]["source"]))

    def collapse(self, path: str, ycells: Any) -> CollapsedDocument:
        """What is to be told of it."""
        return CollapsedDocument(path, len(ycells), self.cells)


def collapsed(cells: int, file_cells: int, *, empty: bool = False) -> bool:
    """Whether a shared document with `cells` cells is suspiciously small beside its file with `file_cells`.

    A room that lost its content shows none, or one that is `empty`. A person who deletes half of a
    notebook is believed once the file says the same, which it does after a second.
    """
    lost = cells == 0 < file_cells or (cells == 1 < file_cells and empty)
    return lost or (file_cells >= 4 and cells < file_cells / 2)
