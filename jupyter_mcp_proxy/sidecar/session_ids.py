"""Session ids that say what the session was opened with, signed, so that a new process can open it again. Pure.

Clients of the old era do not open a new session where theirs is unknown (TypeScript 1 and 2, Python 1 and 2, fastmcp):
after a sidecar that was killed they would fail until a person connects them anew.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from typing import Any

LONGEST = 4000
"""Characters that an id may have: it is a header of every request, and proxies take 8 kB of them."""

Json = dict[str, Any]


def sealed(secret: str, caller: str, parameters: Json) -> str | None:
    """An id for a session that a caller opens with these parameters of `initialize`; None where it gets too long."""
    said = json.dumps([secrets.token_hex(8), caller, parameters], separators=(",", ":")).encode()
    text = base64.urlsafe_b64encode(said).decode().rstrip("=")
    id = f"{text}.{_signature(secret, text)}"
    return id if len(id) <= LONGEST else None


def unsealed(secret: str, caller: str, id: str) -> Json | None:
    """The parameters with which a caller has opened a session; None where it is not theirs, or not of our making."""
    text, _, signature = id.rpartition(".")
    if not text or not hmac.compare_digest(signature.encode(), _signature(secret, text).encode()):
        return None
    _, opened_by, parameters = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return parameters if opened_by == caller and isinstance(parameters, dict) else None


def _signature(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), b"session " + text.encode(), hashlib.sha256).hexdigest()[:32]
