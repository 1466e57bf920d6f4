"""What the mark beside a cell says, told from what a kernel ran. Pure."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_mcp_proxy.documents.cells import Cell, source_hash
from jupyter_mcp_proxy.documents.file_editor import FileEditor
from jupyter_mcp_proxy.documents.history import OTHERS, PUT_BACK, History
from jupyter_mcp_proxy.execution.marks import CellMarks


def cell(source: str, count: int | None = 3) -> Cell:
    return Cell("a", 0, "code", source, count)


def freshness(source: str, **known: Any) -> str:
    return CellMarks(**known).freshness(cell(source))


BEFORE = {"a": (3, source_hash("x = 1"))}


@pytest.mark.parametrize(
    ("source", "known", "mark"),
    [
        ("x = 1", {"ran": {3: "x = 1\n"}}, ""),
        ("x = 2", {"ran": {3: "x = 1"}, "before": {"a": (None, "")}}, "*"),
        ("x = 2", {"ran": {3: "x = 1"}, "before": {"a": (9, source_hash("y"))}}, "*"),
        ("x = 2", {"ran": {3: "x = 1"}, "before": {}}, "*"),
        # The life before counted to 3, too: this cell had its 3 from there ...
        ("x = 1", {"ran": {3: "y = 1"}, "before": BEFORE}, "?"),
        # ... or has been run again as it was then, by hand, and edited since.
        ("x = 2", {"ran": {3: "x = 1"}, "before": BEFORE}, "*"),
        ("x = 3", {"ran": {3: "x = 2"}, "before": BEFORE}, "?"),
        ("x = 3", {"ran": {3: "x = 2"}, "before": BEFORE, "ours": {"a": 3}}, "*"),
        # Nobody looked when that life began.
        ("x = 2", {"ran": {3: "x = 1"}}, "?"),
        ("x = 1", {"ran": {2: "x = 1"}, "before": {}}, "?"),
        ("x = 1", {}, "?"),
    ],
)
def test_a_cell_is_stale_only_where_it_is_known_to_have_run_in_this_life(
    source: str, known: dict[str, Any], mark: str
) -> None:
    assert freshness(source, **known) == mark


def notebook(*cells: tuple[str, int | None]) -> FileEditor:
    return FileEditor(
        {
            "cells": [
                {
                    "id": str(index),
                    "cell_type": "code",
                    "source": source,
                    "metadata": {},
                    "outputs": [],
                    "execution_count": count,
                }
                for index, (source, count) in enumerate(cells)
            ]
        }
    )


def test_what_runs_or_waits_is_neither_stale_nor_fresh() -> None:
    editor = notebook(("a = 1", None), ("b = 1", 2), ("", None), ("c = 1", 4))
    marks = CellMarks(ran={4: "c = 1"}, doing={"0": "running x1", "1": "queued x2"})
    assert [str(marks.of(editor, each)) for each in editor.cells()] == [" running x1", " [2]? queued x2", "", " [4]"]
    assert not any(marks.is_stale(editor, each) for each in editor.cells())
    assert [CellMarks().is_stale(editor, each) for each in editor.cells()] == [True, True, False, True]


def test_a_count_that_is_given_back_is_no_run() -> None:
    history = History()
    assert history.counts() is None
    history.absorb(notebook(("a", 5)), OTHERS)
    history.absorb(notebook(("a", None)), "agent")
    assert history.counts() == {"0": (5, source_hash("a"))}
    history.absorb(notebook(("a", 5)), PUT_BACK)
    assert not history.entries
    history.absorb(notebook(("a", None)), "agent")
    history.absorb(notebook(("a", 5)), "agent")
    assert [(entry.action, entry.who) for entry in history.entries] == [("ran", "agent")]
