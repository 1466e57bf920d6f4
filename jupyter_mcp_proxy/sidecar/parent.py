"""Noticing that the Jupyter process is gone, however it ended."""

from __future__ import annotations

import asyncio
import os

from ..store.processes import alive

POLL = 1.0
"""Seconds between looks where the system cannot tell us (macOS, Windows)."""


async def parent_gone(pid: int) -> None:
    """Return once the process `pid` has ended: at once on Linux, within a second elsewhere."""
    try:
        descriptor = os.pidfd_open(pid)  # type: ignore[attr-defined, unused-ignore]
    except AttributeError:
        await _poll(pid)
        return
    except OSError:  # no such process, or a system without pidfds
        await _poll(pid)
        return
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def end() -> None:
        if not ended.done():
            ended.set_result(None)

    loop.add_reader(descriptor, end)
    try:
        if os.getppid() == 1 != pid:  # it ended before we looked
            return
        await ended
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def _poll(pid: int) -> None:
    while _is_ours(pid):  # noqa: ASYNC110 - there is no event to wait for here
        await asyncio.sleep(POLL)


def _is_ours(pid: int) -> bool:
    """Whether our parent lives, and still is our parent."""
    return alive(pid) and (os.name == "nt" or os.getppid() == pid or pid == 1)
