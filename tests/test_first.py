import pytest
from harness import connect

pytestmark = pytest.mark.anyio


async def test_x(server, name):
    async with connect(server) as agent:
        await agent.ok("use_notebook", notebook=name, create=True)
        assert "2" in await agent.ok("execute_ipython", notebook=name, code="1+1")
