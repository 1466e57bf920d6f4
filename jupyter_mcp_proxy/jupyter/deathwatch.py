"""Seeing a local kernel's death at once, where the websocket serves.

Jupyter looks for dead kernels every 3 s. A local kernel's own ports are known from its connection file; the
operating system closes a TCP connection to them in the moment the process ends, and libzmq tells us so.
"""

from __future__ import annotations

from collections.abc import Callable

import zmq
import zmq.asyncio
from zmq.utils.monitor import recv_monitor_message

from .curve import encrypted
from .zmtp import Ports


async def watch(ports: Ports, gone: Callable[[], None]) -> None:
    """Call `gone()` each time the process that listens at a kernel's heartbeat port ends. Runs until cancelled.

    Only a connection that had been agreed on tells: what does not speak our protocol, or has other keys, hangs up too.
    """
    context = zmq.asyncio.Context.instance()
    with context.socket(zmq.DEALER) as probe:
        probe.linger = 0
        encrypted(probe, ports.keys)
        monitor = probe.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED)
        agreed = False
        try:
            probe.connect(ports.address("hb"))
            while True:
                event = await recv_monitor_message(monitor)
                if event["event"] == zmq.EVENT_DISCONNECTED and agreed:
                    gone()
                agreed = event["event"] == zmq.EVENT_HANDSHAKE_SUCCEEDED
        finally:
            probe.disable_monitor()
            monitor.close(linger=0)
