"""The ids of cells in files that have none: they stay with their cells, and are never written."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_proxy.documents.ids import CellIds, key, with_ids

Content = dict[str, Any]


def content(*sources: str, minor: int = 4) -> Content:
    cells = [{"cell_type": "code", "source": source, "metadata": {}} for source in sources]
    return {"nbformat": 4, "nbformat_minor": minor, "metadata": {}, "cells": cells}


def ids(notebook: Content) -> list[str]:
    return [cell["id"] for cell in notebook["cells"]]


def test_cells_without_ids_get_the_same_ones_at_every_reading() -> None:
    first, second = with_ids(content("ab", "ab", "c")), with_ids(content("ab", "ab", "c"))
    assert ids(first) == ids(second)
    assert len(set(ids(first))) == 3
    assert (first["nbformat"], first["nbformat_minor"]) == (4, 4)


def test_a_list_of_lines_is_the_text_that_it_makes() -> None:
    lines = {"cell_type": "code", "source": ["a\n", "b"]}
    assert key(lines) == key(lines | {"source": "a\nb"}) != key(lines | {"source": "a\nb", "cell_type": "raw"})


def test_of_two_cells_with_one_id_the_second_gets_another() -> None:
    notebook = content("a", "b", minor=5)
    for cell in notebook["cells"]:
        cell["id"] = "same"
    assert ids(with_ids(notebook))[0] == "same" != ids(notebook)[1]


@pytest.mark.parametrize(
    "then, expected",
    [
        pytest.param("abcd", "0123", id="nothing"),
        pytest.param("xabcd", "?0123", id="one put in above"),
        pytest.param("acd", "023", id="one deleted"),
        pytest.param("aXcd", "0123", id="one edited"),
        pytest.param("bcda", "1230", id="one moved"),
        pytest.param("aXYd", "0123", id="two edited"),
        pytest.param("aXYZd", "0???3", id="nobody can tell which is new"),
    ],
)
def test_a_cell_keeps_its_id_whatever_somebody_else_has_done(tmp_path: Path, then: str, expected: str) -> None:
    known = CellIds(tmp_path)
    before = ids(known.given(content(*"abcd")))
    after = ids(known.given(content(*then)))
    assert [str(before.index(id)) if id in before else "?" for id in after] == list(expected)
    assert len(set(after)) == len(after)


def test_what_is_written_has_the_ids_that_were_there_and_no_other(tmp_path: Path) -> None:
    """Some program has written ids into a format that knows none: they stay, as everything that is not ours."""
    notebook = content("a", "b")
    notebook["cells"][0]["id"] = "theirs"
    known = CellIds(tmp_path)
    written = known.without(known.given(copy.deepcopy(notebook)))
    assert written == notebook


def test_a_format_with_ids_is_written_with_them(tmp_path: Path) -> None:
    notebook = content("a", minor=5)
    known = CellIds(tmp_path)
    assert known.without(known.given(notebook)) is notebook
    known.keep(notebook)
    assert not list(tmp_path.iterdir())


def test_whoever_comes_after_a_crash_knows_the_cells_by_the_same_ids(tmp_path: Path) -> None:
    one = CellIds(tmp_path)
    notebook = one.given(content("a", "b"))
    notebook["cells"].insert(0, {"id": "inserted", "cell_type": "code", "source": "new", "metadata": {}})
    notebook["cells"][2]["source"] = "edited"
    one.keep(notebook)
    assert ids(CellIds(tmp_path).given(one.without(notebook))) == ids(notebook)


def test_another_notebook_under_the_same_name_has_ids_of_its_own(tmp_path: Path) -> None:
    one = CellIds(tmp_path)
    notebook = one.given(content("a", "b"))
    one.keep(notebook)
    assert set(ids(CellIds(tmp_path).given(content("x", "y")))).isdisjoint(ids(notebook))


def test_what_was_kept_and_is_damaged_hinders_nobody(tmp_path: Path) -> None:
    (tmp_path / "ids.json").write_text('[["a"')
    assert ids(CellIds(tmp_path).given(content("a"))) == ids(with_ids(content("a")))
