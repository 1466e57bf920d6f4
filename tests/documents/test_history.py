"""What has happened to the cells, found by looking only where it can have happened."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from jupyter_ydoc import YNotebook

from jupyter_mcp_proxy.documents.editor import Editor
from jupyter_mcp_proxy.documents.file_editor import FileEditor, working_copy
from jupyter_mcp_proxy.documents.history import History
from jupyter_mcp_proxy.documents.ids import with_ids
from jupyter_mcp_proxy.documents.shared_editor import CellIndex, SharedEditor
from jupyter_mcp_proxy.outputs.changes import Append, Clear, Extend

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["insert", "delete", "move", "set_source", "set_type", "set_execution"]),
        st.integers(0, 9),
        st.integers(0, 9),
    ),
    max_size=6,
)
"""What is done within one transaction."""


def content(cells: int) -> dict[str, Any]:
    stream = {"output_type": "stream", "name": "stdout", "text": ["one\n"]}
    made = [
        {"cell_type": "code", "source": [f"{number}"], "metadata": {}, "execution_count": 1, "outputs": [dict(stream)]}
        for number in range(cells)
    ]
    return with_ids({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def do(editor: Editor, what: str, first: int, second: int) -> None:
    count = len(editor.ids())
    if what == "insert" or not count:
        editor.insert(first % (count + 1), "code", f"new {second}")
        return
    index = first % count
    match what:
        case "delete":
            editor.delete(index)
        case "move":
            editor.move(index, second % count)
        case "set_source":
            editor.set_source(index, f"changed {second}")
        case "set_type":
            editor.set_type(index, "markdown" if second % 2 else "code")
        case "set_execution" if editor.cell_at(index).type == "code":
            editor.set_execution(index, second, False)


def facts(editor: Editor) -> list[tuple[str, str, str, int | None]]:
    return [(cell.id, cell.type, cell.source, cell.execution_count) for cell in editor.cells(outputs=False)]


def replayed(before: list[Any], after: list[Any], entries: list[Any]) -> None:
    """The entries account for every difference, and for nothing else."""
    told = {(entry.action, entry.cell) for entry in entries}
    old, new = ({fact[0]: fact for fact in each} for each in (before, after))
    assert {cell for action, cell in told if action == "added"} == new.keys() - old.keys()
    assert {cell for action, cell in told if action == "deleted"} == old.keys() - new.keys()
    both = old.keys() & new.keys()
    assert {cell for action, cell in told if action == "edited"} == {c for c in both if old[c][1:3] != new[c][1:3]}
    assert {cell for action, cell in told if action == "ran"} == {
        c for c in both if old[c][3] != new[c][3] and new[c][3] is not None
    }
    moved = {cell for action, cell in told if action == "moved"}
    assert [c for c in old if c in both and c not in moved] == [c for c in new if c in both and c not in moved]
    assert moved or [c for c in old if c in both] == [c for c in new if c in both]
    assert all(old[entry.cell] == before[entry.index] for entry in entries if entry.action == "deleted")
    assert all(new[entry.cell] == after[entry.index] for entry in entries if entry.action != "deleted")


@given(st.integers(0, 8), st.lists(STEPS, max_size=6))
def test_a_shared_notebook_is_followed_through_every_transaction(cells: int, transactions: list[Any]) -> None:
    """The remembered ids are those of the cells, and the history tells each difference, whoever makes it."""
    notebook: Any = YNotebook()
    notebook.set(content(cells))
    index = CellIndex(notebook.ycells)
    editor = SharedEditor(notebook, index)
    elsewhere: Any = YNotebook()
    history = History()
    history.absorb(editor, "")
    for number, steps in enumerate(transactions):
        before = facts(editor)
        elsewhere.ydoc.apply_update(notebook.ydoc.get_update(elsewhere.ydoc.get_state()))
        if number % 2:  # somebody else, in a replica of their own
            other = SharedEditor(elsewhere, CellIndex(elsewhere.ycells))
            with elsewhere.ydoc.transaction():
                for step in steps:
                    do(other, *step)
            notebook.ydoc.apply_update(elsewhere.ydoc.get_update(notebook.ydoc.get_state()))
        else:
            with notebook.ydoc.transaction():
                for step in steps:
                    do(editor, *step)
        assert editor.ids() == [str(cell["id"]) for cell in notebook.ycells]
        changed = index.take_changed()
        entries = [] if changed is None else history.absorb(editor, "somebody", changed)
        replayed(before, facts(editor), entries)


@given(st.integers(0, 8), STEPS)
def test_a_working_copy_leaves_the_content_alone_and_shares_what_it_does_not_change(cells: int, steps: Any) -> None:
    known = content(cells)
    untouched = copy.deepcopy(known)
    history = History()
    history.absorb(FileEditor(known), "")
    editor = FileEditor(working_copy(known))
    for step in steps:
        do(editor, *step)
    editor.set_metadata({"kernelspec": {"name": "python3"}})
    assert known == untouched
    shared = {id(cell) for cell in known["cells"]}
    anew = {cell["id"] for cell in editor.content["cells"] if id(cell) not in shared}
    entries = history.absorb(editor, "somebody", anew)
    replayed(facts(FileEditor(known)), facts(editor), entries)


def test_outputs_that_change_in_a_working_copy_stay_as_they_were_in_the_content() -> None:
    known = content(1)
    untouched = copy.deepcopy(known)
    editor = FileEditor(working_copy(known))
    editor.change_outputs(0, [Extend(0, "two\n"), Append({"output_type": "stream", "name": "stderr", "text": "!"})])
    assert editor.cell_at(0).outputs[0]["text"] == "one\ntwo\n"
    editor.change_outputs(0, [Clear()])
    editor.set_outputs(0, [{"output_type": "stream", "name": "stdout", "text": "three"}])
    assert known == untouched
