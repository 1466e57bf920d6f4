"""Which edits are tried on a notebook. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MARK = "an agent was here"
"""Stands in whatever an agent inserts, and in nothing that is shipped."""
Call = tuple[str, dict[str, Any]]


def edits(cells: list[dict[str, Any]]) -> Iterator[Call]:
    """One of each kind, in an order in which each index is known: tools and their arguments."""
    sources = [_source(cell) for cell in cells]
    last = len(cells) - 1
    if cells:
        yield "set_cell_metadata", {"cell": 0, "metadata": {"tags": ["an-agent"], "collapsed": None}}
        yield "overwrite_cell_source", {"cell": last, "source": f"{sources[last]}\n# {MARK}\nanother = 'é🎈'"}
        other = "markdown" if cells[last // 2]["cell_type"] == "code" else "code"
        yield (
            "overwrite_cell_source",
            {"cell": last // 2, "source": f"{sources[last // 2]}\nx", "cell_type": other},
        )
    for place, source in enumerate(sources):
        if old := _found_once(source):
            yield "edit_cell", {"cell": place, "edits": [{"old": old, "new": f"{old} # 1"}]}
            break
    code = [place for place, cell in enumerate(cells) if cell["cell_type"] == "code" and place != last // 2]
    if code:
        yield "clear_outputs", {"cells": code[:3]}
    long = [place for place, source in enumerate(sources) if len(source.splitlines()) > 1]
    if long:
        yield "split_cell", {"cell": long[-1], "at": [2]}
        yield "merge_cells", {"cells": [long[-1], long[-1] + 1]}
    pairs = [place for place in range(last) if _alike(cells[place], cells[place + 1])]
    pair = next((place for place in pairs if last // 2 not in (place, place + 1)), None)
    if pair is not None and last > 2:
        yield "merge_cells", {"cells": [pair, pair + 1]}
        last -= 1
    if cells:
        yield "move_cell", {"cell": -1, "index": 0}
        yield "delete_cell", {"cell": (last + 1) // 2}
        yield "move_cell", {"cell": 0, "index": -1}
    yield "insert_cell", {"source": f"# {MARK}, the last\n1", "index": 0}


def _alike(cell: dict[str, Any], other: dict[str, Any]) -> bool:
    return bool(cell["cell_type"] == other["cell_type"])


def _source(cell: dict[str, Any]) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def _found_once(source: str) -> str | None:
    lines = [line for line in source.splitlines() if line.strip() and source.count(line) == 1]
    return next((line for line in lines if line.isprintable()), None)
