"""Kernel messages, and the two forms that they have on a websocket. Pure; no sockets.

`v1.kernel.websocket.jupyter.org`: a frame is `n` little-endian 64-bit offsets (their count first), the channel's
name, then header, parent header, metadata and content as JSON, then buffers. The form before it, which a connection
has that negotiated no subprotocol: one JSON object with the channel in it, as text; where buffers come with it a
binary frame of big-endian 32-bit offsets (their count first), that JSON, the buffers (Jupyter Server's documentation,
"Websocket protocols"). A server with a gateway speaks only the second (`GatewayWebSocketConnection`).
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import accumulate, pairwise
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


RATE_EXCEEDED: Final = ("IOPub data rate exceeded.", "IOPub message rate exceeded.")
"""How Jupyter's notice that it dropped output begins (`ZMQChannelsWebsocketConnection`)."""


def is_rate_notice(message: Message, session: str) -> bool:
    """Whether this is Jupyter's notice to `session` that it dropped output, written in the kernel's name.

    It bears the websocket's session; so does all that IRkernel and IJulia say, who copy it from the request.
    """
    return (
        message.type == "stream"
        and message.header.get("session") == session
        and message.content.get("name") == "stderr"
        and str(message.content.get("text", "")).startswith(RATE_EXCEEDED)
    )


QUIET: Final = frozenset(
    f"{name}_request" for name in ("kernel_info", "comm_info", "complete", "inspect", "history", "is_complete")
)
"""Requests that have nothing to put out."""


def is_stray(message: Message) -> bool:
    """Whether this answers a request that puts out nothing.

    ipykernel (7) gives what a thread prints to the request that came last, whatever that was: often a question of a
    frontend's, after the cell has ended.
    """
    return message.channel == "iopub" and message.parent.get("msg_type") in QUIET


def is_about_process(message: Message) -> bool:
    """Whether Jupyter says this of the kernel's process; a kernel itself never says that it restarts or is dead."""
    said = message.content.get("execution_state") if message.type == "status" else None
    return said in ("restarting", "dead") and not message.parent


def session_of(request_id: str) -> str:
    """The session that a request of ours was sent with; see `new_message`."""
    return request_id.rpartition("_")[0]


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
    """The frame of a message in the form of `v1.kernel.websocket.jupyter.org`."""
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
    """The message in a frame of `v1.kernel.websocket.jupyter.org`. Raises ValueError for what is none."""
    count = int.from_bytes(frame[:8], "little")
    if count < 6 or len(frame) < 8 * (count + 1):
        raise ValueError("not a kernel message")
    offsets = [int.from_bytes(frame[8 * i : 8 * i + 8], "little") for i in range(1, count + 1)]
    parts = [frame[start:end] for start, end in pairwise(offsets)]
    header, parent, metadata, content = (parse(part) for part in parts[1:5])
    return Message(parts[0].decode(), header, parent, metadata, content, parts[5:])


def encode_plain(message: Message) -> str | bytes:
    """The frame of a message where no subprotocol was negotiated: text, or bytes where it has buffers."""
    text = json.dumps(
        {
            "channel": message.channel,
            "header": message.header,
            "parent_header": message.parent,
            "metadata": message.metadata,
            "content": message.content,
        },
        separators=(",", ":"),
    )
    if not message.buffers:
        return text
    parts = [text.encode(), *message.buffers]
    offsets = list(accumulate(map(len, parts[:-1]), initial=4 * (len(parts) + 1)))
    return b"".join(word.to_bytes(4, "big") for word in (len(parts), *offsets)) + b"".join(parts)


def decode_plain(frame: str | bytes) -> Message:
    """The message in a frame where no subprotocol was negotiated. Raises ValueError for what is none."""
    buffers: list[bytes] = []
    if isinstance(frame, bytes):
        count = int.from_bytes(frame[:4], "big")
        if count < 1 or len(frame) < 4 * (count + 1):
            raise ValueError("not a kernel message")
        offsets = [int.from_bytes(frame[4 * i : 4 * i + 4], "big") for i in range(1, count + 1)]
        text, *buffers = (frame[start:end] for start, end in pairwise([*offsets, len(frame)]))
        frame = text.decode("utf-8", "replace")
    said = json.loads(frame)
    if not isinstance(said, dict) or not isinstance(said.get("header"), dict):
        raise ValueError("not a kernel message")
    parent, metadata, content = (said.get(part) or {} for part in ("parent_header", "metadata", "content"))
    return Message(str(said.get("channel") or ""), said["header"], parent, metadata, content, buffers)
