"""The audit: one JSON line a tool call, in `mcp-proxy/audit.jsonl` below Jupyter's data directory, for its owner only.

All servers of that directory append to one file. A line is written before the result is sent. The file is moved aside
once it has 5 MB; the last four of those are kept (`audit.1.jsonl` is the newest).
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from .filelock import locked
from .private import private_folder

log = logging.getLogger(__name__)

LARGEST = 5_000_000
"""Bytes after which a new file is begun."""
KEPT = 4
"""Older files that are kept."""
LONGEST_LINE = 100_000
"""Bytes of a line; of a longer one the arguments are left out."""
LOCK_WAIT = 0.1
CHANGE_AGAIN = 60.0
"""Seconds until another try to move a large file aside, where that failed: meanwhile it grows on."""


def audit_file(data_dir: Path | None = None) -> Path:
    """Where the audit is, below Jupyter's data directory."""
    if data_dir is None:
        from jupyter_core.paths import jupyter_data_dir

        data_dir = Path(jupyter_data_dir())
    return data_dir / "mcp-proxy" / "audit.jsonl"


def older(file: Path, number: int) -> Path:
    """The file that was moved aside `number` files ago."""
    return file.with_name(f"{file.stem}.{number}{file.suffix}")


class Audit:
    """Appends to the audit. What cannot be written is said once in the log, and never stops a call."""

    def __init__(self, file: Path, largest: int = LARGEST) -> None:
        self._file = file
        self._largest = largest
        self._descriptor: int | None = None
        self._failing = False
        self._change_due = 0.0
        self._torn = False
        """Whether the last line was written in part only."""

    def write(self, line: dict[str, Any]) -> None:
        """Append a line."""
        data = _encoded(line)
        if len(data) > LONGEST_LINE:
            data = _encoded(line | {"arguments": {"left_out": True}})
        try:
            descriptor = self._open()
            if self._torn:
                data = b"\n" + data
            written = os.write(descriptor, data)  # one call: lines of several processes do not mix
            self._torn = written < len(data)
            if self._torn:
                raise OSError(f"only {written} of {len(data)} bytes were taken; the disk may be full")
        except OSError as error:
            if not self._failing:
                log.warning("the audit %s cannot be written, calls go on without it: %s", self._file, error)
            self._failing = True
            return
        if self._failing:
            log.warning("the audit is written again")
        self._failing = False

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        """The descriptor of the current file, after a change of files where it has become due."""
        if self._descriptor is not None:
            ours = os.fstat(self._descriptor)
            try:
                there = self._file.stat()
            except FileNotFoundError:
                there = None
            if there is None or (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino):
                self.close()  # another process has moved it aside, or a person has removed it
            elif ours.st_size < self._largest or time.monotonic() < self._change_due:
                return self._descriptor
            else:
                self.close()
        private_folder(self._file.parent)
        try:
            if time.monotonic() >= self._change_due and self._file.stat().st_size >= self._largest:
                self._change_files()
        except FileNotFoundError:
            pass
        except OSError as error:
            log.warning("the audit %s is large and cannot be moved aside: %s", self._file, error)
            self._change_due = time.monotonic() + CHANGE_AGAIN
        self._descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return self._descriptor

    def _change_files(self) -> None:
        with locked(self._file.with_suffix(".lock"), LOCK_WAIT):
            if self._file.stat().st_size < self._largest:  # another process was faster
                return
            for number in range(KEPT, 1, -1):
                with suppress(FileNotFoundError):
                    older(self._file, number - 1).replace(older(self._file, number))
            self._file.replace(older(self._file, 1))


def _encoded(line: dict[str, Any]) -> bytes:
    return json.dumps(line, separators=(",", ":"), default=str).encode() + b"\n"


def lines(file: Path, end: int | None = None) -> Iterator[dict[str, Any]]:
    """Every line of the audit, the oldest first, of the current file those before `end`; no line that is not ours."""
    for each in [older(file, number) for number in range(KEPT, 0, -1)] + [file]:
        left = end if each is file else None
        try:
            with each.open("rb") as found:
                for raw in found:
                    if left is not None:
                        left -= len(raw)
                        if left < 0:
                            break
                    line = parsed(raw)
                    if line is not None:
                        yield line
        except FileNotFoundError:
            continue


def parsed(raw: bytes) -> dict[str, Any] | None:
    """A line of the audit; None for anything else, such as half of one."""
    try:
        line = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return line if isinstance(line, dict) and "time" in line and "tool" in line else None
