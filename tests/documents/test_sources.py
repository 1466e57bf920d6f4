"""How much of a source is told, and how to go on."""

from __future__ import annotations

import pytest

from jupyter_mcp_proxy.documents.replacing import Replacement, literal, replaced
from jupyter_mcp_proxy.documents.sources import cut_within, excerpt
from jupyter_mcp_proxy.errors import BadValue

LONG = "\n".join(f"line {number}" for number in range(1, 30_001))


def test_a_source_within_the_budget_is_told_as_it_is() -> None:
    source = "a = 1\n\n" + "x" * 5000
    assert str(excerpt(source, 8000, "read_cell()")) == source
    assert str(excerpt("", 8000, "read_cell()")) == ""


def test_a_long_source_is_told_by_whole_lines_and_says_how_to_go_on() -> None:
    told = excerpt(LONG, 8000, "read_cell(cell='a')")
    assert len(str(told)) < 8200
    assert told.text.splitlines() == LONG.splitlines()[: told.text.count("\n") + 1]
    shown = told.text.count("\n") + 1
    assert told.note == f"… lines 1 to {shown} of 30,000; read_cell(cell='a') with offset={shown + 1} goes on"
    last = excerpt(LONG, 8000, "read_cell()", offset=-2)
    assert str(last) == "line 29999\nline 30000\n… lines 29,999 to 30,000 of 30,000; this is the end"
    assert (
        str(excerpt(LONG, 8000, "r", offset=7, limit=1)) == "line 7\n… lines 7 to 7 of 30,000; r with offset=8 goes on"
    )
    with pytest.raises(BadValue, match="1 to 30000"):
        excerpt(LONG, 8000, "read_cell()", offset=30_001)


def test_reading_on_and_on_tells_every_line_once() -> None:
    lines, offset = [], 1
    while offset <= 30_000:
        told = excerpt(LONG, 8000, "read_cell()", offset)
        lines += told.text.split("\n")
        offset = len(lines) + 1
    assert lines == LONG.split("\n")


def test_a_pasted_picture_gives_way_before_the_lines_around_it() -> None:
    source = "# Title\n![](data:image/png;base64," + "iVBORw0K" * 250_000 + ")\nthe end"
    told = str(excerpt(source, 8000, "read_cell()"))
    assert told == "# Title\n![](data:image/png;base64,…[2,000,000 characters left out]…)\nthe end"


def test_a_single_long_line_fills_the_budget_and_says_what_is_left_out() -> None:
    told = str(excerpt("ab" * 50_000, 8000, "read_cell()"))
    assert "…[92,000 characters left out]…" in told
    assert len(told) < 8100


def test_a_line_is_cut_only_where_that_saves_something() -> None:
    assert cut_within("x" * 1200, 1000) == "x" * 1200
    assert "left out" in cut_within("x" * 1400, 1000)


def test_an_error_does_not_repeat_a_long_value() -> None:
    long = "y" * 2_000_000
    with pytest.raises(BadValue) as error:
        replaced({"a": "x" * 2_000_000}, [(Replacement(long, literal(long, "")), ["a"])])
    assert len(str(error.value)) < 600
