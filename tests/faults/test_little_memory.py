"""A sidecar that may not have as much memory as a call takes refuses that call with the reason, and goes on."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import pytest
from harness import StartJupyter, connect

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="limits another process's memory, which Linux lets one do"),
]


async def test_a_notebook_too_large_for_the_sidecars_memory_is_told_as_that_and_the_sidecar_goes_on(
    start_jupyter: StartJupyter,
) -> None:
    server = start_jupyter()
    path = server.write_notebook("large.ipynb", *["x" * 1_000_000] * 40)
    server.write_notebook("small.ipynb", "a = 1")
    before = path.read_bytes()
    sidecar = server.sidecar_pid()
    async with connect(server) as agent:
        assert "a = 1" in await agent.ok("read_cells", notebook="small.ipynb")
        pages = int(Path(f"/proc/{sidecar}/statm").read_text().split()[0])
        may_have = pages * resource.getpagesize() + 60_000_000
        resource.prlimit(sidecar, resource.RLIMIT_AS, (may_have, may_have))
        told = await agent.fails("list_cells", notebook="large.ipynb")
        assert "too little memory for this call. Nothing was done" in told
        told = await agent.fails("overwrite_cell_source", notebook="large.ipynb", cell=0, source="b")
        assert "look before you repeat it" in told
        await agent.ok("overwrite_cell_source", notebook="small.ipynb", cell=0, source="a = 2")
        assert "a = 2" in await agent.ok("read_cells", notebook="small.ipynb")
    assert path.read_bytes() == before
    assert server.sidecar_pid() == sidecar
