"""Taking a change out of a text that others have changed since."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp_proxy.documents.merging import breaks_lines, stands, without

words = st.lists(st.sampled_from("abcd"), max_size=5).map("\n".join)


@pytest.mark.parametrize(
    ("now", "left"),
    [
        ("a = 1\n\nb = 2", "a = 1"),
        ("a = 1\n\nb = 2\nc = 3", "a = 1\nc = 3"),
        ("c = 3\na = 1\n\nb = 2", "c = 3\na = 1"),
        ("a = 12\n\nb = 2", "a = 12"),
        ("a = 1\n\nb = 2  # two", "a = 1  # two"),
    ],
)
def test_what_was_joined_to_a_text_goes_where_it_stands_whole(now: str, left: str) -> None:
    assert without("a = 1", "a = 1\n\nb = 2", now) == left


@pytest.mark.parametrize("now", ["a = 1\n\nb = 23", "a = 1\n\nb = 3", "a = 1\n\nb = 2\n\nb = 2", "", "b = 2"])
def test_what_does_not_stand_there_whole_or_more_than_once_is_not_taken_out(now: str) -> None:
    assert without("a = 1", "a = 1\n\nb = 2", now) is None


def test_what_was_written_over_comes_back_beside_other_lines_only() -> None:
    assert without("a\nb\nc", "x\nb\nc", "x\nb\nd") == "a\nb\nd"
    assert without("a\nb\nc", "x\nb\nc", "y\nb\nc") is None
    assert without("a", "x", "a") == "a"


@given(words, words, words)
def test_nothing_of_what_others_have_written_goes_along(before: str, after: str, theirs: str) -> None:
    """Here they have written lines that neither text has."""
    theirs = theirs.upper()
    for now in (f"{after}\n{theirs}", f"{theirs}\n{after}"):
        left = without(before, after, now)
        if left is not None:
            assert [c for c in left if c.isupper()] == [c for c in theirs if c.isupper()]
            assert sorted(left.lower().split()) == sorted(f"{before} {theirs.lower()}".split())
    assert without(before, after, after) == before


@pytest.mark.parametrize(
    ("now", "breaks"),
    [
        ("a\nx = 16", True),
        ("a\nx = 23", True),
        ("a\nx = 13", False),
        ("a\ny = 16", True),
        ("a\nx = 13 + 2", False),
        ("a\nz += 2", True),
        ("a\nnothing", False),
        ("b\nx = 13", False),
        ("a", False),
        ("", False),
    ],
)
def test_a_line_of_which_others_have_replaced_a_part_is_not_taken_apart(now: str, breaks: bool) -> None:
    assert breaks_lines("a", "a\nx = 13", now) is breaks


@given(st.text("ab1 ;()\n", max_size=40), st.text("ab1 ;()\n", max_size=40))
def test_what_nobody_has_touched_since_stands_as_it_was_left(before: str, after: str) -> None:
    assert stands(before, after, after)


def test_where_something_was_only_taken_out_the_line_around_must_stand_as_that_left_it() -> None:
    before, after = "function foobar(x)\n    100x\nend", "import time; time.sleep(3)"
    assert stands(before, after, f"# theirs\n{after}\n# theirs")
    assert not stands(before, after, "import time; time.sleep(4)")
