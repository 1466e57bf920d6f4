"""The smallest operations that turn one text into another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycrdt import Doc, Text

from jupyter_mcp_proxy.documents.edits import Splice, in_bytes, splices

texts = st.text(alphabet="ab\nöß漢😀 ", max_size=60)


def apply(old: str, new: str) -> str:
    document: Doc = Doc()
    text = document.get("text", type=Text)
    text += old
    for change in reversed(in_bytes(old, splices(old, new))):
        if change.end > change.start:
            del text[change.start : change.end]
        if change.text:
            text.insert(change.start, change.text)
    return str(text)


@given(texts, texts)
def test_the_splices_make_the_new_text_of_the_old_one(old: str, new: str) -> None:
    assert apply(old, new) == new


@given(texts)
def test_a_text_becomes_itself_by_doing_nothing(text: str) -> None:
    assert splices(text, text) == []


def test_what_both_texts_share_is_left_alone() -> None:
    old = "import os\nprint(1)\nx = 2\n"
    new = "import sys\nprint(1)\nx = 3\n"
    touched = "".join(old[change.start : change.end] for change in splices(old, new))
    assert "print(1)" not in touched
    assert len(touched) <= 6


def test_long_texts_are_compared_by_their_lines_and_then_within_them() -> None:
    old = "\n".join(f"line {number}: some text" for number in range(2000))
    new = old.replace("line 1000:", "row 1000:")
    assert apply(old, new) == new
    assert sum(change.end - change.start for change in splices(old, new)) <= 4


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ("w0", "w1\nw0", Splice(0, 0, "w1\n")),
        ("w1\nw0", "w0", Splice(0, 3, "")),
        ("a\nw1\nw0", "a\nw1\nw2\nw0", Splice(5, 5, "w2\n")),
        ("ab = 1", "ac = ab = 1", Splice(0, 0, "ac = ")),
        ("x = 13", "x = 16", Splice(5, 6, "6")),
        ("load(1)", "load_all(1)", Splice(4, 4, "_all")),
    ],
)
def test_what_is_put_in_or_taken_out_is_whole_lines_or_words_where_it_can_be(
    old: str, new: str, change: Splice
) -> None:
    """With a letter of the words around it, and without one of its own, who undoes it would take theirs along."""
    assert splices(old, new) == [change]


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    ("old", "new"), [("0, " * 660, "0,1, " * 390), (" " * 1900, "a " * 950), ("x\n" * 5000, "y\nx\n" * 4000)]
)
def test_repetitive_texts_are_compared_in_a_moment(old: str, new: str) -> None:
    """Comparing them to the end would stop every client for a minute."""
    assert apply(old, new) == new
