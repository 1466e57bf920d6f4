"""A call that meets a dying sidecar: answered at once, carried out once, and the next one works without a person."""

from __future__ import annotations

import asyncio
import time

import anyio
import pytest
from harness import ERAS, JupyterProcess, StartJupyter, connect, until
from harness.tokens import make, place_of, store_of
from mcp.shared.exceptions import MCPError

pytestmark = pytest.mark.anyio

COUNTS = "with open('runs', 'a') as file:\n    file.write('x')\nimport time\ntime.sleep(4)\nprint('whole')"


@pytest.fixture
def server(start_jupyter: StartJupyter) -> JupyterProcess:
    """A server of the test's own: its sidecar is killed."""
    return start_jupyter()


@pytest.mark.parametrize("era", ERAS)
async def test_a_call_under_way_is_answered_within_a_second_and_its_client_goes_on(
    server: JupyterProcess, era: str
) -> None:
    server.write_notebook("a.ipynb", COUNTS)
    async with connect(server, era) as agent:
        await agent.ok("execute_ipython", notebook="a.ipynb", code="1")
        call = asyncio.create_task(agent.call("execute_cell", notebook="a.ipynb", cell=0))
        await until((server.root / "runs").exists)
        killed = time.monotonic()
        server.kill_sidecar()
        with pytest.raises(MCPError, match="may have been carried out, so do not simply call again"):
            await call
        assert time.monotonic() - killed < 1
        with anyio.fail_after(30):
            while "whole" not in await agent.ok("read_cell", notebook="a.ipynb", cell=0):
                await anyio.sleep(0.2)
        assert (server.root / "runs").read_text() == "x"


@pytest.mark.parametrize("era", ERAS)
async def test_a_call_after_the_death_just_works(server: JupyterProcess, era: str) -> None:
    server.write_notebook("a.ipynb", "1")
    async with connect(server, era) as agent:
        for _ in range(3):
            await agent.ok("list_cells", notebook="a.ipynb")
            server.kill_sidecar()
            await until(lambda: server.get("mcp-proxy/healthz")[0] == 200)
            assert "ok" in await agent.ok("execute_ipython", notebook="a.ipynb", code="'o' + 'k'")
            await anyio.sleep(2)  # a sidecar that ends again and again is started after a pause


async def test_a_call_that_comes_before_the_next_sidecar_waits_for_it(server: JupyterProcess) -> None:
    server.write_notebook("a.ipynb", "1")
    async with connect(server) as agent:
        await agent.ok("list_cells", notebook="a.ipynb")
        server.kill_sidecar()
        assert "ok" in await agent.ok("execute_ipython", notebook="a.ipynb", code="'o' + 'k'")


@pytest.mark.parametrize("era", ERAS)
async def test_a_token_that_is_revoked_during_a_call_is_told_to_that_call(server: JupyterProcess, era: str) -> None:
    server.write_notebook("a.ipynb", "import time; time.sleep(30)")
    async with connect(server, era, token=make(server, "mine")) as agent:
        await agent.ok("execute_ipython", notebook="a.ipynb", code="1")
        call = asyncio.create_task(agent.call("execute_cell", notebook="a.ipynb", cell=0))
        await anyio.sleep(1)
        store_of(server).revoke("mine", place_of(server))
        began = time.monotonic()
        with pytest.raises(MCPError, match="This token was revoked"):
            await call
        assert time.monotonic() - began < 2
