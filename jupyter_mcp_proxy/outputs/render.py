"""How outputs are told to a model that pays per token. Pure.

Text first, in one copy, within a budget: head and tail, what is left out, and how to read the rest.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

from .changes import Output
from .text import IMAGE_TYPES, joined
from .transcript import Transcript

LONGEST_SIDE = 1024
"""Pixels of an image's longer side; larger ones are scaled down."""
HEAD_SHARE = 0.6


@dataclass(frozen=True)
class Image:
    """An image to show, base64 as MCP wants it."""

    data: str
    media_type: str


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
