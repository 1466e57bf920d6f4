"""The address under which a request has come, if it may be believed. Pure.

Whoever sends a request writes its Host header, so it chooses no issuer unless this server goes by that name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ...contract import is_loopback
from ..policy import Refused

_HOST = re.compile(
    r"(?P<name>[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_.])?|\[[0-9a-f:.]+\])(?::(?P<port>\d{1,5}))?", re.IGNORECASE
)
UNKNOWN_HOST = (
    "This server does not go by the name {host}, so nobody can sign in there. Use its own address, or set "
    "`MCPProxy.public_url` (or `ServerApp.local_hostnames`, `ServerApp.allow_remote_access`) on the server."
)


@dataclass(frozen=True)
class Names:
    """What this server goes by."""

    public_url: str = ""
    """All there is, where it is set."""
    local: Collection[str] = ("localhost",)
    """Jupyter's `local_hostnames`."""
    any: bool = False
    """Whether Jupyter takes every name: `allow_remote_access`."""


def origin_of(protocol: str, host: str, names: Names) -> str:
    """The origin of an address as its sender sees it. Raises Refused.

    The scheme is `seen_scheme`'s. Nothing else of what a proxy may have added counts.
    """
    if names.public_url:
        parts = urlsplit(names.public_url)
        return normal(parts.scheme, parts.netloc)
    match = _HOST.fullmatch(host)
    if match is None or protocol not in ("http", "https"):
        raise Refused(400, "This request has no host that could be the name of a server.")
    name = match.group("name").lower().rstrip(".")
    if not (names.any or name in {local.lower() for local in names.local} or is_loopback(name)):
        raise Refused(403, UNKNOWN_HOST.format(host=name))
    return normal(protocol, host)


def seen_scheme(scheme: str, headers: Mapping[str, str], trusts_proxies: bool) -> str:
    """The scheme of the address that the sender has, where Jupyter was told to trust proxies (`trust_xheaders`).

    Each proxy may write its own behind that of the one before it, and tornado (6.6) takes the last: on a JupyterHub
    behind a proxy that ends TLS the Hub's own, `https,http`. The first is what the browser sees, as the Hub (6.1)
    takes it. Who forges it forges what they are told themselves.
    """
    if not trusts_proxies:
        return scheme
    first = headers.get("X-Scheme", headers.get("X-Forwarded-Proto", "")).partition(",")[0].strip().lower()
    return first if first in ("http", "https") else scheme


def normal(scheme: str, netloc: str) -> str:
    """An origin as all clients spell it: in small letters, without the scheme's own port."""
    host = netloc.lower()
    own = {"http": ":80", "https": ":443"}[scheme.lower()]
    return f"{scheme.lower()}://{host.removesuffix(own)}"


def same_resource(one: str, other: str) -> bool:
    """Whether two URLs name one endpoint; a slash at the end and the letters of the host do not matter."""
    return _normal_url(one) == _normal_url(other)


def _normal_url(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    if parts.scheme.lower() not in ("http", "https") or parts.query or parts.fragment:
        return url
    return normal(parts.scheme, parts.netloc) + parts.path.rstrip("/")
