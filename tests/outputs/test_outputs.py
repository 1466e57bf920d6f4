"""What a kernel sends, as outputs, as changes to a stored cell, and as a transcript."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp_proxy.outputs.changes import Append, Extend, Output, Replace, apply_changes
from jupyter_mcp_proxy.outputs.log import MOST_FOLLOWING, MOST_OUTPUTS, STORED_LIMIT, OutputLog
from jupyter_mcp_proxy.outputs.terminal import overwrite_line, strip_ansi
from jupyter_mcp_proxy.outputs.text import output_text
from jupyter_mcp_proxy.outputs.transcript import Transcript


def read_all(transcript: Transcript) -> str:
    return transcript.read(0, len(transcript))


def test_pieces_of_one_stream_are_one_output_and_one_change() -> None:
    log = OutputLog()
    for piece in ("a", "b", "c"):
        log.stream("stdout", piece)
    assert log.outputs == [{"output_type": "stream", "name": "stdout", "text": "abc"}]
    assert log.take_changes() == [Append({"output_type": "stream", "name": "stdout", "text": "a"}), Extend(0, "bc")]
    assert log.take_changes() == []


operations = st.lists(
    st.one_of(
        st.tuples(st.just("stream"), st.sampled_from(["stdout", "stderr"]), st.text(max_size=5)),
        st.tuples(st.just("display"), st.text(max_size=5), st.sampled_from([None, "d1"])),
        st.tuples(st.just("update"), st.text(max_size=5)),
        st.tuples(st.just("clear"), st.booleans()),
        st.tuples(st.just("write")),
    ),
    max_size=30,
)


@given(operations)
def test_a_cell_that_takes_the_changes_shows_what_the_log_holds(steps: list[tuple]) -> None:
    log = OutputLog()
    cell: list[dict] = []
    for step in steps:
        match step:
            case ("stream", name, text):
                log.stream(name, text)
            case ("display", text, display_id):
                transient = {"display_id": display_id} if display_id else {}
                log.display("display_data", {"data": {"text/plain": text}, "transient": transient})
            case ("update", text):
                log.update_display({"data": {"text/plain": text}, "transient": {"display_id": "d1"}})
            case ("clear", wait):
                log.clear(wait)
            case ("write",):
                apply_changes(cell, log.take_changes())
    apply_changes(cell, log.take_changes())
    assert cell == log.outputs


def test_clear_output_that_waits_keeps_the_old_until_something_new_comes() -> None:
    log = OutputLog()
    log.stream("stdout", "old")
    log.clear(wait=True)
    assert log.outputs[0]["text"] == "old"
    log.stream("stdout", "new")
    assert [output["text"] for output in log.outputs] == ["new"]


def test_a_cell_keeps_ten_million_characters_and_the_transcript_all() -> None:
    log = OutputLog()
    line = "x" * 999_999 + "\n"
    for _ in range(12):
        log.stream("stdout", line)
    assert sum(len(output["text"]) for output in log.outputs) == STORED_LIMIT
    assert log.left_out_chars == 2_000_000
    assert len(log.transcript) == 12_000_000


def test_a_cell_keeps_two_thousand_outputs_and_its_error_and_the_transcript_all() -> None:
    log = OutputLog()
    for number in range(MOST_OUTPUTS + 500):
        log.display("display_data", {"data": {"text/plain": f"{number}"}})
    log.stream("stdout", "more\n")
    log.error({"ename": "KeyboardInterrupt", "evalue": "", "traceback": ["stopped"]})
    assert [output["output_type"] for output in log.outputs] == ["display_data"] * MOST_OUTPUTS + ["error"]
    assert log.left_out_chars == 500 * 4 + 5
    assert log.transcript.read(0, 100_000).endswith("2498\n2499\nmore\nstopped\n")
    outputs: list[Output] = []
    apply_changes(outputs, log.take_changes())
    assert outputs == log.outputs


def test_a_stream_goes_on_where_there_is_no_place_for_another_output() -> None:
    log = OutputLog()
    for number in range(MOST_OUTPUTS):
        log.stream(("stdout", "stderr")[number % 2], "x\n")
    log.stream("stdout", "left out\n")
    log.stream("stderr", "y\n")
    assert len(log.outputs) == MOST_OUTPUTS
    assert log.outputs[-1]["text"] == "x\ny\n"


def test_of_the_states_that_a_display_shows_between_two_writes_the_last_is_written() -> None:
    log = OutputLog()
    shown = {"data": {"text/plain": "-"}, "transient": {"display_id": "a"}}
    log.display("display_data", shown)
    log.display("display_data", shown)
    log.take_changes()
    for state in range(1000):
        log.update_display(shown | {"data": {"text/plain": str(state)}})
    changes = log.take_changes()
    assert [(change.index, change.output["data"]) for change in changes if isinstance(change, Replace)] == [
        (0, {"text/plain": "999"}),
        (1, {"text/plain": "999"}),
    ]
    assert len(changes) == 2


def test_what_is_displayed_under_one_id_without_end_changes_the_earlier_ones_when_they_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At each message it took so long that no interrupt got through `while True: display(x, display_id="a")`."""
    log = OutputLog()

    def displays(number: int) -> None:
        log.display("display_data", {"data": {"text/plain": str(number)}, "transient": {"display_id": "a"}})

    for number in range(MOST_OUTPUTS):
        displays(number)
    log.take_changes()
    changed: list[object] = []
    monkeypatch.setattr(log.transcript, "change", changed.append)
    for number in range(5000):
        displays(number)
    assert changed == []
    assert log.has_changes
    assert [change for change in log.take_changes() if isinstance(change, Replace)] == [
        Replace(index, log.outputs[index]) for index in range(MOST_OUTPUTS - MOST_FOLLOWING, MOST_OUTPUTS)
    ]
    assert len(changed) == MOST_FOLLOWING
    assert log.outputs[-1]["data"] == {"text/plain": "4999"}


