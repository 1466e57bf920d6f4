"""Clients that wait no longer than they please."""

from __future__ import annotations

import pytest
from harness import ERAS, JupyterProcess, connect
from mcp.shared.exceptions import MCPError

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_whose_own_time_is_up_stops_its_cell_and_goes_on(
    live: JupyterProcess, name: str, era: str
) -> None:
    """In the old era it says so and keeps the connection; none lets go of a connection whose answer it still wants."""
    live.write_notebook(name, "import time; time.sleep(600)")
    async with connect(live, era) as agent:
        await agent.ok("execute_ipython", notebook=name, code="1")  # the kernel has started
        with pytest.raises(MCPError):
            await agent.client.call_tool("execute_cell", {"notebook": name, "cell": 0}, read_timeout_seconds=2)
        assert "42" in await agent.ok("execute_ipython", notebook=name, code="6 * 7", wait=120)
