"""What a terminal shows of a text that moves its cursor. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_IN_LINE = re.compile(r"(\r|\x08+)")
"""What moves the cursor within a line: Keras draws bars with it, R's help bold and underlined words."""
_MOVE = re.compile(r"\x1b\[[0-9]*[A-GJK]")
"""What moves it to other lines or erases: nested bars of tqdm go up, rich erases what it has drawn before."""
_NO_MOVE = re.compile(rf"(?!{_MOVE.pattern}){_ANSI.pattern}")
_TOKEN = re.compile(rf"\r?\n|\r|\x08+|{_MOVE.pattern}")

REACH = 100
"""Lines that the cursor can go up from the last one: terminals do not reach what has left the screen."""
WIDEST = 10_000
"""The column that it can be sent to; writing there fills the line up to it."""


def strip_ansi(text: str) -> str:
    """Text without terminal escape sequences."""
    return _ANSI.sub("", text) if "\x1b" in text else text


def moves(text: str) -> bool:
    """Whether it moves the cursor by more than `\\r` and `\\b`, which stay in their line."""
    return "\x1b" in text and _MOVE.search(text) is not None


def overwrite_line(line: str) -> str:
    """What a terminal shows of a line with carriage returns and backspaces: what was written last over the rest."""
    return overwritten(line)[0]


def overwritten(line: str) -> tuple[str, int]:
    """What a terminal shows of a line, and the column at which its cursor stands then."""
    if "\r" not in line and "\b" not in line:
        return line, len(line)
    shown, at = "", 0
    for part in _IN_LINE.split(line):
        if part == "\r":
            at = 0
        elif part.startswith("\b"):
            at = max(0, at - len(part))
        elif part:
            shown = shown[:at] + part + shown[at + len(part) :]
            at += len(part)
    return shown, at


def screen(text: str) -> str:
    """What a terminal shows of a text in the end."""
    if moves(text):
        terminal = Terminal()
        terminal.write(text)
        return "\n".join(terminal.shown)
    return "\n".join(map(overwrite_line, strip_ansi(text).replace("\r\n", "\n").split("\n")))


class Terminal:
    """Lines, and a cursor in them. `above` gives the line over the first, where the cursor goes there, or None."""

    def __init__(
        self, lines: list[str] | None = None, column: int = 0, above: Callable[[], str | None] = lambda: None
    ) -> None:
        self.lines = lines or [""]
        self.row = 0
        self.column = column
        self._above = above
        self._added: list[str] = []
        """What was written at the end of the cursor's line, and is not in it yet: long lines come in many pieces."""

    @property
    def shown(self) -> list[str]:
        """The lines, without empty ones below the cursor, and without blanks at their ends but those before it."""
        self._join()
        end = len(self.lines)
        while end > self.row + 1 and not self.lines[end - 1].strip():
            end -= 1
        kept = [self.column if row == self.row else 0 for row in range(end)]
        return [line[:at] + line[at:].rstrip(" ") for line, at in zip(self.lines, kept, strict=False)]

    def write(self, text: str) -> None:
        """Take what is written."""
        text = _NO_MOVE.sub("", text)
        at = 0
        for found in _TOKEN.finditer(text):
            if found.start() > at:
                self._put(text[at : found.start()])
            at = found.end()
            self._obey(found[0])
        if at < len(text):
            self._put(text[at:])
        self._join()

    def _put(self, text: str) -> None:
        if not self._added:
            line = self.lines[self.row]
            if self.column < len(line):
                self.lines[self.row] = line[: self.column] + text + line[self.column + len(text) :]
                self.column += len(text)
                return
            if self.column > len(line):
                self._added.append(" " * (self.column - len(line)))
        self._added.append(text)
        self.column += len(text)

    def _join(self) -> None:
        if self._added:
            self.lines[self.row] += "".join(self._added)
            self._added.clear()

    def _obey(self, token: str) -> None:
        kind = token[-1]
        count = min(int(token[2:-1][:6] or 1) or 1, WIDEST) if token[0] == "\x1b" else len(token)
        if kind == "K" and token[2:-1] in ("", "0") and self._added:
            return  # there is nothing behind the cursor
        self._join()
        if kind == "\n":
            self._down(1, grows=True)
            self.column = 0
        elif kind == "\r":
            self.column = 0
        elif kind in ("\b", "D"):
            self.column = max(0, self.column - count)
        elif kind == "C":
            self.column = min(self.column + count, WIDEST)
        elif kind == "G":
            self.column = max(0, count - 1)
        elif kind in "AF":
            self._up(count)
            self.column = self.column if kind == "A" else 0
        elif kind in "BE":
            self._down(count)
            self.column = self.column if kind == "B" else 0
        else:
            self._erase(kind, token[2:-1])

    def _up(self, count: int) -> None:
        for _ in range(min(count, REACH)):
            if len(self.lines) - self.row > REACH:
                return
            if self.row > 0:
                self.row -= 1
                continue
            line = self._above()
            if line is None:
                return
            self.lines.insert(0, line)

    def _down(self, count: int, *, grows: bool = False) -> None:
        if grows and self.row == len(self.lines) - 1:
            self.lines.append("")
        self.row = min(self.row + count, len(self.lines) - 1)

    def _erase(self, kind: str, which: str) -> None:
        """A line, or all from the cursor on. What clears a whole screen clears nothing: above is what others wrote."""
        line = self.lines[self.row]
        if which in ("", "0"):
            self.lines[self.row] = line[: self.column]
            if kind == "J":
                del self.lines[self.row + 1 :]
        elif kind == "K" and which == "1":
            self.lines[self.row] = " " * min(self.column + 1, len(line)) + line[self.column + 1 :]
        elif kind == "K":
            self.lines[self.row] = ""
