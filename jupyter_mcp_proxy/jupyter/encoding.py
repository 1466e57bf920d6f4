"""Notebooks as JSON, piece by piece: what is large is never there as a whole a second time. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

PIECE = 256 * 1024
"""Bytes of a large body that are sent at a time: until they have left, others have their turn."""


def notebook_model(content: Json) -> Iterator[bytes]:
    """The model with which a notebook is written, as JSON, cell by cell and of a long output a piece at a time."""
    around = encoded({name: value for name, value in content.items() if name != "cells"} | {"cells": []})
    yield b'{"type":"notebook","format":"json","content":' + around.removesuffix(b"]}")
    for number, cell in enumerate(content["cells"]):
        yield b"," if number else b""
        yield from encoded_cell(cell)
    yield b"]}}"


def encoded_cell(cell: Json) -> Iterator[bytes]:
    """A cell, or some fields of it, as JSON; a long output a piece at a time."""
    if any(_is_long(output.get("text")) for output in cell.get("outputs", ())):
        yield from _opened(cell, "outputs", b"[")
        for place, output in enumerate(cell["outputs"]):
            yield b"," if place else b""
            yield from _output(output)
        yield b"]}"
    else:
        yield encoded(cell)


def _output(output: Json) -> Iterator[bytes]:
    text = output.get("text")
    if not isinstance(text, str) or not _is_long(text):
        yield encoded(output)
        return
    yield from _opened(output, "text", b'"')
    for start in range(0, len(text), PIECE):
        yield encoded(text[start : start + PIECE])[1:-1]
    yield b'"}'


def _opened(value: Json, last: str, begins: bytes) -> Iterator[bytes]:
    """An object's JSON up to its member `last`, which comes at the end and begins like this."""
    rest = encoded({name: each for name, each in value.items() if name != last}).removesuffix(b"}")
    yield rest + (b"," if len(rest) > 1 else b"") + encoded(last) + b":" + begins


def _is_long(text: Any) -> bool:
    return isinstance(text, str) and len(text) > PIECE


def encoded(value: Any) -> bytes:
    """A value as JSON in UTF-8."""
    # Half a pair of surrogates, which a kernel can print, has no UTF-8.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
