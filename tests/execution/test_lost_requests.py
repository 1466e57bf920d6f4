"""A request that has been lost on its way to the kernel does not wait for ever.

A server drops what it has been sent for a kernel behind a gateway when its connection to that fails
(`GatewayWebSocketConnection.handle_incoming_message`), and says so in its own log alone.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from harness import JupyterProcess

from jupyter_mcp_proxy.execution.executions import Execution
from jupyter_mcp_proxy.execution.journal import Journal
from jupyter_mcp_proxy.execution.kernels import Kernels
from jupyter_mcp_proxy.execution.recovery import SILENT, Recovery
from jupyter_mcp_proxy.execution.states import State
from jupyter_mcp_proxy.jupyter.kernel import KernelChannel, WebSocketChannel
from jupyter_mcp_proxy.jupyter.server import JupyterServer

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def looking(server: JupyterProcess, name: str) -> AsyncIterator[tuple[Recovery, KernelChannel, Execution]]:
    """What looks after an execution that seems to have been sent a while ago."""
    async with (
        JupyterServer(server.url, server.token) as api,
        Kernels(api, "a-session", str(server.runtime)) as kernels,
    ):
        kernel = await kernels.start(name, None)
        journal = Journal(str(server.runtime), "a-run")
        recovery = Recovery(api, kernels, journal, listen=lambda *_: lambda _: None, spawn=lambda work, _: work.close())
        execution = Execution("x001", name, kernel.id, "6 * 7")
        execution.sent_at = time.monotonic() - SILENT - 1
        async with WebSocketChannel(api, kernel.id, "a-session") as channel:
            await channel.answers(60)
            yield recovery, channel, execution


async def test_what_the_kernel_has_not_begun_though_it_answers_what_came_later_is_told_as_lost(
    server: JupyterProcess, name: str
) -> None:
    async with looking(server, name) as (recovery, channel, execution):
        with anyio.fail_after(10):
            await recovery.look_after(execution, channel)
    assert execution.state is State.LOST
    assert "has not reached the kernel" in execution.notes[0]
    assert "Run it again if it is wanted" in execution.notes[0]


async def test_what_has_reached_the_kernel_behind_what_it_answers_goes_on(server: JupyterProcess, name: str) -> None:
    async with looking(server, name) as (recovery, channel, execution):
        content = {"code": execution.code, "silent": False}
        await channel.send(
            channel.new_request("shell", "execute_request", content), lambda m: execution.feed(m) or None
        )
        with anyio.fail_after(10):
            await recovery.look_after(execution, channel)
            await execution.finished.wait()
    assert execution.state is State.OK
