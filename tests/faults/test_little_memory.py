"""A sidecar that may not have as much memory as a call takes refuses that call with the reason, and goes on."""

from __future__ import annotations

import json
import resource
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import JupyterProcess, StartJupyter, connect, until

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


@pytest.fixture
def group() -> Iterator[Path]:
    """A group of processes whose memory can be limited, as a container's is."""
    version_1, version_2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
    group = (version_1 if version_1.is_dir() else version_2) / f"jupyter-mcp-proxy-{secrets.token_hex(4)}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no group of processes can be made here: {error}")
    yield group
    for _ in range(100):
        try:
            group.rmdir()
            return
        except OSError:  # a process that has ended is in it for a moment
            time.sleep(0.1)


def limit(group: Path, process: int, most: int) -> None:
    name = "memory.limit_in_bytes" if (group / "memory.limit_in_bytes").exists() else "memory.max"
    if not (group / name).exists():
        pytest.skip("memory cannot be limited for a group of processes here")
    (group / name).write_text(str(most))
    (group / "cgroup.procs").write_text(str(process))


def write_large(server: JupyterProcess) -> Path:
    output = {"output_type": "stream", "name": "stdout", "text": ["y" * 99 + "\n"] * 10_000}
    cell = {"cell_type": "code", "execution_count": 1, "metadata": {}, "outputs": [output], "source": "1"}
    cells = [cell | {"id": f"cell-{place}"} for place in range(70)]
    path = server.root / "large.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


@pytest.mark.parametrize("rtc", [True, False], ids=["live", "file"])
async def test_below_a_containers_limit_a_large_notebook_ends_nothing_and_a_flood_loses_nothing(
    start_jupyter: StartJupyter, group: Path, rtc: bool
) -> None:
    """Linux ended the sidecar, and each agent's next call with it, whenever one asked for the large notebook."""
    server = start_jupyter(rtc=rtc)
    large = write_large(server)
    before = large.read_bytes()
    server.write_notebook("small.ipynb", "a = 1")
    server.write_notebook("flood.ipynb", "while True: print('z' * 1000)")
    async with connect(server) as agent:
        await agent.ok("list_cells", notebook="small.ipynb")
        sidecar = server.sidecar_pid()
        limit(group, sidecar, 120_000_000)
        told = await agent.fails("list_cells", notebook="large.ipynb")
        assert "too little memory for this call. Nothing was done" in told
        assert "too little memory" in await agent.fails("delete_cell", notebook="large.ipynb", cell=0)
        await agent.ok("execute_cell", notebook="flood.ipynb", cell=0, wait=4)
        for count in range(5):
            await agent.ok("overwrite_cell_source", notebook="small.ipynb", cell=0, source=f"a = {count + 10}")
        await agent.ok("restart_notebook", notebook="flood.ipynb", shutdown=True)
        await until(lambda: "a = 14" in (server.root / "small.ipynb").read_text())
    assert server.sidecar_pid() == sidecar
    assert large.read_bytes() == before
