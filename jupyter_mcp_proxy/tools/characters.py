"""Texts that come from a client, or go to it: what no file, kernel, URL or message can hold stays at the door."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

from ..errors import BadValue

_HALF = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029]")
_UNUSABLE = re.compile("[\0\ud800-\udfff]")


LONGEST_PATH = 3000
LONGEST_NAME = 255
"""Bytes of a path, and of a name in it. Linux has 4,096 for all of it, the server's root with it, and 255 for a name;
of longer ones Jupyter (2.21) answers 500, with a traceback in its log, and beyond 64 kB there is no URL of it."""


def is_usable(text: str) -> bool:
    """Whether a text has no NUL and no half of a surrogate pair, which JSON can say and UTF-8 cannot."""
    return _UNUSABLE.search(text) is None


def check_texts(parameter: str, value: object) -> None:
    """Raise BadValue where a text anywhere in a value cannot be used."""
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            left += [*each, *each.values()]
        elif isinstance(each, list):
            left += each
        elif isinstance(each, str) and (found := _UNUSABLE.search(each)) is not None:
            around = each[max(0, found.start() - 20) : found.end() + 20]
            raise BadValue(parameter, around, "text without NUL and without half a surrogate pair; nothing was done")


def check_path(parameter: str, path: str) -> None:
    """Raise BadValue for a path that is longer than any file's."""
    longest = max(len(part.encode("utf-8", "replace")) for part in path.replace("\\", "/").split("/"))
    if longest > LONGEST_NAME or len(path.encode("utf-8", "replace")) > LONGEST_PATH:
        expected = f"a path of at most {LONGEST_PATH:,} bytes, and at most {LONGEST_NAME} of each name in it"
        raise BadValue(parameter, path, f"{expected}; list_files shows what there is")


async def send_in_utf8(ctx: ServerRequestContext[Any, Any], call_next: Callable[..., Awaitable[Any]]) -> Any:
    """A middleware: what is answered can be sent, whatever names and texts it has; halves are told as `\\udc80`.

    A file name that is no UTF-8 has them (jupyter/notebook#223), and clients take none of an answer with one in it.
    """
    try:
        return sendable(await call_next(ctx))
    except MCPError as error:
        if _HALF.search(error.error.message) is None:
            raise
        raise MCPError(error.error.code, sendable(error.error.message), sendable(error.error.data)) from error


def sendable(value: Any) -> Any:
    """A value of JSON without half a surrogate pair anywhere; the same one where it had none."""
    if isinstance(value, str):
        return value if value.isascii() or _HALF.search(value) is None else _HALF.sub(_escape, value)
    if isinstance(value, list):
        return [sendable(each) for each in value]
    if isinstance(value, dict):
        return {sendable(name): sendable(each) for name, each in value.items()}
    return value


def on_one_line(name: str) -> str:
    """A file's name as it is told: what would end the line, or move what reads it, is an escape, as JSON has it."""
    return _CONTROL.sub(_escape, name)


def _escape(found: re.Match[str]) -> str:
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(found[0], f"\\u{ord(found[0]):04x}")
