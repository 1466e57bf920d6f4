"""Texts that come from a client: what no file, kernel or URL can hold is refused at the door."""

from __future__ import annotations

import re

from ..errors import BadValue

_UNUSABLE = re.compile("[\0\ud800-\udfff]")


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
