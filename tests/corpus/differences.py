"""What differs between a notebook that we ran and the same one that nbconvert ran. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from corpus.normal import Output, by_stream, normal, shape, shown

Notebook = dict[str, Any]


@dataclass(frozen=True)
class Difference:
    """One cell, or the notebook (`cell` is None), that is not the same on both sides."""

    cell: int | None
    what: str
    source: str
    ours: str
    theirs: str

    def __str__(self) -> str:
        where = "notebook" if self.cell is None else f"cell {self.cell}"
        return f"{where}: {self.what}\n{self.source}\n--- ours\n{self.ours}\n--- theirs\n{self.theirs}"


@dataclass(frozen=True)
class Sides:
    """One notebook as both have it, and what it has been run with."""

    ours: Notebook
    theirs: Notebook
    places: tuple[str, ...] = ()
    """Folders that differ between the two."""
    expected: dict[int, list[Output]] = field(default_factory=dict)
    """What a cell must have in place of what nbconvert gives it: JupyterLab's answer, where the two differ."""
    restless: Container[int] = ()
    """Cells that differ between two runs of nbconvert: of these the shape counts."""


def compare(sides: Sides) -> list[Difference]:
    """What differs: cells, counts, outputs, the language that the notebook says to be in."""
    ours, theirs = sides.ours["cells"], sides.theirs["cells"]
    if len(ours) != len(theirs):
        return [Difference(None, "number of cells", "", str(len(ours)), str(len(theirs)))]
    found: list[Difference] = []
    for index, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        if mine["cell_type"] == "code":
            found += _of_cell(index, mine, other, sides)
    language = [notebook["metadata"].get("language_info") for notebook in (sides.ours, sides.theirs)]
    if language[0] != language[1]:
        found.append(Difference(None, "language_info", "", str(language[0]), str(language[1])))
    return found


def _of_cell(index: int, mine: Notebook, other: Notebook, sides: Sides) -> Iterator[Difference]:
    source = "".join(mine["source"])
    if mine.get("execution_count") != other.get("execution_count"):
        counts = [str(cell.get("execution_count")) for cell in (mine, other)]
        yield Difference(index, "execution count", source, *counts)
    ours = normal(mine.get("outputs", []), sides.places)
    theirs = normal(sides.expected.get(index, other.get("outputs", [])), sides.places)
    if not alike(ours, theirs, only_shape=index in sides.restless):
        yield Difference(index, "outputs", source, shown(ours), shown(theirs))


def alike(ours: list[Output], theirs: list[Output], *, only_shape: bool = False) -> bool:
    """Whether normal outputs are the same, but for the order of what two streams printed at the same time."""
    if only_shape:
        return shape(ours) == shape(theirs)
    return ours == theirs or (_interleaved(theirs) and by_stream(ours) == by_stream(theirs))


def _interleaved(outputs: list[Output]) -> bool:
    """Whether streams of two names stand side by side."""
    kinds = [output.get("name") for output in outputs]
    return any(one and other and one != other for one, other in pairwise(kinds))


def restless(one: Notebook, another: Notebook, places: Iterable[str] = ()) -> set[int]:
    """The cells whose outputs differ between two runs of one program: by nature, not by who ran them."""
    places = tuple(places)
    return {
        index
        for index, (a, b) in enumerate(zip(one["cells"], another["cells"], strict=True))
        if not alike(normal(a.get("outputs", []), places), normal(b.get("outputs", []), places))
    }
