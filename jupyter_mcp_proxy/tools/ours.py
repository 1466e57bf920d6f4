"""Which lines of a result are ours: no text of a notebook, a file or an output begins a line as they begin.

Our headings are marked where they are made, with what no text can know. At the door every line that begins like one
and has no mark gets a backslash, and the marks are taken off. So what is forgotten is told as somebody else's.
"""

from __future__ import annotations

import re
import secrets
from typing import Any

from mcp_types import CallToolResult, TextContent

_MARK = f"\0{secrets.token_hex(4)}\0"
_INVISIBLE = r"\0-\x08\x0e-\x1f\x7f\xad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
_UNSEEN = rf"(?:[^\S\r\n]|[{_INVISIBLE}\\]){{0,40}}"
_STATES = "queued|running|ok|error|interrupted|kernel_died|lost"
_LIKE_OURS = re.compile(
    rf"(?<![^\r\n\v\f\x1c-\x1e\x85\u2028\u2029])(?P<unseen>{_UNSEEN})"
    rf"(?P<form>──(?=\s|\Z)|\[\s?(?:note|since)\b|\w{{1,16}} · (?:{_STATES})\b)",
    re.IGNORECASE,
)
"""The beginning of a heading, of a note, or of the line that says how a run stands; whatever a reader takes for a
line's end stands before it, and nothing that is seen."""


def heading(line: str) -> str:
    """A line of ours, marked."""
    return _MARK + line


def told_apart(text: str) -> str:
    """A text in which only the lines that are marked begin like ours, without the marks."""
    return _LIKE_OURS.sub(r"\g<unseen>\\\g<form>", text).replace(_MARK, "")


def with_ours_told_apart(result: Any) -> Any:
    """A result whose texts are told so."""
    if isinstance(result, CallToolResult):
        result.content = [
            block.model_copy(update={"text": told_apart(block.text)}) if isinstance(block, TextContent) else block
            for block in result.content
        ]
    return result
