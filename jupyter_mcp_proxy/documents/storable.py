"""What of JSON a shared document can hold, and be saved with. Pure.

Yjs has no integers beyond 64 bits and no half pairs of surrogates: pycrdt (0.14) panics at them. Of numbers that are no
numbers in JSON it can be made, but jupyter-ydoc (4.2) then fails at every save of the document.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ..errors import NotShareable
from .metadata import table

EXACT = 2**53
"""Whole numbers below this are the same as integers and as what Yjs has for them."""


PARTS = ("outputs", "metadata", "source", "attachments")
"""Those of a cell in which odd values are told first; they may be anywhere."""


class Odd(NamedTuple):
    """A value that a shared document has trouble with."""

    what: str
    loads: bool
    """Whether a document can hold it, though not be saved with it."""
    where: str = ""
    cell: str = ""
    """The id of the cell that has it; empty where the notebook's metadata do."""


def storable(value: Any) -> Any:
    """JSON as a shared document can hold it and be saved with; what is no number as jupyter-client tells it."""
    match value:
        case bool() | None:
            return value
        case float():
            return value if math.isfinite(value) else repr(value)
        case int():
            return value if _fits(value) else storable(_nearest(value))
        case str():
            return value if value.isascii() else value.encode("utf-8", "replace").decode()
        case dict():
            return {storable(str(key)): storable(item) for key, item in value.items()}
        case list() | tuple():
            return [storable(item) for item in value]
    return storable(str(value))


def plain(value: Any) -> Any:
    """What a shared document holds as JSON has it: whole numbers are integers as far as those are exact."""
    match value:
        case float():
            return int(value) if value.is_integer() and abs(value) < EXACT else value
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list():
            return [plain(item) for item in value]
    return value


def first_odd(content: dict[str, Any]) -> Odd | None:
    """The first value in a notebook that a shared document has trouble with; what it cannot hold comes first."""
    found = None
    for index, cell in enumerate(content.get("cells", ())):
        for part in (*PARTS, *(name for name in cell if name not in PARTS)):
            odd = _odd(cell.get(part))
            if odd is not None and (found is None or not odd.loads):
                id = str(cell.get("id", ""))
                found = Odd(*odd[:2], f"cell {index}{f' ({id[:8]})' if id else ''} has {odd.what} in its {part}", id)
            if found is not None and not found.loads:
                return found
    # jupyter-ydoc makes integers in the notebook's own metadata floats, where that changes nothing.
    odd = _odd(table(content.get("metadata")), metadata=True)
    if odd is not None and (found is None or not odd.loads):
        found = Odd(*odd[:2], f"its metadata have {odd.what}")
    return found


def not_savable(path: str, content: dict[str, Any], *, changed: bool = False) -> NotShareable | None:
    """What is to be told where a document holds what it cannot be saved with, and how that is taken out."""
    odd = first_odd(content)
    if odd is None or not odd.loads:
        return None
    cure = "a person can take it out"
    if odd.cell:
        cure = f"clear_outputs, overwrite_cell_source or delete_cell of {odd.cell[:8]!r} may take it out, or a person"
    return NotShareable(path, odd.where, cure, changed=changed)


def _odd(value: Any, *, metadata: bool = False) -> Odd | None:
    match value:
        case bool() | None:
            return None
        case float():
            return None if math.isfinite(value) else Odd(f"{value} (no number in JSON)", True)
        case int():
            if _fits(value) or (metadata and _nearest(value) == value):
                return None
            return Odd(f"an integer beyond 64 bits ({_nearest(value):.6g})", False)
        case str():
            return None if _is_text(value) else Odd("half a pair of surrogates (no Unicode)", False)
        case dict():
            children = [*value, *value.values()]
        case list():
            if _are_ordinary(value):
                return None
            children = value
        case _:
            return None
    found = None
    for child in children:
        odd = _odd(child, metadata=metadata)
        if odd is not None and not odd.loads:
            return odd
        found = found or odd
    return found


def _are_ordinary(values: list[Any]) -> bool:
    """Whether all are numbers of which none is odd. A figure has millions, and to look at each takes long."""
    if not values or not set(map(type, values)) <= {float, int}:
        return False
    try:
        return _fits(min(values)) and _fits(max(values)) and math.isfinite(sum(values))
    except OverflowError:
        return False


def _fits(value: float) -> bool:
    return -(2**63) <= value < 2**63


def _nearest(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _is_text(value: str) -> bool:
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
