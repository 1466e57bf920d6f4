"""YAML, as goose keeps its settings: blocks by their indentation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml

from .entries import Entry, NotEditable, newline_of


def read(text: str) -> Mapping[str, Any]:
    """What a text says. Raises NotEditable."""
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise NotEditable(f"it is not YAML: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise NotEditable("it holds no mapping")
    return content


def edit(text: str, entry: Entry) -> str:
    """A text with the entry's block in it, or without. Raises NotEditable."""
    (key,) = entry.keys
    newline = newline_of(text)
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += newline
    root = yaml.compose(text)
    held = None if root is None else _held(root, key)
    if held is None:
        if entry.value is None:
            return text
        return "".join([*lines, key + ":" + newline, *_block(entry, "  ", newline)])
    label, servers = held
    if isinstance(servers, yaml.MappingNode) and servers.value and not servers.flow_style:
        return "".join(_in_block(lines, servers, entry, newline))
    if entry.value is None:
        return text
    if isinstance(servers, yaml.MappingNode) and servers.value:
        raise NotEditable(f"{key!r} in it is written on one line")
    # Nothing is in it: what says so, as `{}` does, gives way to a block.
    line = label.end_mark.line
    rest = lines[line][servers.end_mark.column :] if servers.end_mark.line == line else newline
    empty = servers.start_mark.line != line or servers.start_mark.index == servers.end_mark.index
    lines[line] = lines[line] if empty else lines[line][: label.end_mark.column] + ":" + (rest.rstrip("\r\n") + newline)
    indent = " " * label.start_mark.column + "  "
    return "".join([*lines[: line + 1], *_block(entry, indent, newline), *lines[line + 1 :]])


def _held(root: yaml.Node, key: str) -> tuple[yaml.Node, yaml.Node] | None:
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        raise NotEditable("it is written on one line")
    return next(((name, value) for name, value in root.value if name.value == key), None)


def _in_block(lines: list[str], servers: yaml.MappingNode, entry: Entry, newline: str) -> list[str]:
    indent = " " * servers.value[0][0].start_mark.column
    made = [] if entry.value is None else _block(entry, indent, newline)
    index = next((index for index, (name, _) in enumerate(servers.value) if name.value == entry.name), None)
    if index is None:
        at = _last_line(lines, servers.value[-1]) + 1
        return [*lines[:at], *made, *lines[at:]]
    begin = servers.value[index][0].start_mark.line
    end = _last_line(lines, servers.value[index]) + 1
    if not made and len(servers.value) == 1:
        made = [indent + "{}" + newline]
    return [*lines[:begin], *made, *lines[end:]]


def _last_line(lines: list[str], pair: tuple[yaml.Node, yaml.Node]) -> int:
    """The last line that says something of a key's value."""
    key, value = pair
    node: yaml.Node = value
    while isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    end = node.end_mark
    line = end.line - 1 if end.column == 0 and end.line > node.start_mark.line else end.line
    line = max(min(line, len(lines) - 1), key.start_mark.line)
    while line > key.start_mark.line and not lines[line].strip():
        line -= 1
    return int(line)


def _block(entry: Entry, indent: str, newline: str) -> list[str]:
    return [line + newline for line in rendered(entry.name, entry.value, indent)]


def rendered(name: str, value: Any, indent: str) -> list[str]:
    """A key and its value as lines. JSON's strings are YAML's, too; plain words stand as they are."""
    label = f"{indent}{_word(name)}:"
    if isinstance(value, Mapping) and value:
        return [label, *(line for key, each in value.items() for line in rendered(key, each, indent + "  "))]
    return [f"{label} {_word(value)}"]


def _word(value: Any) -> str:
    if isinstance(value, str) and value.replace(" ", "").replace("_", "").replace("-", "").isalpha():
        plain = yaml.safe_load(value)
        return value if plain == value and value.isascii() else json.dumps(value)
    return json.dumps(value, ensure_ascii=False)
