"""`stdio` where the server or its sidecar goes and comes again: nothing is carried out twice, no person needed."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import anyio
import pytest
from harness import ERAS, JupyterProcess, StartJupyter, connect, until
from harness.piped import piped
from mcp.shared.exceptions import MCPError

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]  # two servers, one after the other

COUNTS = "with open('runs', 'a') as file:\n    file.write('x')\nimport time\ntime.sleep(4)\nprint('whole')"


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(start_jupyter: StartJupyter) -> JupyterProcess:
    """A server of the test's own: it is killed, or its sidecar."""
    return start_jupyter(rtc=False)


@pytest.fixture
def again(server: JupyterProcess) -> Iterator[Any]:
    """Starts the server again, on another port."""
    with ExitStack() as stack:

        def start() -> JupyterProcess:
            another = JupyterProcess(server.home, rtc=False, token="another-token-0123")
            stack.callback(another.stop)
            return another

        yield start


async def test_a_call_after_the_sidecars_death_just_works(server: JupyterProcess, era: str) -> None:
    server.write_notebook("a.ipynb", "1")
    async with piped(server, era) as agent:
        for _ in range(2):
            await agent.ok("list_cells", notebook="a.ipynb")
            server.kill_sidecar()
            await until(lambda: server.get("mcp-proxy/healthz")[0] == 200)
            assert "ok" in await agent.ok("execute_ipython", notebook="a.ipynb", code="'o' + 'k'")


async def test_a_call_that_the_sidecars_death_meets_is_carried_out_once_and_told_so(
    server: JupyterProcess, era: str
) -> None:
    server.write_notebook("a.ipynb", COUNTS)
    async with piped(server, era) as agent:
        call = asyncio.create_task(agent.call("execute_cell", notebook="a.ipynb", cell=0))
        await until((server.root / "runs").exists)
        server.kill_sidecar()
        with (
            anyio.fail_after(60),
            pytest.raises(MCPError, match="may have been carried out"),
        ):
            await call
        with anyio.fail_after(60):
            while "whole" not in await agent.ok("read_cell", notebook="a.ipynb", cell=0):
                await anyio.sleep(0.2)
        assert (server.root / "runs").read_text() == "x"


async def test_a_call_that_the_servers_death_meets_is_told_that_it_may_have_been_carried_out(
    server: JupyterProcess, era: str
) -> None:
    server.write_notebook("a.ipynb", COUNTS)
    async with piped(server, era) as agent:
        call = asyncio.create_task(agent.call("execute_cell", notebook="a.ipynb", cell=0))
        await until((server.root / "runs").exists)
        server.process.kill()
        with (
            anyio.fail_after(60),
            pytest.raises(MCPError, match="may have been carried out"),
        ):
            await call


async def test_a_call_after_the_server_came_again_on_another_port_just_works(
    server: JupyterProcess, era: str, again: Any
) -> None:
    server.write_notebook("a.ipynb", "1")
    async with piped(server, era) as agent:
        await agent.ok("list_cells", notebook="a.ipynb")
        server.stop()
        another = again().wait()
        assert another.port != server.port
        assert "1 cell" in await agent.ok("list_cells", notebook="a.ipynb")
        await agent.ok("insert_cell", notebook="a.ipynb", source="2")
    assert len(another.read_notebook("a.ipynb")["cells"]) == 2


async def test_a_call_to_a_server_that_stays_away_can_be_cancelled(server: JupyterProcess, era: str) -> None:
    async with piped(server, era) as agent:
        await agent.ok("list_files")
        server.stop()
        with anyio.move_on_after(1) as scope:
            await agent.ok("list_files")
        assert scope.cancelled_caught


async def test_a_subscriber_is_told_on_after_the_server_came_again(
    server: JupyterProcess, era: str, again: Any
) -> None:
    server.write_notebook("a.ipynb", "1")
    uri = "notebook://a.ipynb"
    told: list[str] = []

    async def hear(message: Any) -> None:
        told.append(str(message))

    async def change(another: JupyterProcess) -> None:
        number = 0
        another.wait()
        with anyio.fail_after(90):
            async with connect(another) as editor:
                while not any(uri in message for message in told):
                    number += 1
                    await editor.ok("overwrite_cell_source", notebook="a.ipynb", cell=0, source=str(number))
                    await anyio.sleep(1)

    if era == "legacy":
        async with piped(server, era, message_handler=hear) as agent:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                await agent.client.subscribe_resource(uri)
            server.stop()
            await change(again())
    else:
        async with piped(server, era) as agent, agent.client.listen(resource_subscriptions=[uri]) as stream:
            server.stop()

            async def read() -> None:
                async for event in stream:
                    await hear(event)

            reading = asyncio.create_task(read())
            await change(again())
            reading.cancel()
