"""The connections to the ports of a kernel that speaks CURVE, ZeroMQ's encryption: by libzmq.

jupyter_client 8.10 gives such a kernel a pair of keys, which stand in its connection file; who connects shows the same
pair, as its own client does. What comes is held in memory until it is taken, unlike with `links.PlainLinks`.
"""

from __future__ import annotations

import asyncio
from typing import Any

import zmq
import zmq.asyncio
from zmq.utils.monitor import recv_monitor_message

from .links import LONG, REPLIES, SLICE, Links, comes_next

GONE_FOR_GOOD = (zmq.EVENT_DISCONNECTED, zmq.EVENT_CLOSED)


def encrypted(socket: zmq.Socket[Any], keys: tuple[bytes, bytes] | None) -> None:
    """Have a socket speak CURVE with a kernel's pair of keys, public and secret; without keys it stays plain."""
    if keys is not None:
        socket.curve_publickey, socket.curve_secretkey = keys
        socket.curve_serverkey = keys[0]


class CurveLinks(Links):
    """Connections that are encrypted."""

    _output: zmq.asyncio.Socket | None = None

    async def open(self) -> None:
        self._sockets: dict[str, zmq.asyncio.Socket] = {}
        self._monitors: list[zmq.asyncio.Socket] = []
        try:
            events = {channel: self._connect(channel) for channel in ("iopub", *REPLIES)}
        except zmq.ZMQError as error:  # keys that are none
            raise ValueError(str(error)) from error
        for channel, socket in self._sockets.items():
            await self._until_shaken(events[channel], channel)
            if channel == "iopub":
                self._spawn(self._take_output(socket, events[channel]), channel)
            else:
                self._spawn(self._take_replies(channel, socket), channel)

    def _connect(self, channel: str) -> zmq.asyncio.Socket:
        """Begin to connect to a port; returns the socket that tells of it."""
        socket = zmq.asyncio.Context.instance().socket(zmq.SUB if channel == "iopub" else zmq.DEALER)
        self._sockets[channel] = socket
        socket.linger = 0
        socket.set_hwm(0)  # libzmq drops what is beyond its mark
        socket.reconnect_ivl = -1  # another process may listen there next, with other keys
        encrypted(socket, self._ports.keys)
        if channel == "iopub":
            socket.subscribe(b"")
        else:
            socket.identity = self._identity
        monitor = socket.get_monitor_socket(
            zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_DISCONNECTED | zmq.EVENT_CLOSED
        )
        self._monitors.append(monitor)
        socket.connect(self._ports.address(channel))
        return monitor

    async def _until_shaken(self, monitor: zmq.asyncio.Socket, channel: str) -> None:
        event = await recv_monitor_message(monitor)
        if event["event"] != zmq.EVENT_HANDSHAKE_SUCCEEDED:
            raise ConnectionRefusedError(f"its {channel} port refuses us")

    async def close(self) -> None:
        await self._end_tasks()
        for socket in self._sockets.values():
            socket.disable_monitor()
            socket.close(linger=0)
        for monitor in self._monitors:
            monitor.close(linger=0)
        self._sockets.clear()
        self._monitors.clear()

    async def _send(self, channel: str, parts: list[bytes]) -> None:
        socket = self._sockets.get(channel)
        if socket is None or socket.closed:
            raise ConnectionResetError("its port is closed")
        try:
            await socket.send_multipart(parts)
        except zmq.ZMQError as error:
            raise ConnectionResetError(str(error)) from error

    async def _take_replies(self, channel: str, socket: zmq.asyncio.Socket) -> None:
        while True:
            self._take_parts(channel, await socket.recv_multipart())

    async def _take_output(self, socket: zmq.asyncio.Socket, monitor: zmq.asyncio.Socket) -> None:
        gone = asyncio.ensure_future(self._until_gone(monitor))
        loop = asyncio.get_running_loop()
        began = loop.time()
        coming: asyncio.Future[list[bytes]] | None = None
        try:
            while True:
                coming = asyncio.ensure_future(socket.recv_multipart())
                await asyncio.wait({coming, gone}, return_when=asyncio.FIRST_COMPLETED)
                if not coming.done():  # its process has ended: what it had sent has come, if it does not come at once
                    await asyncio.wait({coming}, timeout=0.05)
                    if not coming.done():
                        break
                await self._take_message(coming.result())
                if loop.time() - began > SLICE:
                    await asyncio.sleep(0)
                    began = loop.time()
        finally:
            gone.cancel()
            if coming is not None:
                coming.cancel()
        self._ended()

    async def _take_message(self, parts: list[bytes]) -> None:
        *before, content = parts
        is_long = len(content) > LONG and comes_next(before) == "stream"
        if not is_long or not await self._take_long_stream(before, len(content), lambda at, n: content[at : at + n]):
            self._take_parts("iopub", parts)

    @staticmethod
    async def _until_gone(monitor: zmq.asyncio.Socket) -> None:
        while (await recv_monitor_message(monitor))["event"] not in GONE_FOR_GOOD:
            pass
