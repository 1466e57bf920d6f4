"""Making a notebook again what a snapshot holds: a pure change of an editor."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp_proxy.documents.file_editor import FileEditor, working_copy
from jupyter_mcp_proxy.documents.restoring import differences, put_back


def code(id: str, source: str, *texts: str, count: int | None = None, **metadata: Any) -> dict[str, Any]:
    outputs = [{"output_type": "stream", "name": "stdout", "text": text} for text in texts]
    cell = {"id": id, "cell_type": "code", "source": source, "metadata": metadata}
    return cell | {"outputs": outputs, "execution_count": count}


def text(id: str, source: str) -> dict[str, Any]:
    return {"id": id, "cell_type": "markdown", "source": source, "metadata": {}}


def notebook(*cells: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


CELLS = st.lists(
    st.builds(
        lambda id, kind, source, said: text(id, source) if kind else code(id, source, *said, count=len(said) or None),
        st.sampled_from("abcdefgh"), st.booleans(), st.sampled_from(["", "1", "x = 1\ny = 2"]),
        st.lists(st.sampled_from(["one\n", "two"]), max_size=2),
    ),
    unique_by=lambda cell: cell["id"], max_size=8,
)  # fmt: skip


@given(CELLS, CELLS)
def test_whatever_stands_there_becomes_what_the_snapshot_holds(now: Any, before: Any) -> None:
    content = notebook(*copy.deepcopy(now))
    snapshot = notebook(*copy.deepcopy(before))
    told = [each["cell"] for each in differences(FileEditor(copy.deepcopy(content)), snapshot)]
    editor = FileEditor(working_copy(content))
    assert put_back(editor, snapshot) == told
    for cell in editor.content["cells"]:
        cell.get("metadata", {}).pop("trusted", None)
    assert editor.content["cells"] == before
    assert snapshot["cells"] == before
    assert differences(editor, snapshot) == []


def test_the_difference_says_what_each_cell_says_and_would_say() -> None:
    now = notebook(code("a", "1"), code("b", "2"), code("c", "3"), code("d", "4"))
    before = notebook(code("a", "1"), code("c", "33"), code("n", "0"), code("d", "4", "four"))
    assert differences(FileEditor(now), before) == [
        {"cell": "c", "index": 1, "action": "edited", "before": "3", "after": "33"},
        {"cell": "n", "index": 2, "action": "added", "before": None, "after": "0"},
        {"cell": "d", "index": 3, "action": "edited", "before": "4", "after": "4"},
        {"cell": "b", "index": 1, "action": "deleted", "before": "2", "after": None},
    ]


def test_an_output_that_was_not_trusted_is_not_trusted_when_it_comes_back() -> None:
    """Else its HTML would run in the person's page, which it was kept from before."""
    for trusted in (True, False):
        editor = FileEditor(notebook(code("b", "2", trusted=True)))
        put_back(editor, notebook(code("a", "1", "said", trusted=trusted), code("b", "2", "too", trusted=trusted)))
        assert [cell["metadata"]["trusted"] for cell in editor.content["cells"]] == [trusted, trusted]


def test_metadata_come_back_but_for_those_of_the_kernel() -> None:
    now = notebook(code("a", "1", tags=["new"], slide=1), kernelspec={"name": "r"}, title="now", other=1)
    editor = FileEditor(now)
    put_back(editor, notebook(code("a", "1", tags=["old"]), kernelspec={"name": "python3"}, title="before"))
    assert editor.content["metadata"] == {"kernelspec": {"name": "r"}, "title": "before", "other": 1}
    assert editor.cell_metadata(0) == {"tags": ["old"]}


def test_where_a_format_has_no_ids_cells_are_found_again_by_what_they_say() -> None:
    now = notebook(code("k1", "a = 1"), code("k2", "b = 20"), code("k3", "c = 3"))
    bare = [
        {name: value for name, value in code("", each).items() if name != "id"} for each in ("a = 1", "b = 2", "c = 3")
    ]
    editor = FileEditor(now)
    assert put_back(editor, {"cells": bare, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}) == ["k2"]
    assert editor.ids() == ["k1", "k2", "k3"]


def test_files_that_were_attached_to_a_cell_come_back_with_it() -> None:
    """And those that were not there go: the snapshot is what the notebook becomes."""
    picture = {"a.png": {"image/png": "iVBORw0KGgo="}}
    before = notebook(text("a", "![](attachment:a.png)") | {"attachments": picture}, text("b", "none"))
    now = notebook(text("b", "none") | {"attachments": picture})
    editor = FileEditor(working_copy(now))
    assert [each["cell"] for each in differences(editor, before)] == ["a", "b"]
    put_back(editor, before)
    assert [editor.attachments(index) for index in range(2)] == [picture, {}]
    assert editor.content["cells"] == before["cells"]
    assert differences(editor, before) == []
