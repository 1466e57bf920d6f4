"""A server elsewhere, as a person gives it to a command: its address, and a token that is in no argument."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from ..contract import NAME

TOKEN_VARIABLE = "JUPYTER_MCP_PROXY_TOKEN"  # noqa: S105 - the name of a variable


def server_of(url: str, variable: str = TOKEN_VARIABLE) -> str:
    """A server's URL, ending with its base URL; an endpoint's will do, and what a browser shows. Raises ValueError."""
    try:
        parts = urlsplit(url.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"{url} is no address such as https://hub.example.org/user/ada/.")
    if parts.username or parts.password or parts.query or parts.fragment:
        # It is in the list of processes by now; at least it is not printed once more.
        raise ValueError(
            "The address has more than host and path: no credential belongs on a command line, which others can see. "
            f"Put the token into {variable} or a file."
        )
    path = parts.path.rstrip("/").removesuffix(f"/{NAME}/mcp").removesuffix(f"/{NAME}")
    path = path.removesuffix("/lab").removesuffix("/tree")
    return f"{parts.scheme}://{parts.netloc}{path}/"


def token_of(file: Path | None, *variables: str) -> str:
    """The token in a file, else in the first variable that has one; empty for none. Raises ValueError."""
    if file is None:
        found = (os.environ.get(name, "").strip() for name in variables or (TOKEN_VARIABLE,))
        token, where = next((each for each in found if each), ""), "The token in the environment"
    else:
        where = f"{file}"
        try:
            token = file.expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
        if not token:
            raise ValueError(f"{file} holds no token.")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError(f"{where} is no token: it has blanks, line ends or other characters in it.")
    return token
