"""What a kernel sends while it runs a cell, as the cell's outputs. Pure but for the spool of
its transcript."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from .changes import Append, Change, Clear, Extend, Output, Replace, output_size
from .text import output_text
from .transcript import Transcript

STORED_LIMIT = 10_000_000
"""Characters of output that a cell keeps; what comes after is only in the transcript."""


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
        self._stream = ""
        """The stream that the transcript ends with, if it ends with one."""

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

    def stream(self, name: str, text: str) -> None:
        """Printed text. `name` is stdout or stderr."""
        self._before_output()
        if self._stream != name:  # in the notebook it is another output, below the other
            self.transcript.end_line()
            self._stream = name
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

    def say(self, text: str) -> None:
        """Something that is told and is no output of the cell."""
        self.transcript.write_block(text)

    def clear(self, wait: bool) -> None:
        """Forget what was shown; with `wait` only when something new comes."""
        if wait:
            self._clear_before_next = True
            return
        self._clear_before_next = False
        self.outputs.clear()
        self.transcript.clear()
        self._stream = ""
        self._displays.clear()
        self.stored_chars = 0
        self._pending = [Clear()]

    def _before_output(self) -> None:
        if self._clear_before_next:
            self.clear(wait=False)

    def _keep(self, output: Output) -> int | None:
        """Keep an output and return its index; None where the cell has no room for it."""
        self.transcript.write_block(output_text(output))
        self._stream = ""
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


def _stream_of(change: Change) -> int:
    return change.index if isinstance(change, Extend) else -1
