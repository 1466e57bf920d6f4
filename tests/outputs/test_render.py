"""How much of an output is told to a model, and what is left out of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp_proxy.outputs.render import LEAST_SAVED, cut, told, within_budget
from jupyter_mcp_proxy.outputs.text import output_text
from jupyter_mcp_proxy.outputs.transcript import Transcript

HANDLE = 'read_output(execution="x1")'


def transcript(text: str) -> Transcript:
    made = Transcript()
    made.write(text)
    return made


def stream(text: str) -> dict:
    return {"output_type": "stream", "name": "stdout", "text": text}


def error(name: str, value: str, *before: str) -> dict:
    return {"output_type": "error", "ename": name, "evalue": value, "traceback": [*before, f"{name}: {value}"]}


def test_an_error_is_its_traceback_without_colours() -> None:
    failed = {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["\x1b[31mE\x1b[0m: v"]}
    assert output_text(failed) == "E: v"


def test_a_long_output_is_told_by_head_and_tail_with_the_way_to_the_rest() -> None:
    said = within_budget(transcript("a" * 5000 + "b" * 5000 + "\n"), 0, 1000, HANDLE)
    assert said.startswith("a" * 600)
    assert said.endswith("b" * 399 + "\n")
    assert '9,001 characters left out; read_output(execution="x1") with offset=600' in said


def test_a_text_within_the_budget_is_told_whole() -> None:
    assert cut("abc", 3, "x") == "abc"


def test_nothing_is_cut_where_that_saves_less_than_the_call_that_reads_it_costs() -> None:
    assert cut("a" * 1299, 1000, "x") == "a" * 1299
    assert len(cut("a" * 1300, 1000, "x")) < 1100


@given(st.lists(st.text(alphabet="ab", min_size=1, max_size=120), min_size=60, max_size=400), st.integers(400, 3000))
def test_a_cut_is_at_the_ends_of_lines_and_says_where_to_read_on(lines: list[str], budget: int) -> None:
    text = "".join(f"{line}\n" for line in lines)
    said = within_budget(transcript(text), 0, budget, HANDLE)
    if len(text) - budget < LEAST_SAVED:
        assert said == text
        return
    head, _, rest = said.partition("… ")
    marker, _, tail = rest.partition("\n")
    assert text.startswith(head) and text.endswith(tail)
    assert head.endswith("\n") and text[: len(text) - len(tail)].endswith("\n")
    assert int(marker.split()[0].replace(",", "")) == len(text) - len(head) - len(tail)
    assert f"with offset={len(head)} reads them" in marker
    assert len(said) <= budget + len(marker) + 4


def test_of_a_very_long_output_both_ends_are_told_and_the_offset_is_that_of_the_whole() -> None:
    text = "".join(f"line {number}\n" for number in range(300_000))
    said = within_budget(transcript(text), 0, 2000, HANDLE)
    assert said.startswith("line 0\n") and said.endswith("line 299999\n")
    begin = int(said.split("offset=")[1].split()[0])
    missing = int(said.split("… ")[1].split()[0].replace(",", ""))
    assert text[:begin] == said[:begin]
    assert text[begin + missing :] == said.split("reads them …\n")[1]


def test_the_line_that_has_the_error_is_told_whole_whatever_is_left_out() -> None:
    value = "the reason " + "is long " * 100 + "and ends here"
    outputs = [stream("printed\n" * 5000), error("ValueError", value + "\nmore" * 3000), stream("later\n" * 5000)]
    said = told(outputs, 2000, HANDLE)
    assert f"\nValueError: {value}\n" in said
    assert len(said) < 2500


def test_of_an_error_that_is_longer_than_the_budget_the_beginning_is_told() -> None:
    said = told([stream("printed\n" * 5000), error("KeyError", "k" * 50_000)], 2000, HANDLE)
    assert "\nKeyError: " + "k" * 900 in said
    assert len(said) < 2500


def test_what_is_left_out_of_a_cells_outputs_is_where_reading_them_finds_it() -> None:
    outputs = [stream("".join(f"{number}\n" for number in range(3000))), error("E", "e"), stream("x\n" * 2000)]
    whole = transcript("")
    for output in outputs:
        whole.write_block(output_text(output))
    said = told(outputs, 1000, HANDLE)
    begin = int(said.split("offset=")[1].split()[0])
    assert whole.read(0, begin) == said[:begin]
