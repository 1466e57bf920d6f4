"""Waiting for what nobody tells us of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio


async def until(condition: Callable[[], Any], seconds: float = 30) -> None:
    """Return once a condition holds that nobody tells us of."""
    with anyio.fail_after(seconds):
        while not condition():
            await anyio.sleep(0.05)
