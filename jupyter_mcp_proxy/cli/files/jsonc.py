"""JSON with comments and trailing commas, as editors keep their settings: read with positions, changed at one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .entries import Entry, NotEditable, newline_of

_SKIPPED = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_SCALAR = re.compile(r'"(?:[^"\\\n]|\\.)*"|[^\s,\]}\[{:"/]+')
_REST_OF_LINE = re.compile(r"[ \t]*(?:/\*[^\n]*?\*/[ \t]*)*(?://[^\r\n]*)?(?=\r?\n)")


@dataclass
class Node:
    """A value and where it stands."""

    start: int
    end: int = 0
    value: Any = None
    members: list[Member] = field(default_factory=list)
    """Of an object or a list."""


@dataclass
class Member:
    """What an object or a list holds: where it begins (at its key), and its value."""

    start: int
    key: str | None
    node: Node
    comma: int | None = None
    """Where the comma behind it is."""


def read(text: str) -> Mapping[str, Any]:
    """What a text says; nothing, for one without anything. Raises NotEditable."""
    root = _root(text)
    return {} if root is None else root.value


def edit(text: str, entry: Entry) -> str:
    """A text with the entry in it, or without. Raises NotEditable."""
    root = _root(text)
    newline = newline_of(text)
    if root is None:
        made = json.dumps(_nested(entry, len(entry.keys)), indent=2, ensure_ascii=False).replace("\n", newline)
        return (text.rstrip() + newline if text.strip() else "") + made + newline
    node, depth = root, 0
    for key in entry.keys:
        inner = next((member.node for member in reversed(node.members) if member.key == key), None)
        if inner is None:
            break
        if inner.value is None and entry.value is not None:
            made = _rendered(_nested(entry, depth, below=True), text, inner.start)
            return text[: inner.start] + made + text[inner.end :]
        node, depth = inner, depth + 1
    if depth < len(entry.keys):
        return (
            text if entry.value is None else _insert(text, node, entry.keys[depth], _nested(entry, depth, below=True))
        )
    found = [
        member
        for member in node.members
        if (entry.is_named(member.node.value) if entry.listed else member.key == entry.name)
    ]
    if entry.value is None:
        for member in reversed(found):
            text = _remove(text, node, member)
        return text
    if not found:
        return _insert(text, node, None if entry.listed else entry.name, entry.value)
    old = found[-1].node
    return text[: old.start] + _rendered(entry.value, text, old.start) + text[old.end :]


def _nested(entry: Entry, depth: int, below: bool = False) -> Any:
    """The entry with what leads to it: all of it, or what is below a depth."""
    value: Any = [entry.value] if entry.listed else {entry.name: entry.value}
    for key in reversed(entry.keys[depth + 1 :] if below else entry.keys):
        value = {key: value}
    return value


# -- changing -----------------------------------------------------------------------------------------


def _rendered(value: Any, text: str, at: int, indent: str | None = None) -> str:
    """A value as it is written in this text: in the same style, and indented as the line is in which it begins."""
    if "\n" not in text.strip():
        return json.dumps(value, ensure_ascii=False)
    indent = _indent(text, at) if indent is None else indent
    lines = json.dumps(value, indent=_unit(text), ensure_ascii=False).split("\n")
    return newline_of(text).join([lines[0], *(indent + line for line in lines[1:])])


def _unit(text: str) -> str:
    found = re.search(r"\n([ \t]+)[^\s/*]", text)
    return found[1] if found else "  "


def _indent(text: str, at: int) -> str:
    """The blanks at the beginning of a position's line."""
    line = text[text.rfind("\n", 0, at) + 1 :]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _insert(text: str, node: Node, key: str | None, value: Any) -> str:
    """A text with another member at the end of an object or a list."""
    label = "" if key is None else f"{json.dumps(key, ensure_ascii=False)}: "
    newline = newline_of(text)
    if not node.members:
        inside = text[node.start + 1 : node.end - 1]
        if "\n" not in text.strip():
            return text[: node.end - 1] + label + _rendered(value, text, node.start) + text[node.end - 1 :]
        outer = _indent(text, node.start)
        inner = outer + _unit(text)
        made = newline + inner + label + _rendered(value, text, node.start, inner) + newline + outer
        return text[: node.start + 1] + inside.rstrip() + made + text[node.end - 1 :]
    last = node.members[-1]
    if "\n" not in text[node.start : last.start]:  # it begins on its object's line
        made = label + json.dumps(value, ensure_ascii=False)
        at = last.node.end if last.comma is None else last.comma + 1
        return text[:at] + ("" if last.comma is not None else ",") + " " + made + text[at:]
    indent = _indent(text, last.start)
    comma = "" if last.comma is None else ","
    made = newline + indent + label + _rendered(value, text, last.start, indent) + comma
    if last.comma is None:
        text = text[: last.node.end] + "," + text[last.node.end :]
    at = last.node.end + 1 if last.comma is None else last.comma + 1
    rest = _REST_OF_LINE.match(text, at)
    at = rest.end() if rest else at
    return text[:at] + made + text[at:]


