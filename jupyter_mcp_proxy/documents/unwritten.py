"""What agents have changed in a room, on disk or not yet, and what of it another program has replaced. Pure.

The server writes a second after a change. Where another program writes the file (`git checkout`), jupyter-collaboration
(4) gives the room the file's content instead; a room that ends before it was written comes back with it. So does one
whose file is renamed while the server writes it: what it wrote itself it takes for another's then.
"""

from __future__ import annotations

import copy
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from .editor import Editor
from .history import OTHERS, OURSELVES, PUT_BACK, Entry
from .overwritten import MOST_TOLD, STATES, Loss, remains

NOBODYS = (OTHERS, OURSELVES, PUT_BACK)
CHANGES = ("added", "edited", "deleted")


@dataclass
class Made:
    """What clients have made of a cell since another program last wrote the file."""

    key: str
    source: str | None
    befores: deque[str | None] = field(default_factory=lambda: deque(maxlen=STATES))
    """What it said before the last changes; None where it was not there."""

    def is_lost(self, now: str | None) -> bool:
        """Whether nothing is left of it, or of one part of it."""
        return any(_is_lost(before, self.source, now) for before in self.befores)


def _is_lost(before: str | None, ours: str | None, now: str | None) -> bool:
    if before is None or ours is None or now is None:
        return ours != before and (now is None) != (ours is None)
    return not remains(before, ours, now)


class Unwritten:
    """The cells that clients have changed since the file was last written; None is the source of a deleted one."""

    def __init__(self) -> None:
        self._waits: dict[str, tuple[str, str | None]] = {}
        self._lost: dict[str, tuple[str, str | None]] = {}
        self._made: dict[str, Made] = {}
        self._overwritten: dict[str, Made] = {}
        self._replaced = 0
        self._has_another = False
        """Whether the file was replaced, by the last we know, and `_made` has not been looked for in it."""
        self._news: list[tuple[str, str]] = []
        self.losses: deque[Loss] = deque(maxlen=MOST_TOLD)
        """What was on disk and is not any more."""

    def __bool__(self) -> bool:
        return bool(self._waits or self._made)

    @property
    def has_work(self) -> bool:
        """Whether clients have changed something that stands, as far as is known."""
        return bool(self._made)

    @property
    def is_lost(self) -> bool:
        """Whether something was lost of which nobody has been told."""
        return bool(self._lost or self._overwritten)

    def did(self, entries: list[Entry], editor: Editor) -> None:
        """This has been done; what clients did counts, and what people make of that, whose names are known."""
        changes = [entry for entry in entries if entry.action in CHANGES]
        done = [entry for entry in changes if entry.key not in NOBODYS]
        people = {entry.cell for entry in changes if entry.key == OTHERS and entry.who and not self._has_another}
        by_people = people & self._made.keys()
        now = _sources(editor, {entry.cell for entry in done} | by_people)
        for entry in done:
            cell, source = entry.cell, now.get(entry.cell)
            self._waits[cell] = (entry.key, source)
            made = self._made.setdefault(cell, Made(entry.key, source))
            made.key, made.source = entry.key, source
        for cell in by_people:
            if self._made[cell].is_lost(now.get(cell)):
                del self._made[cell]  # they have taken it out themselves
            else:
                self._made[cell].source = now.get(cell)

    def was(self, cells: Iterable[str], before: Callable[[str], str | None]) -> None:
        """What these cells said before a client's change that was just noted."""
        for cell in self._made.keys() & set(cells):
            self._made[cell].befores.append(before(cell))

    def written(self, editor: Editor, *, replaced: bool) -> None:
        """The file and the room are the same now: what is here has been written, or has `replaced` what waited."""
        if replaced:
            self.look(editor)
            self._has_another = True  # the rest of it may come with the next message
        self._waits.clear()

    def forget(self) -> None:
        """The file is another, and what the one before held is in a snapshot."""
        self._made.clear()

    def is_replaced(self, times: int) -> bool:
        """Whether the file was replaced since this was last asked; it was so many `times` in all."""
        known, self._replaced = self._replaced, times
        return times != known

    def look_whether_replaced(self, editor: Editor) -> None:
        """Where the file was replaced, what was on disk and is not in the room any more is lost, too."""
        if self._has_another:
            self._has_another = False
            now = _sources(editor, self._made.keys())
            for cell in [cell for cell, made in self._made.items() if made.is_lost(now.get(cell))]:
                made = self._made.pop(cell)
                if cell not in self._lost:
                    self._overwritten[cell] = made

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
        sources = {cell: source for cell, (_, source) in self._lost.items()}
        for cell, source in ({cell: made.source for cell, made in self._overwritten.items()} | sources).items():
            if source is not None and cell in there:
                there[cell]["source"] = source
            elif source is not None:
                made = {"id": cell, "cell_type": "code", "source": source, "metadata": {}}
                whole["cells"].append({**made, "outputs": [], "execution_count": None})
        return whole

    def tell(self, path: str, snapshot: str | None) -> set[str]:
        """Have each client told of its own; `snapshot` names what is kept of them. The cells whose work is nowhere."""
        by: dict[str, list[str]] = {}
        for cell, (key, _) in self._lost.items():
            by.setdefault(key, []).append(cell[:8])
        self._news += [(key, _said(path, ", ".join(cells), snapshot)) for key, cells in by.items()]
        loss = Loss(time.time(), {cell: made.key for cell, made in self._overwritten.items()}, snapshot)
        if loss.cells:
            self.losses.append(loss)
            self._news += [(key, loss.told(path, key)) for key in dict.fromkeys(loss.cells.values())]
        cells = self._lost.keys() | self._overwritten.keys()
        self._lost.clear()
        self._overwritten.clear()
        return cells

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


def _sources(editor: Editor, cells: Set[str]) -> dict[str, str]:
    there = {id: index for index, id in enumerate(editor.ids()) if id in cells}
    return {id: editor.cell_at(index, outputs=False).source for id, index in there.items()}
