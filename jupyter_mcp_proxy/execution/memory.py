"""Gives memory back to the system after long outputs, where the C library can be asked to (glibc)."""

from __future__ import annotations

import ctypes
from contextlib import suppress

LONG_OUTPUT = 1_000_000
"""Characters of output after which the memory that they took is given back to the system at once."""
LARGE_BUFFER = 1024 * 1024


def _malloc(function: str, *arguments: int) -> None:
    """Call one of glibc's own functions; elsewhere nothing happens."""
    with suppress(OSError, AttributeError, TypeError):
        getattr(ctypes.CDLL(None), function)(*arguments)


def keep_large_buffers_apart() -> None:
    """Large buffers go back to the system when they are freed, whatever was freed before them."""
    # M_MMAP_THRESHOLD (mallopt(3)): unless it is set, glibc raises it whenever a larger buffer is freed, and the next
    # one of that size stays in the heap.
    mmap_threshold = -3
    _malloc("mallopt", mmap_threshold, LARGE_BUFFER)


def give_memory_back() -> None:
    """Small buffers that are free go back to the system too."""
    _malloc("malloc_trim", 0)
