"""One notebook has one kernel, whoever asks for it at once, goes away while it starts, or gives the notebook a name."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from harness import JupyterProcess, connect, post

from jupyter_mcp_proxy.execution.kernels import KernelRef, Kernels
from jupyter_mcp_proxy.jupyter.server import JupyterServer

pytestmark = pytest.mark.anyio

SLOW = 0.3
"""Seconds that what is asked of a server is under way."""


class Watched(JupyterServer):
    """A server behind a slow line, of which it is known when it has been asked to do something."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(url, token)
        self.asked = anyio.Event()

    async def request(self, method: str, *arguments: Any, **options: Any) -> Any:
        if method in ("POST", "DELETE"):
            self.asked.set()
            await anyio.sleep(SLOW)
        return await super().request(method, *arguments, **options)


@asynccontextmanager
async def watched(server: JupyterProcess) -> AsyncIterator[tuple[Watched, Kernels]]:
    async with (
        Watched(server.url, server.token) as api,
        Kernels(api, "a-session", str(server.runtime)) as kernels,
    ):
        yield api, kernels


def kernels_of(server: JupyterProcess, *notebooks: str) -> list[str]:
    """The kernels of the sessions that notebooks have."""
    sessions = json.loads(post(server, None, "api/sessions", "GET", Authorization=f"Bearer {server.token}")[2])
    return [session["kernel"]["id"] for session in sessions if session["path"] in notebooks]


async def test_runs_that_begin_at_once_share_the_kernel_that_the_first_starts(
    server: JupyterProcess, name: str
) -> None:
    server.write_notebook(name, "x = 1")
    async with connect(server) as one, connect(server) as other:
        told = await asyncio.gather(
            *(
                agent.ok("execute_ipython", notebook=name, code=f"a{n} = {n}")
                for n, agent in enumerate((one, other) * 2)
            )
        )
        assert sum("Started kernel" in each for each in told) == 1
        assert "[0, 1, 2, 3]" in await one.ok("execute_ipython", notebook=name, code="[a0, a1, a2, a3]")
    assert len(kernels_of(server, name)) == 1


async def test_who_goes_away_while_the_kernel_starts_leaves_it_to_who_comes_next(
    server: JupyterProcess, name: str
) -> None:
    """Jupyter goes on with what it was asked for."""
    async with watched(server) as (api, kernels):
        async with anyio.create_task_group() as group:
            group.start_soon(kernels.start, name, None)
            await api.asked.wait()
            group.cancel_scope.cancel()
        assert not (found := await kernels.start(name, None)).started
    assert kernels_of(server, name) == [found.id]


async def test_a_notebook_that_is_moved_while_its_kernel_starts_takes_it_along(
    server: JupyterProcess, name: str
) -> None:
    new = f"moved-{name}"
    async with watched(server) as (api, kernels), anyio.create_task_group() as group:
        group.start_soon(kernels.start, name, None)
        await api.asked.wait()
        await kernels.moved(name, new)
        found = await kernels.of_notebook(new)
        assert found is not None
        assert kernels_of(server, name, new) == [found.id]


@pytest.mark.parametrize("shutdown", [False, True], ids=["restart", "shutdown"])
async def test_who_goes_away_while_a_kernel_ends_ends_what_ran_there(
    server: JupyterProcess, name: str, shutdown: bool
) -> None:
    ended: list[str] = []
    async with watched(server) as (api, kernels):
        ref: KernelRef = await kernels.start(name, None)
        await kernels.channel(ref.id)
        kernels.on_death.append(lambda kernel, *_: ended.append(kernel))
        api.asked = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(kernels.shut_down, ref) if shutdown else group.start_soon(kernels.restart, ref.id)
            await api.asked.wait()
            group.cancel_scope.cancel()
        assert ref.id in ended
        if not shutdown:
            await (await kernels.channel(ref.id)).answers(30)
