"""What differs between two contents of one notebook, to be made again to a third. Pure.

A content is a notebook in nbformat 4's form whose cells have ids. What a cell says, its results, and each other field
of it are changed where they still are what the change was made to. What somebody else has changed stays: it is as if
they had saved a moment later.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..jupyter.encoding import encoded, encoded_cell
from ..outputs.text import joined
from .history import out_of_order
from .metadata import table

Content = dict[str, Any]

TEXT = ("cell_type", "source")
RESULTS = ("outputs", "execution_count")
EMPTY: Content = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


class Digests(dict[int, tuple[Any, str]]):
    """What stands for values that are too long to be kept; each is looked at once, for as long as this is there."""

    def of(self, value: Any) -> str:
        """The digest of a value of JSON."""
        if id(value) not in self:
            text = json.dumps(value, sort_keys=True)
            self[id(value)] = value, hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        return self[id(value)][1]

    def fields(self, cell: Content, names: Sequence[str]) -> dict[str, str]:
        """Some fields of a cell, as far as it has them: what it says as it is, of the others the digest."""
        return {
            name: joined(cell[name]) if name in TEXT else self.of(cell[name]) for name in sorted(names) if name in cell
        }


@dataclass(frozen=True)
class Change:
    """What was done to one cell."""

    was: list[dict[str, str]]
    """What it may have been before, as `Digests.fields`: what it said, and what is changed, its results as a whole."""
    added: bool
    """Whether it may not have been there."""
    now: dict[str, Any] | None
    """The fields that are new, all of them in a cell that was added; None where the cell was deleted."""
    gone: list[str]
    """The fields that the cell has no longer."""

    def made_to(self, cell: Content | None, *, insist: bool) -> tuple[Content | None, bool]:
        """What the change makes of a cell, None for none, and whether somebody else's work was kept instead."""
        if cell is None:
            if self.now is None:
                return None, False
            says = {name: self.was[-1][name] for name in TEXT} if self.was else {}
            refused = not (self.added or insist)  # somebody has deleted it
            return (None, self._touches(TEXT)) if refused else (_valid({"metadata": {}} | says | self.now), False)
        if insist:
            return (None if self.now is None else _valid(self._with(cell, [*self.now, *self.gone]))), False
        if self.now is None:
            return (None, False) if self._is(cell, TEXT) and self._is(cell, RESULTS) else (cell, True)
        if not self.was:  # it has arrived before; what was done to it since is theirs
            return cell, any(joined(cell[name]) != joined(self.now[name]) for name in TEXT)
        if self._touches(TEXT) and not self._is(cell, TEXT):
            return cell, True
        if "outputs" in self.gone and not self._is(cell, RESULTS):
            return cell, True
        fields = [*self.now, *self.gone]
        groups = [TEXT, RESULTS, *((name,) for name in fields if name not in TEXT + RESULTS)]
        takes = [group for group in groups if self._touches(group) and self._is(cell, group)]
        made = self._with(cell, [name for group in takes for name in group])
        if made["cell_type"] != "code":
            return _valid(made), self._touches(RESULTS) and "outputs" in self.now
        return _valid(made), any(self._touches(group) and group not in takes for group in groups)

    def _touches(self, names: Sequence[str]) -> bool:
        """Whether any of these fields is another than it was."""
        if self.now is None:
            return True
        new = Digests().fields(self.now, [name for name in names if name in self.now])
        return any(name in self.gone for name in names) or any(
            old.get(name) != value for name, value in new.items() for old in self.was or [{}]
        )

    def _is(self, cell: Content, names: Sequence[str]) -> bool:
        """Whether these fields of a cell are, together, what they were before the change, or what they are after it."""
        digests = Digests()
        there = digests.fields(cell, names)
        before = [{name: old[name] for name in names if name in old} for old in self.was]
        after = before[-1] | digests.fields(self.now or {}, names)
        return there in before or there == {name: value for name, value in after.items() if name not in self.gone}

    def _with(self, cell: Content, names: Sequence[str]) -> Content:
        """A cell with the change of some fields."""
        kept = {name: value for name, value in cell.items() if name not in names or name not in self.gone}
        return kept | {name: value for name, value in (self.now or {}).items() if name in names}


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
    metadata_was: dict[str, list[str]]
    """Of each of those the digests of what it may have been before."""
    of: list[str]
    """The ids of the cells that the notebook had."""

    @classmethod
    def between(cls, olds: Sequence[Content], new: Content, digests: Digests | None = None) -> Patch:
        """What makes each of the old contents the new one, where it is not known which of them is there.

        Cells that are the same object are taken for equal: a content is not compared as a whole.
        """
        digests = Digests() if digests is None else digests
        before, after = [_by_id(old) for old in olds], _by_id(new)
        cells = {}
        for id in dict.fromkeys(id for content in (*before, after) for id in content):
            versions, cell = [content.get(id) for content in before], after.get(id)
            if any(version is not cell and version != cell for version in versions):
                cells[id] = _change(versions, cell, digests)
        placed = {id for content in before for id in _placed(list(content), list(after))}
        known = [table(old.get("metadata")) for old in olds]
        metadata = {
            name: value
            for name, value in table(new.get("metadata")).items()
            if any(old.get(name) != value for old in known)
        }
        was = {name: [digests.of(old.get(name)) for old in known] for name in metadata}
        order = list(after) if placed else []
        return cls(cells, order, [id for id in after if id in placed], metadata, was, list(before[0]))

    def __bool__(self) -> bool:
        return bool(self.cells or self.placed or self.metadata)

    def is_of(self, content: Content) -> bool:
        """Whether the content can be one of the notebook that was changed, and not of another with its name."""
        return not set(self.of).isdisjoint(_by_id(content))

    def applied(self, content: Content, *, insist: bool = False) -> tuple[Content, list[str]]:
        """The content with the change made to it, and the ids of the cells in which somebody else's work was kept
        instead; with `insist` none was. The content itself stays what it was, and a change made twice is made once.
        """
        cells = _by_id(content)
        order = self._order(list(cells))
        refused = []
        for id, change in self.cells.items():
            made, kept = change.made_to(cells.get(id), insist=insist)
            refused += [id] if kept else []
            if made is None:
                cells.pop(id, None)
            else:
                cells[id] = {"id": id} | made
                order += [] if id in order else [id]
        digests = Digests()
        known = table(content.get("metadata"))
        metadata = {
            name: value
            for name, value in self.metadata.items()
            if insist or digests.of(known.get(name)) in self.metadata_was[name]
        }
        made_of = [cells[id] for id in order if id in cells]
        return content | {"cells": made_of, "metadata": known | metadata}, refused

    def alone(self) -> Content:
        """A notebook of what was changed, where the notebook itself is not there any more."""
        return self.applied(EMPTY, insist=True)[0]

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

    def to_json(self) -> Iterator[bytes]:
        """What `from_json` makes the same again, in pieces."""
        around = encoded({name: value for name, value in vars(self).items() if name != "cells"})
        yield around.removesuffix(b"}") + b',"cells":{'
        for number, (id, change) in enumerate(self.cells.items()):
            rest = encoded({name: value for name, value in vars(change).items() if name != "now"})
            yield (b"," if number else b"") + encoded(id) + b":" + rest.removesuffix(b"}") + b',"now":'
            if change.now is None:
                yield b"null"
            else:
                yield from encoded_cell(change.now)
            yield b"}"
        yield b"}}"

    @classmethod
    def from_json(cls, stored: bytes) -> Patch:
        """What `to_json` has made. Raises ValueError, TypeError, KeyError or AttributeError where it has not."""
        values = json.loads(stored)
        cells = {id: Change(**change) for id, change in values["cells"].items()}
        return cls(**values | {"cells": cells})