def test_of_very_many_displays_of_one_id_the_newest_show_its_new_state() -> None:
    log = OutputLog()
    for number in range(MOST_FOLLOWING + 50):
        log.display("display_data", {"data": {"text/plain": str(number)}, "transient": {"display_id": "a"}})
    shown = [output["data"]["text/plain"] for output in log.outputs]
    assert shown[-MOST_FOLLOWING:] == [str(MOST_FOLLOWING + 49)] * MOST_FOLLOWING
    assert shown[0] == str(MOST_FOLLOWING)


def test_of_very_many_displays_of_one_id_the_oldest_are_told_as_their_number() -> None:
    log = OutputLog()
    for number in range(MOST_FOLLOWING + 50):
        log.display("display_data", {"data": {"text/plain": f"state {number}"}, "transient": {"display_id": "a"}})
    told = read_all(log.transcript).split("\n")
    assert told[0] == "[50 earlier outputs of the same display id]"
    assert [line for line in told[1:] if line] == [f"state {MOST_FOLLOWING + 49}"] * MOST_FOLLOWING
    assert len(log.outputs) == MOST_FOLLOWING + 50, "all are in the notebook"
    mark = log.transcript.mark()
    log.display("display_data", {"data": {"text/plain": "the last"}, "transient": {"display_id": "a"}})
    again = log.transcript.changed(mark)
    assert "[51 earlier outputs" in again
    assert "state" not in again


def test_a_table_that_grows_under_one_display_id_is_made_text_of_as_often_as_it_follows() -> None:
    """Two thousand of up to 100 kB took 60 s of the sidecar, in which it answered nobody."""
    log = OutputLog()
    began = time.process_time()
    for number in range(1000):
        row = "<tr><td>1</td></tr>" * (number * 5)
        log.display("display_data", {"data": {"text/html": f"<table>{row}</table>"}, "transient": {"display_id": "a"}})
        if number % 100 == 0:
            len(log.transcript)
    assert len(log.transcript) > MOST_FOLLOWING * 5000
    assert time.process_time() - began < 5


def test_an_output_too_large_for_the_notebook_is_named_there_with_its_size() -> None:
    log = OutputLog()
    log.display("display_data", {"data": {"image/png": "A" * 50_000_000, "text/plain": "<Figure>"}})
    log.stream("stdout", "end")
    assert [output["output_type"] for output in log.outputs] == ["stream", "stream"]
    for told in (log.outputs[0]["text"], read_all(log.transcript)):
        assert "image/png, 37,500,000 bytes: too large for the notebook" in told
        assert "fewer pixels" in told
    assert log.left_out_chars > 50_000_000


