"""One writer at a time, among processes: a lock on a file that the system lets go of with its process."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WAIT = 10.0
"""Seconds until we no longer wait for another writer; each needs milliseconds."""
POLL = 0.01

if sys.platform == "win32":
    import msvcrt

    def _try(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def locked(file: Path, wait: float = WAIT) -> Iterator[None]:
    """Hold the lock. Blocks, so that it belongs in a thread; raises OSError where it is not had in `wait` seconds."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + wait
        while True:
            try:
                _try(descriptor)
                break
            except OSError as error:
                if error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
                    raise
                if time.monotonic() > deadline:
                    raise OSError(errno.EAGAIN, f"another process has been writing for {wait:.0f} s") from error
            time.sleep(POLL)
        yield
    finally:
        os.close(descriptor)
