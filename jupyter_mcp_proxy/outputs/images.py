"""The images among outputs, as a model API takes them: the type that the bytes are, and no more of them than an answer
may carry. Slow: not for the event loop.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..contract import module_command
from .changes import Output
from .rich import IMAGE_TYPES, SVG, bundle, image_media, is_only_repr, joined

if TYPE_CHECKING:
    from PIL import Image as Pillow

LONGEST_SIDE = 1024
"""Pixels of an image's longer side; larger ones are scaled down."""
MOST_PIXELS = 50_000_000
"""Of a larger image nothing is decoded: a small file may hold one that fills the memory."""
ROOM = 600_000
"""Characters of base64 that all images of an answer may have. The Python SDK drops an event of more than 1 MiB."""
SMALLEST_SIDE = 64
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "DIB", "TIFF", "ICO", "PPM", "JPEG2000")
"""What is decoded. Pillow would hand others to programs (EPS to Ghostscript)."""
DRAWING_SECONDS = 15.0

_EMBEDDED = re.compile(
    r"<img\b[^<>]{0,500}?\bsrc\s*=\s*[\"']data:(image/[a-z]+);base64,([A-Za-z0-9+/=\s]+)[\"']", re.IGNORECASE
)


_HREF = re.compile(r"(\bhref\s*=\s*)(\"[^\"]*\"|'[^']*')", re.IGNORECASE)
_INNER = re.compile(r"[\"']\s*(?:#|data:image/(?:png|jpe?g|gif|webp)[;,])")
_SVG_TAG = re.compile(r"<svg\b[^<>]{0,5000}>")
_SIDES = {
    side: re.compile(rf"\s{side}\s*=\s*[\"']\s*(\d{{1,6}}(?:\.\d{{0,9}})?)(?:px|pt)?\s*[\"']")
    for side in ("width", "height")
}


@dataclass(frozen=True)
class Image:
    """An image to show, base64 as MCP wants it."""

    data: str
    media_type: str


@dataclass(frozen=True)
class NoImage:
    """Why there is none to show."""

    reason: str


def images(outputs: Sequence[Output]) -> list[tuple[str, str]]:
    """The images among outputs, as stored data and media type: base64, or the source of a drawing."""
    return [image for output in outputs for image in _images(bundle(output))]


def _images(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    media = image_media(data)
    if media is not None:
        yield joined(data[media]), media
    elif "text/html" in data and is_only_repr(joined(data.get("text/plain", ""))):
        for found in _EMBEDDED.finditer(joined(data["text/html"])):
            yield found[2], found[1].lower()


def shrink(data: str, media_type: str, room: int = ROOM, longest: int = LONGEST_SIDE) -> Image | NoImage:
    """An image as a model looks at it: so many pixels a side at most, so many characters of base64."""
    try:
        raw = _drawn(data) if media_type == SVG else base64.b64decode(data)
    except (binascii.Error, ValueError):
        return NoImage("its data is not base64" if media_type != SVG else "it is no drawing that can be drawn")
    return shrink_bytes(raw, room, longest)


def shrink_bytes(raw: bytes, room: int = ROOM, longest: int = LONGEST_SIDE) -> Image | NoImage:
    """Like `shrink`, for the bytes of a file."""
    from PIL import Image as Picture

    try:
        with Picture.open(io.BytesIO(raw), formats=FORMATS) as picture:
            media = Picture.MIME.get(picture.format or "", "")
            width, height = picture.size
            if width * height > MOST_PIXELS:
                return _too_large(f"{width:,} × {height:,} pixels")
            picture.load()
            # Of moving pictures OpenAI's API takes none, others look at the first frame.
            moves = getattr(picture, "n_frames", 1) > 1
            size = (len(raw) + 2) // 3 * 4
            if media in IMAGE_TYPES and not moves and max(picture.size) <= longest and size <= room:
                return Image(base64.b64encode(raw).decode(), media)
            picture.seek(0)
            return _encoded(picture, media == "image/jpeg", room)
    except (Picture.DecompressionBombError, Picture.DecompressionBombWarning):
        return _too_large("too many pixels")
    except Exception:  # Pillow raises what it likes on data that is no image
        return NoImage("its data is not an image")


def _too_large(pixels: str) -> NoImage:
    return NoImage(f"it has {pixels}, more than {MOST_PIXELS:,}; draw it smaller, or scale it with code")


def _encoded(picture: Pillow.Image, photo: bool, room: int) -> Image:
    """A picture in the form that fits: as it is, with fewer colours, as a JPEG, then smaller and smaller."""
    if picture.mode not in ("1", "L", "LA", "P", "RGB", "RGBA"):
        picture = picture.convert("RGBA" if "A" in picture.mode or "a" in picture.mode else "RGB")
    if max(picture.size) > LONGEST_SIDE and picture.mode in ("1", "P"):
        picture = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    while True:
        for raw, media in _forms(picture, photo):
            data = base64.b64encode(raw).decode()
            if len(data) <= room or max(picture.size) <= SMALLEST_SIDE:
                return Image(data, media)
        width, height = picture.size
        if picture.mode in ("1", "P"):
            picture = picture.convert("RGB")
        picture = picture.resize((max(1, width * 3 // 4), max(1, height * 3 // 4)))


def _forms(picture: Pillow.Image, photo: bool) -> Iterator[tuple[bytes, str]]:
    """Encodings of a picture, best first."""
    from PIL import Image as Picture

    def saved(each: Pillow.Image, kind: str, **options: Any) -> tuple[bytes, str]:
        buffer = io.BytesIO()
        each.save(buffer, kind, **options)
        return buffer.getvalue(), f"image/{kind.lower()}"

    if not photo:
        yield saved(picture, "PNG")
        if picture.mode in ("RGB", "RGBA"):
            yield saved(picture.quantize(256, method=Picture.Quantize.FASTOCTREE), "PNG")
    opaque = picture
    if "A" in picture.mode or "transparency" in picture.info:
        seen = picture.convert("RGBA")
        opaque = Picture.new("RGB", picture.size, "white")
        opaque.paste(seen, mask=seen.getchannel("A"))
    opaque = opaque.convert("RGB")
    for quality in (85, 60):
        yield saved(opaque, "JPEG", quality=quality)


def _drawn(markup: str) -> bytes:
    """A drawing as PNG, made by another process. Raises ValueError."""
    if "<!ENTITY" in markup:  # could say anything in a way that is not seen here
        raise ValueError("a drawing with entities")
    markup = _HREF.sub(_inner_only, markup)
    box = [str(side) for side in _box(markup)]
    try:
        done = subprocess.run(  # noqa: S603 - ourselves
            [*module_command(sys.executable, "jupyter_mcp_proxy.outputs.draw"), *box],
            input=markup.encode("utf-8", "replace"),
            capture_output=True,
            timeout=DRAWING_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ValueError("not a drawing") from error
    return done.stdout


def _inner_only(reference: re.Match[str]) -> str:
    """A reference within a drawing, without what it names elsewhere: resvg would read that file."""
    return reference[0] if _INNER.match(reference[2]) else f'{reference[1]}""'


def _box(markup: str) -> tuple[int, int]:
    """The pixels that a drawing is drawn in: its own where it says so and they are not too many."""
    found = _SVG_TAG.search(markup)
    tag = found[0] if found else ""
    sides = [_SIDES[name].search(tag) for name in ("width", "height")]
    pixels = [round(float(side[1])) for side in sides if side]
    small = len(pixels) == 2 and all(0 < side <= LONGEST_SIDE for side in pixels)
    return (pixels[0], pixels[1]) if small else (LONGEST_SIDE, LONGEST_SIDE)
