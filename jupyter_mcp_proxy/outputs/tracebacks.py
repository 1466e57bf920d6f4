"""Tracebacks as a model needs them: its own frames and the exceptions, without the insides of libraries. Pure.

What is stored, and what `read_output` reads, keeps all of it. Only Python's own form and IPython's are known here;
what other kernels say of an error does not look like either, and passes as it is.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

_BAR = r"(?P<bar>[ ]*\|[ ])?"
"""What an ExceptionGroup's parts stand behind."""
_PLAIN = re.compile(_BAR + r'(?P<indent> *)File "(?P<path>[^"\n]{1,1000})", line \d+, in ')
_IPYTHON = re.compile(r" {0,2}File (?P<path>[^\n\"]{1,1000}?):\d+,? in ")
_IPYTHON_7 = re.compile(r"(?P<path>(?:~|/|[A-Z]:\\)[^\n\"]{1,1000}?\.pyx?) in [\w<]")
_OURS = re.compile(r" {0,2}(?:File |Cell In|Input In|<ipython-input-)")

_PERIODS = (1, 2, 3)
"""How many frames of a recursion may take turns."""

_PLACES = (
    re.compile(r"[\\/](?:site|dist)-packages[\\/](?P<name>[^\\/]+)"),
    re.compile(r"[\\/]lib(?:64)?[\\/](?:python|pypy)\d[\d.]*[\\/](?P<name>[^\\/]+)"),
    re.compile(r"\\Lib\\(?P<name>[^\\/]+)"),
    re.compile(r"<frozen (?P<name>\w+)"),
    re.compile(r"<__array_function__ (?P<name>internals)>"),
)
"""Where what is no code of the notebook's lies, and which part of the path names it."""


@dataclass
class Folded:
    """A text, and where each of its characters was before it was folded."""

    text: str
    places: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])
    """Positions in `text`, each with the one that it was folded from; between two of them both grow alike."""

    def original(self, position: int) -> int:
        """Where a position was before."""
        now, then = self.places[bisect_right(self.places, (position, 1 << 62)) - 1]
        return then + position - now


def library(path: str, function: str = "") -> str | None:
    """The library that a file belongs to, by the way that it is spelled; None for the notebook's own.

    Compiled code names its source from its root (pandas 3) or not even that (pandas 2), and its functions in full.
    """
    if path.endswith((".pyx", ".pxi", ".pxd")) and "packages" not in path:
        return path.split("/")[0] if "/" in path else function.split(".")[0].strip() or path
    for place in _PLACES:
        found = place.search(path)
        if found is not None:
            name = re.sub(r"\.pyx?\Z", "", found["name"])
            return "numpy" if name == "internals" else name
    return None


def fold(text: str, handle: str, base: int = 0) -> Folded:
    """A text whose frames inside libraries are a line where that is shorter; `handle` is the call that reads them.

    `base` is where the text begins in what the handle reads.
    """
    if "File " not in text and " in " not in text:
        return Folded(text, [(0, base)])
    folded = Folded("", [(0, base)])
    parts: list[str] = []
    length = at = 0
    for run in sorted([*_runs(text), *_repeats(text)], key=lambda run: run.start):
        line = run.line(handle, base)
        if len(line) >= run.end - run.start or run.start < at:
            continue
        parts += [text[at : run.start], line]
        length += run.start - at
        folded.places.append((length, base + run.start))
        length += len(line)
        folded.places.append((length, base + run.end))
        at = run.end
    folded.text = "".join([*parts, text[at:]])
    return folded


@dataclass
class _Run:
    """Frames that follow each other: of libraries, or alike."""

    start: int
    end: int
    bar: str
    names: list[str]
    blank: bool = False
    """Whether an empty line ends it."""
    alike: int = 0
    """How many frames repeat those before them; 0 for frames of libraries."""

    def line(self, handle: str, base: int) -> str:
        """What stands in their place."""
        count = self.alike or len(self.names)
        said = f"{count} frame{'s' if count > 1 else ''}"
        said += " like these" if self.alike else f" in {', '.join(dict.fromkeys(self.names))}"
        call = f"{handle[:-1]}, offset={base + self.start})" if handle.endswith(")") else handle
        told = f"{self.bar}… {said}; {call} shows them\n"
        return told + "\n" if self.blank else told


def _repeats(text: str) -> Iterator[_Run]:
    """The frames of recursions, but the first of them: IPython 9.18 writes each, earlier ones fold them."""
    frames: list[tuple[int, int]] = []
    first: int | None = None
    for start, line in _lines(text):
        if line.strip():
            if first is None and frames and not _OURS.match(line):
                yield from _alike(text, frames)
                frames = []
            first = start if first is None and _OURS.match(line) else first
        elif first is not None:
            frames.append((first, start + len(line)))
            first = None
    yield from _alike(text, frames)


def _alike(text: str, frames: list[tuple[int, int]]) -> Iterator[_Run]:
    """The runs of frames that repeat those before them, in frames that follow each other."""
    said = [text[start:end] for start, end in frames]
    at = 0
    while at < len(said):
        for period in _PERIODS:
            more = at + period
            while more < len(said) and said[more] == said[more - period]:
                more += 1
            repeated = (more - at) // period * period - period
            if repeated > 0:
                start = frames[at + period][0]
                at += period + repeated
                yield _Run(start, frames[at - 1][1], "", [], True, repeated)
                break
        else:
            at += 1


def _runs(text: str) -> Iterator[_Run]:
    """The runs of frames inside libraries, in order."""
    run: _Run | None = None
    inside = ""
    """What kind of library frame the lines belong to; nothing outside."""
    deeper = ""
    """What the lines of a plain frame begin with."""
    for start, line in _lines(text):
        end = start + len(line)
        frame = _frame(line)
        if frame is not None:
            kind, bar, indent, name = frame
            deeper = f"{bar}{indent}  "
            if name is None:
                if run is not None:
                    yield run
                run, inside = None, ""
                continue
            if run is not None and run.bar != bar:
                yield run
                run = None
            if run is None:
                run = _Run(start, end, bar, [])
            run.names.append(name)
            run.end, run.blank, inside = end, False, kind
        elif run is None:
            continue
        elif line.strip(" |\n") and (inside == "ipython" or (inside == "plain" and line.startswith(deeper))):
            run.end = end
        elif inside == "ipython":  # an empty line ends a frame, and another may follow
            run.end, run.blank, inside = end, True, "between"
        else:
            yield run
            run, inside = None, ""
    if run is not None:
        yield run


def _frame(line: str) -> tuple[str, str, str, str | None] | None:
    """Of a frame's first line its kind, the bar and the indent before it, and the library; None for other lines."""
    if found := _PLAIN.match(line):
        return "plain", found["bar"] or "", found["indent"], library(found["path"], line[found.end() :])
    if found := _IPYTHON.match(line) or _IPYTHON_7.match(line):
        return "ipython", "", "", library(found["path"], line[found.end() :])
    return ("ours", "", "", None) if _OURS.match(line) else None


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Each line with its end, and where it begins."""
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield start, text[start:end]
        start = end
