"""What agents have changed in a room and its file does not have yet, and what has become of it. Pure.

The server writes a second after a change. Where another program has written the file meanwhile (`git checkout`),
jupyter-collaboration (4) gives the room the file's content instead; a room that ends before that comes back with it.
So does one whose file is renamed while the server writes it: what it wrote itself it takes for another's then.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from .editor import Editor
from .history import OTHERS, OURSELVES, PUT_BACK, Entry

NOBODYS = (OTHERS, OURSELVES, PUT_BACK)
CHANGES = ("added", "edited", "deleted")


class Unwritten:
    """The cells that clients have changed since the file was last written; None is the source of a deleted one."""

    def __init__(self) -> None:
        self._waits: dict[str, tuple[str, str | None]] = {}
        self._lost: dict[str, tuple[str, str | None]] = {}
        self._news: list[tuple[str, str]] = []

    def __bool__(self) -> bool:
        return bool(self._waits)

    @property
    def is_lost(self) -> bool:
        """Whether something was lost of which nobody has been told."""
        return bool(self._lost)

    def did(self, entries: list[Entry], editor: Editor) -> None:
        """This has been done; what clients did counts."""
        done = [
            entry for entry in entries if entry.key not in NOBODYS and entry.action in ("added", "edited", "deleted")
        ]
        now = _sources(editor, {entry.cell for entry in done})
        self._waits.update({entry.cell: (entry.key, now.get(entry.cell)) for entry in done})

    def written(self, editor: Editor, *, replaced: bool) -> None:
        """The file and the room are the same now: what is here has been written, or has `replaced` what waited."""
        if replaced:
            self.look(editor)
        self._waits.clear()

    def look(self, editor: Editor) -> None:
        """Whatever waits and is not in the room is lost: the room has another content than it had."""
        now = _sources(editor, set(self._waits))
        gone = {cell: waits for cell, waits in self._waits.items() if now.get(cell) != waits[1]}
        self._lost.update(gone)
        for cell in gone:
            del self._waits[cell]

    def put_into(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """A notebook with what was lost in its cells, or behind them."""
        whole = copy.deepcopy(dict(content))
        there = {cell.get("id"): cell for cell in whole["cells"]}
        for cell, (_, source) in self._lost.items():
            if source is not None and cell in there:
                there[cell]["source"] = source
            elif source is not None:
                made = {"id": cell, "cell_type": "code", "source": source, "metadata": {}}
                whole["cells"].append({**made, "outputs": [], "execution_count": None})
        return whole

    def tell(self, path: str, snapshot: str | None) -> None:
        """Have each client told of its own; `snapshot` names what is kept of them."""
        by: dict[str, list[str]] = {}
        for cell, (key, _) in self._lost.items():
            by.setdefault(key, []).append(cell[:8])
        self._news += [(key, _said(path, ", ".join(cells), snapshot)) for key, cells in by.items()]
        self._lost.clear()

    def news(self, key: str) -> list[str]:
        """What this client is to be told, once."""
        due = [text for whose, text in self._news if whose == key]
        self._news = [news for news in self._news if news[0] != key]
        return due


def _said(path: str, cells: str, snapshot: str | None) -> str:
    kept = f"They are in the snapshot {snapshot}" if snapshot else "No snapshot of them could be taken"
    return (
        f"your last edits of {cells} in {path!r} are not there any more: they were not on disk yet when another "
        "program (git?) wrote the file, it was renamed while the server wrote it, or the room was lost. "
        f"{kept}. Read the cells before you repeat them."
    )


def _sources(editor: Editor, cells: set[str]) -> dict[str, str]:
    there = {id: index for index, id in enumerate(editor.ids()) if id in cells}
    return {id: editor.cell_at(index, outputs=False).source for id, index in there.items()}
