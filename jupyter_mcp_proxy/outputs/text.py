"""What an output says, as text. Pure."""

from __future__ import annotations

import re

from .changes import Output
from .rich import bundle, bundle_text
from .rich import joined as joined

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_MOVES = re.compile(r"(\r|\x08+)")
"""What moves a terminal's cursor within a line: Keras draws bars with it, R's help bold and underlined words."""


def strip_ansi(text: str) -> str:
    """Text without terminal escape sequences."""
    return _ANSI.sub("", text) if "\x1b" in text else text


def overwrite_line(line: str) -> str:
    """What a terminal shows of a line with carriage returns and backspaces: what was written last over the rest."""
    if "\r" not in line and "\b" not in line:
        return line
    shown, at = "", 0
    for part in _MOVES.split(line):
        if part == "\r":
            at = 0
        elif part.startswith("\b"):
            at = max(0, at - len(part))
        elif part:
            shown = shown[:at] + part + shown[at + len(part) :]
            at += len(part)
    return shown


def screen(text: str) -> str:
    """What a terminal shows of a text in the end."""
    return "\n".join(map(overwrite_line, strip_ansi(text).replace("\r\n", "\n").split("\n")))


def output_text(output: Output) -> str:
    """All that an output says, as text; an image is named in it."""
    kind = output.get("output_type")
    if kind == "stream":
        return screen(joined(output.get("text", "")))
    if kind == "error":
        trace = output.get("traceback") or []
        said = strip_ansi("\n".join(map(str, trace)) if isinstance(trace, list) else str(trace))
        return said or f"{output.get('ename')}: {output.get('evalue')}"
    return screen(bundle_text(bundle(output)))
