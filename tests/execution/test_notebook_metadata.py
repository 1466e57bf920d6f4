"""What running leaves in a notebook beside its cells, as JupyterLab does: the kernel, its language, and trust."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from harness import Agent, JupyterProcess, connect, own_world, until

from jupyter_mcp_proxy.documents.metadata import said

pytestmark = pytest.mark.anyio

PYTHON = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
SHOW = "from IPython.display import HTML, display\ndisplay(HTML('<b>shown</b>'))"
HTML_OUTPUT = {"output_type": "display_data", "metadata": {}, "data": {"text/html": "<b>from elsewhere</b>"}}


def exported(notebook: Path, home: Path) -> Path:
    """The script that nbconvert makes of a notebook."""
    command = [sys.executable, "-m", "nbconvert", "--to", "script", "--output-dir", str(home / "out"), str(notebook)]
    subprocess.run(command, check=True, capture_output=True, env=own_world(home), timeout=120)
    return next((home / "out").glob(f"{notebook.stem}.*"))


async def written(server: JupyterProcess, name: str) -> dict[str, Any]:
    """The metadata on disk, once the kernel's own words are there."""
    await until(lambda: said(server.read_notebook(name)["metadata"], "language_info", "version"))
    metadata: dict[str, Any] = server.read_notebook(name)["metadata"]
    return metadata


async def test_a_notebook_that_an_agent_has_made_and_run_is_exported_as_a_script(
    server: JupyterProcess, name: str, tmp_path: Path
) -> None:
    async with connect(server) as agent:
        await agent.ok("use_notebook", notebook=name, create=True)
        await agent.ok("insert_execute_code_cell", notebook=name, source="print(6 * 7)")
    metadata = await written(server, name)
    assert metadata["kernelspec"] == PYTHON
    assert metadata["language_info"]["nbconvert_exporter"] == "python"
    assert metadata["language_info"]["mimetype"] == "text/x-python"
    script = exported(server.root / name, tmp_path)
    assert script.suffix == ".py"
    assert "print(6 * 7)" in script.read_text()


async def test_so_is_one_that_was_never_run(server: JupyterProcess, name: str, tmp_path: Path) -> None:
    async with connect(server) as agent:
        await agent.ok("use_notebook", notebook=name, create=True)
        await agent.ok("insert_cell", notebook=name, cell_type="code", source="x = 1")
    await until(lambda: server.read_notebook(name)["cells"])
    assert exported(server.root / name, tmp_path).suffix == ".py"


async def test_a_notebook_without_metadata_has_them_once_it_has_run(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "1")
    async with connect(server) as agent:
        await agent.ok("execute_cell", notebook=name, cell=0)
    assert (await written(server, name))["kernelspec"] == PYTHON


async def test_metadata_that_say_the_same_are_not_written_again(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "1")
    async with connect(server) as agent:
        await agent.ok("execute_cell", notebook=name, cell=0)
        known = await written(server, name)
        copy = f"{name[:-6]}-copy.ipynb"
        path = server.write_notebook(copy, "1", author="a person", **known)
        before = path.read_bytes()
        await agent.ok("use_notebook", notebook=copy, kernelspec="python3")
        await agent.ok("execute_ipython", notebook=copy, code="1")
        await anyio.sleep(1.5)  # a shared document is written a second after its last change
        assert path.read_bytes() == before
        await agent.ok("execute_cell", notebook=copy, cell=0)
        await until(lambda: server.read_notebook(copy)["cells"][0]["outputs"])
        assert server.read_notebook(copy)["metadata"] == known | {"author": "a person"}


