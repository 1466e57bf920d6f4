"""What the Jupyter process and the sidecar agree on: header names, environment names, the proof.

Imported by both sides, so it imports nothing but the standard library.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from typing import Final

NAME: Final = "mcp-proxy"
"""The path segment below the server's base URL, and the name of the entry point."""

SECRET_HEADER: Final = "X-MCP-Proxy-Secret"  # noqa: S105 - the name of a header
USER_HEADER: Final = "X-MCP-Proxy-User"
TIER_HEADER: Final = "X-MCP-Proxy-Tier"
CALLER_HEADER: Final = "X-MCP-Proxy-Caller"
TOKEN_HEADER: Final = "X-MCP-Proxy-Token"  # noqa: S105 - the name of a header
"""The id of the scoped token that a request came with; empty where it came with Jupyter's own."""
TOKEN_NAME_HEADER: Final = "X-MCP-Proxy-Token-Name"  # noqa: S105 - the name of a header
TOKEN_TIER_HEADER: Final = "X-MCP-Proxy-Token-Tier"  # noqa: S105 - the name of a header
"""What that token permits; a sidecar that is told nothing of it takes another cause for a refusal."""
IDENTITY_HEADERS: Final = (USER_HEADER, CALLER_HEADER, TOKEN_HEADER, TOKEN_NAME_HEADER, TOKEN_TIER_HEADER)
"""Who calls, as the relay tells it."""
NONCE_HEADER: Final = "X-MCP-Proxy-Nonce"
PROOF_PATH: Final = "/proof"

TIERS: Final = ("read", "edit", "run")
"""What a caller may do, each including those before it."""

ENV_PREFIX: Final = "JUPYTER_MCP_PROXY_"

COMMAND: Final = "python -m jupyter_mcp_proxy"
"""Our command line in what a client is refused with: of a server's errors Claude Code (2.1.332) hides each part of the
path that it was configured with, such as `mcp-proxy`, so that of `jupyter mcp-proxy token new` the word that matters is
`[redacted]`."""

ENABLE: Final = "jupyter server extension enable jupyter_mcp_proxy"
"""What a person runs where only the plain entry point serves."""

MOST_VALUES: Final = 100_000
"""Values that a body may have. The SDK (mcp 2.3) decodes and validates all of them at once, in the loop that serves
everybody: a million hold it up for 3 s and take 250 MB. A tool's arguments are few, and a long text is one value."""

EXIT_STOPPED: Final = 3
"""The sidecar was told to stop. Never 0 while the parent lives: simpervisor takes 0 for final."""
EXIT_ADDRESS_TAKEN: Final = 98
"""Somebody else listens on the port that the sidecar was given; the parent must choose another."""


def proposals_name(run_id: str) -> str:
    """The file in Jupyter's runtime directory with what agents of a run propose, and whose edits are reviewed."""
    return f"mcp-proxy-{run_id}.proposals"


def told_name(run_id: str) -> str:
    """The name, in Jupyter's runtime directory, of the list of notebooks that clients of a run know. The sidecar writes
    it, for one that comes after it; the parent removes it when none comes any more."""
    return f"mcp-proxy-{run_id}.told"


def module_command(python: str, module: str) -> list[str]:
    """The command that runs `main` of a module of ours, and finds no module in the folder that it is started in.

    `python -m` looks there first, before the standard library. The option against that (`-P`) is unknown to Python
    3.10, and `-I` takes away what a user has installed for themselves.
    """
    start = f"import sys; sys.path[:] = [p for p in sys.path if p]; from {module} import main; sys.exit(main())"
    return [python, "-c", start]


def prove(secret: str, nonce: str, address: str) -> str:
    """The hexadecimal HMAC-SHA256 with which a sidecar that listens at `address` shows that it holds `secret`.

    The address, a port or the path of a socket, is the one that each side sees itself: who passes the question on
    from another has no use of the answer.
    """
    said = f"jupyter-mcp-proxy sidecar {address} {nonce}"
    return hmac.new(secret.encode(), said.encode(), hashlib.sha256).hexdigest()


def same(left: str, right: str) -> bool:
    """Whether two secrets are equal, in time that does not depend on where they differ."""
    return hmac.compare_digest(left.encode(), right.encode())


def is_loopback(name: str) -> bool:
    """Whether a host's name stands for the very machine that asks for it."""
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def values(body: bytes) -> int:
    """How many values a JSON text has, about: its commas and openings outside of strings. Nothing is decoded.

    Beyond `MOST_VALUES` it may be any number that is larger.
    """
    if (separators := _separators(body)) <= MOST_VALUES:
        return separators  # with those in strings
    bare = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    if (strings := bare.count(b'"') // 2) > 2 * (MOST_VALUES + 1):  # a value's name, and itself
        return strings // 2
    return sum(_separators(part) for part in bare.split(b'"')[::2])


def _separators(text: bytes) -> int:
    return text.count(b",") + text.count(b"[") + text.count(b"{")
