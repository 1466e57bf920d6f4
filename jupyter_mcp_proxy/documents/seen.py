"""What a client knows of a notebook: an index means the cell that stood there when the client last looked. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ..errors import BadValue, NotLooked, OtherCell, StaleCell, Unknown
from .cells import SHORT, Cell, as_index
from .editor import Editor
from .history import OTHERS, STRUCTURAL, Entry, History, between
from .sources import EXCERPT, excerpt
from .told import Told


@dataclass(frozen=True)
class Seen:
    """A notebook's cells as a client has last been told of them."""

    client: str
    """Its key."""
    order: Sequence[str]
    number: int
    """The number of the last change that it knows."""
    serial: int
    """That of the history which the number is of."""
    history: History
    lost: bool = False
    """Whether it may have been told what is forgotten, and nothing since: an index may mean any cell."""

    def find(self, editor: Editor, cell: str | int) -> int:
        """The index of the cell that is meant; raises OtherCell where an index has come to mean another one."""
        ids = editor.ids()
        index = self.index(ids, cell)
        if index is not None:
            if self.lost:
                raise NotLooked(index)
            before = _at(self.order, index)
            if before != _at(ids, index) and self.others_moved():
                raise OtherCell(index, self.where_is(before, ids), self.story())
        return editor.find(cell)

    def index(self, ids: Sequence[str], cell: str | int) -> int | None:
        """The index that `cell` is read as, None where it is an id or the beginning of one.

        Raises Unknown for the id of a cell that was deleted: it may be the beginning of another's, or an index.
        """
        if isinstance(cell, str) and cell.strip() not in ids:
            gone = self.history.deleted(cell.strip())
            if gone is not None and gone.cell == cell.strip():
                raise Unknown("cell", gone.cell, hint=f"It is not there any more: {fate(gone, self.client)}.")
        return as_index(ids, cell)

    def named(self, editor: Editor, cell: str | int) -> int:
        """The index of the cell that a reader means, who is shown which one it is."""
        self.index(editor.ids(), cell)
        return editor.find(cell)

    def place(self, editor: Editor, position: int) -> int:
        """An index that a new cell is to have; raises OtherCell where it has come between other cells."""
        ids = editor.ids()
        if self.lost and 0 < position < len(ids):
            raise NotLooked(position)
        if 0 < position < max(len(ids), len(self.order)):
            neighbours = (position - 1, position)
            if all(_at(self.order, each) != _at(ids, each) for each in neighbours) and self.others_moved():
                raise OtherCell(position, self.where_is(_at(self.order, position), ids), self.story())
        return position

    def where_is(self, cell: str | None, ids: Sequence[str], what: str = "what was there when you last looked") -> str:
        """Where a cell that the client knows is now."""
        if cell is None:
            return "no cell was there when you last looked"
        if cell in ids:
            return f"{what} is {cell[:SHORT]}, at {ids.index(cell)}"
        gone = self.history.deleted(cell)
        return f"{what}, {cell[:SHORT]}, is gone" + (f": {fate(gone, self.client)}" if gone is not None else "")

    def others_moved(self) -> bool:
        """Whether somebody else has added, deleted or moved cells since the client last looked."""
        oldest = self.history.entries[0].number if self.history.entries else 0
        return self.serial != self.history.serial or oldest > self.number + 1 or bool(self._changes())

    def story(self) -> str:
        """Who that was."""
        who = list(dict.fromkeys(entry.who or "a person" for entry in self._changes()))
        return f"Cells were added, deleted or moved{f' by {who[0]}' if len(who) == 1 else ''}."

    def _changes(self) -> list[Entry]:
        entries = self.history.since(self.number if self.serial == self.history.serial else 0)
        return [entry for entry in entries if entry.action in STRUCTURAL and entry.key != self.client]


