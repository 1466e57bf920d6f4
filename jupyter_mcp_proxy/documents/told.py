"""The notebooks that clients have been told of, on disk: whoever comes after a crash knows that it does not know."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ..contract import told_name
from ..store.processes import alive


class Told:
    """The notebooks that clients of one run know, however often the sidecar ends in it; a line each in a file.

    Its first line is the process id of the run's owner, the Jupyter server.
    """

    def __init__(self, runtime_dir: str, run_id: str) -> None:
        self._file = Path(runtime_dir) / told_name(run_id)
        self._owner = os.getppid()
        self._before: set[str] = set()
        self._noted: set[str] = set()
        self._remove_left_over()
        with suppress(OSError):
            for line in self._file.read_text(encoding="utf-8").splitlines()[1:]:
                with suppress(ValueError):  # one that is cut off
                    self._before.add(json.loads(line))

    def before(self, path: str) -> bool:
        """Whether a client was told of the notebook that is not known here, such as by a process before this."""
        return path in self._before

    def forget(self, paths: Iterable[str]) -> None:
        """What a client was told of notebooks is not known any more: as after a crash."""
        self._before.update(paths)

    def note(self, path: str) -> None:
        """A client is told of the notebook."""
        if path in self._noted or path in self._before:
            return
        with suppress(OSError):  # a full disk
            file = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                first = b"" if os.fstat(file).st_size else b"%d\n" % self._owner
                os.write(file, first + json.dumps(path).encode() + b"\n")
            finally:
                os.close(file)
            self._noted.add(path)

    def end(self) -> None:
        """The sidecar ends in good order. While its server lives another may come, such as after a SIGTERM."""
        if not alive(self._owner):
            with suppress(OSError):
                self._file.unlink(missing_ok=True)

    def _remove_left_over(self) -> None:
        """Remove the files of servers that are no more and had no time for it."""
        for file in self._file.parent.glob(told_name("*")):
            with suppress(OSError, ValueError):
                if not alive(int(file.read_text(encoding="utf-8").split("\n", 1)[0])):
                    file.unlink(missing_ok=True)

    def moved(self, old: str, new: str) -> None:
        """A notebook has another path."""
        self.note(new)
        if old in self._before:
            self._before.add(new)
