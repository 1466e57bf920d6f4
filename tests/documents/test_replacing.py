"""Finding and replacing in sources."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp_proxy.documents.cells import parts
from jupyter_mcp_proxy.documents.replacing import Replacement, literal, replaced, unified
from jupyter_mcp_proxy.errors import BadValue


def edit(old: str, new: str, everywhere: bool = False, word: bool = False) -> Replacement:
    return Replacement(old, literal(old, new, word=word), everywhere)


def test_a_whole_word_is_no_part_of_a_longer_one() -> None:
    source = "f(x) + ff(x) + f1 + _f + f.f + café(f)"
    (new, count) = replaced({"a": source}, [(edit("f", "g", True, word=True), ["a"])])
    assert new == {"a": "g(x) + ff(x) + f1 + _f + g.g + café(g)"}
    assert count == 4


def test_what_is_no_word_itself_is_found_beside_words() -> None:
    assert replaced({"a": "x += 1"}, [(edit("+=", "-=", word=True), ["a"])])[0] == {"a": "x -= 1"}


def test_an_edit_of_several_cells_is_made_in_all_of_them_or_none() -> None:
    cells = {"a": "x", "b": "x + x", "c": "y"}
    with pytest.raises(BadValue, match=r"occurs 3 times in 2 cells: give more of it or its cell, or replace_all"):
        replaced(cells, [(edit("x", "z"), list(cells))])
    assert replaced(cells, [(edit("x", "z", True), list(cells))]) == ({"a": "z", "b": "z + z", "c": "y"}, 3)
    assert replaced(cells, [(edit("y", "z"), list(cells))]) == ({"a": "x", "b": "x + x", "c": "z"}, 1)
    with pytest.raises(BadValue, match=r"in a code cell, to the letter; the nearest line is 'x \+ x'"):
        replaced(cells, [(edit("x - x", "z"), list(cells))])


def test_each_edit_sees_what_those_before_it_have_made() -> None:
    assert replaced({"a": "1"}, [(edit("1", "2"), ["a"]), (edit("2", "3"), ["a"])]) == ({"a": "3"}, 2)


@given(st.text("ab_ ", max_size=20), st.text("ab", min_size=1, max_size=3), st.text("ab", max_size=3))
def test_to_the_letter_is_what_python_replaces(source: str, old: str, new: str) -> None:
    if old in source:
        assert replaced({"a": source}, [(edit(old, new, True), ["a"])])[0]["a"] == source.replace(old, new)


def test_a_diff_has_as_many_lines_around_as_are_asked_for() -> None:
    assert unified("a\nb\nc", "a\nB\nc", around=0) == "@@ -2 +2 @@\n-b\n+B"


def test_a_diff_has_lines_that_begin_as_the_names_of_files_do() -> None:
    assert unified("-- all\nselect 1", "select 1") == "@@ -1,2 +1 @@\n--- all\n select 1"
    assert unified("i", "++i") == "@@ -1 +1 @@\n-i\n+++i"
    assert unified("a", "a") == ""


def test_the_lines_of_a_diff_are_those_that_a_cell_is_split_at() -> None:
    before = "a\x0cb\u2028c\x85d\ne"
    assert parts(before, [2]) == ["a\x0cb\u2028c\x85d", "e"]
    assert unified(before, before.replace("e", "f"), around=0) == "@@ -2 +2 @@\n-e\n+f"
