"""What a terminal shows in the end of a text that moves its cursor: nested bars, and what is drawn anew each time."""

from __future__ import annotations

import io
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tqdm import tqdm

from jupyter_mcp_proxy.outputs.log import OutputLog
from jupyter_mcp_proxy.outputs.terminal import REACH, screen
from jupyter_mcp_proxy.outputs.transcript import Transcript

TOKENS = [
    "ab",
    "wide ",
    "\n",
    "\n",
    "\r",
    "\b",
    "\x1b[A",
    "\x1b[2A",
    "\x1b[K",
    "\x1b[2K",
    "\x1b[J",
    "\x1b[3C",
    "\x1b[31m",
]
RICH = (
    "\r\x1b[2Kreading \x1b[90m━━━\x1b[0m   0%\nwriting ━━━   0%"
    "\r\x1b[2K\x1b[1A\x1b[2Kread one\nreading \x1b[91m━━━\x1b[0m 100%\nwriting ━━━   0%"
    "\r\x1b[2K\x1b[1A\x1b[2Kreading ━━━ 100%\nwriting ━━━ 100%\n\x1b[?25h"
)
"""As rich (15) draws two bars, with a line printed above them meanwhile."""


def read_all(transcript: Transcript) -> str:
    return transcript.read(0, len(transcript))


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("a\nb\x1b[AX", "aX\nb"),
        ("one\ntwo\n\x1b[2A\r1\x1b[K", "1\ntwo"),
        ("one\ntwo\nthree\x1b[2A\x1b[2K\rnew\n", "new\ntwo\nthree"),
        ("one\ntwo\x1b[F\x1b[Jnew", "new"),
        ("abc\x1b[2D!\x1b[5C!", "a!c    !"),
        ("abc\x1b[1K", ""),
        ("abc\x1b[GX", "Xbc"),
        ("a\nb\x1b[999999999999A\rX", "X\nb"),
        ("a\nb\x1b[2J", "a\nb"),
        (RICH, "read one\nreading ━━━ 100%\nwriting ━━━ 100%\n"),
    ],
)
def test_a_text_is_told_as_its_last_screen(written: str, shown: str) -> None:
    assert screen(written).rstrip(" ") == shown
    transcript = Transcript()
    transcript.write(written)
    assert read_all(transcript).rstrip(" ") == shown


def test_bars_of_tqdm_below_each_other_are_told_once_each() -> None:
    file = io.StringIO()
    bars = [tqdm(total=3, desc=f"bar {i}", position=i, file=file, mininterval=0) for i in range(3)]
    for _ in range(3):
        for bar in bars:
            bar.update()
    for bar in bars:
        bar.close()
    lines = screen(file.getvalue()).split("\n")
    assert [line.split("|")[0] for line in lines if line] == ["bar 0: 100%", "bar 1: 100%", "bar 2: 100%"]


def test_an_inner_bar_of_tqdm_that_does_not_stay_is_not_told() -> None:
    file = io.StringIO()
    for _ in tqdm(range(3), desc="outer", file=file, mininterval=0):
        for _ in tqdm(range(4), desc="inner", file=file, mininterval=0, leave=False):
            pass
    lines = screen(file.getvalue()).split("\n")
    assert [line.split("|")[0] for line in lines if line] == ["outer: 100%"]


@given(st.lists(st.sampled_from(TOKENS), max_size=30), st.lists(st.integers(1, 5), min_size=30, max_size=30))
def test_it_does_not_matter_in_which_pieces_it_comes(tokens: list[str], sizes: list[int]) -> None:
    transcript = Transcript()
    rest = tokens
    for size in sizes:
        transcript.write("".join(rest[:size]))
        rest = rest[size:]
    told = read_all(transcript)
    assert len(told) == len(transcript)
    assert [line.rstrip() for line in told.rstrip().split("\n")] == [
        line.rstrip() for line in screen("".join(tokens)).rstrip().split("\n")
    ]
    assert "\n".join(transcript.lines()).rstrip("\n") == told.rstrip("\n")


@given(st.lists(st.one_of(st.sampled_from(TOKENS), st.sampled_from(["told", "block"])), max_size=40))
def test_what_was_told_and_is_drawn_anew_is_told_again(steps: list[str]) -> None:
    """And nothing else: what stands before the place from which on it is told is as it was."""
    transcript = Transcript()
    told = [(transcript.mark(), "")]
    for step in steps:
        if step == "told":
            told.append((transcript.mark(), read_all(transcript)))
        elif step == "block":
            transcript.write_block("shown")
        else:
            transcript.write(step)
    for mark, before in told:
        offset = transcript.offset(mark)
        assert read_all(transcript)[:offset] == before[:offset]


def test_what_is_told_from_a_place_on_holds_the_line_to_which_the_cursor_went_back() -> None:
    transcript = Transcript()
    transcript.write("before\n0%\n")
    mark = transcript.mark()
    transcript.write("\x1b[A\r100%\nafter\n")
    assert transcript.read(transcript.offset(mark), 100) == "100%\nafter\n"


def test_the_cursor_does_not_leave_the_output_that_it_is_in() -> None:
    """In the notebook another stream, and each display, is another output."""
    log = OutputLog()
    log.stream("stdout", "printed\n")
    log.stream("stderr", "\x1b[Abar")
    log.display("display_data", {"data": {"text/plain": "shown"}})
    log.stream("stderr", "\x1b[2A\rend\n")
    assert read_all(log.transcript) == "printed\nbar\nshown\nend\n"
    assert [output.get("text") for output in log.outputs] == ["printed\n", "\x1b[Abar", None, "\x1b[2A\rend\n"]


def test_the_cursor_goes_no_further_up_than_a_screen_is_high() -> None:
    transcript = Transcript()
    transcript.write("".join(f"{line}\n" for line in range(1000)))
    transcript.write("\x1b[2000A\rhere")
    lines = list(transcript.lines())
    assert lines[1000 - REACH] == "here"
    assert lines[: 1000 - REACH] == [str(line) for line in range(1000 - REACH)]


@pytest.mark.parametrize(
    "written",
    ["ab\x1b[K" * 100_000, "\x1b[A" * 200_000, "a\n\x1b[A" * 100_000, ("x" * 5000 + "\n") * 100 + "\x1b[99A" * 5000],
)
def test_no_text_takes_long(written: str) -> None:
    """A hundred thousand moves are a matter of tenths of a second; the limit is for a machine with much to do."""
    begun = time.process_time()
    screen(written)
    Transcript().write(written)
    assert time.process_time() - begun < 5
