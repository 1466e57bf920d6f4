"""A running cell is activity: the server is told so, or its culler ends the kernel in the middle."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from ..errors import ServerError
from ..jupyter.server import JupyterServer
from .executions import Execution
from .questions import Questions

log = logging.getLogger(__name__)

EVERY = 60.0
"""Seconds between two signs of life while something runs."""


async def beat(
    server: JupyterServer,
    questions: Questions,
    executions: Mapping[str, Execution],
    queues: Mapping[str, list[Execution]],
) -> None:
    """Give signs of life for ever; code whose question nobody has answered for long is stopped at the same pace."""
    while True:
        await asyncio.sleep(EVERY)
        await questions.stop_unanswered(list(executions.values()))
        for kernel_id, queue in list(queues.items()):
            if queue and queue[0].question is None:  # waiting for somebody's answer is no activity
                try:
                    await server.kernel(kernel_id, track_activity=True)
                except ServerError as error:
                    log.info("no sign of life for kernel %s: %s", kernel_id, error)
