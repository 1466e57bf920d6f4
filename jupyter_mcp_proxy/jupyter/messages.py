"""Kernel messages on the wire: the websocket protocol `v1.kernel.websocket.jupyter.org`. Pure; no sockets.

A frame is `n` little-endian 64-bit offsets (their count first), the channel's name, then header, parent
header, metadata and content as JSON, then buffers (Jupyter Server's documentation, "Websocket protocols").
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import pairwise
from typing import Any, Final

SUBPROTOCOL: Final = "v1.kernel.websocket.jupyter.org"
PROTOCOL_VERSION: Final = "5.4"

Json = dict[str, Any]


@dataclass(frozen=True)
class Message:
    """One message of a kernel."""

    channel: str
    header: Json
    parent: Json
    metadata: Json
    content: Json
    buffers: list[bytes] = field(default_factory=list)

    @property
    def type(self) -> str:
        """The message type, such as `stream`."""
        return str(self.header.get("msg_type", ""))

    @property
    def parent_id(self) -> str:
        """The id of the request that this answers; empty for none."""
        return str(self.parent.get("msg_id", ""))


@dataclass(frozen=True)
class Piece(Message):
    """Part of a stream message that was too long to be taken at once."""

    offset: int = 0
    """Characters of the message's text before this part."""
    more: bool = False
    """Whether another part of it follows."""


def new_message(channel: str, kind: str, content: Json, session: str, metadata: Json | None = None) -> Message:
    """A request with a fresh id."""
    header = {
        "msg_id": f"{session}_{secrets.token_hex(8)}",
        "session": session,
        "username": "mcp-proxy",
        "date": datetime.now(timezone.utc).isoformat(),
        "msg_type": kind,
        "version": PROTOCOL_VERSION,
    }
    return Message(channel, header, {}, metadata or {}, content)


def encode(message: Message) -> bytes:
    """The frame of a message."""
    parts = [message.channel.encode()]
    parts += [
        json.dumps(part, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        for part in (message.header, message.parent, message.metadata, message.content)
    ]
    parts += message.buffers
    offsets = [8 * (len(parts) + 2)]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    words = [len(offsets), *offsets]
    return b"".join(word.to_bytes(8, "little") for word in words) + b"".join(parts)


def parse(part: bytes) -> Json:
    """A part of a message; what is not UTF-8 in it (a file's name, say) is marked, not a reason to lose it all."""
    parsed: Json = json.loads(bytes(part).decode("utf-8", "replace")) if part else {}
    return parsed


def decode(frame: bytes) -> Message:
    """The message in a frame. Raises ValueError for what is none."""
    count = int.from_bytes(frame[:8], "little")
    if count < 6 or len(frame) < 8 * (count + 1):
        raise ValueError("not a kernel message")
    offsets = [int.from_bytes(frame[8 * i : 8 * i + 8], "little") for i in range(1, count + 1)]
    parts = [frame[start:end] for start, end in pairwise(offsets)]
    header, parent, metadata, content = (parse(part) for part in parts[1:5])
    return Message(parts[0].decode(), header, parent, metadata, content, parts[5:])
