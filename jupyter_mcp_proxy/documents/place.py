"""Where a notebook's file is on this machine, told by the file itself: a name that is changed does not lose it.

A descriptor is held that neither reads nor writes (`O_PATH`); the system says which name its file has now. So neither
a request nor a search is needed, whoever has renamed it, or a folder above it. Where the server's files are not on
this machine, or the system does not tell (Windows), nothing is known here.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

GONE = ""
"""Instead of a path: the file has none any more, as far as agents may look."""
SPARE = 65536
"""Bytes that a disk must have left beside a file for that to be written."""


class Place:
    """The file of one notebook, below the server's root. Costs two looks at the disk each time."""

    def __init__(self, root: str, path: str) -> None:
        self._root = os.path.realpath(root) if root and Path(root).is_absolute() else ""
        self.path = path
        """Where it was last."""
        self.replaced = 0
        """How often another file was found at the same path, as git makes one; Jupyter writes in place."""
        self._held: int | None = None
        self._written = 0
        """When what was at the path was written, in nanoseconds, as far as anybody has looked."""

    def hold(self) -> None:
        """Follow the file that is at the path now."""
        self.release()
        if self._root and _HOLDING is not None:
            try:
                self._held = os.open(self._here(), _HOLDING)
            except OSError:
                self._held = None

    def release(self) -> None:
        """Follow it no longer."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def __del__(self) -> None:
        self.release()  # of a document that could not be opened

    def now(self) -> str | None:
        """The path of the file now; GONE where it has none, None where that cannot be told."""
        if self._held is None:
            self.hold()  # it may be there by now
            return None if self._held is None else self.path
        held = os.fstat(self._held)
        there = _stat(self._here())
        if there is not None and os.path.samestat(held, there):
            return self.path
        moved = self._moved_to(held)
        if moved is not None:
            self.path = moved
        elif there is not None:  # written anew by a program that makes another file for that, such as git
            self.hold()
            self.replaced += 1
        return self.path if moved is not None or there is not None else GONE

    def replacements(self) -> int:
        """How often it was replaced by now."""
        self.now()
        return self.replaced

    def moved(self, path: str) -> None:
        """We have moved the file: follow what is at that path."""
        self.path = path
        self.hold()

    def exists(self, path: str) -> bool | None:
        """Whether there is a file at another path; None where that cannot be told."""
        return None if self._held is None else _stat(Path(self._root, path)) is not None

    def went_back(self) -> bool:
        """Whether what is at the path was written before what was there when this was asked last: an older copy."""
        there = None if self._held is None else _stat(self._here())
        before, self._written = self._written, 0 if there is None else there.st_mtime_ns
        return 0 < self._written < before

    def saw(self) -> None:
        """The server has just written the file, or read it anew."""
        there = None if self._held is None else _stat(self._here())
        self._written = max(self._written, 0 if there is None else there.st_mtime_ns)

    def touch(self) -> None:
        """Have it look as if it were written now, and nothing else."""
        with suppress(OSError):
            os.utime(self._here())

    def lacks(self) -> str:
        """What the file's disk lacks for writing it anew; empty where that is nothing, or cannot be told."""
        there = None if self._held is None else _stat(self._here())
        if there is None:
            return ""
        free = shutil.disk_usage(self._here().parent).free
        return f"its disk is full ({free} bytes are left)" if free < there.st_size + SPARE else ""

    def is_at(self, path: str) -> bool:
        """Whether a path leads to this file, such as a link to it."""
        there = None if self._held is None else _stat(Path(self._root, path))
        return self._held is not None and there is not None and os.path.samestat(os.fstat(self._held), there)

    def _here(self) -> Path:
        return Path(self._root, self.path)

    def _moved_to(self, held: os.stat_result) -> str | None:
        """The other path that the file has now, if it is a notebook's and neither hidden nor outside of the root."""
        assert self._held is not None
        try:
            path = Path(_name(self._held)).relative_to(self._root)
        except (OSError, ValueError):
            return None
        there = _stat(self._root / path)
        hidden = any(part.startswith(".") for part in path.parts)
        if there is None or hidden or path.suffix != Path(self.path).suffix or not os.path.samestat(held, there):
            return None
        return path.as_posix()


def ending(path: str) -> str:
    """How a path ends, such as `.ipynb`; jupytext's notebooks have others."""
    return Path(path).suffix


def same_file(root: str, path: str, others: Iterable[str]) -> str | None:
    """Which of other paths leads to the same file, such as a link to it; None where none does."""
    mine = _stat(Path(root, path)) if root else None
    for other in others if mine is not None else ():
        theirs = _stat(Path(root, other))
        if mine is not None and theirs is not None and os.path.samestat(mine, theirs):
            return other
    return None


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


if sys.platform == "linux":
    _HOLDING: int | None = os.O_PATH | os.O_CLOEXEC

    def _name(held: int) -> str:
        return str(Path(f"/proc/self/fd/{held}").readlink())

elif sys.platform == "darwin":
    import fcntl

    _HOLDING: int | None = 0x8000 | os.O_CLOEXEC  # O_EVTONLY, which Python does not name

    def _name(held: int) -> str:
        return os.fsdecode(fcntl.fcntl(held, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0"))

else:
    _HOLDING: int | None = None

    def _name(held: int) -> str:
        raise OSError
