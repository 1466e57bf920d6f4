"""What an output says, as text. Pure."""

from __future__ import annotations

import html
import json
import re
from typing import Any

from .changes import Output

IMAGE_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")

_TEXT_TYPES = ("text/plain", "text/markdown", "text/latex", "application/json")
_TAG = re.compile(r"<[^<>]+>")
_CODE = re.compile(r"<(/?)(script|style)\b[^<>]*>", re.IGNORECASE)


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


def joined(value: Any) -> str:
    """nbformat's multi-line strings are strings or lists of them."""
    return "".join(value) if isinstance(value, list) else str(value)


def output_text(output: Output) -> str:
    """All that an output says, as text; an image is named in it."""
    kind = output.get("output_type")
    if kind == "stream":
        return screen(joined(output.get("text", "")))
    if kind == "error":
        trace = strip_ansi("\n".join(output.get("traceback") or []))
        return trace or f"{output.get('ename')}: {output.get('evalue')}"
    data: dict[str, Any] = output.get("data") or {}
    image = next((media for media in IMAGE_TYPES if media in data), None)
    if image is not None:
        alternative = joined(data.get("text/plain", "")).strip()
        return f"[{image}{' ' + alternative if alternative else ''}]"
    for media in _TEXT_TYPES:
        if media in data:
            value = data[media]
            if media == "application/json":
                return json.dumps(value, ensure_ascii=False)
            return screen(joined(value))
    if "text/html" in data:
        return html_text(joined(data["text/html"]))
    return f"[{', '.join(data) or 'empty output'}]"


def html_text(markup: str) -> str:
    """The words of an HTML fragment, for where nothing plainer came with it. Takes time in proportion to its length."""
    told: list[str] = []
    for line in html.unescape(_TAG.sub(" ", _without_code(markup))).split("\n"):
        if line.strip():
            told.append(line.rstrip())
        elif told and told[-1]:
            told.append("")
    return "\n".join(told).strip()


def _without_code(markup: str) -> str:
    """Markup without its scripts and styles; one that is not closed takes all that follows, as in a browser."""
    words: list[str] = []
    inside, position = "", 0
    for tag in _CODE.finditer(markup):
        ends, name = bool(tag[1]), tag[2].lower()
        if not inside and not ends:
            words.append(markup[position : tag.start()])
            inside = name
        elif ends and name == inside:
            inside, position = "", tag.end()
    return " ".join(words if inside else [*words, markup[position:]])
