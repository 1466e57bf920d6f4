"""How outputs are told to a model that pays per token. Pure.

Text first, in one copy, within a budget: tracebacks without the insides of libraries, head and tail, what is left
out, and how to read the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

from .changes import Output
from .rich import joined
from .text import output_text, strip_ansi
from .tracebacks import Folded, fold
from .transcript import Transcript

HEAD_SHARE = 0.6
LEAST_SAVED = 300
"""Characters that a cut must save: what is cut costs another call."""
WINDOW = 128 * 1024
"""Of a longer transcript only so much at its beginning and at its end is looked at."""


def within_budget(transcript: Transcript, start: int, budget: int, handle: str, outputs: Sequence[Output] = ()) -> str:
    """The transcript from `start` on in at most about `budget` characters.

    `handle` is the call that reads the rest, such as `read_output(execution="x1")`. The lines of the errors among
    `outputs` are told whatever is left out.
    """
    end = len(transcript)
    window = max(WINDOW, 2 * budget)
    errors = error_lines(outputs)
    if end - start <= 2 * window:
        return _cut(fold(transcript.read(start, end - start), handle, start), budget, handle, errors)
    head = transcript.read(start, window)
    tail = transcript.read(end - window, window)
    begin = tail.find("\n") + 1
    if begin > window // 2:  # one line without an end
        begin = 0
    first = fold(head, handle, start)
    last = fold(tail[begin:], handle, end - window + begin)
    unread = (start + window, end - window + begin)
    line = _left_out(unread[1] - unread[0], unread[0], handle, first.text)
    places = [(len(first.text), unread[0])]
    places += [(now + len(first.text) + len(line), then) for now, then in last.places]
    return _cut(Folded(first.text + line + last.text, first.places + places), budget, handle, errors)


def told(outputs: Sequence[Output], budget: int, handle: str) -> str:
    """What stored outputs say, in at most about `budget` characters."""
    text = "".join(block if block.endswith("\n") else block + "\n" for block in map(output_text, outputs))
    return _cut(fold(text, handle), budget, handle, error_lines(outputs)).rstrip("\n")


def cut(text: str, budget: int, handle: str) -> str:
    """Like `within_budget`, for a text at hand."""
    return _cut(Folded(text), budget, handle, (), offsets=False)


def error_lines(outputs: Sequence[Output]) -> list[str]:
    """What the line says that has the error, of each error among outputs."""
    lines = []
    for output in outputs:
        if output.get("output_type") == "error":
            message = strip_ansi(joined(output.get("evalue", ""))).strip().split("\n")[0].rstrip()
            lines.append(message or strip_ansi(joined(output.get("ename", ""))))
    return [line for line in lines if line]


def _cut(folded: Folded, budget: int, handle: str, errors: Sequence[str], *, offsets: bool = True) -> str:
    """Head, lines of errors, and tail, cut at the ends of lines."""
    text = folded.text
    if len(text) - budget < LEAST_SAVED:
        return text
    kept = [(start, end if end - start <= budget else start + budget // 2) for start, end in _lines_with(text, errors)]
    room = max(budget - sum(end - start for start, end in kept), budget // 4)
    head = _line_end(text, int(room * HEAD_SHARE))
    tail = _line_start(text, len(text) - (room - int(room * HEAD_SHARE)))
    between = [(start, end) for start, end in kept if end > head and start < tail]
    said, at = "", 0
    for start, end in _joined([(0, head), *between, (tail, len(text))]):
        if start > at:
            begin = folded.original(at)
            missing = folded.original(start) - begin
            said += _left_out(missing, begin if offsets else None, handle, said)
        said += text[start:end]
        at = end
    return said


def _left_out(missing: int, begin: int | None, handle: str, before: str) -> str:
    """The line that stands for what is left out."""
    how = (
        f"{handle} with offset={begin} reads them"
        if begin is not None and handle[-1:] == ")"
        else f"{handle} reads them"
    )
    return f"{'' if before[-1:] == chr(10) else chr(10)}… {missing:,} characters left out; {how} …\n"


def _joined(pieces: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same pieces, those in one that are not worth being parted."""
    joined: list[tuple[int, int]] = []
    for start, end in pieces:
        if joined and start - joined[-1][1] < LEAST_SAVED:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _lines_with(text: str, errors: Sequence[str]) -> list[tuple[int, int]]:
    """The last line in which each error is told."""
    found = []
    for error in errors:
        at = text.rfind(error[:200])
        if at >= 0:
            end = text.find("\n", at) + 1 or len(text)
            found.append((text.rfind("\n", 0, at) + 1, end))
    return sorted(set(found))


def _line_end(text: str, position: int) -> int:
    """The end of a line at or before a position; the position itself within a line that is long."""
    end = text.rfind("\n", 0, position) + 1
    return end if end >= position // 2 and end else position


def _line_start(text: str, position: int) -> int:
    """The start of a line at or after a position; the position itself within a line that is long."""
    start = text.find("\n", position - 1) + 1
    return start if start and start - position <= (len(text) - position) // 2 else position
