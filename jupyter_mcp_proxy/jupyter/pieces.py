"""A stream message that is too long to be taken at once, in pieces. Pure; no sockets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

STREAM_BEGINS = re.compile(rb'\s*\{\s*"name"\s*:\s*"(\w+)"\s*,\s*"text"\s*:\s*"')
"""How the JSON of a stream message's content begins: its text comes last."""
STREAM_ENDS = re.compile(rb'"\s*\}\s*\Z')


def texts(chunks: Iterator[bytes]) -> Iterator[str]:
    """The text whose JSON string (without quotation marks) comes in chunks."""
    rest = b""
    for chunk in chunks:
        data = rest + chunk
        for end in range(len(data), max(0, len(data) - 13), -1):
            try:
                text = _string(data[:end])
            except ValueError:  # this end cuts a character or an escape in two
                continue
            if "\ud800" <= text[-1] <= "\udbff":
                continue  # its other half comes next
            rest = data[end:]
            yield text
            break
        else:
            rest = data
    if rest:
        yield str(json.loads('"' + rest.decode("utf-8", "replace") + '"'))


def with_more(parts: Iterator[str]) -> Iterator[tuple[str, bool]]:
    """Each part with whether another follows."""
    held = next(parts, None)
    while held is not None:
        following = next(parts, None)
        yield held, following is not None
        held = following


def _string(data: bytes) -> str:
    """The text of a JSON string without its quotation marks; what is not UTF-8 inside of it is marked."""
    try:
        return str(json.loads(b'"%b"' % data))
    except UnicodeDecodeError as error:
        if error.start - 1 > len(data) - 4:  # its last character is cut in two
            raise
        return str(json.loads('"' + data.decode("utf-8", "replace") + '"'))
