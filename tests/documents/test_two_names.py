"""One file with two names, a link and what it leads to, is one document."""

from __future__ import annotations

import asyncio
import os

import anyio
import pytest
from harness import JupyterProcess, connect

pytestmark = pytest.mark.anyio


async def wrote(server: JupyterProcess, name: str, *sources: str) -> None:
    with anyio.fail_after(20):
        while ["".join(cell["source"]) for cell in server.read_notebook(name)["cells"]] != list(sources):
            await anyio.sleep(0.1)


@pytest.mark.parametrize("link", [os.symlink, os.link])
async def test_a_link_is_the_document_that_is_open_already_and_its_name_is_told(
    server: JupyterProcess, name: str, link: object
) -> None:
    assert callable(link)
    path = server.write_notebook(name, "first", "second")
    other = f"link-{name}"
    link(path, server.root / other)
    async with connect(server) as agent:
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="by its name")
        told = await agent.ok("overwrite_cell_source", notebook=other, cell=1, source="by the link")
        assert f"[Note: {other} is another name of {name}; use that path]" in told
        await wrote(server, name, "by its name", "by the link")
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="again")
        await wrote(server, other, "again", "by the link")
        assert (server.root / other).is_symlink() == (link is os.symlink)


async def test_both_names_asked_for_at_once_are_one_document(server: JupyterProcess, name: str) -> None:
    other = f"link-{name}"
    os.symlink(server.write_notebook(name, "first", "second"), server.root / other)
    async with connect(server) as agent:
        await asyncio.gather(
            agent.ok("overwrite_cell_source", notebook=name, cell=0, source="one"),
            agent.ok("overwrite_cell_source", notebook=other, cell=1, source="two"),
        )
        await wrote(server, name, "one", "two")


async def test_a_link_whose_target_has_a_kernel_is_its_target(server: JupyterProcess, name: str) -> None:
    other = f"link-{name}"
    os.symlink(server.write_notebook(name, "pass"), server.root / other)
    async with connect(server) as agent:
        await agent.ok("use_notebook", notebook=name)
        await agent.ok("execute_ipython", notebook=name, code="there = 5")
        await agent.ok("unuse_notebook", notebook=name)
        assert "\n5\n" in await agent.ok("execute_ipython", notebook=other, code="there") + "\n"