def _remove(text: str, node: Node, member: Member) -> str:
    """A text without a member, and without the lines that it had for itself."""
    end = member.node.end if member.comma is None else member.comma + 1
    line = text.rfind("\n", 0, member.start) + 1
    rest = _REST_OF_LINE.match(text, end)
    if not text[line : member.start].strip() and rest and line > node.start:
        # The line's own end goes with it, as the one before the line had the line begin.
        start = line - (2 if text[line - 2 : line] == "\r\n" else 1)
        end = rest.end()
    else:
        start = member.start
        end += len(text[end:]) - len(text[end:].lstrip(" \t")) if member.comma is not None else 0
    text = text[:start] + text[end:]
    if len(node.members) == 1:
        closing = _skip(text, node.start + 1)
        empty = not text[node.start + 1 : closing].strip()  # and no comment either
        return text[: node.start + 1] + text[closing:] if empty else text
    index = node.members.index(member)
    before = node.members[index - 1] if index else None
    if before is not None and member is node.members[-1] and member.comma is None and before.comma is not None:
        after = text[before.comma + 1 : start]
        text = text[: before.comma] + (after if after.strip() else "") + text[start:]
    return text


# -- reading ------------------------------------------------------------------------------------------


def _root(text: str) -> Node | None:
    at = _skip(text, 0)
    if at == len(text):
        return None
    node = _value(text, at)
    if _skip(text, node.end) != len(text):
        raise NotEditable(f"line {_line(text, node.end)} is not JSON: more follows after its end")
    if not isinstance(node.value, dict):
        raise NotEditable("it holds no JSON object")
    return node


def _skip(text: str, at: int) -> int:
    found = _SKIPPED.match(text, at)
    return found.end() if found else at


def _value(text: str, at: int) -> Node:
    if text[at : at + 1] in ("{", "["):
        return _container(text, at)
    found = _SCALAR.match(text, at)
    try:
        value = json.loads(found[0]) if found else None
    except ValueError:
        found = None
    if found is None:
        raise NotEditable(f"line {_line(text, at)} is not JSON")
    return Node(at, found.end(), value)


def _container(text: str, start: int) -> Node:
    is_object = text[start] == "{"
    close = "}" if is_object else "]"
    node = Node(start)
    at = _skip(text, start + 1)
    while text[at : at + 1] != close:
        begin, key = at, None
        if node.members and node.members[-1].comma is None:
            raise NotEditable(f"line {_line(text, at)} is not JSON: a comma is missing before it")
        if is_object:
            name = _value(text, at)
            if not isinstance(name.value, str):
                raise NotEditable(f"line {_line(text, at)} is not JSON: a key is missing")
            key, at = name.value, _skip(text, name.end)
            if text[at : at + 1] != ":":
                raise NotEditable(f"line {_line(text, at)} is not JSON: a colon is missing")
            at = _skip(text, at + 1)
        member = Member(begin, key, _value(text, at))
        node.members.append(member)
        at = _skip(text, member.node.end)
        if text[at : at + 1] == ",":
            member.comma = at
            at = _skip(text, at + 1)
    node.end = at + 1
    node.value = (
        {member.key: member.node.value for member in node.members}
        if is_object
        else [member.node.value for member in node.members]
    )
    return node


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
