"""How outputs are told to a model that pays per token. Pure.

Text first, in one copy, within a budget: head and tail, what is left out, and how to read the rest.
"""

from __future__ import annotations

import base64
import html
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .log import Output, Transcript, overwrite_line, strip_ansi

IMAGE_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")
LONGEST_SIDE = 1024
"""Pixels of an image's longer side; larger ones are scaled down."""
HEAD_SHARE = 0.6

_TEXT_TYPES = ("text/plain", "text/markdown", "text/latex", "application/json")
_TAG = re.compile(r"<[^<>]+>")
_CODE = re.compile(r"<(/?)(script|style)\b[^<>]*>", re.IGNORECASE)


@dataclass(frozen=True)
class Image:
    """An image to show, base64 as MCP wants it."""

    data: str
    media_type: str


def joined(value: Any) -> str:
    """nbformat's multi-line strings are strings or lists of them."""
    return "".join(value) if isinstance(value, list) else str(value)


def output_text(output: Output) -> str:
    """All that an output says, as text; an image is named in it."""
    kind = output.get("output_type")
    if kind == "stream":
        return "\n".join(overwrite_line(line) for line in strip_ansi(joined(output.get("text", ""))).split("\n"))
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
            return strip_ansi(joined(value))
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


def images(outputs: Sequence[Output]) -> list[tuple[str, str]]:
    """The images among outputs, as base64 data and media type."""
    found = []
    for output in outputs:
        data = output.get("data") or {}
        for media in IMAGE_TYPES:
            if media in data:
                found.append((joined(data[media]), media))
                break
    return found


def shrink(data: str, media_type: str) -> Image | None:
    """An image no larger than a model looks at: 1,024 pixels a side. None for what is no image."""
    from PIL import Image as Picture

    try:
        raw = base64.b64decode(data)
        with Picture.open(io.BytesIO(raw)) as picture:
            if max(picture.size) <= LONGEST_SIDE:
                return Image("".join(data.split()), media_type)
            picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            buffer = io.BytesIO()
            kind = "JPEG" if media_type == "image/jpeg" else "PNG"
            picture.save(buffer, kind)
    except Exception:  # Pillow raises what it likes on data that is no image
        return None
    return Image(base64.b64encode(buffer.getvalue()).decode(), f"image/{kind.lower()}")


def within_budget(transcript: Transcript, start: int, budget: int, handle: str) -> str:
    """The transcript from `start` on in at most about `budget` characters.

    `handle` is the call that reads the rest, such as `read_output(execution="x1")`.
    """
    end = len(transcript)
    if end - start <= budget:
        return transcript.read(start, end - start)
    head = int(budget * HEAD_SHARE)
    tail = budget - head
    middle = end - start - head - tail
    return (
        transcript.read(start, head)
        + f"\n… {middle:,} characters left out; {handle} with offset={start + head} reads them …\n"
        + transcript.read(end - tail, tail)
    )


def cut(text: str, budget: int, handle: str) -> str:
    """Like `within_budget`, for a text at hand."""
    if len(text) <= budget:
        return text
    head = int(budget * HEAD_SHARE)
    tail = budget - head
    left_out = len(text) - budget
    return f"{text[:head]}\n… {left_out:,} characters left out; {handle} reads them …\n{text[-tail:]}"
