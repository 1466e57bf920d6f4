"""What there is to know of a message that passes by, and what is said in place of an answer. Pure.

A message is passed on as it was written; it is parsed to learn whether an answer is due and which headers HTTP wants.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

VERSION_META = "io.modelcontextprotocol/protocolVersion"
"""Where a request of the new era (2026-07-28) says which version it is in."""
NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
"""Of which parameter the header `Mcp-Name` is a copy."""
INITIALIZED = "notifications/initialized"
CANCELLED = "notifications/cancelled"
ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
LISTEN = "subscriptions/listen"

REFUSED = -32001
"""The code of our own errors; the relay has the same."""
NOT_JSON = -32700


PERHAPS_DONE = (
    "The connection to the Jupyter server was lost while this call was under way. The call may have been carried out, "
    "so do not simply call again: look first, with list_cells for an edit, with read_cell or wait_execution for a run."
)

_PLAIN = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")

Id = int | float | str | None


@dataclass(frozen=True, eq=False)
class Message:
    """A message of the client's: its bytes, and what is in them."""

    body: bytes
    said: dict[str, Any]

    @classmethod
    def of(cls, line: bytes) -> Message:
        """The message of a line. Raises ValueError for what is none."""
        said = json.loads(line)
        if not isinstance(said, dict):
            raise ValueError("not an object")
        return cls(line, said)

    @classmethod
    def made(cls, method: str, params: Any, id: str | None = None) -> Message:
        """One of our own."""
        said = {"jsonrpc": "2.0", "method": method} | ({"id": id} if id is not None else {})
        said |= {"params": params} if params is not None else {}
        return cls(json.dumps(said).encode(), said)

    @property
    def method(self) -> str:
        """Empty for an answer."""
        method = self.said.get("method")
        return method if isinstance(method, str) else ""

    @property
    def id(self) -> Id:
        """Its own, or that of what it answers."""
        id = self.said.get("id")
        return id if isinstance(id, (int, float, str)) else None

    @property
    def is_request(self) -> bool:
        """Whether an answer is due."""
        return bool(self.method) and self.id is not None

    @property
    def params(self) -> dict[str, Any]:
        """Its parameters, empty for none."""
        params = self.said.get("params")
        return params if isinstance(params, dict) else {}

    @property
    def version(self) -> str:
        """The version that a message of the new era says it is in; empty for the old era."""
        meta = self.params.get("_meta")
        version = meta.get(VERSION_META) if isinstance(meta, dict) else None
        return version if isinstance(version, str) else ""

    @property
    def may_change_something(self) -> bool:
        """Whether it must not be sent twice: a call, an answer. All else of MCP asks, or says again what was said."""
        return self.method in ("", "tools/call")

    def headers(self) -> dict[str, str]:
        """What HTTP wants of the new era beside the body; nothing for the old era."""
        if not self.version:
            return {}
        headers = {"MCP-Protocol-Version": self.version, "Mcp-Method": self.method}
        name = self.params.get(NAMED_BY.get(self.method, ""))
        return headers | ({"Mcp-Name": header_value(name)} if isinstance(name, str) else {})


def header_value(text: str) -> str:
    """A text as a header can carry it (the form is MCP's, 2026-07-28)."""
    if _PLAIN.fullmatch(text) and not (text.startswith("=?base64?") and text.endswith("?=")):
        return text
    return f"=?base64?{base64.b64encode(text.encode('utf-8', 'replace')).decode()}?="


def error(id: Id, text: str, code: int = REFUSED) -> bytes:
    """An error of JSON-RPC in place of an answer, as a line."""
    return json.dumps({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": text}}).encode()


def one_line(message: bytes) -> bytes:
    """A message as a line. JSON has line ends between its parts only, where a blank means the same."""
    return message.strip().replace(b"\r", b" ").replace(b"\n", b" ")


def answered_id(body: bytes) -> tuple[bool, Id, dict[str, Any]]:
    """Whether what the server says is an answer, to which request, and its error (empty for none)."""
    try:
        said = json.loads(body)
    except ValueError:
        return False, None, {}
    if not isinstance(said, dict) or "method" in said or not ("result" in said or "error" in said):
        return False, None, {}
    fault = said.get("error")
    return True, said.get("id"), fault if isinstance(fault, dict) else {}


def told_by(body: bytes) -> dict[str, Any]:
    """The error of JSON-RPC in the body of a refusal; empty where there is none."""
    is_answer, _, fault = answered_id(body)
    return fault if is_answer else {}


class Events:
    """Server-sent events, from bytes that come in any pieces."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The data of each event that this piece completes; events without data are none."""
        lines = (self._rest + piece).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            line = line.removesuffix(b"\r")
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
            elif not line and self._data:
                data = b"\n".join(self._data)
                self._data.clear()
                if data.strip():
                    yield data