def _change(versions: list[Content | None], cell: Content | None, digests: Digests) -> Change:
    olds = [version for version in versions if version is not None]
    added = cell is not None and len(olds) < len(versions)
    now = {
        name: value
        for name, value in (cell or {}).items()
        if added or any(name not in old or old[name] != value for old in olds)
    }
    gone = sorted({name for old in olds for name in old if cell is not None and name not in cell})
    names = {*TEXT, *now, *gone, *(RESULTS if cell is None or not {*now, *gone}.isdisjoint(RESULTS) else ())}
    return Change([digests.fields(old, list(names)) for old in olds], added, None if cell is None else now, gone)


def _valid(cell: Content) -> Content:
    """A cell with the fields that one of its type has."""
    if cell["cell_type"] == "code":
        return {"outputs": [], "execution_count": None} | {n: v for n, v in cell.items() if n != "attachments"}
    return {name: value for name, value in cell.items() if name not in RESULTS}


def _placed(old: list[str], new: list[str]) -> list[str]:
    """The ids that were added to an order or have moved in it."""
    places = {id: place for place, id in enumerate(old)}
    common = [id for id in new if id in places]
    return [id for id in new if id not in places] + [
        common[place] for place in out_of_order([places[id] for id in common])
    ]


def _by_id(content: Content) -> dict[str, Content]:
    return {cell["id"]: cell for cell in content["cells"]}
