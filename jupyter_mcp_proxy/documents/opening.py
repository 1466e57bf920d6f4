"""Which kind of document a notebook is: the only place that asks."""

from __future__ import annotations

from ..jupyter.server import JupyterServer
from ..store.snapshots import Snapshots
from .document import Document


async def open_document(server: JupyterServer, path: str, snapshots: Snapshots, *, shared: bool) -> Document:
    """The document of a notebook, not entered yet: shared where the server has jupyter-collaboration."""
    if shared:
        from .shared import SharedDocument

        return SharedDocument(server, path, snapshots)
    from .file import FileDocument

    return FileDocument(server, path, snapshots)
