"""What the bundle of a display says: of its forms the one that tells a reader most. Pure, and raises on nothing."""

from __future__ import annotations

import json
import re
from typing import Any

from . import charts
from .markup import html_text

IMAGE_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")
"""What model APIs take, best first."""
SVG = "image/svg+xml"
WIDGET = "application/vnd.jupyter.widget-view+json"

_WORDS = ("text/markdown", "text/latex")
_LOADS = "_load.v0+json"
"""What loads a library into the page (bokeh, holoviews)."""
_ONE_LINE_REPR = re.compile(r"<[^\n]*>|[\w.]+\(\.\.\.\)")
_ADDRESS = re.compile(r"(?: object)? at 0x[0-9a-fA-F]+>")
_FRAME_ALONE = re.compile(r"(?:\s|</?(?:pre|div|span|p|br|code)\b[^<>]*>)*", re.IGNORECASE)
"""Markup in which nothing is, as rich leaves when a bar or a live table has ended."""
_SVG_TEXT = re.compile(r"<(title|desc|text|tspan)\b[^<>]*>([^<>]*)")


def joined(value: Any) -> str:
    """nbformat's multi-line strings are strings or lists of them."""
    return "".join(map(str, value)) if isinstance(value, list) else str(value)


def bundle(output: dict[str, Any]) -> dict[str, Any]:
    """An output's data by media type; nothing where it has none, or is odd."""
    data = output.get("data")
    return {str(media): value for media, value in data.items()} if isinstance(data, dict) else {}


def bundle_text(data: dict[str, Any]) -> str:
    """What a bundle says as text; an image is named in it."""
    if not data:
        return "[empty output]"
    try:
        return _told(data)
    except Exception:  # a notebook from elsewhere holds anything under any name
        return _named(data)


def is_only_repr(text: str) -> bool:
    """Whether a text is but the name of an object, and says nothing of what it shows."""
    text = text.strip()
    return not text or _ONE_LINE_REPR.fullmatch(text) is not None or _ADDRESS.search(text) is not None


def image_media(data: dict[str, Any]) -> str | None:
    """The media type of a bundle's picture, drawn from pixels where it has one; None where it has no picture."""
    others = (media for media in data if str(media).startswith("image/") and media != SVG)
    return next((media for media in (*IMAGE_TYPES, *others, SVG) if media in data), None)


def _told(data: dict[str, Any]) -> str:
    plain = joined(data["text/plain"]).strip("\n") if data.get("text/plain") is not None else ""
    image = image_media(data)
    chart = charts.chart_text(data)
    if chart:
        shown = f"[{image}] " if image else ""
        return f"{shown}{chart}\n{_rest(data)}".rstrip()
    if image is not None and image != SVG:
        alternative = joined(data.get("text/plain", "")).strip()
        return f"[{image}{' ' + alternative if alternative else ''}]"
    if WIDGET in data or not is_only_repr(plain):
        return plain or _named(data)
    for media in _WORDS:
        if media in data and (words := joined(data[media])).strip():
            return words
    for media in data:
        if (media == "application/json" or media.endswith("+json")) and not media.startswith("application/vnd."):
            return as_text(data[media])
    if image == SVG:
        return svg_text(joined(data[SVG]), plain)
    if "text/html" in data:
        return _html(data, plain)
    others = {media: value for media, value in data.items() if media != "text/plain"}
    return f"{plain} {_named(others)}".strip() if others else plain


def _html(data: dict[str, Any], plain: str) -> str:
    """A page's words, and what its script draws."""
    markup = joined(data["text/html"])
    words = html_text(markup)
    chart = charts.scripted(unescaped_frames(markup))
    if chart:
        return f"{words}\n{chart}\n{_rest(data)}".strip()
    if words:
        return words
    if " id=" not in markup and _FRAME_ALONE.fullmatch(markup):  # what has an id, a script may fill
        return "[empty output]"
    return f"{plain} {_named({media: each for media, each in data.items() if media != 'text/plain'})}".strip()


def unescaped_frames(markup: str) -> str:
    """Markup whose documents within the document (folium's maps) can be read as their browser would."""
    if "srcdoc=" not in markup:
        return markup
    import html

    return html.unescape(markup)


def svg_text(markup: str, plain: str = "") -> str:
    """A drawing's title and words."""
    words = [" ".join(found[2].split()) for found in _SVG_TEXT.finditer(markup[:2_000_000])]
    said = ", ".join(dict.fromkeys(filter(None, words)))
    return f"[{' '.join(filter(None, [SVG, said[:1000] or plain]))}]"


def as_text(value: Any) -> str:
    """A stored value as text: JSON is stored as what it stands for."""
    if isinstance(value, str) or (isinstance(value, list) and all(isinstance(line, str) for line in value)):
        return joined(value)
    return json.dumps(value, ensure_ascii=False)


def _rest(data: dict[str, Any]) -> str:
    """How what a chart is drawn from can be read."""
    media = next((media for media in data if media.startswith("application/vnd.") and _size(data[media])), None)
    media = media or ("text/html" if "text/html" in data else None)
    return f"[read_output with media={media!r} has its data, {size_text(data[media])}]" if media else ""


def _named(data: dict[str, Any]) -> str:
    """What is there, how large it is, and how to get it."""
    loads = next((media for media in data if str(media).endswith(_LOADS)), None)
    if loads is not None:
        return f"[{loads}: a script that the page loads]"
    found = "; ".join(f"{media}, {size_text(value, str(media))}" for media, value in data.items())
    return f"[{found}: read_output with media=… has it]"


def is_text(media: str) -> bool:
    """Whether what bears this media type is stored as text; Jupyter stores all else in base64."""
    kind, _, name = media.partition("/")
    return kind == "text" or media == SVG or "json" in name or "xml" in name or "javascript" in name


def size_text(value: Any, media: str = "text/plain") -> str:
    """How large a stored value is."""
    if is_text(media):
        return f"{_size(value):,} characters"
    return f"{_size(value) * 3 // 4:,} bytes"


def _size(value: Any) -> int:
    try:
        return len(joined(value)) if isinstance(value, (str, list)) else len(json.dumps(value, ensure_ascii=False))
    except (ValueError, TypeError, RecursionError):
        return 0
