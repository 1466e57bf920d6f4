"""How a run of several cells is told, and which cells it runs."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from harness import JupyterProcess, connect, text

from jupyter_mcp_proxy.documents.cells import brief_id
from jupyter_mcp_proxy.tools.batches import ordinal, ranges

pytestmark = pytest.mark.anyio


def test_places_and_ranges_read_as_people_write_them() -> None:
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 102, 111)] == (
        ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th"]
    )
    assert ranges([3, 5, 6, 7, 10]) == "3, 5–7, 10"
    assert ranges([5, 4]) == "5, 4"


async def test_one_line_says_where_a_run_failed_and_what_was_not_run(server: JupyterProcess, name: str) -> None:
    server.write_notebook(
        name, "a = 1", "print('one\\ntwo')\n6 * 7", "print('one\\ntwo')", "{}['key\\nword']", *["a"] * 6
    )
    async with connect(server) as agent:
        told = await agent.ok("run_cells", notebook=name)
        started, head, *lines = told.splitlines()
        assert started.startswith("Started kernel python3 (")
        assert " · error at the 4th of 10; 6 not run (5–10) · " in head
        assert [re.sub(r"^(\d) \w+ (\w+) \[\d\] \S+ s \w+", r"\1 \2", line) for line in lines[:5]] == [
            "0 ok",
            "1 ok: 42",
            "2 ok: one",
            "3 error: KeyError: 'key\\nword'",
            "4–9 not run",
        ]
        assert "interrupted" not in told
        assert "Traceback" in told
        told = await agent.ok("run_cells", notebook=name, stop_on_error=False, cells=[3, 0, 3])
        assert " · error at 2 of 3 (1st, 3rd) · " in told
        assert "Started kernel" not in told
        first, second = re.findall(r"^3 \w+ error \[\d+\] \S+ s (\w+): KeyError", told, re.MULTILINE)
        assert told.count("Traceback (most") == 1
        handle = f'read_output(execution="{second}")'
        assert told.endswith(f"That was {first}; each that failed has its own traceback, such as {handle}.")
        assert "Traceback" in await agent.ok("read_output", execution=second)


async def test_a_run_tells_a_cell_by_the_short_id_that_an_outline_has(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "1")
    async with connect(server) as agent:
        await agent.ok("insert_cell", notebook=name, source="6 * 7", index=1)
        short = (await agent.ok("list_cells", notebook=name)).splitlines()[2].split()[1]
        assert len(short) == 8
        assert f" · cell {short} · " in await agent.ok("execute_cell", notebook=name, cell=short)
        assert f"\n1 {short} ok" in await agent.ok("run_cells", notebook=name, cells=[1])


def test_an_id_that_is_no_uuid_is_told_whole() -> None:
    assert brief_id("01234567-89ab-cdef-0123-456789abcdef") == "01234567"
    assert brief_id("introduction-1") == "introduction-1"


async def test_a_run_whose_only_failures_were_to_be_expected_is_headed_ok(server: JupyterProcess, name: str) -> None:
    path = server.write_notebook(name, "1 / 0", "print('reached')")
    content: dict[str, Any] = json.loads(path.read_text())
    content["cells"][0]["metadata"]["tags"] = ["raises-exception"]
    path.write_text(json.dumps(content))
    async with connect(server) as agent:
        told = await agent.ok("run_cells", notebook=name)
        assert " · ok · 2 of 2 cells · " in told
        assert re.search(r"^0 \w+ error \[1\] .*: ZeroDivisionError: division by zero$", told, re.MULTILINE)
        assert "Traceback" not in told
        assert "Traceback" in await agent.ok("run_cells", notebook=name, outputs="brief")


async def test_restart_and_run_all_brings_the_results_in_one_call(server: JupyterProcess, name: str) -> None:
    server.write_notebook(
        name, "x = globals().get('x', 0) + 1", "print('first\\nsecond')\nx", "print('y' * 5000)", "1 / 0", "'never'"
    )
    async with connect(server) as agent:
        await agent.ok("run_cells", notebook=name, cells=[0, 0])
        told = await agent.ok("run_cells", notebook=name, restart_first=True, outputs="brief")
        assert re.search(r"^── 1 \w+ ok \[2\] .*: 1\nfirst\nsecond\n1\n── 2 ", told, re.MULTILINE)
        assert "characters left out; read_output(execution=" in told
        assert told.count("ZeroDivisionError") >= 2
        assert told.count("Traceback") == 1
        assert "4 " in told
        assert len(told) < 4000
        batch = told.split(" · ")[0].split("\n")[-1]
        assert "\nfirst\nsecond\n" in await agent.ok("wait_execution", execution=batch)


async def test_a_run_of_hundreds_of_cells_stays_within_a_result(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, *(f"'{'value ' * 20}'" for _ in range(120)), "1 / 0")
    async with connect(server) as agent:
        told = await agent.ok("run_cells", notebook=name, wait=280)
        assert len(told) < 10_500
        assert re.search(r"^… \d+ more: \d+ ok \(cells \d+–119\)$", told, re.MULTILINE)
        assert "ZeroDivisionError: division by zero" in told


async def test_only_what_is_stale_or_has_failed_is_run_up_to_a_cell(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a = 1", "b = a", "c = b / 0", "d = 4", "e = 5")
    async with connect(server) as agent:

        async def ran(**arguments: Any) -> list[str]:
            told = await agent.ok("run_cells", notebook=name, **arguments)
            return re.findall(r"^(\d) \w+ (?:ok|error)", told, re.MULTILINE)

        assert await ran(until=1) == ["0", "1"]
        assert await ran(start=1, until=-4) == ["1"]
        assert "a cell that is not before `start`, which is 3" in await agent.fails(
            "run_cells", notebook=name, start=3, until=1
        )
        assert "nothing where `cells`" in await agent.fails("run_cells", notebook=name, cells=[0], until=1)
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="a = 10")
        assert await ran(only="stale", stop_on_error=False) == ["0", "2", "3", "4"]
        assert await ran(only="failed") == ["2"]
        await agent.ok("overwrite_cell_source", notebook=name, cell=2, source="c = b / 1")
        assert await ran(only="failed") == ["2"]
        assert "Nothing was run: no code cell has failed." in await agent.ok("run_cells", notebook=name, only="failed")
        assert "Nothing was run: no code cell is stale." in await agent.ok("run_cells", notebook=name, only="stale")
        assert await ran(only="stale", restart_first=True, until=2) == ["0", "1", "2"]
        assert await ran(only="stale") == ["3", "4"]


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("execute_cell", {"cell": 0}),
        ("insert_execute_code_cell", {"source": "1"}),
        ("execute_ipython", {"code": "1"}),
        ("run_cells", {}),
        ("restart_notebook", {}),
        ("assign_kernel_to_notebook", {"kernel": "python3"}),
        ("use_notebook", {"kernelspec": "python3"}),
    ],
)
async def test_whatever_starts_a_kernel_says_so_once(
    live: JupyterProcess, name: str, tool: str, arguments: dict[str, Any]
) -> None:
    live.write_notebook(name, "1")
    async with connect(live) as agent:
        assert "Started kernel python3 (" in await agent.ok(tool, notebook=name, **arguments)
        assert "Started kernel" not in await agent.ok("execute_cell", notebook=name, cell=0)


async def test_a_cell_that_has_become_markdown_while_it_waited_is_not_run(live: JupyterProcess, name: str) -> None:
    live.write_notebook(name, "import time\ntime.sleep(2)", "print('ran')\nopen('ran', 'w')")
    async with connect(live) as agent:
        await agent.ok("execute_ipython", notebook=name, code="pass")
        batch = await agent.ok("run_cells", notebook=name, wait=0)
        await agent.ok("overwrite_cell_source", notebook=name, cell=1, source="# words", cell_type="markdown")
        told = text(await agent.call("wait_execution", execution=batch.split(" · ")[0].split("\n")[-1], wait=30))
        assert "There is no code cell" in told
    assert not (live.root / "ran").exists()