@pytest.mark.parametrize("odd", ["python3", ["python3"], None, 3, {"name": ["python3"]}, {"name": 3, "language": 3}])
async def test_odd_metadata_hurt_nobody(server: JupyterProcess, name: str, odd: Any) -> None:
    path = server.write_notebook(name, "6 * 7", "# two")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"metadata": {"kernelspec": odd, "language_info": odd}}))
    async with connect(server) as agent:
        await agent.ok("use_notebook", notebook=name)
        await agent.ok("list_cells", notebook=name)
        await agent.client.read_resource(f"notebook://{name}")
        assert "42" in await agent.ok("execute_cell", notebook=name, cell=0)
        await agent.ok("restart_notebook", notebook=name)
        await agent.ok("insert_cell", notebook=name, cell_type="markdown", source="a")
        assert "42" in await agent.ok("run_cells", notebook=name)
    assert (await written(server, name))["kernelspec"] == PYTHON


# -- trust -------------------------------------------------------------------------------------------


def trust(server: JupyterProcess, name: str) -> None:
    """Trust a notebook as a person does in a terminal."""
    program = "from nbformat.sign import TrustNotebookApp as App; App.launch_instance()"
    world = own_world(server.home) | {"JUPYTER_DATA_DIR": str(server.data)}
    command = [sys.executable, "-c", program, str(server.root / name)]
    subprocess.run(command, check=True, capture_output=True, timeout=60, env=world)


def marks(server: JupyterProcess, name: str) -> list[bool]:
    """Which code cells JupyterLab is told to trust."""
    status, body = server.get(f"api/contents/{name}?type=notebook")
    assert status == 200
    cells = json.loads(body)["content"]["cells"]
    return [cell["metadata"]["trusted"] for cell in cells if cell["cell_type"] == "code"]


def with_output(server: JupyterProcess, name: str, *sources: str) -> None:
    """A notebook whose first cell has an output of somebody else's."""
    path = server.write_notebook(name, *sources)
    content = json.loads(path.read_text())
    content["cells"][0]["outputs"] = [HTML_OUTPUT]
    path.write_text(json.dumps(content))


async def shown(server: JupyterProcess, name: str, count: int) -> None:
    """Return once so many cells on disk have something rich."""

    def rich(cell: dict[str, Any]) -> bool:
        return any("text/html" in output.get("data", {}) for output in cell.get("outputs", []))

    await until(lambda: sum(map(rich, server.read_notebook(name)["cells"])) == count)


async def show_everywhere(agent: Agent, name: str) -> None:
    """Show something rich in a cell that was there, in a new one, and in one that was text."""
    await agent.ok("execute_cell", notebook=name, cell=1)
    await agent.ok("insert_execute_code_cell", notebook=name, source=SHOW)
    await agent.ok("insert_cell", notebook=name, cell_type="markdown", source=SHOW)
    await agent.ok("overwrite_cell_source", notebook=name, cell=-1, source=SHOW, cell_type="code")
    await agent.ok("execute_cell", notebook=name, cell=-1)


async def test_what_an_agent_shows_leaves_a_trusted_notebook_trusted(server: JupyterProcess, name: str) -> None:
    with_output(server, name, "1", SHOW)
    assert marks(server, name) == [False, False]
    trust(server, name)
    assert marks(server, name) == [True, True]
    async with connect(server) as agent:
        await show_everywhere(agent, name)
        await shown(server, name, 4)
        assert marks(server, name) == [True] * 4


async def test_what_an_agent_shows_leaves_a_notebook_untrusted_that_was_not_trusted(
    server: JupyterProcess, name: str
) -> None:
    with_output(server, name, "1", SHOW)
    async with connect(server) as agent:
        await show_everywhere(agent, name)
        await shown(server, name, 4)
        assert marks(server, name) == [False] * 4


async def test_a_notebook_that_an_agent_has_made_is_trusted(server: JupyterProcess, name: str) -> None:
    async with connect(server) as agent:
        await agent.ok("use_notebook", notebook=name, create=True)
        await agent.ok("insert_execute_code_cell", notebook=name, source=SHOW)
        await agent.ok("insert_execute_code_cell", notebook=name, source=SHOW)
    await shown(server, name, 2)
    assert marks(server, name) == [True, True]
