"""What runs, on disk, so that a sidecar that comes after a crash can take it over.

Two kinds of files below Jupyter's runtime directory, readable by their owner only: the list of running
executions, and for each of them every message that its kernel sent. A message is recorded before it is
acted on, so nothing that reached us is lost with the process.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from ..documents.history import OURSELVES
from ..jupyter.messages import Message, Piece
from .executions import Execution


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

    @classmethod
    def of(cls, execution: Execution, cell_id: str, request_id: str) -> Entry:
        """An execution as it is remembered."""
        return cls(execution.id, execution.notebook, execution.kernel_id, cell_id, request_id, execution.client)


class Journal:
    """The running executions of one run of the sidecar, crashes included."""

    def __init__(self, runtime_dir: str, run_id: str) -> None:
        self._folder = Path(runtime_dir)
        self._run = f"mcp-proxy-{run_id}"
        self._entries: dict[str, Entry] = {}
        self._records: dict[str, int] = {}

    @property
    def _list(self) -> Path:
        return self._folder / f"{self._run}.json"

    def _record(self, id: str) -> Path:
        return self._folder / f"{self._run}-{id}.jsonl"

    def recover(self) -> list[Entry]:
        """What an earlier process of this run left. It stays in the journal until it is removed."""
        try:
            left = json.loads(self._list.read_text(encoding="utf-8"))
            self._entries = {entry["id"]: Entry(**entry) for entry in left}
        except (OSError, ValueError, TypeError, KeyError):
            self._entries = {}
        return list(self._entries.values())

    def add(self, entry: Entry) -> None:
        """Remember an execution before its request leaves."""
        self._entries[entry.id] = entry
        self._write()

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
            self._write()
        descriptor = self._records.pop(id, None)
        if descriptor is not None:
            os.close(descriptor)
        self._record(id).unlink(missing_ok=True)

    def close(self) -> None:
        """Remove the list where nothing is left in it; else it is for whoever comes next."""
        if not self._entries:
            self._list.unlink(missing_ok=True)

    def _write(self) -> None:
        temporary = self._list.with_suffix(f".{os.getpid()}.tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump([asdict(entry) for entry in self._entries.values()], file)
        temporary.replace(self._list)
