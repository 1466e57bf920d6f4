"""What an agent proposes while a person reviews its edits and goes on typing: the policy, without a server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mcp_proxy.documents.draft import DraftEditor, accepted, clash, tied
from jupyter_mcp_proxy.documents.file_editor import FileEditor
from jupyter_mcp_proxy.documents.merging import merged
from jupyter_mcp_proxy.documents.proposals import Cells, Proposals

WHO = ("agent", "")


def notebook(*sources: str) -> FileEditor:
    cells = [
        {"id": f"c{n}", "cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": None}
        for n, source in enumerate(sources)
    ]
    return FileEditor({"cells": cells, "metadata": {}})


def says(editor: Any) -> list[tuple[str, str, str]]:
    return [(cell.id, cell.type, cell.source) for cell in editor.cells(outputs=False)]


def sources(editor: Any) -> list[str]:
    return [cell.source for cell in editor.cells(outputs=False)]


def test_a_draft_has_what_is_proposed_and_the_notebook_has_not() -> None:
    editor = notebook("a", "b", "c")
    draft = DraftEditor(editor, {})
    draft.set_source(0, "A")
    draft.delete(1)
    draft.insert(2, "markdown", "# new")
    draft.move(1, 0)
    assert sources(draft) == ["c", "A", "# new"]
    assert sources(editor) == ["a", "b", "c"]
    cells = draft.proposed_now()
    assert sources(DraftEditor(editor, cells)) == ["c", "A", "# new"]
    accepted(editor, list(cells.values()))
    assert sources(editor) == ["c", "A", "# new"]


def test_what_a_person_types_in_other_lines_is_in_the_draft_and_stays_when_it_is_accepted() -> None:
    editor = notebook("one\ntwo\nthree")
    draft = DraftEditor(editor, {})
    draft.set_source(0, "one\ntwo\nTHREE")
    cells = draft.proposed_now()
    editor.set_source(0, "mine\none\ntwo\nthree")
    assert sources(DraftEditor(editor, cells)) == ["mine\none\ntwo\nTHREE"]
    accepted(editor, list(cells.values()))
    assert sources(editor) == ["mine\none\ntwo\nTHREE"]


def test_what_a_person_types_in_the_same_line_stands_until_they_insist() -> None:
    editor = notebook("x = 1", "b")
    draft = DraftEditor(editor, {})
    draft.set_source(0, "x = 2")
    draft.set_source(1, "B")
    cells = draft.proposed_now()
    editor.set_source(0, "x = 3")
    assert clash(editor, cells["c0"]) == "edited"
    assert sources(DraftEditor(editor, cells)) == ["x = 3", "B"]
    assert [each.cell for each in accepted(editor, list(cells.values()))] == ["c1"]
    assert sources(editor) == ["x = 3", "B"]
    accepted(editor, [cells["c0"]], insist=True)
    assert sources(editor) == ["x = 2", "B"]


def test_a_cell_that_a_person_has_edited_is_not_deleted() -> None:
    editor = notebook("a", "b")
    draft = DraftEditor(editor, {})
    draft.delete(0)
    cells = draft.proposed_now()
    editor.set_source(0, "a person's")
    assert accepted(editor, list(cells.values())) == []
    assert sources(DraftEditor(editor, cells)) == ["a person's", "b"]


def test_the_parts_of_a_split_are_accepted_together_and_cells_that_are_added_one_by_one() -> None:
    editor = notebook("a\nb")
    draft = DraftEditor(editor, {})
    draft.set_source(0, "a")
    draft.insert(1, "code", "b")
    cells = draft.proposed_now()
    assert len(tied(cells, [cells["c0"].id])) == 2
    more = DraftEditor(editor, cells)
    added = more.insert(2, "code", "c")
    cells = more.proposed_now()
    assert [each.cell for each in tied(cells, [cells[added].id])] == [added]
    accepted(editor, tied(cells, [cells[added].id]))
    assert sources(editor) == ["a\nb", "c"]


def test_a_proposal_that_is_changed_has_another_id_and_one_that_is_not_keeps_it() -> None:
    editor = notebook("a", "b")
    first = DraftEditor(editor, {})
    first.set_source(0, "A")
    first.set_source(1, "B")
    before = first.proposed_now()
    second = DraftEditor(editor, before)
    second.set_source(0, "AA")
    after = second.proposed_now()
    assert after["c0"].id != before["c0"].id
    assert after["c1"].id == before["c1"].id
    third = DraftEditor(editor, after)
    third.set_source(0, "a")
    assert list(third.proposed_now()) == ["c1"]


def test_what_waits_and_whom_a_person_reviews_outlives_a_crash_of_the_sidecar(tmp_path: Path) -> None:
    book = Proposals(str(tmp_path), "run", os.getpid(), default=False)
    book.set(True, WHO)
    draft = DraftEditor(notebook("a"), {})
    draft.set_source(0, "A")
    book.propose("n.ipynb", WHO, draft.proposed_now())
    again = Proposals(str(tmp_path), "run", os.getpid(), default=False)
    assert again.reviews(WHO)
    assert not again.reviews(("another", ""))
    assert again.of("n.ipynb", WHO) == book.of("n.ipynb", WHO)
    again.moved("n.ipynb", "m.ipynb")
    again.decided("m.ipynb", WHO, list(again.of("m.ipynb", WHO).values()), "rejected")
    last = Proposals(str(tmp_path), "run", os.getpid(), default=False)
    assert last.news(WHO) == ["in m.ipynb a person rejected what you proposed for c0"]
    assert last.news(WHO) == []


def test_where_what_was_kept_cannot_be_read_everybody_is_reviewed(tmp_path: Path) -> None:
    (tmp_path / "mcp-proxy-run.proposals").write_text("{")
    assert Proposals(str(tmp_path), "run", os.getpid(), default=False).reviews(WHO)


@pytest.mark.parametrize(
    ("base", "one", "other", "both"),
    [
        ("a\nb\nc", "A\nb\nc", "a\nb\nC", "A\nb\nC"),
        ("a", "a", "b", "b"),
        ("a", "b", "b", "b"),
        ("a\nb", "A\nb", "a\nB", None),
        ("", "one", "other", None),
    ],
)
def test_two_changes_are_put_together_where_lines_between_them_are_as_they_were(
    base: str, one: str, other: str, both: str | None
) -> None:
    assert merged(base, one, other) == both
    assert merged(base, other, one) == both


LINES = st.lists(st.sampled_from("abcde"), max_size=6).map("\n".join)
EDITS = st.lists(
    st.tuples(st.sampled_from(["write", "insert", "delete", "move"]), st.integers(0, 9), st.integers(0, 9), LINES),
    max_size=5,
)


def edit(editor: Any, edits: list[tuple[str, int, int, str]]) -> None:
    for what, one, other, text in edits:
        count = len(editor.ids())
        if what == "insert":
            editor.insert(one % (count + 1), "code", text)
        elif count and what == "write":
            editor.set_source(one % count, text)
        elif count and what == "delete":
            editor.delete(one % count)
        elif count:
            editor.move(one % count, other % count)


@settings(max_examples=100)
@given(st.lists(LINES, min_size=1, max_size=4), EDITS, EDITS)
def test_accepting_all_makes_of_the_notebook_what_the_agent_has_read(
    start: list[str], first: list[tuple[str, int, int, str]], second: list[tuple[str, int, int, str]]
) -> None:
    editor = notebook(*start)
    cells: Cells = {}
    for edits in (first, second):
        draft = DraftEditor(editor, cells)
        edit(draft, edits)
        cells = draft.proposed_now()
        assert says(DraftEditor(editor, cells)) == says(draft)
    read = says(draft)
    accepted(editor, list(cells.values()))
    assert says(editor) == read


@settings(max_examples=100)
@given(st.lists(LINES, min_size=1, max_size=4), EDITS, st.lists(st.tuples(st.integers(0, 9), st.integers(0, 40))))
def test_no_character_that_a_person_types_meanwhile_is_lost(
    start: list[str], edits: list[tuple[str, int, int, str]], typed: list[tuple[int, int]]
) -> None:
    """Each is one that is nowhere else, so it can be found again."""
    editor = notebook(*start)
    draft = DraftEditor(editor, {})
    edit(draft, edits)
    cells = draft.proposed_now()
    characters = []
    for number, (cell, at) in enumerate(typed):
        index = cell % len(start)
        source = editor.cell_at(index).source
        place = at % (len(source) + 1)
        characters.append(chr(0x4E00 + number))
        editor.set_source(index, source[:place] + characters[-1] + source[place:])
    read = "".join(sources(DraftEditor(editor, cells)))
    accepted(editor, list(cells.values()))
    found = "".join(sources(editor))
    assert [each for each in characters if each not in found] == []
    assert [each for each in characters if each not in read] == []
