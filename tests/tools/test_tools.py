"""Every tool on a real server, on shared documents and on files alike."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from harness import ERAS, JupyterProcess, connect, text

pytestmark = pytest.mark.anyio


def inserted_id(told: str) -> str:
    found = re.search(r"cell ([0-9a-f-]{8,36})", told)
    assert found, told
    return found[1]


async def on_disk(server: JupyterProcess, name: str, expected: str) -> dict:
    """The notebook's file, once it holds `expected`: a shared document is saved a second after a change."""
    for _ in range(100):
        try:
            content = (server.root / name).read_text()
            if expected in content:
                return json.loads(content)
        except (OSError, ValueError):
            pass
        await asyncio.sleep(0.1)
    raise AssertionError(f"{expected!r} did not reach {name}")


@pytest.mark.parametrize("era", ERAS)
async def test_the_main_job(server: JupyterProcess, name: str, era: str) -> None:
    """Open, insert, run, plot, read: and the notebook holds all of it."""
    async with connect(server, era) as agent:
        opened = await agent.ok("use_notebook", notebook=name, create=True)
        assert opened.startswith(f"Created {name}: 0 cells, {server.guarantee}")
        told = await agent.ok("insert_cell", notebook=name, source="# Title", cell_type="markdown")
        assert "at index 0" in told
        result = await agent.call(
            "insert_execute_code_cell",
            notebook=name,
            source="import matplotlib.pyplot as plt\nprint('before')\nplt.plot([1, 2]);",
        )
        assert " · ok · " in text(result)
        assert "before" in text(result)
        assert [block.type for block in result.content] == ["text", "image"]
        cell = inserted_id(text(result))
        outline = await agent.ok("list_cells", notebook=name)
        assert f"1 {cell[:8]} code [1] out: import matplotlib.pyplot as plt  +2 lines" in outline
        read = await agent.call("read_cell", cell=cell[:6])
        assert "before" in text(read)
        assert read.content[-1].type == "image"
    notebook = await on_disk(server, name, "image/png")
    assert notebook["cells"][1]["id"].startswith(cell)
    assert notebook["cells"][1]["execution_count"] == 1
    assert notebook["cells"][1]["outputs"][0]["text"] == ["before\n"]


async def test_the_outline_tells_which_cells_ran_in_this_kernel_as_they_are(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a = 1", "b = 2", "c = 3\nd = 4")
    async with connect(server) as agent:
        await agent.ok("run_cells", notebook=name, cells=[0, 1])
        await agent.ok("overwrite_cell_source", notebook=name, cell=1, source="b = 20")
        lines = (await agent.ok("list_cells", notebook=name)).splitlines()[1:]
        assert [re.search(r"code( \[\d\][*?]?)?", line)[0] for line in lines] == ["code [1]", "code [2]*", "code"]
        await agent.ok("restart_notebook", notebook=name)
        lines = (await agent.ok("list_cells", notebook=name)).splitlines()[1:]
        assert [re.search(r"code( \[\d\][*?]?)?", line)[0] for line in lines] == ["code [1]?", "code [2]?", "code"]
        told = await agent.ok("list_cells", notebook=name, search=r"d\s*=")
        assert told.splitlines()[1].endswith("code: d = 4  +1 lines")
        assert len(told.splitlines()) == 2
        assert "regular expression" in await agent.fails("list_cells", notebook=name, search="(")


async def test_files_and_folders_are_listed(server: JupyterProcess, name: str) -> None:
    folder = server.root / name.removesuffix(".ipynb")
    (folder / "deep").mkdir(parents=True)
    (folder / "data.csv").write_text("a,b\n" * 500)
    (folder / "deep" / "other.txt").write_text("x")
    async with connect(server) as agent:
        told = await agent.ok("list_files", path=folder.name)
        assert told.splitlines() == [f"{folder.name}/deep/", f"{folder.name}/data.csv  2.0 kB"]
        told = await agent.ok("list_files", path=folder.name, depth=2, pattern="*.txt")
        assert told == f"{folder.name}/deep/other.txt  1 B"
        told = await agent.fails("list_files", path=folder.name[:-1])
        assert f"Near matches: {folder.name}" in told


async def test_cells_are_inserted_where_they_were_asked_for(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "zero", "one")
    async with connect(server) as agent:
        first = await agent.ok("insert_cell", notebook=name, source="at 1", index=1)
        await agent.ok("insert_cell", notebook=name, source="behind it", after=inserted_id(first))
        await agent.ok("insert_cell", notebook=name, source="at the end")
        await agent.ok("insert_cell", notebook=name, source="before the last", index=-2)
        read = await agent.ok("read_cells", notebook=name)
        sources = [part.split("\n", 1)[1] for part in read.split("\n\n")]
        assert sources == ["zero", "at 1", "behind it", "one", "before the last", "at the end"]


async def test_a_cell_that_is_inserted_and_run_can_be_edited_by_the_hash_that_was_told(
    server: JupyterProcess, name: str
) -> None:
    server.write_notebook(name, "zero")
    async with connect(server) as agent:
        told = await agent.ok("insert_execute_code_cell", notebook=name, source="print(6 * 7)", index=0)
        known = re.search(r"^Inserted at index 0, hash (\w{12})\.$", told, re.MULTILINE)[1]
        assert told.endswith("\n42")
        cell = inserted_id(told)
        await agent.ok("overwrite_cell_source", notebook=name, cell=cell, source="1", if_hash=known)


async def test_a_cell_is_overwritten_and_deleted(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a = 1", "b = 2")
    async with connect(server) as agent:
        told = await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="a = 3")
        assert "Wrote code cell" in told
        told = await agent.ok("delete_cell", notebook=name, cell=1)
        assert "b = 2" in told
        read = await agent.ok("read_cells", notebook=name)
        assert "a = 3" in read
        assert "b = 2" not in read
    await on_disk(server, name, "a = 3")


async def test_a_write_on_a_source_that_changed_is_refused_with_the_current_one(
    server: JupyterProcess, name: str
) -> None:
    server.write_notebook(name, "a = 1")
    async with connect(server) as agent:
        seen = re.search(r"hash (\w+)", await agent.ok("read_cell", notebook=name, cell=0))[1]
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="a = 2", if_hash=seen)
        for tool, more in (
            ("overwrite_cell_source", {"source": "a = 3"}),
            ("delete_cell", {}),
            ("execute_cell", {}),
        ):
            told = await agent.fails(tool, notebook=name, cell=0, if_hash=seen, **more)
            assert "changed since you read it; nothing was written" in told
            assert "a = 2" in told


