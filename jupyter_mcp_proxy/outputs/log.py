"""What a kernel sends while it runs a cell, as the cell's outputs. Pure but for the spool of the transcript.

`OutputLog` turns messages into nbformat outputs and the small changes that bring a stored cell in step with
them; `Transcript` keeps all of it as text, however much, to be read back in pieces.
"""

from __future__ import annotations

import bisect
import re
import tempfile
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

Output = dict[str, Any]

STORED_LIMIT = 10_000_000
"""Characters of output that a cell keeps; what comes after is only in the transcript."""

SPOOL_IN_MEMORY = 512 * 1024
MARK_EVERY = 64 * 1024
LONGEST_LINE = 64 * 1024

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


def strip_ansi(text: str) -> str:
    """Text without terminal escape sequences."""
    return _ANSI.sub("", text) if "\x1b" in text else text


def overwrite_line(line: str) -> str:
    """What a terminal shows of a line with carriage returns: the last thing written over the rest."""
    if "\r" not in line:
        return line
    shown = ""
    for part in line.split("\r"):
        if part:
            shown = part + shown[len(part) :]
    return shown


class Transcript:
    """All output of an execution as text, without escape sequences and overwritten progress bars.

    Kept in memory up to 512 kB and in an unnamed temporary file beyond; offsets count characters.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=SPOOL_IN_MEMORY)  # noqa: SIM115 - lives as long as we
        self._close = weakref.finalize(self, self._file.close)
        self._marks: list[tuple[int, int]] = [(0, 0)]
        self._chars = 0
        self._bytes = 0
        self._line = ""

    def __len__(self) -> int:
        return self._chars + len(self._shown_line())

    @property
    def settled(self) -> int:
        """Characters that will not change any more; the last line may still be overwritten."""
        return self._chars

    def write(self, text: str) -> None:
        """Append what was printed."""
        text = self._line + strip_ansi(text).replace("\r\n", "\n")
        *complete, self._line = text.split("\n")
        if complete:
            self._store("".join(overwrite_line(line) + "\n" for line in complete))
        if len(self._line) > LONGEST_LINE:
            self._store(overwrite_line(self._line))
            self._line = ""

    def write_block(self, text: str) -> None:
        """Append something that stands on lines of its own, such as a result."""
        if self._line:
            self.write("\n")
        self.write(text if text.endswith("\n") else text + "\n")

    def _shown_line(self) -> str:
        return overwrite_line(self._line)

    def _store(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        self._file.seek(0, 2)
        for start in range(0, len(text), MARK_EVERY) if len(text) > MARK_EVERY else (0,):
            piece = data if len(text) <= MARK_EVERY else text[start : start + MARK_EVERY].encode("utf-8", "replace")
            self._file.write(piece)
            self._bytes += len(piece)
            self._chars += len(text) if len(text) <= MARK_EVERY else len(text[start : start + MARK_EVERY])
            if self._chars - self._marks[-1][0] >= MARK_EVERY:
                self._marks.append((self._chars, self._bytes))

    def read(self, offset: int, limit: int) -> str:
        """The `limit` characters from `offset` on."""
        found = ""
        if offset < self._chars:
            mark_chars, mark_bytes = self._marks[bisect.bisect_right(self._marks, (offset, self._bytes + 1)) - 1]
            self._file.seek(mark_bytes)
            wanted = min(offset + limit, self._chars)
            text = self._file.read(min((wanted - mark_chars) * 4, self._bytes - mark_bytes)).decode("utf-8", "ignore")
            found = text[offset - mark_chars : wanted - mark_chars]
        missing = limit - len(found)
        if missing > 0 and offset + limit > self._chars:
            line = self._shown_line()
            found += line[max(0, offset - self._chars) :][:missing]
        return found

    def lines(self) -> Iterator[str]:
        """Every line, without its end, read piece by piece."""
        self._file.seek(0)
        rest = b""
        position = 0
        while position < self._bytes:
            self._file.seek(position)
            data = rest + self._file.read(1024 * 1024)
            position += 1024 * 1024
            *complete, rest = data.split(b"\n")
            for line in complete:
                yield line.decode("utf-8", "replace")
        last = rest.decode("utf-8", "replace") + self._shown_line()
        if last:
            yield last

    def close(self) -> None:
        """Free the spool now, not when the transcript is forgotten."""
        self._close()


@dataclass(frozen=True)
class Append:
    """Add an output at the end."""

    output: Output


@dataclass(frozen=True)
class Extend:
    """Add text to the stream output at `index`."""

    index: int
    text: str


@dataclass(frozen=True)
class Replace:
    """Put another output at `index`."""

    index: int
    output: Output


@dataclass(frozen=True)
class Clear:
    """Remove all outputs."""


Change = Append | Extend | Replace | Clear


class OutputLog:
    """The outputs of one execution, and what has changed since they were last written to the notebook."""

    def __init__(self, outputs: list[Output] | None = None) -> None:
        self._outputs: list[Output] = outputs or []
        self._tail: list[str] = []
        """Pieces of the last output's text, not joined yet: a long stream comes in very many."""
        self.transcript = Transcript()
        self.stored_chars = 0
        self.left_out_chars = 0
        self._pending: list[Change] = []
        self._displays: dict[str, int] = {}
        self._clear_before_next = False

    @property
    def outputs(self) -> list[Output]:
        """nbformat's outputs, as the cell shall show them."""
        if self._tail:
            self._outputs[-1]["text"] += "".join(self._tail)
            self._tail.clear()
        return self._outputs

    def take_changes(self) -> list[Change]:
        """The changes since the last call; adjoining pieces of one stream are one change."""
        taken: list[Change] = []
        for (kind, index), group in groupby(self._pending, key=lambda change: (type(change), _stream_of(change))):
            if kind is Extend:
                taken.append(Extend(index, "".join(change.text for change in group if isinstance(change, Extend))))
            else:
                taken.extend(group)
        self._pending.clear()
        return taken

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return bool(self._pending)

    def stream(self, name: str, text: str) -> None:
        """Printed text. `name` is stdout or stderr."""
        self._before_output()
        self.transcript.write(text)
        room = STORED_LIMIT - self.stored_chars
        if room <= 0:
            self.left_out_chars += len(text)
            return
        if len(text) > room:
            self.left_out_chars += len(text) - room
            text = text[:room]
        self.stored_chars += len(text)
        last = self._outputs[-1] if self._outputs else None
        if last is not None and last.get("output_type") == "stream" and last.get("name") == name:
            self._tail.append(text)
            self._pending.append(Extend(len(self._outputs) - 1, text))
        else:
            self._append({"output_type": "stream", "name": name, "text": text})

    def display(self, kind: str, content: dict[str, Any]) -> None:
        """A display_data or execute_result."""
        self._before_output()
        output: Output = {
            "output_type": kind,
            "data": dict(content.get("data") or {}),
            "metadata": dict(content.get("metadata") or {}),
        }
        if kind == "execute_result":
            output["execution_count"] = content.get("execution_count")
        index = self._keep(output)
        display_id = (content.get("transient") or {}).get("display_id")
        if display_id and index is not None:
            self._displays[str(display_id)] = index

    def update_display(self, content: dict[str, Any]) -> None:
        """New content for an earlier display."""
        index = self._displays.get(str((content.get("transient") or {}).get("display_id")))
        if index is None or index >= len(self.outputs):
            return
        output = self.outputs[index] | {
            "data": dict(content.get("data") or {}),
            "metadata": dict(content.get("metadata") or {}),
        }
        self.outputs[index] = output
        self._pending.append(Replace(index, output))

    def error(self, content: dict[str, Any]) -> None:
        """An exception in the kernel's language."""
        self._before_output()
        self._keep(
            {
                "output_type": "error",
                "ename": str(content.get("ename", "")),
                "evalue": str(content.get("evalue", "")),
                "traceback": [str(line) for line in content.get("traceback") or []],
            }
        )

    def notice(self, text: str) -> None:
        """A line of ours in the cell, where a person must know what the output lacks."""
        self.transcript.write_block(f"[mcp-proxy] {text}")
        self._append({"output_type": "stream", "name": "stderr", "text": f"[mcp-proxy] {text}\n"})

    def clear(self, wait: bool) -> None:
        """Forget what was shown; with `wait` only when something new comes."""
        if wait:
            self._clear_before_next = True
            return
        self._clear_before_next = False
        self.outputs.clear()
        self._displays.clear()
        self.stored_chars = 0
        self._pending = [Clear()]

    def _before_output(self) -> None:
        if self._clear_before_next:
            self.clear(wait=False)

    def _keep(self, output: Output) -> int | None:
        """Keep an output and return its index; None where the cell has no room for it."""
        from .render import output_text

        self.transcript.write_block(output_text(output))
        size = output_size(output)
        if self.stored_chars + size > STORED_LIMIT:
            self.left_out_chars += size
            return None
        self.stored_chars += size
        self._append(output)
        return len(self._outputs) - 1

    def _append(self, output: Output) -> None:
        self.outputs.append(output)  # joins what is left of the stream before it
        self._pending.append(Append(dict(output)))


