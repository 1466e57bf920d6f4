"""Who asks: a registration that is its own id, signed, or a document at a URL that is the id. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tornado.web import create_signed_value, decode_signed_value

from ...store.tokens import LONGEST_NAME, Place
from . import redirects

PREFIX = "jmc_"
LONGEST_ID = 4000
"""Characters of a client's id: it stands in the query of the page's URL."""
MOST_REDIRECTS = 8
LASTS = 365
"""Days that a registration is good for a new sign-in."""


class Invalid(Exception):
    """An error of OAuth's: its code, and what is said about it."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.code = code
        self.status = status


@dataclass(frozen=True)
class Client:
    """Who asks, as they say."""

    id: str
    name: str
    redirects: tuple[str, ...]
    source: str = ""
    """The host whose document says so; empty where only the client itself does."""


def from_metadata(
    client_id: str, content: Any, hosts: Collection[str], source: str = "", code: str = "invalid_client_metadata"
) -> Client:
    """The client that its metadata describe (RFC 7591). Raises Invalid."""
    if not isinstance(content, Mapping):
        raise Invalid(code, "The metadata of a client are a JSON object.")
    given = content.get("redirect_uris")
    if not isinstance(given, list) or not 0 < len(given) <= MOST_REDIRECTS:
        raise Invalid("invalid_redirect_uri", f"Give 1 to {MOST_REDIRECTS} redirect_uris.")
    usable, reasons = [], []
    for each in given:
        try:
            usable.append(redirects.checked(each, hosts))
        except ValueError as error:
            reasons.append(str(error))
    # A client may have more than it uses here: a document has those of all its programs.
    if not usable or (reasons and not source):
        raise Invalid("invalid_redirect_uri", f"Not taken: {'; '.join(reasons)}.")
    return Client(client_id, shown_name(content.get("client_name")), tuple(usable), source)


def shown_name(name: object) -> str:
    """A client's name as it can be shown and kept: in one line, short, with nothing that is not seen."""
    text = "".join(letter if letter.isprintable() else " " for letter in name) if isinstance(name, str) else ""
    return " ".join(text.split())[:LONGEST_NAME].strip() or "A client without a name"


# -- registrations --------------------------------------------------------------------------------------


def registered(client: Client, key: str, place: Place) -> str:
    """The id that is a registration, good at one server."""
    nonce = secrets.token_urlsafe(6)  # or two that say the same within a second were one
    said = json.dumps([nonce, client.name, *client.redirects], ensure_ascii=False, separators=(",", ":"))
    signed = create_signed_value(key, _about(place), said, version=2)
    client_id = PREFIX + base64.urlsafe_b64encode(signed).decode().rstrip("=")
    if len(client_id) > LONGEST_ID:
        raise Invalid("invalid_client_metadata", "These metadata are too long.")
    return client_id


def read_registration(client_id: str, key: str, place: Place, hosts: Collection[str]) -> Client:
    """The client that an id registers. Raises Invalid."""
    encoded = client_id.removeprefix(PREFIX)
    try:
        signed = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        said = decode_signed_value(key, _about(place), signed, max_age_days=LASTS, min_version=2)
        if said is None or len(client_id) > LONGEST_ID:
            raise ValueError("not signed by us")
        _, name, *where = json.loads(said)
    except (ValueError, binascii.Error, UnicodeError) as error:
        raise Invalid(
            "invalid_client", "This server does not know this client; it has to register anew.", 401
        ) from error
    # The setting may have become narrower since.
    return from_metadata(client_id, {"client_name": name, "redirect_uris": where}, hosts, code="invalid_client")


def _about(place: Place) -> str:
    """What a registration is signed for. Not the root folder: a client keeps its registration for a URL, and asks for
    no other while its tokens alone are refused (TypeScript SDK 1.32)."""
    return f"mcp-proxy-client-{hashlib.sha256(place.base_url.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


# -- documents ------------------------------------------------------------------------------------------

PINNED: Mapping[str, Mapping[str, Any]] = {
    "https://claude.ai/oauth/claude-code-client-metadata": {
        "client_name": "Claude Code",
        "redirect_uris": ["http://localhost/callback", "http://127.0.0.1/callback"],
    },
    "https://chatgpt.com/oauth/codex/client.json": {
        "client_name": "Codex",
        "redirect_uris": ["http://127.0.0.1/callback", "http://localhost/callback"],
    },
}
"""Copies of well-known clients' documents (November 2026): many servers cannot fetch them."""


def is_document(client_id: str) -> bool:
    """Whether an id is the URL of a document."""
    return client_id.startswith("https://")


def document_host(client_id: str, hosts: Collection[str]) -> str:
    """The host of a document's URL, if it may be one and may be fetched. Raises Invalid."""
    try:
        parts = urlsplit(client_id)
        port = parts.port
    except ValueError as error:
        raise Invalid("invalid_client", "The client's id is no URL.", 401) from error
    dots = {".", ".."} & set(parts.path.split("/"))
    if (
        not parts.hostname or not client_id.isascii() or not client_id.isprintable() or len(client_id) > LONGEST_ID
        or parts.fragment or parts.query or "@" in parts.netloc or parts.path in ("", "/") or dots
        or port not in (None, 443)
    ):  # fmt: skip
        raise Invalid("invalid_client", "The client's id is no URL of a client's metadata.", 401)
    if not redirects.host_is_among(parts.hostname, hosts):
        raise Invalid("invalid_client", f"`MCPProxy.signin_hosts` does not have {parts.hostname}.", 401)
    return parts.hostname


def from_document(client_id: str, content: Any, host: str, hosts: Collection[str]) -> Client:
    """The client that a document describes, if it is its own. Raises Invalid."""
    if not isinstance(content, Mapping) or content.get("client_id") != client_id:
        raise Invalid("invalid_client", "The document at the client's id is not about it.", 401)
    if content.get("token_endpoint_auth_method", "none") != "none":
        raise Invalid("invalid_client", "Clients that prove themselves by a key are not known here.", 401)
    return from_metadata(client_id, content, hosts, source=host, code="invalid_client")
