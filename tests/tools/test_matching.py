"""Patterns of callers: found as people expect, and whatever they are, nobody else waits for them."""

from __future__ import annotations

import re
import time

import anyio
import pytest
from harness import JupyterProcess, connect

from jupyter_mcp_proxy.errors import BadValue
from jupyter_mcp_proxy.tools import matching
from jupyter_mcp_proxy.tools.matching import LONGEST_GLOB, LONGEST_PATTERN, check_glob, first_lines, found_lines

pytestmark = pytest.mark.anyio

LINES = ["import numpy as np", "", "def plot(x):", "    return x ✓", "x" * 2000 + "here" + "y" * 2000, "\ud800 half"]
GROWING = "(?:" * 50 + "a" + "{1,9})" * 50
"""Takes 18 GB while it is compiled."""
EXPONENTIAL = "^(a|aa)+$"


@pytest.mark.parametrize(
    ("pattern", "numbers"),
    [
        ("numpy", [1]),
        ("numpy|return", [1, 4]),
        ("", [1, 2, 3, 4, 5, 6]),
        ("nothing", []),
        (r"^def \w+\(", [3]),
        (r"(?<=import )numpy", [1]),
        (r"^$", [2]),
        (r"(?i)IMPORT", [1]),
        ("✓$", [4]),
        ("x.*here", [5]),
        ("half$", [6]),
        (r"\bx\b", [3, 4]),
    ],
)
async def test_a_line_is_found_by_a_regular_expression(pattern: str, numbers: list[int]) -> None:
    shown, total = await found_lines("grep", pattern, LINES)
    assert [number for number, _ in shown] == numbers
    assert total == len(numbers)


@pytest.mark.parametrize("pattern", ["here", "her[e]"])
async def test_of_a_long_line_is_shown_what_is_around_the_place(pattern: str) -> None:
    shown, _ = await found_lines("grep", pattern, LINES)
    assert len(shown[0][1]) < 510
    assert "here" in shown[0][1]


@pytest.mark.parametrize("pattern", ["x", "[x]"])
async def test_what_is_beyond_the_budget_is_counted(pattern: str) -> None:
    assert await found_lines("grep", pattern, ["x", "xx", "xxx"], budget=10) == ([(1, "x"), (2, "xx")], 3)


async def test_of_each_text_the_first_line_is_told() -> None:
    assert await first_lines("search", "^b", ["a\nb1\nb2", "c", "b3"]) == {0: "b1", 2: "b3"}


async def test_an_expression_that_takes_too_much_is_refused_soon() -> None:
    begun = time.monotonic()
    for pattern, lines in ((GROWING, ["a"]), (EXPONENTIAL, ["a" * 60 + "b"] * 60)):
        with pytest.raises(BadValue, match="a simpler expression"):
            await found_lines("search", pattern, lines)
    assert time.monotonic() - begun < 2 * matching.PATIENCE


@pytest.mark.parametrize("pattern", ["(", "[z-a]", "(?P<", "a{99999999999999999999}", "\\", "*"])
async def test_what_is_no_expression_is_said_to_be_none(pattern: str) -> None:
    with pytest.raises(BadValue, match="a regular expression"):
        await found_lines("search", pattern, LINES)


async def test_where_no_process_can_be_started_words_are_found_and_the_rest_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on a full disk, or with no memory left."""
    monkeypatch.setattr(matching.sys, "executable", "/nonexistent/python")
    assert (await found_lines("grep", "numpy", LINES))[1] == 1
    with pytest.raises(BadValue, match="No such file"):
        await found_lines("grep", "nump.", LINES)


async def test_patterns_have_a_longest() -> None:
    with pytest.raises(BadValue, match=f"at most {LONGEST_PATTERN:,} characters"):
        await found_lines("search", "a" * (LONGEST_PATTERN + 1), LINES)
    check_glob("pattern", "*[a-c]?.ipynb")
    with pytest.raises(BadValue, match=f"at most {LONGEST_GLOB} characters"):
        check_glob("pattern", "[" * 40_000)


async def test_nobody_else_waits_for_an_expression_that_takes_for_ever(file: JupyterProcess, name: str) -> None:
    file.write_notebook(name, *["a" * 60 + "b"] * 60)
    pid = file.sidecar_pid()
    async with connect(file) as attacker, connect(file) as other, anyio.create_task_group() as attack:

        async def refused(tool: str, **arguments: object) -> None:
            assert "`search`" in await attacker.fails(tool, **arguments)

        for pattern in (EXPONENTIAL, GROWING, EXPONENTIAL, GROWING, EXPONENTIAL):
            attack.start_soon(lambda p=pattern: refused("list_cells", notebook=name, search=p))
        waits = []
        for _ in range(10):
            begun = time.monotonic()
            await other.ok("list_files", pattern="*.ipynb")
            waits.append(time.monotonic() - begun)
        assert sorted(waits)[5] < 2, waits
        assert "200 characters" in await other.fails("list_files", pattern="[" * 40_000)
        assert "200 characters" in await other.fails("list_variables", notebook=name, pattern="[" * 40_000)
    assert file.sidecar_pid() == pid
    with open(f"/proc/{pid}/status") as status:
        peak = int(re.search(r"VmHWM:\s+(\d+) kB", status.read())[1])  # type: ignore[index]
    assert peak < 600_000