def anew(outputs: list[Output]) -> list[Change]:
    """The changes that put these outputs in place of all others; the text of a stream is a change of its own."""
    changes: list[Change] = [Clear()]
    for index, output in enumerate(outputs):
        if output["output_type"] == "stream":
            changes += [Append(output | {"text": ""}), Extend(index, output["text"])]
        else:
            changes.append(Append(dict(output)))
    return changes


def portions(changes: list[Change], size: int) -> Iterator[list[Change]]:
    """The same changes in one list or more, each of which extends streams by at most `size` characters."""
    portion: list[Change] = []
    room = size
    for change in changes:
        if not isinstance(change, Extend):
            portion.append(change)
            continue
        start = 0
        while len(change.text) - start > room:
            yield [*portion, Extend(change.index, change.text[start : start + room])]
            start += room
            portion, room = [], size
        portion.append(Extend(change.index, change.text[start:]))
        room -= len(change.text) - start
    yield portion


def _stream_of(change: Change) -> int:
    return change.index if isinstance(change, Extend) else -1


def output_size(output: Output) -> int:
    """The characters that an output takes in the file, roughly."""
    data = output.get("data") or {}
    size = sum(len(value) if isinstance(value, str) else len(str(value)) for value in data.values())
    return size + sum(map(len, output.get("traceback") or [])) + len(output.get("text") or "")
