"""ZMTP 3.0, ZeroMQ's wire protocol with "NULL" security, and the signatures of Jupyter's messages on it.

Only what a client of a kernel's ports needs (ZeroMQ RFC 23; Jupyter's "Messaging in Jupyter", The Wire Protocol).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import zmq

from .messages import Json

MORE, LONG_FRAME, COMMAND = 1, 2, 4
"""The flags of a frame."""
DELIMITER: Final = b"<IDS|MSG>"
"""What stands between a message's addresses and its signature."""
_GREETING: Final = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
_UNDERSTOOD = frozenset({"", "hmac-sha256", "hmac-sha512", "hmac-sha1", "hmac-md5"})


@dataclass(frozen=True)
class Ports:
    """Where a kernel listens, and the key that its messages are signed with."""

    transport: str
    ip: str
    numbers: dict[str, int]
    key: bytes
    digest: str
    keys: tuple[bytes, bytes] | None = None
    """The pair of keys, public and secret, of a kernel that speaks CURVE (jupyter_client 8.10)."""

    @classmethod
    def of(cls, runtime_dir: str, kernel_id: str) -> Ports | None:
        """What a kernel's connection file says; None where it is not readable or asks for what we cannot do."""
        try:
            info: Json = json.loads((Path(runtime_dir) / f"kernel-{kernel_id}.json").read_text())
            scheme = str(info.get("signature_scheme", ""))
            if info["transport"] not in ("tcp", "ipc") or scheme not in _UNDERSTOOD:
                return None
            keys = _keys(info)
            if keys is None and any("curve" in name and value for name, value in info.items()):
                return None
            if keys is not None and not zmq.has("curve"):
                return None
            return cls(
                info["transport"],
                str(info["ip"]),
                {channel: int(info[f"{channel}_port"]) for channel in ("shell", "iopub", "stdin", "control", "hb")},
                str(info.get("key", "")).encode(),
                scheme.removeprefix("hmac-") or "sha256",
                keys,
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def address(self, channel: str) -> str:
        """Where libzmq connects to for a channel; `hb` is the heartbeat."""
        if self.transport == "ipc":
            return f"ipc://{self.ip}-{self.numbers[channel]}"
        host = f"[{self.ip}]" if ":" in self.ip else self.ip
        return f"tcp://{host}:{self.numbers[channel]}"

    def signature(self, parts: list[bytes]) -> Signature:
        """The signature over the parts of a message, to which more can be added."""
        return Signature(self.key, self.digest, parts)

    async def connect(self, channel: str, kind: str, identity: bytes = b"") -> socket.socket:
        """A connection to one port, past the handshake. Raises OSError, or ValueError for what is no ZMTP 3."""
        loop = asyncio.get_running_loop()
        family = socket.AF_UNIX if self.transport == "ipc" else socket.AF_INET6 if ":" in self.ip else socket.AF_INET
        number = self.numbers[channel]
        address: Any = f"{self.ip}-{number}" if self.transport == "ipc" else (self.ip, number)
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.setblocking(False)
            if self.transport == "tcp":
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(connection, address)
            ready = b"\x05READY" + _property("Socket-Type", kind.encode()) + _property("Identity", identity)
            await loop.sock_sendall(connection, _GREETING + frame(ready, COMMAND))
            greeting = await _exactly(connection, 64)
            if greeting[0] != 0xFF or greeting[10] < 3 or greeting[12:32].rstrip(b"\0") != b"NULL":
                raise ValueError("not ZMTP 3 without encryption")
            flags, size = await _exactly(connection, 2)
            answer = await _exactly(connection, size)
            if flags != COMMAND or not answer.startswith(b"\x05READY"):
                raise ValueError(f"refused: {answer!r}")
        except BaseException:
            connection.close()
            raise
        return connection


def _keys(info: Json) -> tuple[bytes, bytes] | None:
    public, secret = info.get("curve_publickey"), info.get("curve_secretkey")
    return (str(public).encode(), str(secret).encode()) if public and secret else None


def _property(name: str, value: bytes) -> bytes:
    return bytes([len(name)]) + name.encode() + len(value).to_bytes(4, "big") + value


async def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = await asyncio.get_running_loop().sock_recv(connection, size - len(data))
        if not more:
            raise ConnectionResetError("closed in the handshake")
        data += more
    return data


def frame(body: bytes, flags: int = 0) -> bytes:
    """A ZMTP frame."""
    if len(body) < 256:
        return bytes([flags, len(body)]) + body
    return bytes([flags | LONG_FRAME]) + len(body).to_bytes(8, "big") + body


class Signature:
    """The signature of a message, made bit by bit. Without a key there is none, and every message is accepted."""

    def __init__(self, key: bytes, digest: str, parts: list[bytes]) -> None:
        self._hmac = hmac.new(key, digestmod=getattr(hashlib, digest)) if key else None
        for part in parts:
            self.add(part)

    def add(self, data: bytes) -> None:
        """Sign more."""
        if self._hmac is not None:
            self._hmac.update(data)

    @property
    def value(self) -> bytes:
        """The signature as it stands in a message."""
        return self._hmac.hexdigest().encode() if self._hmac is not None else b""

    def fits(self, given: bytes) -> bool:
        """Whether a message that carries this signature is genuine."""
        return self._hmac is None or hmac.compare_digest(self.value, given)


async def frames(take: Callable[[int], Any]) -> AsyncIterator[tuple[int, int]]:
    """Flags and size of each frame of the next message; whoever asks takes the body before going on."""
    while True:
        flags = (await take(1))[0]
        size = int.from_bytes(await take(8 if flags & LONG_FRAME else 1), "big")
        if flags & COMMAND:
            await take(size)
            continue
        yield flags, size
        if not flags & MORE:
            return