async def test_running_a_cell_shows_its_error_with_the_traceback(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "def f():\n    return 1 / 0\nf()")
    async with connect(server) as agent:
        told = await agent.ok("execute_cell", notebook=name, cell=0)
        assert " · error · " in told
        assert "ZeroDivisionError: division by zero" in told
        assert "\x1b" not in told
        assert "ERR" in await agent.ok("list_cells", notebook=name)
    notebook = await on_disk(server, name, "ZeroDivisionError")
    assert notebook["cells"][0]["outputs"][0]["output_type"] == "error"


async def test_code_magics_and_shell_commands_run_without_a_cell(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "pass")
    async with connect(server) as agent:
        assert (await agent.ok("execute_ipython", notebook=name, code="6 * 7")).endswith("\n42")
        assert "from the shell" in await agent.ok("execute_ipython", notebook=name, code="!echo from the shell")
        told = await agent.ok("execute_ipython", notebook=name, code="%timeit -n1 -r1 pass")
        assert "per loop" in told
        assert len(server.read_notebook(name)["cells"]) == 1


async def test_a_run_that_takes_longer_is_followed_by_its_id(server: JupyterProcess, name: str) -> None:
    """The first answer says `running` and what was printed; `wait_execution` says only what is new."""
    server.write_notebook(name, "import time\nfor i in range(4):\n    print('tick', i)\n    time.sleep(0.5)")
    async with connect(server) as agent:
        await agent.ok("execute_ipython", notebook=name, code="pass")  # the kernel is there
        told = await agent.ok("execute_cell", notebook=name, cell=0, wait=0.8)
        assert " · running · " in told
        assert "tick 0" in told
        execution = told.split(" · ")[0].split("\n")[-1]
        told = await agent.ok("wait_execution", execution=execution)
        assert " · ok · " in told
        assert "tick 0" not in told
        assert "tick 3" in told
        whole = await agent.ok("read_output", execution=execution)
        assert "tick 0\ntick 1\ntick 2\ntick 3\n" in whole
        assert (await agent.ok("read_output", execution=execution, grep="tick [13]")) == "2: tick 1\n4: tick 3"
        assert "characters 7 to 13 of 28" in await agent.ok("read_output", execution=execution, offset=7, limit=6)
    notebook = await on_disk(server, name, "tick 3")
    assert "".join(notebook["cells"][0]["outputs"][0]["text"]) == "tick 0\ntick 1\ntick 2\ntick 3\n"


