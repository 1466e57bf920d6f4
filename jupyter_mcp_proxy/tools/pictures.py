"""Images as MCP's content blocks, and an answer that is no larger than every client takes.

Decoding and scaling is done beside the event loop, on which all other calls wait.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mcp_types import BlobResourceContents, CallToolResult, ContentBlock, ImageContent, TextContent

from ..errors import BadValue
from ..outputs.images import ROOM, Image, images, shrink, shrink_bytes
from ..outputs.render import cut
from ..outputs.rich import SVG
from .blocks import text_block

if TYPE_CHECKING:
    from ..outputs.changes import Output

Which = Literal["first", "all", "none"]

MOST_IMAGES = 4
LARGEST_ANSWER = 700_000
"""Bytes of an answer's content. The Python SDK's client drops an event of more than 1 MiB, and the call with it."""


@dataclass(frozen=True)
class Shown:
    """Outputs whose images may be shown, the call that shows more of them, and whose they are, of several."""

    outputs: Sequence[Output]
    handle: str
    whose: str = ""


async def image_blocks(sources: Sequence[Shown], which: Which) -> list[ContentBlock]:
    """The first image of all, or up to four, and how the others are seen. Nothing where there is none."""
    if which == "none" or not any(images(source.outputs) for source in sources):
        return []  # most have none: a thread would cost such a call more than all else that is told
    return await asyncio.to_thread(_image_blocks, sources, MOST_IMAGES if which == "all" else 1)


async def image_block(outputs: Sequence[Output], handle: str, number: int) -> list[ContentBlock]:
    """The image `number` among outputs, and how the others are seen."""
    return await asyncio.to_thread(_image_block, outputs, handle, number)


def _image_blocks(sources: Sequence[Shown], most: int) -> list[ContentBlock]:
    found = [(source, number, image) for source in sources for number, image in enumerate(images(source.outputs))]
    blocks: list[ContentBlock] = []
    left = ROOM
    for place, (source, number, image) in enumerate(found[:most]):
        name = f"Image {number}{f' of {source.whose}' if source.whose else ''}"
        shown = _block(image, name, left // (min(most, len(found)) - place))
        left -= len(shown.data) if isinstance(shown, ImageContent) else 0
        if isinstance(shown, ImageContent) and (source.whose or most > 1) and len(found) > 1:
            blocks.append(text_block(f"{name}:"))
        blocks.append(shown)
    if len(found) > most:
        source, number, _ = found[most]
        more = len(found) - most
        how = f"{source.handle} with image={number} shows {'another' if more > 1 else 'it'}"
        blocks.append(text_block(f"{len(found)} images, {more} not shown; {how}."))
    return blocks


def _image_block(outputs: Sequence[Output], handle: str, number: int) -> list[ContentBlock]:
    found = images(outputs)
    if not found:
        return [text_block("There is no image in this output.")]
    if number >= len(found):
        return [text_block(f"There is no image {number}; there are {len(found)}, counted from 0.")]
    blocks = [_block(found[number], f"Image {number} of {len(found)}", ROOM)]
    if len(found) > 1:
        blocks.append(
            text_block(f"Image {number} of {len(found)} (0 to {len(found) - 1}); {handle} with image=… shows another.")
        )
    return blocks


def _block(image: tuple[str, str], name: str, room: int) -> ContentBlock:
    """An image, or the sentence that says why it is not shown."""
    shown = shrink(*image, room)
    if isinstance(shown, Image):
        return ImageContent(type="image", data=shown.data, mime_type=shown.media_type)
    return text_block(f"{name} cannot be shown: {shown.reason}.")


async def fitted_blob(content: BlobResourceContents) -> BlobResourceContents:
    """A resource's image with the type that it has, and no larger than an answer may be. Raises BadValue."""
    if content.mime_type is None or not content.mime_type.startswith("image/"):
        return content
    return await asyncio.to_thread(_fitted_blob, content, content.mime_type)


def _fitted_blob(content: BlobResourceContents, media: str) -> BlobResourceContents:
    raw = base64.b64decode(content.blob)
    if media == SVG and len(content.blob) <= ROOM:
        return content
    shown = shrink(raw.decode("utf-8", "replace"), SVG) if media == SVG else shrink_bytes(raw, longest=1 << 30)
    if not isinstance(shown, Image):
        raise BadValue("i", media, f"an image that can be shown; {shown.reason}")
    return content.model_copy(update={"blob": shown.data, "mime_type": shown.media_type})


async def fitted(result: CallToolResult) -> CallToolResult:
    """A result that every client takes: beside much text images are smaller, and too much text is cut."""
    texts = sum(_size(block) for block in result.content if isinstance(block, TextContent))
    pictures = sum(len(block.data) for block in result.content if isinstance(block, ImageContent))
    if texts + pictures > LARGEST_ANSWER:
        result.content = await asyncio.to_thread(_fitted, result.content, LARGEST_ANSWER - texts)
    return result


def _fitted(content: Sequence[ContentBlock], room: int) -> list[ContentBlock]:
    count = max(1, sum(isinstance(block, ImageContent) for block in content))
    largest = max(room, LARGEST_ANSWER // 4) // count
    fitting: list[ContentBlock] = []
    for block in content:
        if isinstance(block, ImageContent) and len(block.data) > largest:
            fitting.append(_block((block.data, block.mime_type), "An image", largest))
        else:
            fitting.append(block)
    left = LARGEST_ANSWER - sum(len(block.data) for block in fitting if isinstance(block, ImageContent))
    for place, block in enumerate(fitting):
        if isinstance(block, TextContent):
            size = _size(block)
            if size > left:
                shorter = max(0, left - 1000) * len(block.text) // size
                fitting[place] = text_block(cut(block.text, shorter, "a narrower call"))
                size = _size(fitting[place])
            left -= size
    return fitting


def _size(block: ContentBlock) -> int:
    """Bytes of a text as it is sent."""
    return (
        len(json.dumps(block.text, ensure_ascii=False).encode("utf-8", "replace"))
        if isinstance(block, TextContent)
        else 0
    )


def without_images(result: CallToolResult) -> CallToolResult:
    """A result whose images are named only: whoever started this server wants none."""
    said = text_block("[An image, not shown: this server was started with ALLOW_IMG_OUTPUT=false.]")
    result.content = [said if isinstance(block, ImageContent) else block for block in result.content]
    return result
