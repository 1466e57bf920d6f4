"""nbformat's outputs, and the small changes that bring a stored cell in step with them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Output = dict[str, Any]


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


def apply_changes(outputs: list[Output], changes: list[Change]) -> None:
    """Apply changes to a list of nbformat outputs, in place."""
    for change in changes:
        match change:
            case Clear():
                outputs.clear()
            case Append(output):
                outputs.append(dict(output))
            case Extend(index, text):
                outputs[index]["text"] += text
            case Replace(index, output):
                outputs[index] = dict(output)


def anew(outputs: list[Output]) -> list[Change]:
    """The changes that put these outputs in place of all others; the text of a stream is a change of its own."""
    changes: list[Change] = [Clear()]
    for index, output in enumerate(outputs):
        if output["output_type"] == "stream":
            changes += [Append(output | {"text": ""}), Extend(index, output["text"])]
        else:
            changes.append(Append(dict(output)))
    return changes


MOST_AT_ONCE = 250
"""Outputs in one portion: a shared document takes 10 ms for them."""


def portions(changes: list[Change], size: int) -> Iterator[list[Change]]:
    """The same changes in one list or more, each of which extends streams by at most `size` characters and holds a
    bounded number of other changes."""
    portion: list[Change] = []
    room = size
    for change in changes:
        if not isinstance(change, Extend):
            portion.append(change)
            if len(portion) >= MOST_AT_ONCE:
                yield portion
                portion, room = [], size
            continue
        start = 0
        while len(change.text) - start > room:
            yield [*portion, Extend(change.index, change.text[start : start + room])]
            start += room
            portion, room = [], size
        portion.append(Extend(change.index, change.text[start:]))
        room -= len(change.text) - start
    yield portion


def output_size(output: Output) -> int:
    """The characters that an output takes in the file, roughly."""
    data = output.get("data") or {}
    size = sum(len(value) if isinstance(value, str) else len(str(value)) for value in data.values())
    return size + sum(map(len, output.get("traceback") or [])) + len(output.get("text") or "")
