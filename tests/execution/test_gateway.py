"""Kernels behind a real kernel gateway are kernels like others, and a gateway that is gone is told."""

from __future__ import annotations

import base64
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from harness import SLEEP, JupyterProcess, StartJupyter, connect, shows, text
from harness.gateways import Gateway
from mcp_types import ElicitRequestParams, ElicitResult

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterProcess]:
    """A server whose kernels run behind a gateway."""
    gateway = Gateway(tmp_path_factory.mktemp("gateway")).wait()
    server = JupyterProcess(tmp_path_factory.mktemp("remote"), arguments=(f"--gateway-url={gateway.url}",))
    try:
        yield server.wait()
    finally:
        server.stop()
        gateway.stop()


async def test_a_cell_runs_and_its_outputs_are_told_and_written(remote: JupyterProcess, name: str) -> None:
    remote.write_notebook(name, "print('printed')\n6 * 7")
    async with connect(remote) as agent:
        told = await agent.ok("execute_cell", notebook=name, cell=0)
        assert "printed\n42" in told
        assert re.search(rf"{name}  websocket", await agent.ok("list_kernels"))
        assert "printed" in await agent.ok("read_cell", notebook=name, cell=0)


async def test_output_streams_while_the_cell_runs(remote: JupyterProcess, name: str) -> None:
    gate = remote.root / f"{name}.go-on"
    waits = f"import os, time\nwhile not os.path.exists({str(gate)!r}):\n    time.sleep(0.05)"
    remote.write_notebook(name, f"print('first', flush=True)\n{waits}\nprint('last')")
    async with connect(remote) as agent:
        execution = await shows(agent, await agent.ok("execute_cell", notebook=name, cell=0, wait=0), "first")
        gate.touch()
        told = await agent.ok("wait_execution", execution=execution)
        assert "last" in told
        assert "first" not in told


async def test_several_cells_and_code_without_a_cell_run(remote: JupyterProcess, name: str) -> None:
    remote.write_notebook(name, "a = 1", "b = a + 1", "print('b is', b)")
    async with connect(remote) as agent:
        assert "b is 2" in await agent.ok("run_cells", notebook=name)
        assert "3" in await agent.ok("execute_ipython", notebook=name, code="b + 1")
        assert "new cell" in await agent.ok(
            "insert_execute_code_cell", notebook=name, source="print('new cell')", index=3
        )
        assert "b  int  2" in await agent.ok("list_variables", notebook=name)


async def test_a_plot_comes_as_an_image(remote: JupyterProcess, name: str) -> None:
    remote.write_notebook(name, "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]);")
    async with connect(remote) as agent:
        result = await agent.call("execute_cell", notebook=name, cell=0)
        [image] = [block for block in result.content if block.type == "image"]
        assert base64.b64decode(image.data).startswith(b"\x89PNG")


async def test_input_is_asked_of_the_client(remote: JupyterProcess, name: str) -> None:
    remote.write_notebook(name, "print('hello', input('name? '))")

    async def answer(context: object, params: ElicitRequestParams) -> ElicitResult:
        return ElicitResult(action="accept", content={"answer": "Ada"})

    async with connect(remote, elicitation=answer) as agent:
        assert "hello Ada" in await agent.ok("execute_cell", notebook=name, cell=0)


async def test_a_cell_is_interrupted_and_the_kernel_goes_on(remote: JupyterProcess, name: str) -> None:
    remote.write_notebook(name, f"kept = 1\n{SLEEP}", "kept")
    async with connect(remote) as agent:
        execution = await shows(agent, await agent.ok("execute_cell", notebook=name, cell=0, wait=0), "begun")
        await agent.ok("interrupt_kernel", notebook=name)
        assert " · interrupted · " in await agent.ok("wait_execution", execution=execution)
        assert "[2]\n1" in await agent.ok("execute_cell", notebook=name, cell=1)


async def test_a_restarted_kernel_is_empty_and_runs(remote: JupyterProcess, name: str) -> None:
    remote.write_notebook(name, "x = 1", "x")
    async with connect(remote) as agent:
        await agent.ok("execute_cell", notebook=name, cell=0)
        await agent.ok("restart_notebook", notebook=name)
        assert "NameError" in await agent.ok("execute_cell", notebook=name, cell=1)


async def test_a_death_is_told_within_five_seconds_and_the_next_cell_runs(remote: JupyterProcess, name: str) -> None:
    remote.write_notebook(name, "import os, time\ntime.sleep(0.5)\nos._exit(1)", "6 * 7")
    async with connect(remote) as agent:
        await agent.ok("execute_cell", notebook=name, cell=1)
        began = time.monotonic()
        assert " · kernel_died · " in await agent.fails("execute_cell", notebook=name, cell=0)
        assert time.monotonic() - began < 5.5
        assert "42" in await agent.ok("execute_cell", notebook=name, cell=1)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "silent"])
async def test_a_gateway_that_is_gone_is_told_within_ten_seconds(
    start_jupyter: StartJupyter, tmp_path: Path, how: signal.Signals
) -> None:
    gateway = Gateway(tmp_path / "gateway").wait()
    try:
        server = start_jupyter(arguments=(f"--gateway-url={gateway.url}",))
        server.write_notebook("a.ipynb", SLEEP)
        async with connect(server) as agent:
            told = await agent.ok("execute_cell", notebook="a.ipynb", cell=0, wait=0)
            execution = await shows(agent, told, "begun")
            gateway.process.send_signal(how)
            with anyio.fail_after(10):
                told = text(await agent.call("wait_execution", execution=execution))
            assert " · lost · " in told
            assert "does not answer" in told
            assert "Look before you run it a second time" in told
    finally:
        gateway.stop()


async def test_a_gateway_that_does_not_list_its_kernels_serves_all_the_same(
    start_jupyter: StartJupyter, tmp_path: Path
) -> None:
    """Its default settings; the server answers 403 then, which is not about our credential."""
    gateway = Gateway(tmp_path / "gateway", lists=False).wait()
    try:
        server = start_jupyter(arguments=(f"--gateway-url={gateway.url}",))
        server.write_notebook("a.ipynb", "6 * 7")
        server.write_notebook("b.ipynb", "x = 1")
        async with connect(server) as agent:
            assert "42" in await agent.ok("execute_cell", notebook="a.ipynb", cell=0)
            told = await agent.ok("list_kernels")
            kernel = re.search(r"(\S+)  python3  \w+  a.ipynb", told)
            assert kernel, told
            assert "does not list its kernels" in told
            assert "python3 (default)" in told
            assert kernel[1] in await agent.ok("assign_kernel_to_notebook", notebook="b.ipynb", kernel=kernel[1])
    finally:
        gateway.stop()