def test_an_output_that_grows_too_large_for_the_notebook_stays_there_as_it_was_and_that_is_said_once() -> None:
    log = OutputLog()
    cell: list[Output] = []
    log.display("display_data", {"data": {"text/plain": "small"}, "transient": {"display_id": "a"}})
    for number in range(3):
        large = str(number) * (STORED_LIMIT + 1)
        log.update_display({"data": {"text/plain": large}, "transient": {"display_id": "a"}})
        apply_changes(cell, log.take_changes())
    assert cell[0]["data"] == {"text/plain": "small"}
    assert len(cell) == 2
    assert "text/plain, 10,000,001 characters: too large for the notebook" in cell[1]["text"]
    assert read_all(log.transcript).startswith("2222")
    log.update_display({"data": {"text/plain": "small again"}, "transient": {"display_id": "a"}})
    apply_changes(cell, log.take_changes())
    assert cell[0]["data"] == {"text/plain": "small again"}


def test_a_progress_bar_is_told_by_its_last_state() -> None:
    transcript = Transcript()
    for percent in range(0, 101, 10):
        transcript.write(f"\r{percent}%")
    transcript.write("\ndone\n")
    assert read_all(transcript) == "100%\ndone\n"


def test_overwriting_keeps_the_longer_rest_as_a_terminal_does() -> None:
    assert overwrite_line("abcdef\rXY") == "XYcdef"


def test_escape_sequences_are_not_told() -> None:
    assert strip_ansi("\x1b[1;31mred\x1b[0m \x1b]8;;http://x\x07link\x1b]8;;\x07") == "red link"


@given(st.lists(st.text(alphabet="ab\nö漢😀", max_size=200), max_size=20), st.integers(0, 300), st.integers(0, 300))
def test_any_piece_of_a_transcript_can_be_read(pieces: list[str], offset: int, limit: int) -> None:
    transcript = Transcript()
    for piece in pieces:
        transcript.write(piece)
    assert transcript.read(offset, limit) == "".join(pieces)[offset : offset + limit]
    assert "\n".join(transcript.lines()) == "".join(pieces).removesuffix("\n")


def test_a_large_transcript_is_read_in_its_middle() -> None:
    transcript = Transcript()
    whole = "".join(f"{number:07d}é\n" for number in range(300_000))
    for start in range(0, len(whole), 777_777):
        transcript.write(whole[start : start + 777_777])
    assert len(transcript) == len(whole)
    for offset in (0, 1, 65_535, 65_536, 1_234_567, len(whole) - 5):
        assert transcript.read(offset, 20) == whole[offset : offset + 20]


def test_what_is_printed_without_end_does_not_fill_the_disk_and_its_error_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jupyter_mcp_proxy.outputs.transcript.MOST_KEPT", 10_000)
    log = OutputLog()
    for _ in range(5_000):
        log.stream("stdout", "x" * 70 + "\n")
    log.error({"ename": "KeyboardInterrupt", "evalue": "", "traceback": []})
    told = read_all(log.transcript)
    assert 9_900 < len(told) < 10_200
    assert told.count("What is printed from here on is not kept") == 1
    assert "KeyboardInterrupt" in told[-100:]
    log.clear(wait=False)
    log.stream("stdout", "anew\n")
    assert read_all(log.transcript) == "anew\n", "what was cleared takes no room"


def test_backspaces_are_applied_as_keras_and_rs_help_mean_them() -> None:
    assert overwrite_line(" 1/10\b\b\b\b\b 2/10") == " 2/10"
    assert overwrite_line("_\bM_\be_\ba_\bn") == "Mean"
    assert overwrite_line("ab\b\b\b\bX") == "Xb"


def test_another_stream_begins_a_line_of_its_own_as_in_the_notebook() -> None:
    log = OutputLog()
    log.stream("stderr", "\r 50%\r100%")
    log.stream("stdout", "done\n")
    assert read_all(log.transcript) == "100%\ndone\n"


@given(st.lists(st.sampled_from(["a", "b\n", "clear", "clear later", "show"]), max_size=30))
def test_what_is_told_of_cleared_output_is_its_last_frame(steps: list[str]) -> None:
    log = OutputLog()
    for step in steps:
        if step.startswith("clear"):
            log.clear(wait=step == "clear later")
        elif step == "show":
            log.display("display_data", {"data": {"text/plain": "shown"}})
        else:
            log.stream("stdout", step)
    shown = "\n".join(output_text(output).rstrip("\n") for output in log.outputs)
    assert read_all(log.transcript).rstrip("\n") == shown.rstrip("\n")
