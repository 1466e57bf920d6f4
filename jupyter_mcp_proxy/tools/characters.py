"""Texts that come from a client: what no file, kernel or URL can hold is refused at the door."""

from __future__ import annotations

import re

from ..errors import BadValue

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
