"""An index means the cell that stood there when its client last looked, or is refused."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp_proxy.documents.cells import source_hash
from jupyter_mcp_proxy.documents.file_editor import FileEditor, working_copy
from jupyter_mcp_proxy.documents.history import OTHERS, History, between
from jupyter_mcp_proxy.documents.seen import Looks, Seen, unchanged
from jupyter_mcp_proxy.errors import NotLooked, OtherCell, StaleCell, Unknown

STEPS = st.lists(
    st.tuples(st.sampled_from(["insert", "delete", "move", "edit"]), st.integers(0, 9), st.integers(0, 9)), max_size=5
)
INDICES = st.integers(-6, 6)


class Notebook:
    """A notebook that several people change, and what is known of that."""

    def __init__(self, *ids: str) -> None:
        made: list[dict[str, Any]] = [
            {"id": id, "cell_type": "code", "source": f"of {id}", "metadata": {}, "outputs": []} for id in ids
        ]
        self.content: dict[str, Any] = {"cells": made, "metadata": {}}
        self.history = History()
        self.history.absorb(self.editor, OTHERS)

    @property
    def editor(self) -> FileEditor:
        return FileEditor(self.content)

    def seen(self) -> Seen:
        """What the client knows that looks now."""
        return Seen("me", self.history.order, self.history.last, self.history.serial, self.history)

    def do(self, steps: list[tuple[str, int, int]], who: str = OTHERS) -> None:
        self.content = working_copy(self.content)
        for what, first, second in steps:
            editor = self.editor
            count = len(editor.ids())
            if what == "insert" or not count:
                editor.insert(first % (count + 1), "code", "new")
            elif what == "delete":
                editor.delete(first % count)
            elif what == "move":
                editor.move(first % count, second % count)
            else:
                editor.set_source(first % count, f"edited {second}")
        self.history.absorb(self.editor, who)


@given(STEPS, INDICES)
def test_whatever_others_do_no_cell_is_written_that_was_not_meant(
    steps: list[tuple[str, int, int]], index: int
) -> None:
    notebook = Notebook("a", "b", "c")
    seen = notebook.seen()
    notebook.do(steps)
    meant = seen.order[index] if -3 <= index < 3 else None
    with suppress(OtherCell, Unknown):
        assert notebook.editor.ids()[seen.find(notebook.editor, index)] == meant


@given(STEPS, st.integers(0, 2))
def test_with_a_hash_too_and_a_source_that_is_told_is_that_of_the_cell(
    steps: list[tuple[str, int, int]], index: int
) -> None:
    notebook = Notebook("a", "b", "c")
    seen = notebook.seen()
    meant = seen.order[index]
    notebook.do(steps)
    for known in (seen, notebook.seen()):  # it may have been told since, and still mean what it has read
        try:
            found = unchanged(notebook.editor, index, source_hash(f"of {meant}"), known)
        except StaleCell as error:
            assert error.cell == meant
        except (OtherCell, Unknown):
            pass
        else:
            assert found.id == meant


@given(STEPS, INDICES)
def test_what_a_client_does_itself_refuses_nothing(steps: list[tuple[str, int, int]], index: int) -> None:
    notebook = Notebook("a", "b", "c")
    seen = notebook.seen()
    notebook.do(steps, "me")
    count = len(notebook.editor.ids())
    if -count <= index < count:
        assert seen.find(notebook.editor, index) == index % count


def test_a_new_cell_goes_where_it_has_one_of_the_neighbours_that_it_was_meant_to_have() -> None:
    notebook = Notebook("a", "b", "c")
    seen = notebook.seen()
    notebook.do([("insert", 3, 0)])
    assert [seen.place(notebook.editor, index) for index in (0, 1, 2, 3, -1)] == [0, 1, 2, 3, -1]
    notebook.do([("insert", 0, 0)])
    assert [seen.place(notebook.editor, index) for index in (0, -1)] == [0, -1]
    for index in (1, 2, 3):
        with pytest.raises(OtherCell):
            seen.place(notebook.editor, index)


def test_a_notebook_that_was_closed_meanwhile_is_compared_by_its_order() -> None:
    before, after = Notebook("a", "b"), Notebook("new", "a", "b")
    seen = Seen("me", before.history.order, 7, before.history.serial, after.history)
    with pytest.raises(OtherCell, match=r"what was there when you last looked is b, at 2\. Cells were added"):
        seen.find(after.editor, 1)
    assert [(entry.action, entry.cell) for entry in between(["a", "b"], ["new", "b"])] == [
        ("deleted", "a"), ("added", "new")
    ]  # fmt: skip


def test_an_index_from_a_client_that_was_forgotten_is_refused_until_it_is_told_anew(tmp_path: Path) -> None:
    """After an hour of silence it may remember what is not known here any more."""
    notebook, looks = Notebook("a", "b", "c"), Looks.of_run(str(tmp_path), "run")
    looks.take("me", "n.ipynb", notebook.history)
    looks.forget("me")
    notebook.do([("insert", 0, 0)])
    with pytest.raises(NotLooked):
        looks.of("me", "n.ipynb", notebook.history).find(notebook.editor, 1)
    assert looks.of("me", "n.ipynb", notebook.history).find(notebook.editor, "b") == 2
    looks.take("me", "n.ipynb", notebook.history)
    assert looks.of("me", "n.ipynb", notebook.history).find(notebook.editor, 1) == 1