class Looks:
    """What each client knows of the cells of each notebook, by the client's key and the notebook's path."""

    def __init__(self, told: Told | None = None) -> None:
        self._known: dict[str, dict[str, Seen]] = {}
        self._told = told

    @classmethod
    def of_run(cls, runtime_dir: str, run_id: str) -> Looks:
        """Those of a run of the sidecar, which know after a crash what they have forgotten."""
        return cls(Told(runtime_dir, run_id))

    def end(self) -> None:
        """The sidecar ends in good order."""
        if self._told is not None:
            self._told.end()

    def forget(self, client: str) -> None:
        """A client is gone, or silent for so long; where it comes back, it is not known what it has seen."""
        known = self._known.pop(client, {})
        if self._told is not None:
            self._told.forget(known)

    def moved(self, old: str, new: str) -> list[str]:
        """A notebook has another path; the clients that knew it by the old one."""
        if self._told is not None:
            self._told.moved(old, new)
        clients = [client for client, known in self._known.items() if old in known]
        for client in clients:
            self._known[client][new] = self._known[client].pop(old)
        return clients

    def take(self, client: str, path: str, history: History) -> tuple[list[Entry], int]:
        """What happened in a notebook since a client was last told, and the number of the last change before."""
        if self._told is not None:
            self._told.note(path)
        known = self._known.setdefault(client, {})
        before, known[path] = known.get(path), Seen(client, history.order, history.last, history.serial, history)
        if before is None:
            return [], history.last
        if before.serial != history.serial:  # it was closed and opened anew since
            return between(list(before.order), history.order), 0
        return history.since(before.number), before.number

    def lost(self, client: str, path: str) -> bool:
        """Whether a client may know what is not known here, from before a crash or from long ago."""
        return self._told is not None and self._told.before(path) and path not in self._known.get(client, {})

    def of(self, client: str, path: str, history: History) -> Seen:
        """What a client knows of a notebook's cells; all, where it has not looked yet."""
        known = self._known.get(client, {}).get(path)
        if known is None:
            return Seen(client, [], history.last, history.serial, history, lost=self.lost(client, path))
        return replace(known, history=history)


def _at(ids: Sequence[str], index: int) -> str | None:
    return ids[index] if -len(ids) <= index < len(ids) else None


def unchanged(editor: Editor, cell: int | str, if_hash: str | None, seen: Seen) -> Cell:
    """The cell that is meant, if its source is still the one that the caller read.

    StaleCell where it is not. OtherCell where an index means another cell than it did, or may: that one's source is not
    told, or it would be written over next.
    """
    if if_hash is None:
        return editor.cell_at(seen.find(editor, cell), outputs=False)
    digest = if_hash.strip()
    if not digest:
        raise BadValue("if_hash", if_hash, "the hash that read_cell showed, or nothing")
    ids = editor.ids()
    index = seen.index(ids, cell)
    if index is not None:
        _refuse_another(editor, index, digest, seen)
    found = editor.cell_at(editor.find(cell), outputs=False)
    if found.hash != digest:
        shown = excerpt(found.source, EXCERPT, f"read_cell(cell={found.id!r})")
        raise StaleCell(found.id, found.source, found.hash, str(shown))
    return found


def _refuse_another(editor: Editor, index: int, digest: str, seen: Seen) -> None:
    """OtherCell where an index does not mean the cell of which the caller has read the hash, or may not."""
    ids = editor.ids()
    known, now = _at(seen.order, index), _at(ids, index)
    if now is not None and editor.cell_at(ids.index(now), outputs=False).hash == digest:
        if seen.lost and sum(cell.hash == digest for cell in editor.cells(outputs=False)) > 1:
            raise NotLooked(index)
        twin = editor.cell_at(ids.index(known), outputs=False) if known in ids and known != now else None
        if twin is not None and twin.hash == digest and seen.others_moved():
            raise OtherCell(index, seen.where_is(known, ids), seen.story())
        return
    if not seen.lost and known in (None, now) and not any(entry.action in STRUCTURAL for entry in seen.history.entries):
        return  # nothing has moved: it is the cell, and has been edited
    same = [cell for cell in editor.cells(outputs=False) if cell.hash == digest]
    if same:
        raise OtherCell(index, " or ".join(f"what you read is {cell.id[:SHORT]}, at {cell.index}" for cell in same[:3]))
    if known not in (None, now):
        raise OtherCell(index, f"{seen.where_is(known, ids)}, and not as you read it", seen.story())
    raise OtherCell(index, "what you read was edited since, or is elsewhere: list_cells shows where")


def fate(gone: Entry, client: str) -> str:
    """By whom a cell was deleted, and how it comes back."""
    at = datetime.fromtimestamp(gone.time).strftime("%H:%M:%S")
    if gone.key == client:
        return f"you deleted it at {at}, undo_changes(since={gone.number}) brings it back"
    if gone.key == OTHERS:
        return f"{gone.who or 'a person'} deleted it at {at}; their undo brings it back, so do not make it anew unasked"
    return f"{gone.who} deleted it at {at}, whose undo_changes brings it back"
