"""Scripts and Markdown as notebooks, where jupytext is installed.

It is not among what the tests need: installed, it is every Jupyter server's, and all other tests would be of that.
"""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest
from harness import JupyterProcess, connect

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SCRIPT = "# %% [markdown]\n# # Title\n\n# %%\nx = 1\n\n# %%\nx + 41\n"
PAIRED = "---\njupyter:\n  jupytext:\n    formats: md,profile_default/startup//py\n---\n\ntext\n"


@pytest.fixture(params=["live", "file"])
def server(request: pytest.FixtureRequest, start_jupyter: Callable[..., JupyterProcess]) -> JupyterProcess:
    pytest.importorskip("jupytext")
    return start_jupyter(rtc=request.param == "live")


async def says(server: JupyterProcess, name: str, *wanted: str) -> None:
    """The file comes to say these: jupyter-collaboration writes it a second after a change."""
    with anyio.fail_after(20):
        while not all(each in (server.root / name).read_text() for each in wanted):
            await anyio.sleep(0.1)


@pytest.mark.parametrize(("name", "begins"), [("made.py", "# ---\n"), ("made.md", "---\n")])
async def test_a_script_and_a_markdown_file_are_made_as_notebooks(
    server: JupyterProcess, name: str, begins: str
) -> None:
    async with connect(server) as agent:
        told = await agent.ok("use_notebook", notebook=name, create=True)
        assert told.startswith(f"Created {name}: 0 cells")
        told = await agent.ok("insert_execute_code_cell", notebook=name, source="y = 6\nprint(y * 7)")
        assert told.endswith("\n42")
        await agent.ok("insert_cell", notebook=name, source="some *text*", cell_type="markdown")
        await says(server, name, "y = 6\nprint(y * 7)", "some *text*", "kernelspec")
        assert (server.root / name).read_text().startswith(begins)


async def test_a_script_is_read_edited_run_undone_moved_and_deleted_as_a_notebook(server: JupyterProcess) -> None:
    (server.root / "a.py").write_text(SCRIPT)
    async with connect(server) as agent:
        assert "a.py: 3 cells" in await agent.ok("use_notebook", notebook="a.py")
        assert "2 of 2 cells" in await agent.ok("run_cells", notebook="a.py")
        await agent.ok("edit_cell", notebook="a.py", edits=[{"old": "x = 1", "new": "x = 2"}])
        await agent.ok("edit_cell", notebook="a.py", edits=[{"old": "x + 41", "new": "x + 40"}])
        await agent.ok("undo_changes", notebook="a.py")
        await says(server, "a.py", "x = 2", "x + 41")
        assert "a.ipynb" not in await agent.ok("list_files")
        assert "ends with .py, as the notebook's does" in await agent.fails("move_file", path="a.py", to="a.txt")
        await agent.ok("move_file", path="a.py", to="sub/b.py")
        assert (await agent.ok("execute_ipython", notebook="sub/b.py", code="x")).endswith("\n1")
        await agent.ok("insert_cell", notebook="sub/b.py", source="last = 1")
        await says(server, "sub/b.py", "last = 1")
        told = await agent.ok("delete_file", path="sub/b.py")
        assert "What it held is in the snapshot " in told
        await anyio.sleep(2)
        assert not (server.root / "sub" / "b.py").exists()


async def test_what_would_be_run_unasked_is_not_written_by_way_of_a_notebook(server: JupyterProcess) -> None:
    """Neither as a notebook itself, which jupytext would make of any script, nor as what it pairs one with."""
    (server.root / "jupyter_server_config.py").write_text("c = 1\n")
    (server.root / "paired.md").write_text(PAIRED)
    async with connect(server) as agent:
        for name in ("jupyter_server_config.py", "paired.md"):
            assert name in await agent.ok("list_cells", notebook=name)
            for tool, more in (
                ("insert_cell", {"source": "evil"}),
                ("execute_cell", {"cell": 0}),
                ("insert_execute_code_cell", {"source": "evil"}),
                ("undo_changes", {}),
            ):
                assert "not for agents to write" in await agent.fails(tool, notebook=name, **more)
        for name in ("sitecustomize.py", "profile_x/startup/a.py"):
            assert "not for agents" in await agent.fails("use_notebook", notebook=name, create=True)
        for tool in ("move_file", "copy_file"):
            assert "not for agents" in await agent.fails(tool, path="paired.md", to="other.md")
        assert "not for agents" in await agent.fails("write_file", path="jupytext.toml", content="formats = 'py'")
        await anyio.sleep(2)
    assert (server.root / "jupyter_server_config.py").read_text() == "c = 1\n"
    assert not list(server.root.rglob("profile_*"))


async def test_without_jupytext_a_script_is_no_notebook(live: JupyterProcess) -> None:
    if "jupytext" in live.log:
        pytest.skip("jupytext is installed")
    (live.root / "plain.py").write_text(SCRIPT)
    async with connect(live) as agent:
        assert "a path that ends with .ipynb." in await agent.fails("use_notebook", notebook="plain.py", create=True)
