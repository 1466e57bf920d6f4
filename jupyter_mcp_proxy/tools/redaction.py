"""What the audit says of a call's arguments: their structure, without what a person or a model wrote.

Pure. A parameter that is not known to be structure is content: a new tool must say which of its texts may be kept
(a test asks), and what a client makes up is not kept either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

PATHS = frozenset({"notebook", "path", "to"})
"""Parameters that are paths."""
NAMES = frozenset(
    {
        "cell", "cells", "start", "after", "cell_type", "if_hash", "execution", "kernel", "kernelspec", "outputs",
        "until", "media", "images", "only",
    }
)  # fmt: skip
"""Parameters that name something: a cell, a kernel, one of a few words."""
CONTENTS = frozenset({"metadata", "source", "code", "content", "search", "grep", "pattern", "old", "new"})
"""Parameters that hold what was written: only their length is kept."""
SECRETS = frozenset({"stdin"})
"""Parameters that may hold a password: only how many there are is kept, also where contents are wanted."""

LONGEST_PATH = 1000
LONGEST_CONTENT = 10_000
"""Characters of a text that are kept where contents are wanted."""
MOST_ITEMS = 100
MOST_VALUES = 500
"""Values of a call that are described; what is nested deeper or longer has no use and would fill the disk."""
DEEPEST = 6

_NAME = re.compile(r"[\w.-]{1,100}\Z", re.ASCII)


def described(arguments: dict[str, Any], *, contents: bool = False) -> dict[str, Any]:
    """The arguments for the audit: texts that are content become `{"chars": n}`, numbers and names stay."""
    arguments = {name: _counted(value) if name in SECRETS else value for name, value in arguments.items()}
    left = iter(range(MOST_VALUES))
    told: Any = _kept(arguments, 0, left) if contents else _structure(arguments, "", 0, left)
    return told if isinstance(told, dict) else {}


def _counted(value: Any) -> Any:
    return {"items": len(value)} if isinstance(value, list) else None if value is None else {"left_out": True}


def _structure(value: Any, parameter: str, depth: int, left: Iterator[int]) -> Any:
    if next(left, None) is None:
        return {"left_out": True}
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        path = parameter in PATHS and len(value) <= LONGEST_PATH
        name = parameter in NAMES and _NAME.match(value)
        return value if path or name else {"chars": len(value)}
    if depth >= DEEPEST:
        return {"left_out": True}
    if isinstance(value, dict) and parameter in CONTENTS:
        return {"items": len(value)}
    if isinstance(value, dict):
        known = {str(key): each for key, each in list(value.items())[:MOST_ITEMS]}
        return {_parameter(key): _structure(each, key, depth + 1, left) for key, each in known.items()}
    if isinstance(value, list):
        if len(value) > MOST_ITEMS:
            return {"items": len(value)}
        return [_structure(each, parameter, depth + 1, left) for each in value]
    return {"type": type(value).__name__}


def _parameter(key: str) -> str:
    """A parameter's name; one that a client made up may be anything."""
    return key if len(key) <= 40 and key.isidentifier() and key.isascii() else f"({len(key)} chars)"


def _kept(value: Any, depth: int, left: Iterator[int]) -> Any:
    if next(left, None) is None:
        return {"left_out": True}
    if isinstance(value, str):
        rest = len(value) - LONGEST_CONTENT
        return value if rest <= 0 else f"{value[:LONGEST_CONTENT]}… {rest} more characters"
    if depth >= DEEPEST and isinstance(value, (dict, list)):
        return {"left_out": True}
    if isinstance(value, dict):
        return {str(key)[:100]: _kept(each, depth + 1, left) for key, each in list(value.items())[:MOST_ITEMS]}
    if isinstance(value, list):
        return [_kept(each, depth + 1, left) for each in value[:MOST_ITEMS]]
    return value
