"""Tracebacks, as IPython 9 and Python 3.11 write them, without the insides of libraries.

`tracebacks.json` was made by running what each is named after, with pandas 3, scikit-learn 1.9 and matplotlib 3.11.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_proxy.outputs.text import output_text
from jupyter_mcp_proxy.outputs.tracebacks import fold, library

TRACEBACKS: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("tracebacks.json").read_text(encoding="utf-8")
)
HANDLE = 'read_output(execution="x1")'
MARK = re.compile(
    r"^(?P<bar>.*?)… (?P<count>\d+) frames? in (?P<names>[\w, ]+); (?P<call>.*), offset=(?P<at>\d+)\) shows them$"
)


def folded(name: str) -> str:
    return fold(output_text(TRACEBACKS[name]), HANDLE).text


@pytest.mark.parametrize(
    ("name", "folds", "keeps"),
    [
        (
            "pandas",
            ["5 frames in pandas", "2 frames in pandas"],
            ["----> 1 df['zz']", "the direct cause", "KeyError: 'zz'"],
        ),
        (
            "sk",
            ["14 frames in sklearn, joblib"],
            ["----> 3 make_pipeline", "ValueError: could not convert string to float"],
        ),
        ("mpl", ["4 frames in matplotlib"], ["----> 2 plt.plot", "ValueError: x and y must have same first dimension"]),
        (
            "async",
            ["2 frames in asyncio", "1 frame in asyncio"],
            ["----> 4 await f()", "CancelledError", "TimeoutError"],
        ),
        ("group", ["1 frame in IPython", "1 frame in asyncio"], ["ExceptionGroup: unhandled", "| ValueError: inner"]),
        ("syntax", [], ["    x = = 2\n        ^\nSyntaxError: invalid syntax"]),
        ("syntax_eval", ["1 frame in IPython"], ["eval('1 +')", "    1 +\n      ^\nSyntaxError"]),
        (
            "during",
            ["3 frames in json"],
            ["KeyError: 'a'", "During handling of the above", "JSONDecodeError: Expecting"],
        ),
        ("print", ["3 frames in json"], ["try: json.loads('{')", "json.decoder.JSONDecodeError: Expecting"]),
        ("log", ["5 frames in pandas", "2 frames in pandas"], ["ERROR:root:bad", "KeyError: 'q'", "direct cause"]),
        (
            "mod",
            ["3 frames in json"],
            ["mymod.load('{')", "File /home/ada/mymod.py:3", "----> 3     return json.loads(s)"],
        ),
        ("apply", ["5 frames in", "4 frames in", "3 frames in"], ["in <lambda>(r)", "df.apply(lambda r: r['zz']"]),
        (
            "plain",
            ["5 frames in pandas", "2 frames in pandas"],
            ["Cell In[77], line 2\n    df['zz']", "KeyError: 'zz'"],
        ),
        ("verbose", ["5 frames in pandas", "2 frames in pandas"], ["----> 2 df['zz']", "KeyError: 'zz'"]),
        ("multi", [], ["ValueError: first\nsecond\nsecond\nsecond"]),
    ],
)
def test_the_frames_of_libraries_are_a_line_and_all_else_is_told(name: str, folds: list[str], keeps: list[str]) -> None:
    said = folded(name)
    marks = [found for line in said.split("\n") if (found := MARK.match(line))]
    assert len(marks) == len(folds)
    for mark, fold_ in zip(marks, folds, strict=True):
        assert fold_ in mark[0]
    for kept in keeps:
        assert kept in said
    assert "site-packages" not in said


@pytest.mark.parametrize("name", list(TRACEBACKS))
def test_what_was_folded_stands_where_its_line_says(name: str) -> None:
    whole = output_text(TRACEBACKS[name])
    rebuilt, at = "", 0
    found = fold(whole, HANDLE)
    for line in found.text.splitlines(keepends=True):
        if mark := MARK.match(line.rstrip("\n")):
            assert "File " in whole[int(mark["at"]) :].split("\n")[0]
        at += len(line)
    for (now, then), (after, _) in zip(found.places, [*found.places[1:], (len(found.text), 0)], strict=True):
        piece = found.text[now:after]
        if "… " not in piece:
            assert whole[then : then + len(piece)] == piece
            rebuilt += piece
    assert len(found.text) <= len(whole)


def test_the_frames_of_a_recursion_are_told_once() -> None:
    head = "RecursionError   Traceback (most recent call last)\nCell In[4], line 2\n----> 2 r(0)\n\n"
    deep = "Cell In[4], line 1, in r(n)\n----> 1 def r(n): return r(n+1)\n\n"
    end = "RecursionError: maximum recursion depth exceeded"
    line = f"… 989 frames like these; {HANDLE[:-1]}, offset={len(head + deep)}) shows them\n\n"
    assert fold(head + 990 * deep + end, HANDLE).text == head + deep + line + end
    mutual = deep + "Cell In[5], line 1, in s(n)\n----> 1 def s(n): return r(n+1)\n\n"
    assert fold(head + 100 * mutual + end, HANDLE).text.startswith(head + mutual + "… 198 frames like these; ")


def test_tracebacks_of_other_languages_pass_as_they_are() -> None:
    for text in (
        'Error in f(3): no such thing\nTraceback:\n\n1. f(3)\n2. stop("no such thing")   # at line 1 of file <text>',
        "BoundsError: attempt to access 3-element Vector{Int64} at index [9]\n\nStacktrace:\n [1] throw_boundserror\n"
        "   @ ./essentials.jl:14 [inlined]\n [2] top-level scope\n   @ In[3]:1",
        "bash: line 1: nosuch: command not found",
        'Thread 0x1 (most recent call first):\n  File "/usr/lib/python3.11/threading.py", line 1 in run\n',
    ):
        assert fold(text, HANDLE).text == text


def test_a_frame_that_is_shorter_than_its_line_stays() -> None:
    text = 'Traceback (most recent call last):\n  File "/a/lib/python3.1/x.py", line 1, in f\nE: e\n'
    assert fold(text, HANDLE).text == text


def test_what_an_older_ipython_wrote_is_known_too() -> None:
    frame = (
        "~/env/lib/python3.8/site-packages/pandas/core/frame.py in __getitem__(self, key)\n   3456 \n-> 3458     x\n"
        * 3
    )
    text = "KeyError   Traceback (most recent call last)\n<ipython-input-3-ab> in <module>\n----> 1 df['a']\n\n"
    text += f"{frame}\nKeyError: 'a'"
    said = fold(text, HANDLE).text
    assert "3 frames in pandas" in said
    assert "----> 1 df['a']" in said


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/opt/env/lib/python3.11/site-packages/pandas/core/frame.py", "pandas"),
        ("/usr/lib/python3/dist-packages/six.py", "six"),
        ("~/conda/lib/python3.12/asyncio/tasks.py", "asyncio"),
        ("C:\\Python311\\Lib\\json\\decoder.py", "json"),
        ("C:\\env\\Lib\\site-packages\\numpy\\core\\x.py", "numpy"),
        ("pandas/_libs/index.pyx", "pandas"),
        ("<frozen importlib._bootstrap>", "importlib"),
        ("<__array_function__ internals>", "numpy"),
        ("/home/ada/project/model.py", None),
        ("/tmp/ipykernel_7/3.py", None),
        ("<timed exec>", None),
        ("<string>", None),
    ],
)
def test_a_library_is_known_by_where_its_file_lies(path: str, name: str | None) -> None:
    assert library(path) == name


def test_compiled_code_that_names_no_folder_is_known_by_its_functions() -> None:
    assert library("index.pyx", "pandas._libs.index.IndexEngine.get_loc()\n") == "pandas"


def test_a_million_lines_take_no_longer_than_their_number() -> None:
    text = '  File "/usr/lib/python3.11/a.py", line 1, in f\n    x\n' * 50_000 + "File " * 100_000
    assert "50000 frames in a" in fold(text, HANDLE).text
    different = "".join(
        f"Cell In[4], line {number}, in r(n)\n----> 1 def r(n): return r(n+1)\n\n" for number in range(20_000)
    )
    assert fold(different, HANDLE).text == different
