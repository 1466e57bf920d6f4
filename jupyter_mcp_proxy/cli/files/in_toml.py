"""TOML, as Codex keeps its settings: tables by their headings."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from typing import Any

from .entries import Entry, NotEditable, newline_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_HEADING = re.compile(r"[ \t]*\[{1,2}[ \t]*([^\]\r\n#]+?)[ \t]*\]{1,2}[ \t]*(?:#.*)?$")
_WORD = re.compile(r"[A-Za-z0-9_-]+")


def read(text: str) -> Mapping[str, Any]:
    """What a text says. Raises NotEditable."""
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        raise NotEditable(f"it is not TOML: {error}") from error


def edit(text: str, entry: Entry) -> str:
    """A text with the entry's tables in it, or without."""
    newline = newline_of(text)
    lines = text.splitlines(keepends=True)
    mine = _mine(lines, (*entry.keys, entry.name))
    at = mine[0][0] if mine else len(lines)
    for begin, end in reversed(mine):
        del lines[begin:end]
    if entry.value is None:
        if mine and at == len(lines):  # the blank line that stood before it at the end
            while len(lines) > 1 and not lines[-1].strip():
                lines.pop()
        elif mine and at and not lines[at - 1].strip() and not lines[at].strip():
            del lines[at]
        return "".join(lines)
    made = [line + newline for line in rendered((*entry.keys, entry.name), entry.value)]
    if not mine:
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += newline
        made = ([newline] if lines and lines[-1].strip() else []) + made
    return "".join([*lines[:at], *made, *lines[at:]])


def rendered(keys: tuple[str, ...], value: Mapping[str, Any]) -> list[str]:
    """A table's lines. JSON's strings and lists of them are TOML's, too."""
    path = ".".join(key if _WORD.fullmatch(key) else json.dumps(key) for key in keys)
    return [f"[{path}]", *(f"{name} = {_value(each)}" for name, each in value.items())]


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{name} = {_value(each)}" for name, each in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def _mine(lines: list[str], keys: tuple[str, ...]) -> list[tuple[int, int]]:
    """Where the table and those below it stand: from each heading to the last line that says something."""
    headings = [(index, found[1]) for index, line in enumerate(lines) if (found := _HEADING.match(line.rstrip("\r\n")))]
    mine = []
    for number, (index, name) in enumerate(headings):
        if _path(name)[: len(keys)] != keys:
            continue
        end = headings[number + 1][0] if number + 1 < len(headings) else len(lines)
        # What stands right before the next heading, behind a blank line, is about that one.
        while end > index + 1 and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
            end -= 1
        mine.append((index, end))
    return mine


def _path(heading: str) -> tuple[str, ...]:
    """The keys of a heading; none for one that is written in a way that we do not read."""
    parts = re.findall(r"\"((?:[^\"\\]|\\.)*)\"|'([^']*)'|([A-Za-z0-9_-]+)", heading)
    return tuple("".join(part) for part in parts)
