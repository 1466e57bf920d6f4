"""What runs, on disk, so that a sidecar that comes after a crash can take it over.

Two kinds of files below Jupyter's runtime directory, readable by their owner only: what has begun and what has ended, a
line each, and for each execution every message that its kernel sent. A message is recorded before it is acted on, so
nothing that reached us is lost with the process.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..documents.history import OURSELVES
from ..jupyter.messages import Message, Piece
from .executions import Execution

MOST_LINES = 200
"""Lines of the list after which it is written anew, with what still runs."""


@dataclass(frozen=True)
class Entry:
    """An execution that has been sent to a kernel and whose outputs are not all in the notebook yet."""

    id: str
    notebook: str
    kernel_id: str
    cell_id: str
    """Empty for code without a cell, which is remembered only while it asks for input."""
    request_id: str
    client: str = OURSELVES
    """The name of the client that has it run."""
    count_before: int | None = 0
    """That of `Execution`."""

    @classmethod
    def of(cls, execution: Execution, cell_id: str, request_id: str) -> Entry:
        """An execution as it is remembered."""
        client, before = execution.client, execution.count_before
        return cls(execution.id, execution.notebook, execution.kernel_id, cell_id, request_id, client, before)


class Journal:
    """The running executions of one run of the sidecar, crashes included."""

    def __init__(self, runtime_dir: str, run_id: str) -> None:
        self._folder = Path(runtime_dir)
        self._run = f"mcp-proxy-{run_id}"
        self._entries: dict[str, Entry] = {}
        self._records: dict[str, int] = {}
        self._list: int | None = None
        self._lines = 0

    @property
    def _list_path(self) -> Path:
        return self._folder / f"{self._run}.json"

    def _record(self, id: str) -> Path:
        return self._folder / f"{self._run}-{id}.jsonl"

    def recover(self) -> list[Entry]:
        """What an earlier process of this run left. It stays in the journal until it is removed."""
        self._entries = {}
        with suppress(OSError):
            for line in self._list_path.read_text(encoding="utf-8").splitlines():
                # A line that is cut off is of a request that never left. Earlier releases wrote one list of all.
                with suppress(ValueError, TypeError, KeyError):
                    said = json.loads(line)
                    for each in said if isinstance(said, list) else [said]:
                        if "ended" in each:
                            self._entries.pop(each["ended"], None)
                        else:
                            self._entries[each["id"]] = Entry(**each)
        if self._entries:
            with suppress(OSError):  # a full disk; what is added to the old list is read all the same
                self._write_anew()
        return list(self._entries.values())

    def add(self, entry: Entry) -> None:
        """Remember an execution before its request leaves."""
        self._say(asdict(entry))
        self._entries[entry.id] = entry
        self._keep_short()

    def moved(self, old: str, new: str) -> None:
        """A notebook has another path: whoever comes after a crash looks for it there."""
        for entry in list(self._entries.values()):
            if entry.notebook == old:
                with suppress(OSError):
                    self.add(replace(entry, notebook=new))

    def record(self, id: str, message: Message, *, from_server: bool) -> None:
        """Keep a message of a remembered execution."""
        if id not in self._entries:
            return
        if id not in self._records:
            self._records[id] = os.open(self._record(id), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        # The id tells a message that comes again, from the server's buffer, from one that is new.
        piece = (message.offset, message.more) if isinstance(message, Piece) else (0, False)
        known = [message.header.get("msg_id", ""), *piece]
        line = json.dumps([message.type, message.content, from_server, *known], ensure_ascii=True)
        os.write(self._records[id], line.encode() + b"\n")

    def recorded(self, id: str) -> Iterator[tuple[Message, bool]]:
        """The messages kept for an execution, each with whether the server wrote it."""
        try:
            with self._record(id).open(encoding="ascii") as lines:
                for line in lines:
                    try:
                        kind, content, from_server, id, *piece = json.loads(line)
                    except ValueError:  # the process died while it wrote the last line
                        continue
                    yield Piece("", {"msg_type": kind, "msg_id": id}, {}, {}, content, [], *piece), from_server
        except OSError:
            return

    def remove(self, id: str) -> None:
        """Forget an execution whose outputs are in the notebook."""
        if self._entries.pop(id, None) is not None:
            with suppress(OSError):  # what is taken over without need is written as it is already
                self._say({"ended": id})
            self._keep_short()
        descriptor = self._records.pop(id, None)
        if descriptor is not None:
            os.close(descriptor)
        self._record(id).unlink(missing_ok=True)

    def close(self) -> None:
        """Remove the list where nothing is left in it; else it is for whoever comes next."""
        if self._list is not None:
            os.close(self._list)
            self._list = None
        if not self._entries:
            self._list_path.unlink(missing_ok=True)

    def _say(self, line: dict[str, Any]) -> None:
        """Add a line: to write the whole list takes ten times as long, and each run waits for it."""
        if self._list is None:
            self._list = os.open(self._list_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        text = f"\n{json.dumps(line)}\n".encode()  # what a full disk has cut off before ends here
        if os.write(self._list, text) < len(text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._lines += 1

    def _keep_short(self) -> None:
        if self._lines >= MOST_LINES and self._lines > 2 * len(self._entries):
            self._lines = 0  # where there is no room for it, not at once again
            with suppress(OSError):
                self._write_anew()

    def _write_anew(self) -> None:
        temporary = self._list_path.with_suffix(f".{os.getpid()}.tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(asdict(entry)) + "\n" for entry in self._entries.values())
        temporary.replace(self._list_path)
        if self._list is not None:
            os.close(self._list)
            self._list = None
        self._lines = len(self._entries)
