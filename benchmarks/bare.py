"""The bare round trip to a kernel: what `1+1` costs over Jupyter's own websocket, without us."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import websockets

from jupyter_mcp_proxy.jupyter.messages import SUBPROTOCOL, decode, encode, new_message
from jupyter_mcp_proxy.jupyter.quickack import acknowledge_at_once

from .parts import JupyterProcess
from .timing import Sample


@asynccontextmanager
async def bare_round_trip(server: JupyterProcess, session: str, *, quickack: bool) -> AsyncIterator[Sample]:
    """A kernel of its own and a websocket to it; a sample is the time until reply and idle have both been seen."""
    url = f"{server.url.replace('http', 'ws', 1)}api/kernels/{_start_kernel(server)}/channels?session_id={session}"
    async with websockets.connect(
        url,
        additional_headers={"Authorization": f"token {server.token}"},
        subprotocols=[websockets.Subprotocol(SUBPROTOCOL)],
        compression=None,
        max_size=None,
        proxy=None,
    ) as connection:

        async def sample() -> float:
            content = {
                "code": "1+1",
                "silent": False,
                "store_history": False,
                "user_expressions": {},
                "allow_stdin": False,
                "stop_on_error": True,
            }
            started = time.perf_counter()
            request = new_message("shell", "execute_request", content, session)
            if quickack:
                acknowledge_at_once(connection.transport)
            await connection.send(encode(request))
            left = {"execute_reply", "idle"}
            while left:
                frame = await connection.recv()
                if quickack:
                    acknowledge_at_once(connection.transport)
                assert isinstance(frame, bytes)
                message = decode(frame)
                if message.parent_id == request.header["msg_id"]:
                    left.discard(message.type)
                    left.discard(str(message.content.get("execution_state")))
            return time.perf_counter() - started

        yield sample


def _start_kernel(server: JupyterProcess) -> str:
    request = urllib.request.Request(
        f"{server.url}api/kernels", data=b"{}", headers={"Authorization": f"token {server.token}"}
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return str(json.load(response)["id"])
