"""Seeing a local kernel's death at once.

Jupyter looks for dead kernels every 3 s. A local kernel's own ports are known from its connection file; the
operating system closes a TCP connection to them in the moment the process ends, and libzmq tells us so.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zmq
import zmq.asyncio
from zmq.utils.monitor import recv_monitor_message


def heartbeat_address(runtime_dir: str, kernel_id: str) -> str | None:
    """The heartbeat address of a kernel on this machine, or None where its connection file is not readable."""
    try:
        info: dict[str, Any] = json.loads((Path(runtime_dir) / f"kernel-{kernel_id}.json").read_text())
        if info["transport"] == "ipc":
            return f"ipc://{info['ip']}-{info['hb_port']}"
        return f"tcp://{info['ip']}:{info['hb_port']}"
    except (OSError, ValueError, KeyError):
        return None


async def watch(address: str, gone: Callable[[], None]) -> None:
    """Call `gone()` each time the process that listens at `address` ends. Runs until cancelled."""
    context = zmq.asyncio.Context.instance()
    with context.socket(zmq.DEALER) as probe:
        probe.linger = 0
        monitor = probe.get_monitor_socket(zmq.EVENT_CONNECTED | zmq.EVENT_DISCONNECTED)
        try:
            probe.connect(address)
            while True:
                event = await recv_monitor_message(monitor)
                if event["event"] == zmq.EVENT_DISCONNECTED:
                    gone()
        except asyncio.CancelledError:
            raise
        finally:
            probe.disable_monitor()
            monitor.close(linger=0)
