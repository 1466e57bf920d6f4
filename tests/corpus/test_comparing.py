"""How outputs of two runs are compared: what differs by nature is not seen, everything else is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from harness import REPOSITORY

from corpus.differences import Difference, Sides, alike, compare, restless
from corpus.known import KNOWN, PAGER, reason
from corpus.normal import Output, by_stream, masked, normal, shape, shown
from corpus.own import EXPECTED, cells, notebook
from corpus.packages import runs_in_python


def stream(text: Any, name: str = "stdout") -> Output:
    return {"output_type": "stream", "name": name, "text": text}


def plain(text: str, mime: str = "text/plain") -> Output:
    return {"output_type": "display_data", "data": {mime: text}, "metadata": {}}


def raised(traceback: str) -> Output:
    return {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": [traceback]}


def ran(*outputs: list[Output], count: int | None = 1, **metadata: Any) -> dict[str, Any]:
    cells = [{"cell_type": "code", "source": "x", "execution_count": count, "outputs": each} for each in outputs]
    return {"cells": [*cells, {"cell_type": "markdown", "source": "# x"}], "metadata": metadata}


def kinds(ours: dict[str, Any], theirs: dict[str, Any], **sides: Any) -> list[tuple[int | None, str]]:
    return [(each.cell, each.what) for each in compare(Sides(ours, theirs, **sides))]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("<object at 0x7f1200aa>", "<object at 0x7f99bbcc>"),
        ("/tmp/ipykernel_12/345.py:1: UserWarning", "/tmp/ipykernel_99/6.py:1: UserWarning"),
        ("2026-11-28 08:33:42.123", "2026-11-29T09:00:00"),
        ("it is 08:33:42", "it is 09:00:01.5"),
        ("Wall time: 12 ms", "Wall time: 1.2 s"),
        ("CPU times: user 1 µs, sys: 2 ns, total: 3 µs", "CPU times: user 5 ms, sys: 2 ms, total: 7 ms"),
        ("1.5 ms ± 2 µs per loop (mean ± std. dev. of 7 runs)", "9 ns ± 1 ns per loop (mean ± std. dev. of 7 runs)"),
        ("100%|██| 3/3 [00:01<00:00, 2.50it/s]", "100%|██| 3/3 [00:12<00:00, 1.1s/it]"),
        ("model 0123456789abcdef0123456789abcdef", "model ffffffffffffffff0123456789abcde0"),
        ("IPY_MODEL_0123456789abcdef0123456789abcdef", "IPY_MODEL_ffffffffffffffff0123456789abcde0"),
        ("70b8db6a-1111-2222-3333-e54721950000", "b0ca69e7-1111-2222-3333-e54721950001"),
        ("pid 12", "pid 3456"),
        ("/tmp/a/b.txt", "/tmp/x1/y.z"),
    ],
)
def test_what_differs_by_nature_is_not_seen(one: str, other: str) -> None:
    assert masked(one) == masked(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("0%", "100%"), ("1.5", "2.5"), ("x = 3", "x = 4"), ("[1, 2]", "[1, 3]"), ("5 items", "6 items"), ("a b", "a  b")],
)
def test_what_a_cell_says_is_seen(one: str, other: str) -> None:
    assert masked(one) != masked(other)


def test_folders_of_a_run_are_one_place() -> None:
    assert masked("/home/a/b/c.txt", ("/home/a", "/home/a/b")) == masked("/place/c.txt", ("/place",))


def test_adjoining_pieces_of_one_stream_are_one_and_no_output_is_lost_for_it() -> None:
    pieces = [stream("a"), stream(["b\n", "c"]), stream("d", "stderr"), stream(""), plain("1"), stream("e")]
    assert normal(pieces) == [stream("ab\nc"), stream("d", "stderr"), plain("1"), stream("e")]


def test_lines_and_the_text_of_them_are_the_same_data() -> None:
    assert normal([plain(["a\n", "b"])]) == normal([plain("a\nb")])  # type: ignore[arg-type]


def test_data_and_metadata_of_every_type_count() -> None:
    one = plain("1")
    assert not alike(normal([one]), normal([{**one, "metadata": {"isolated": True}}]))
    assert not alike(normal([one]), normal([{**one, "data": {**one["data"], "text/html": "1"}}]))
    assert not alike(normal([one]), normal([{**one, "output_type": "execute_result", "execution_count": 1}]))


def test_the_order_of_what_two_streams_print_is_the_kernels_affair_that_of_displays_is_not() -> None:
    one = [stream("a\n"), stream("b\n", "stderr"), stream("c\n")]
    other = [stream("b\n", "stderr"), stream("a\nc\n")]
    assert alike(one, other)
    assert by_stream(one) == by_stream(other)
    assert not alike([stream("a"), plain("1")], [plain("1"), stream("a")])
    assert not alike([stream("a\nb\n")], [stream("b\na\n")])


def test_every_traceback_and_count_counts() -> None:
    ours = ran([raised("line 1")], count=1)
    assert kinds(ours, ran([raised("line 2")], count=2)) == [(0, "execution count"), (0, "outputs")]
    assert kinds(ours, ran([raised("line 1")], count=1)) == []


def test_what_is_missing_is_told_with_its_cell_and_source() -> None:
    [found] = compare(Sides(ran([], [stream("a")]), ran([], [])))
    assert (found.cell, found.source) == (1, "x")
    assert str(found).startswith("cell 1: outputs\nx\n--- ours\n{")


def test_another_number_of_cells_ends_the_comparison() -> None:
    assert kinds(ran([]), ran([], [])) == [(None, "number of cells")]


def test_the_notebooks_language_counts() -> None:
    assert kinds(ran(language_info={"name": ""}), ran(language_info={"name": "python"})) == [(None, "language_info")]


def test_what_jupyterlab_would_have_takes_the_place_of_what_nbconvert_has() -> None:
    assert kinds(ran([stream("late")]), ran([]), expected={0: [stream("late")]}) == []
    assert kinds(ran([]), ran([]), expected={0: [stream("late")]}) == [(0, "outputs")]


def test_of_a_cell_that_differs_each_time_the_shape_counts() -> None:
    one, other = ran([plain("0.123"), stream("a")]), ran([plain("0.456"), stream("b")])
    assert restless(one, other) == {0}
    assert restless(one, one) == set()
    assert kinds(one, other, restless={0}) == []
    assert kinds(ran([stream("a")]), other, restless={0}) == [(0, "outputs")]
    assert shape([plain("a", "text/html")]) != shape([plain("a")])


def test_each_difference_that_is_meant_is_in_the_documentation() -> None:
    told = " ".join((REPOSITORY / "docs" / "behaviour.md").read_text().split())
    assert [known.reason for known in KNOWN if known.reason not in told] == []


@pytest.mark.parametrize("source", ["print?", "x = 1\nf??", "?print", "%pinfo f", "%quickref"])
def test_help_may_be_added_and_nothing_be_missing_for_it(source: str) -> None:
    printed, help = shown([stream("a")]), shown([stream("a"), plain("help")])
    assert reason("any", Difference(0, "outputs", source, help, printed)) == PAGER
    assert reason("any", Difference(0, "outputs", source, "", printed)) is None
    assert reason("any", Difference(0, "execution count", source, "1", "2")) is None


@pytest.mark.parametrize("source", ["print('really?')", "# what?", "x = 1"])
def test_a_question_mark_alone_is_no_help(source: str) -> None:
    assert reason("any", Difference(0, "outputs", source, shown([plain("help")]), "")) is None


def test_only_notebooks_of_python_code_are_run() -> None:
    written = {"nbformat": 4, "metadata": {}, "cells": [{"cell_type": "code", "source": ["1"]}]}
    assert runs_in_python(json.dumps(written).encode()) == written
    for other in ({"nbformat": 3}, {"cells": []}, {"metadata": {"kernelspec": {"name": "ir"}}}, {"metadata": 1}):
        assert runs_in_python(json.dumps({**written, **other}).encode()) is None
    assert runs_in_python(b"<html>") is None


def test_what_is_expected_of_a_kind_is_of_one_of_its_cells() -> None:
    for kind, expected in EXPECTED.items():
        assert set(expected) <= set(range(len(cells(kind))))


def test_a_kinds_cells_have_their_tags() -> None:
    made = notebook("tags")["cells"]
    assert made[0]["metadata"] == {"tags": ["raises-exception"]}
    assert made[3]["metadata"] == {}
    assert [cell["cell_type"] for cell in made].count("markdown") == 1