async def test_long_output_is_cut_and_the_rest_can_be_read(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "print('\\n'.join(f'line {i}' for i in range(5000)))")
    async with connect(server) as agent:
        told = await agent.ok("execute_cell", notebook=name, cell=0)
        assert len(told) < 8500
        assert "line 0\n" in told
        assert "line 4999" in told
        assert "characters left out" in told
        assert (
            await agent.ok("read_output", notebook=name, cell=inserted_id(told), grep="^line 2500$")
        ) == "2501: line 2500"


async def test_an_execution_is_interrupted_and_its_variables_stay(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "x = 5\nprint('started')\nimport time\ntime.sleep(60)")
    async with connect(server) as agent:
        await agent.ok("execute_ipython", notebook=name, code="pass")  # the kernel is there
        told = await agent.ok("execute_cell", notebook=name, cell=0, wait=1)
        execution = told.split(" · ")[0].split("\n")[-1]
        await agent.ok("interrupt_kernel", notebook=name)
        told = await agent.ok("wait_execution", execution=execution, wait=10)
        assert " · interrupted · " in told
        assert (await agent.ok("execute_ipython", notebook=name, code="x")).endswith("\n5")
        assert "had already ended" in await agent.ok("interrupt_kernel", execution=execution)


async def test_a_waiting_execution_is_taken_back_without_touching_the_one_that_runs(
    server: JupyterProcess, name: str
) -> None:
    server.write_notebook(name, "import time\ntime.sleep(2)\nprint('first')", "print('second')")
    async with connect(server) as agent:
        await agent.ok("execute_ipython", notebook=name, code="pass")  # the kernel is there
        first = (await agent.ok("execute_cell", notebook=name, cell=0, wait=0.5)).split(" · ")[0].split("\n")[-1]
        told = await agent.ok("execute_cell", notebook=name, cell=1, wait=0)
        assert " · queued" in told
        assert "behind 1 other" in told
        second = told.split(" · ")[0]
        await agent.ok("interrupt_kernel", execution=second)
        assert "interrupted" in await agent.ok("wait_execution", execution=second)
        told = await agent.ok("wait_execution", execution=first)
        assert " · ok · " in told
        assert "first" in told


async def test_a_kernel_is_restarted_and_exchanged(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "pass")
    async with connect(server) as agent:
        await agent.ok("execute_ipython", notebook=name, code="x = 1")
        assert "all variables are gone" in await agent.ok("restart_notebook", notebook=name)
        assert "NameError" in await agent.ok("execute_ipython", notebook=name, code="x")
        before = re.search(r"([0-9a-f-]{36})  python3  \w+  " + re.escape(name), await agent.ok("list_kernels"))[1]
        told = await agent.ok("assign_kernel_to_notebook", notebook=name, kernel="python3")
        assert "now has kernel python3" in told
        assert before not in told
        assert (await agent.ok("execute_ipython", notebook=name, code="1 + 1")).endswith("2")


