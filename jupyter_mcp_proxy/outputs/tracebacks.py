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
    for run in _runs(text):
        line = run.line(handle, base)
        if len(line) >= run.end - run.start:
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
    """Frames of libraries that follow each other."""

    start: int
    end: int
    bar: str
    names: list[str]
    blank: bool = False
    """Whether an empty line ends it."""

    def line(self, handle: str, base: int) -> str:
        """What stands in their place."""
        count = f"{len(self.names)} frame{'s' if len(self.names) > 1 else ''}"
        call = f"{handle[:-1]}, offset={base + self.start})" if handle.endswith(")") else handle
        told = f"{self.bar}… {count} in {', '.join(dict.fromkeys(self.names))}; {call} shows them\n"
        return told + "\n" if self.blank else told


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
