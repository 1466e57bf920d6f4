"""Which cell is meant."""

from __future__ import annotations

import pytest

from jupyter_mcp_proxy.documents.cells import check_cell_type, find_cell, insertion_index, short_ids, source_hash
from jupyter_mcp_proxy.documents.file_editor import FileEditor
from jupyter_mcp_proxy.errors import Ambiguous, BadValue, Unknown

IDS = ["aaaa1111", "aaaa2222", "bbbb0000", "7"]


@pytest.mark.parametrize(
    ("cell", "index"),
    [("bbbb0000", 2), ("bbbb", 2), ("aaaa1", 0), (0, 0), (-1, 3), ("1", 1), ("-2", 2), ("7", 3), (" bbbb ", 2)],
)
def test_an_id_a_prefix_or_an_index_names_a_cell(cell: str | int, index: int) -> None:
    assert find_cell(IDS, cell) == index


NUMBERS = ["3", "2", "1", "1234abcd"]
"""Ids that look like indices; nbformat allows them."""


@pytest.mark.parametrize(
    ("cell", "index"),
    [(1, 1), (3, 3), (-1, 3), ("1", 2), ("3", 0), ("1234", 3), ("12", 3), ("0", 0), ("-2", 2)],
)
def test_a_number_is_an_index_and_a_text_an_id_before_it_is_one(cell: str | int, index: int) -> None:
    assert find_cell(NUMBERS, cell) == index


def test_few_digits_are_an_index_where_there_is_one_whatever_an_id_begins_with_by_chance() -> None:
    ids = ["0b8bba74", "1c", "22", "3d"]
    assert [find_cell(ids, cell) for cell in ("1", "2", "22", "3", "0b", "00")] == [1, 2, 2, 3, 0, 0]


def test_what_is_not_there_is_told_as_it_was_read() -> None:
    with pytest.raises(Unknown, match=r"read as an index\. Indices are 0 to 2\..* id '7' is named by a text"):
        find_cell(["7", "a", "b"], 7)
    with pytest.raises(Unknown, match=r"no id and begins none, so it is read as an index\. Indices are 0 to 2"):
        find_cell(["7", "a", "b"], "12345678")


def test_a_cell_that_is_gone_is_not_taken_for_one_whose_id_begins_alike() -> None:
    editor = FileEditor({"cells": [{"id": "t10"}, {"id": "31"}]})
    for gone in ("t1", "3", "1"):
        with pytest.raises(Unknown):
            editor.place(gone)
    assert editor.place("31") == 1


def test_a_prefix_of_several_ids_is_refused_with_their_names() -> None:
    with pytest.raises(Ambiguous, match="0:aaaa1111, 1:aaaa2222"):
        find_cell(IDS, "aaaa")


@pytest.mark.parametrize("cell", ["cccc", "", "aaaa11112", 4, -5])
def test_an_unknown_cell_is_refused_by_its_name(cell: str | int) -> None:
    with pytest.raises(Unknown):
        find_cell(IDS, cell)


def test_an_invented_id_is_answered_with_near_matches() -> None:
    with pytest.raises(Unknown, match="Near matches: bbbb0000"):
        find_cell(IDS, "bbbb0001")


@pytest.mark.parametrize(("position", "index"), [(0, 0), (3, 3), (-1, 3), (-2, 2), (-4, 0)])
def test_a_new_cell_lands_at_the_index_that_was_asked_for(position: int, index: int) -> None:
    assert insertion_index(3, position) == index


@pytest.mark.parametrize("position", [4, -5])
def test_an_index_outside_the_notebook_is_refused(position: int) -> None:
    with pytest.raises(BadValue, match="0 to 3"):
        insertion_index(3, position)


def test_short_ids_tell_the_cells_apart() -> None:
    assert short_ids(["12345678-a", "12345678-b", "x"]) == ["12345678-a", "12345678-b", "x"]
    assert short_ids(["1234567890", "abcdefghij"]) == ["12345678", "abcdefgh"]


def test_an_unknown_cell_type_is_refused_with_those_there_are() -> None:
    with pytest.raises(BadValue, match="code, markdown, raw"):
        check_cell_type("sql")


def test_equal_sources_have_equal_hashes() -> None:
    assert source_hash("é\n") == source_hash("é\n") != source_hash("e\n")
