"""What of a request reaches the sidecar, what of its reply comes back, and how our own errors are written. Pure."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.client import responses
from typing import Any
from urllib.parse import quote

from ..contract import (
    CALLER_HEADER,
    MOST_VALUES,
    NAME,
    TIER_HEADER,
    TOKEN_HEADER,
    TOKEN_NAME_HEADER,
    TOKEN_TIER_HEADER,
    USER_HEADER,
    values,
)
from ..store.tokens import ScopedToken
from .policy import Kind, Path, Refused

FORWARDED_HEADERS = ("Accept", "Accept-Language", "Content-Type", "Last-Event-Id", "User-Agent")
"""Request headers that reach the sidecar, with all that begin with `Mcp-`. No credential is among them."""

DROPPED_RESPONSE_HEADERS = frozenset({"connection", "keep-alive", "transfer-encoding", "date", "server"})

CONNECTING = ("initialize", "server/discover")
"""What a client says first, in the old and the new era."""

SMALL_REPLY = 256 * 1024
"""Bytes up to which a reply of known length is sent in one piece."""

Headers = list[tuple[str, str]]

# -- there ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Caller:
    """Who calls, as the sidecar is told it."""

    id: str
    """The scoped token's id, or a fingerprint of Jupyter's, so that the sidecar can tell two callers apart."""
    user: str
    tier: str
    token: ScopedToken | None

    def headers(self) -> dict[str, str]:
        """The headers that say so; a name may hold more than a header can."""
        return {
            TIER_HEADER: self.tier,
            USER_HEADER: quote(self.user),
            CALLER_HEADER: self.id,
            TOKEN_HEADER: self.token.id if self.token else "",
            TOKEN_NAME_HEADER: quote(self.token.name) if self.token else "",
            TOKEN_TIER_HEADER: self.token.tier if self.token else "",
        }


@dataclass(frozen=True)
class Address:
    """Where the request was sent to, as its sender sees it."""

    host: str
    protocol: str
    base_url: str

    def headers(self) -> dict[str, str]:
        """The headers that say so."""
        return {
            "X-Forwarded-Host": self.host,
            "X-Forwarded-Proto": self.protocol,
            "X-Forwarded-Prefix": self.base_url + NAME,
        }


def fingerprint(secret: str, token: str) -> str:
    """What stands for a token of Jupyter's, and tells nothing of it."""
    return hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()[:16]


def target(path: Path, query: Mapping[str, list[bytes]]) -> str:
    """The request's target at the sidecar: the path, and the query without a token."""
    pairs = [
        f"{quote(key)}={quote(value.decode('utf-8', 'replace'))}"
        for key, values in query.items()
        if key != "token"
        for value in values
    ]
    return f"/{path.name}?{'&'.join(pairs)}" if pairs else f"/{path.name}"


def request_headers(
    received: Iterable[tuple[str, str]], ours: Mapping[str, str], who: Caller, where: Address
) -> Headers:
    """The headers that reach the sidecar: some of those that were received, by tornado's spelling of their names, and
    `ours`. Who calls, and where, nobody but us can say."""
    identity = who.headers() | where.headers()
    passed = [(name, value) for name, value in received if name in FORWARDED_HEADERS or name.startswith("Mcp-")]
    headers = [("Host", "127.0.0.1"), *passed, *ours.items()]
    return [(name, value) for name, value in headers if name not in identity] + list(identity.items())


def is_tool_call(path: Path, body: bytes) -> bool:
    """Whether a request is work, and not only a client that is there."""
    return path.kind == "endpoint" and b'"tools/call"' in body


# -- and back -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reply:
    """The head of a reply."""

    headers: Headers
    length: int | None
    """Bytes of its body, where the sidecar has said it."""

    @classmethod
    def of(cls, raw: Iterable[tuple[bytes, bytes]]) -> Reply:
        """The head of what the sidecar has answered, without what is between it and us only."""
        received = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw]
        length = next((int(value) for name, value in received if name.lower() == "content-length"), None)
        return cls([(name, value) for name, value in received if name.lower() not in DROPPED_RESPONSE_HEADERS], length)

    @property
    def is_stream(self) -> bool:
        """Whether events come, one after the other."""
        return any(name.lower() == "content-type" and "text/event-stream" in value for name, value in self.headers)

    @property
    def in_one_piece(self) -> bool:
        """Whether it is sent at once, and not as it comes."""
        return self.length is not None and self.length <= SMALL_REPLY


def error_reply(kind: Kind | None, status: int, refused: Refused | None) -> tuple[dict[str, str], str]:
    """Headers and body of an error for whoever is no browser: JSON for the page's own requests, else JSON-RPC, whose
    message MCP clients show to their users."""
    message = str(refused) if refused else responses.get(status, "The request failed")
    headers = {"Content-Type": "application/json"}
    if refused and refused.retry_after:
        headers["Retry-After"] = str(max(1, round(refused.retry_after)))
    if refused and refused.challenge:
        headers |= {"WWW-Authenticate": refused.challenge, "Cache-Control": "no-store", "Vary": "Host"}
    if kind == "api":
        return headers | {"Cache-Control": "no-store"}, json.dumps({"message": message})
    return headers, json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": -32001, "message": message}})


def went_away() -> Refused:
    """What is said where the sidecar ends, and what was asked of it has changed nothing."""
    return Refused(503, "The sidecar went away and is being restarted; retry in a few seconds.", 2.0)


PERHAPS_DONE = (
    "The sidecar ended while this call was under way, and is being restarted. The call may have been carried out, so "
    "do not simply call again: look first, with list_cells for an edit, with read_cell or wait_execution for a run "
    "(what runs goes on, and its outputs reach the notebook)."
)


def read(body: bytes, largest: int) -> Any:
    """What a JSON-RPC body says; None where it is none, or what the sidecar would refuse: nobody decodes that."""
    if len(body) > largest or values(body) > MOST_VALUES:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def request_ids(said: Any) -> list[int | str]:
    """The ids of the requests in what a body says, which wait for an answer; none where it is none."""
    requests = said if isinstance(said, list) else [said]
    ids = (each.get("id") for each in requests if isinstance(each, dict) and "method" in each)
    return [id for id in ids if isinstance(id, int | str) and not isinstance(id, bool)]


def told_for_now(said: Any, message: str) -> tuple[int, str] | None:
    """Status and body for a client in a conversation while the sidecar is not there; None for whoever only connects.

    Python SDK 1 (mcp 1.30, so LangChain's adapters too) takes an error status for any message of its own for the end
    of its connection. A request is answered with an error of JSON-RPC; for what is none, nobody waits.
    """
    if not isinstance(said, dict) or "jsonrpc" not in said or said.get("method") in CONNECTING:
        return None
    errors = errors_for(request_ids(said), message)
    return (200, errors[0]) if errors else (202, "")


def errors_for(ids: list[int | str], message: str) -> list[str]:
    """A JSON-RPC error for each request."""
    return [json.dumps({"jsonrpc": "2.0", "id": id, "error": {"code": -32001, "message": message}}) for id in ids]


def as_events(errors: list[str], sent: bytes) -> bytes:
    """The same as events that end a stream whose last bytes were `sent`; one that was cut in two is ended first."""
    begin = b"" if sent.endswith((b"\n\n", b"\r\n\r\n", b"\r\r")) or not sent else b"\n\n"
    return begin + b"".join(f"event: message\ndata: {error}\n\n".encode() for error in errors)