async def test_notebooks_are_opened_and_closed_for_each_client(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a = 1")
    async with connect(server, "legacy", name="one") as one, connect(server, "legacy", name="two") as two:
        told = await one.fails("list_cells")
        assert "Name the notebook" in told
        await one.ok("use_notebook", notebook=name)
        assert "a = 1" in await one.ok("list_cells")
        assert "none open" in await two.fails("list_cells")
        assert f"{name}  open" in await one.ok("list_notebooks")
        assert f"{name}  open" not in await two.ok("list_notebooks")
        await one.ok("unuse_notebook", notebook=name)
        assert "none open" in await one.fails("unuse_notebook", notebook=name)


async def test_a_cell_without_ids_in_the_file_can_be_named(server: JupyterProcess, name: str) -> None:
    """Notebooks older than nbformat 4.5 have no cell ids; they get them."""
    cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": ["a = 1"]}
    content = {"cells": [cell, cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 2}
    (server.root / name).write_text(json.dumps(content))
    async with connect(server) as agent:
        outline = await agent.ok("list_cells", notebook=name)
        second = outline.splitlines()[2].split()[1]
        await agent.ok("overwrite_cell_source", notebook=name, cell=second, source="b = 2")
        assert "b = 2" in await agent.ok("read_cell", notebook=name, cell=1)


# -- bad input ----------------------------------------------------------------------------------------


async def test_an_unknown_notebook_is_named_with_near_matches(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "pass")
    wrong = name.replace(".ipynb", "x.ipynb")
    async with connect(server) as agent:
        for tool, more in (
            ("use_notebook", {}),
            ("list_cells", {}),
            ("execute_ipython", {"code": "1"}),
            ("insert_cell", {"source": ""}),
            ("restart_notebook", {}),
        ):
            told = await agent.fails(tool, notebook=wrong, **more)
            assert f"There is no notebook {wrong!r}." in told
            assert name in told
    assert not (server.root / wrong).exists()


async def test_an_unknown_cell_kernel_and_execution_are_named(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "pass")
    async with connect(server) as agent:
        for tool, more in (
            ("read_cell", {}),
            ("execute_cell", {}),
            ("delete_cell", {}),
            ("overwrite_cell_source", {"source": ""}),
        ):
            told = await agent.fails(tool, notebook=name, cell="no-such-cell", **more)
            assert "There is no cell 'no-such-cell'." in told
            told = await agent.fails(tool, notebook=name, cell=7, **more)
            assert "Indices are 0 to 0" in told
        assert "Near matches: python3" in await agent.fails(
            "assign_kernel_to_notebook", notebook=name, kernel="python33"
        )
        assert "There is no kernelspec 'julia'" in await agent.fails("use_notebook", notebook=name, kernelspec="julia")
        for tool in ("wait_execution", "read_output", "interrupt_kernel"):
            assert "There is no execution 'x999'" in await agent.fails(tool, execution="x999")
        assert server.read_notebook(name)["cells"][0]["source"] == ["pass"]


async def test_a_kernelspec_that_is_not_there_is_told_with_the_cure(server: JupyterProcess, name: str) -> None:
    """An R notebook is not run on Python."""
    server.write_notebook(name, "x <- 1", kernelspec={"name": "ir", "display_name": "R", "language": "R"})
    async with connect(server) as agent:
        told = await agent.fails("execute_cell", notebook=name, cell=0)
        assert "'ir'" in told
        assert "assign_kernel_to_notebook" in told
        told = await agent.fails("insert_execute_code_cell", notebook=name, source="y <- 2")
        assert "1 cells" in await agent.ok("list_cells", notebook=name), "no cell is left behind"


async def test_a_file_that_is_no_notebook_is_left_alone(server: JupyterProcess, name: str) -> None:
    path = server.root / name
    path.write_text('{"cells": [ this is not JSON')
    async with connect(server) as agent:
        for tool, more in (("use_notebook", {"create": True}), ("insert_cell", {"source": "x"})):
            told = await agent.fails(tool, notebook=name, **more)
            assert "is not a readable notebook" in told
    assert path.read_text() == '{"cells": [ this is not JSON'


async def test_a_notebook_with_a_cell_without_source_is_refused_with_the_cell(
    server: JupyterProcess, name: str
) -> None:
    """Jupyter gives it, and jupyter-collaboration opens no room for it (nbformat ships one, `test4plus.ipynb`)."""
    cells = [{"cell_type": "raw", "metadata": {}, "source": ""}, {"cell_type": "future cell", "metadata": {}}]
    (server.root / name).write_text(json.dumps({"nbformat": 4, "nbformat_minor": 99, "metadata": {}, "cells": cells}))
    async with connect(server) as agent:
        assert "cell 1 has no source or no type" in await agent.fails("use_notebook", notebook=name)


async def test_a_path_outside_the_root_is_refused(server: JupyterProcess) -> None:
    async with connect(server) as agent:
        for path in ("../secret.ipynb", "a/../../b.ipynb", "..\\x.ipynb"):
            assert "leads out of the server's root" in await agent.fails("use_notebook", notebook=path, create=True)
        assert "leads out of the server's root" in await agent.fails("list_files", path="..")


async def test_a_wrong_missing_or_unknown_parameter_is_named(server: JupyterProcess, name: str) -> None:
    async with connect(server) as agent:
        assert "`notebook` is missing" in await agent.fails("execute_ipython", code="1")
        assert "`wait` is wrong" in await agent.fails("execute_ipython", notebook=name, code="1", wait=9999)
        assert "`index` is wrong" in await agent.fails("insert_cell", notebook=name, source="", index="third")
        assert "no parameter 'timeout'" in await agent.fails("execute_ipython", notebook=name, code="1", timeout=5)


async def test_values_that_make_no_sense_are_refused(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "pass")
    async with connect(server) as agent:
        assert "code, markdown, raw" in await agent.fails("insert_cell", notebook=name, source="", cell_type="sql")
        assert "0 to 1" in await agent.fails("insert_cell", notebook=name, source="", index=5)
        assert "regular expression" in await agent.fails("read_output", notebook=name, cell=0, grep="(")
        assert "ends with .ipynb" in await agent.fails("use_notebook", notebook="a.txt", create=True)
        await agent.ok("insert_cell", notebook=name, source="# x", cell_type="markdown")
        assert "is markdown" in await agent.fails("execute_cell", notebook=name, cell=-1)
        assert "an execution id" in await agent.fails("read_output")
