"""What signing in at a server elsewhere has given this user's `stdio` processes: one file for each endpoint.

Only who holds the lock writes it: a refresh token is good once, and one page is enough for all who wait for it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from .filelock import locked
from .private import OURS, private_folder
from .replacing import replacing


@dataclass(frozen=True)
class Pending:
    """A page that a person may still answer, whichever process waits for that."""

    page: str
    state: str
    verifier: str
    port: int
    """Where the answer is waited for, on loopback."""
    client: str
    issuer: str
    token_endpoint: str
    made: float
    opened: float
    """When it was last opened in a browser."""


@dataclass(frozen=True)
class Grant:
    """What is known of one endpoint."""

    access: str = ""
    refresh: str = ""
    client: str = ""
    token_endpoint: str = ""
    pending: Pending | None = None
    denied: float = 0.0
    """When a person last said no."""


class Grants:
    """The file of one endpoint. Its methods may raise OSError."""

    def __init__(self, url: str, home: Path | None = None) -> None:
        self._url = url
        self._file = (home or _home()) / f"{hashlib.sha256(url.encode()).hexdigest()[:24]}.json"

    def read(self) -> Grant:
        """What is there. What cannot be read is nothing: it costs a person a click."""
        try:
            said = json.loads(self._file.read_text(encoding="utf-8"))
            grant = said["grant"]
            pending = Pending(**grant.pop("pending")) if grant.get("pending") else None
            return Grant(**{**grant, "pending": pending}) if said["url"] == self._url else Grant()
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return Grant()

    def write(self, grant: Grant) -> Grant:
        """Keep it, readable by this user only."""
        private_folder(self._file.parent)
        with replacing(self._file, durable=True) as file:
            json.dump({"url": self._url, "grant": asdict(grant)}, file, indent=1)
        return grant

    def change(self, **changes: Any) -> Grant:
        """Keep something else of it."""
        return self.write(replace(self.read(), **changes))

    @contextmanager
    def held(self, wait: float) -> Iterator[None]:
        """Be the one who writes. Raises OSError where another is that for `wait` seconds."""
        private_folder(self._file.parent)
        with locked(self._file.with_suffix(".lock"), wait):
            yield


def _home() -> Path:
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / OURS / "stdio"
