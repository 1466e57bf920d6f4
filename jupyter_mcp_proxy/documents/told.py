"""The notebooks that clients have been told of, on disk: whoever comes after a crash knows that it does not know."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


class Told:
    """The notebooks that clients of one run of the sidecar know, crashes included; a line each in a file of its own."""

    def __init__(self, runtime_dir: str, run_id: str) -> None:
        self._file = Path(runtime_dir) / f"mcp-proxy-{run_id}.told"
        self._before: set[str] = set()
        self._noted: set[str] = set()
        with suppress(OSError):
            for line in self._file.read_text(encoding="utf-8").splitlines():
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
                os.write(file, json.dumps(path).encode() + b"\n")
            finally:
                os.close(file)
            self._noted.add(path)

    def remove(self) -> None:
        """The run ends in good order."""
        with suppress(OSError):
            self._file.unlink(missing_ok=True)

    def moved(self, old: str, new: str) -> None:
        """A notebook has another path."""
        self.note(new)
        if old in self._before:
            self._before.add(new)
