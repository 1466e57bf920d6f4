"""What differs between two contents of one notebook, to be made again to a third. Pure.

A content is a notebook in nbformat 4's form whose cells have ids. A change of a cell is made again where the cell
still is what the change was made to. Where somebody else has changed the same source, theirs stays: it is as if they
had saved a moment later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .history import out_of_order
from .render import joined

Content = dict[str, Any]
Text = tuple[str, str]
"""What a cell says: its type and its source."""

TEXT = ("cell_type", "source")


@dataclass(frozen=True)
class Change:
    """What was done to one cell."""

    was: list[Text]
    """What the cell may have said before."""
    added: bool
    """Whether it may not have been there."""
    now: dict[str, Any] | None
    """The fields that are new, all of them in a cell that was added; None where the cell was deleted."""
    gone: list[str]
    """The fields that the cell has no longer."""

    @property
    def says_more(self) -> bool:
        """Whether what the cell says is part of the change."""
        return self.now is None or any(key in self.now for key in TEXT)

    def fits(self, cell: Content) -> bool:
        """Whether making the change to a cell takes nothing away that somebody else has written."""
        if not self.says_more:
            return cell["cell_type"] in {kind for kind, _ in self.was}
        return _text(cell) in self.was or (self.now is not None and _text(cell) == _text(cell | self.now))

    def made_to(self, cell: Content) -> Content:
        """The cell with the change made to it."""
        return {key: value for key, value in cell.items() if key not in self.gone} | (self.now or {})


@dataclass(frozen=True)
class Patch:
    """What makes one content of a notebook the other."""

    cells: dict[str, Change]
    order: list[str]
    """The ids of all cells in their new order, where any was added or moved."""
    placed: list[str]
    """Those that were."""
    metadata: dict[str, Any]
    """The notebook's own metadata that are new."""

    @classmethod
    def between(cls, olds: Sequence[Content], new: Content) -> Patch:
        """What makes each of the old contents the new one, where it is not known which of them is there.

        Cells that are the same object are taken for equal: a content is not compared as a whole.
        """
        before, after = [_by_id(old) for old in olds], _by_id(new)
        cells = {}
        for id in dict.fromkeys(id for content in (*before, after) for id in content):
            versions, cell = [content.get(id) for content in before], after.get(id)
            if any(version is not cell and version != cell for version in versions):
                cells[id] = _change(versions, cell)
        placed = {id for content in before for id in _placed(list(content), list(after))}
        metadata = {
            key: value
            for key, value in new.get("metadata", {}).items()
            if any(old.get("metadata", {}).get(key) != value for old in olds)
        }
        return cls(cells, list(after) if placed else [], [id for id in after if id in placed], metadata)

    def __bool__(self) -> bool:
        return bool(self.cells or self.placed or self.metadata)

    def applied(self, content: Content, *, insist: bool = False) -> tuple[Content, list[str]]:
        """The content with the change made to it, and the ids of the cells in which somebody else's work was kept
        instead; with `insist` none was. The content itself stays what it was, and a change made twice is made once.
        """
        cells = _by_id(content)
        refused = []
        for id, change in self.cells.items():
            there = cells.get(id)
            if there is None and change.now is None:
                continue
            if there is None and not change.added:  # somebody has deleted it
                refused += [id] if change.says_more else []
            elif there is not None and not insist and not change.fits(there):
                refused.append(id)
            elif change.now is None:
                del cells[id]
            else:
                cells[id] = change.made_to(there or {})
        order = self._order([cell["id"] for cell in content["cells"]])
        metadata = content.get("metadata", {}) | self.metadata
        return content | {"cells": [cells[id] for id in order if id in cells], "metadata": metadata}, refused

    def _order(self, theirs: list[str]) -> list[str]:
        """Their order, with what was placed behind the cell that it was placed behind."""
        placed = set(self.placed)
        order = [id for id in theirs if id not in placed]
        there = set(order)
        last: str | None = None
        for id in self.order:
            if id in placed:
                order.insert(order.index(last) + 1 if last is not None else 0, id)
                there.add(id)
            if id in there:
                last = id
        return order

    def to_json(self) -> dict[str, Any]:
        """What `from_json` makes the same again."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Patch:
        """What `to_json` has made. Raises TypeError, KeyError or AttributeError where it has not."""
        cells = {
            id: Change([(kind, source) for kind, source in change.pop("was")], **change)
            for id, change in stored.pop("cells").items()
        }
        return cls(cells, **stored)


def _change(versions: list[Content | None], cell: Content | None) -> Change:
    olds = [version for version in versions if version is not None]
    added = cell is not None and len(olds) < len(versions)
    now = {
        key: value
        for key, value in (cell or {}).items()
        if added or any(key not in old or old[key] != value for old in olds)
    }
    gone = {key for old in olds for key in old if cell is not None and key not in cell}
    return Change([_text(old) for old in olds], added, None if cell is None else now, sorted(gone))


def _placed(old: list[str], new: list[str]) -> list[str]:
    """The ids that were added to an order or have moved in it."""
    places = {id: place for place, id in enumerate(old)}
    common = [id for id in new if id in places]
    return [id for id in new if id not in places] + [
        common[place] for place in out_of_order([places[id] for id in common])
    ]


def _by_id(content: Content) -> dict[str, Content]:
    return {cell["id"]: cell for cell in content["cells"]}


def _text(cell: Content) -> Text:
    return cell["cell_type"], joined(cell["source"])
