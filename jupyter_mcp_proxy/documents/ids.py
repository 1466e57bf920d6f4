"""The ids of cells in a file that has none, as before nbformat 4.5.

They are ours and never get into the file: in memory they stay the same for as long as a cell can be told from the
others, and beside the notebook's snapshots for whoever comes after a crash.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from contextlib import suppress
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from ..outputs.text import joined
from ..store.replacing import replacing

log = logging.getLogger(__name__)

Content = dict[str, Any]
Known = list[tuple[str, str]]
"""Cells by their ids, each with its `key`."""

NAME = "ids.json"
MOST_WORK = 1_000_000
"""Pairs of equal cells up to which two orders are compared; beyond, cells are found again by what they say."""


def has_ids(content: Content) -> bool:
    """Whether the cells of a notebook's format have ids."""
    format = content.get("nbformat", 4), content.get("nbformat_minor", 0)
    return format >= (4, 5)


def key(cell: Content) -> str:
    """What a cell is known by where it has no id: its type's first letter and a digest of its source."""
    source = joined(cell["source"]).encode("utf-8", "surrogatepass")
    return f"{cell['cell_type'][:1]}{hashlib.sha256(source).hexdigest()[:16]}"


def with_ids(content: Content, known: Known | None = None) -> Content:
    """Give every cell an id: the one that it has among the `known`, else one that it gets at every first reading."""
    cells = content.get("cells", [])
    missing, seen = [], set()
    for cell in cells:
        id = cell.get("id")
        if not isinstance(id, str) or not id or id in seen:
            missing.append(cell)
        else:
            seen.add(id)
    if not missing:
        return content
    keys = [key(cell) for cell in missing]
    taken = seen | {id for id, _ in known or ()}
    found = _found_again([each for each in known or () if each[0] not in seen], keys)
    count: Counter[str] = Counter()
    for cell, basis, id in zip(missing, keys, found, strict=True):
        while id is None:
            made = hashlib.sha256(f"{basis}\0{count[basis]}".encode()).hexdigest()[:12]
            count[basis] += 1
            id = None if made in taken else made
        taken.add(id)
        cell["id"] = id
    return content


def _found_again(known: Known, keys: Sequence[str]) -> list[str | None]:
    """For each key the id of the known cell that it is: where it was, somewhere else, or between the same others."""
    before = [each for _, each in known]
    found: list[str | None] = [None] * len(keys)
    steps = _steps(before, keys)
    left: defaultdict[str, deque[str]] = defaultdict(deque)
    for tag, start, end, new, _ in steps:
        if tag == "equal":
            found[new : new + end - start] = [id for id, _ in known[start:end]]
        else:
            for id, each in known[start:end]:
                left[each].append(id)
    moved = set()
    for place, each in enumerate(keys):
        if found[place] is None and left[each]:
            found[place] = left[each].popleft()
            moved.add(found[place])
    for _, start, end, new, new_end in steps:
        # As many as there were: each was edited. Which of them are new, where there are more, nobody can tell.
        if end - start == new_end - new:
            for place in range(new, new_end):
                id, each = known[start + place - new]
                if found[place] is None and id not in moved and each[0] == keys[place][0]:
                    found[place] = id
    return found


def _steps(old: Sequence[str], new: Sequence[str]) -> list[tuple[str, int, int, int, int]]:
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    one, two = old[head : len(old) - tail], new[head : len(new) - tail]
    there = Counter(one)
    if sum(there[each] for each in two) > MOST_WORK:
        middle = [("replace", 0, len(one), 0, len(two))]
    else:
        middle = [tuple(step) for step in SequenceMatcher(None, one, two, autojunk=False).get_opcodes()]  # type: ignore[misc]
    return [
        ("equal", 0, head, 0, head),
        *((tag, a + head, b + head, c + head, d + head) for tag, a, b, c, d in middle),
        ("equal", len(old) - tail, len(old), len(new) - tail, len(new)),
    ]


class CellIds:
    """Those of one notebook's cells; `folder` is where they are kept."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / NAME
        self._known: Known | None = None
        self._kept: Known | None = None
        self._theirs: set[str] = set()
        """The ids that stand in the file, where its format has none."""

    def given(self, content: Content) -> Content:
        """A content as it is read, with an id for every cell."""
        if has_ids(content):
            return with_ids(content)
        self._theirs = {cell["id"] for cell in content["cells"] if isinstance(cell.get("id"), str)}
        with_ids(content, self._left(content) if self._known is None else self._known)
        self._known = [(cell["id"], key(cell)) for cell in content["cells"]]
        return content

    def without(self, content: Content) -> Content:
        """A content as it is written: without the ids that are ours."""
        if has_ids(content):
            return content
        return content | {"cells": [self._without(cell) for cell in content["cells"]]}

    def keep(self, content: Content) -> None:
        """Have the ids of a content that is about to be written outlive us."""
        if has_ids(content):
            return
        self._known = [(cell["id"], key(cell)) for cell in content["cells"]]
        if self._known == self._kept:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with replacing(self._file) as file:
                json.dump(self._known, file)
            self._kept = self._known
        except OSError as error:  # they serve after a crash only
            log.warning("%s could not be kept: %s", self._file, error)

    def _without(self, cell: Content) -> Content:
        if cell["id"] in self._theirs:
            return cell
        return {name: value for name, value in cell.items() if name != "id"}

    def _left(self, content: Content) -> Known:
        """What an earlier process has kept, where it is of this notebook and not of another with its name."""
        with suppress(OSError, ValueError, TypeError):
            left = [(str(id), str(each)) for id, each in json.loads(self._file.read_bytes())]
            if not {each for _, each in left}.isdisjoint(key(cell) for cell in content["cells"]):
                return left
        return []
