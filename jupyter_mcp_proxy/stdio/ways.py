"""How the bridge comes to a server: where that is now, and what opens it."""

from __future__ import annotations

import re
from typing import Final, Protocol
from urllib.parse import urlsplit

from ..contract import NAME
from .http import Address
from .proxies import proxy_for, refusal


class Unreachable(Exception):
    """There is no server to ask; the text says why, with the cure."""

    def __init__(self, text: str, *, lasting: bool = False) -> None:
        super().__init__(text)
        self.lasting = lasting
        """Whether waiting for it makes no sense: a person has to do something."""


class Way(Protocol):
    """What leads to a server. Its methods may read and write files, so they are called in a thread."""

    def find(self) -> Address:
        """Where the server is now. Raises Unreachable."""

    def accepted(self, address: Address) -> None:
        """What opens it has been seen to do so. Called once for each address."""

    def refused(self, address: Address, status: int) -> bool:
        """The server has refused what the address carries (401, 403). Whether `find` has another to try."""

    def close(self) -> None:
        """Leave nothing behind."""


HUB: Final = re.compile(r"(?P<hub>.*/)user/(?P<user>[^/]+)/(?:(?P<server>[^/]+)/)?")
"""The path of a JupyterHub user's server, or of one of theirs that has a name."""


def start_page(url: str) -> str:
    """Where a JupyterHub starts the server that has a URL, or its endpoint's; empty where none of its users' has it."""
    match = _on_hub(url)
    if not match:
        return ""
    parts = urlsplit(url)
    named = f"/{match['server']}" if match["server"] else ""
    return f"{parts.scheme}://{parts.netloc}{match['hub']}hub/spawn/{match['user']}{named}"


def has_name(url: str) -> bool:
    """Whether it is that of a server with a name: while that does not run, its user's own answers 404 in its stead."""
    match = _on_hub(url)
    return bool(match and match["server"])


def _on_hub(url: str) -> re.Match[str] | None:
    return HUB.fullmatch(urlsplit(url).path.removesuffix(f"{NAME}/mcp"))


def not_taken(address: Address, status: int, *, hub: bool) -> str:
    """What is said of an answer that has no words of ours. `hub`: a JupyterHub is there."""
    if status == 407 and (proxy := proxy_for(urlsplit(address.url))):
        return f"{address.url} was not reached: {refusal(proxy, status)}."
    page = start_page(address.url)
    at = f", {page}," if page else ","
    if status == 403 and hub:  # JupyterHub 6.1 answers so in the stead of a user's server that it has stopped
        return f"The JupyterHub refuses what goes to {address.url}: start that server on the Hub's page{at} then retry."
    if status == 404 and has_name(address.url):
        return (
            f"There is nothing at {address.url} (404), as where that server of a JupyterHub does not run: start that "
            f"server on the Hub's page{at} then retry. If it runs, jupyter-mcp-proxy is not installed there."
        )
    return f"{address.url} answers {status}. Is it the MCP endpoint of a Jupyter server?"


def without_token(address: Address, said: str = "") -> str:
    """What is said where the server asks for a token, there is none, and nobody can sign in. `said`: its own words."""
    return (
        f"{said or f'{address.url} asks for a token, and nobody can sign in there.'} Give this program one in the "
        "environment variable JUPYTER_MCP_PROXY_TOKEN (most clients have `env` beside `command` for it) or in a file, "
        "with --token-file; where that server runs, `jupyter mcp-proxy token new --name my-agent` makes one."
    )


class Given:
    """A URL that a person has given, with a token."""

    def __init__(self, url: str, token: str) -> None:
        self._address = Address(url, token)

    def find(self) -> Address:
        """That URL."""
        return self._address

    def accepted(self, address: Address) -> None:
        """Nothing to remember."""

    def refused(self, address: Address, status: int) -> bool:
        """There is no other."""
        return False

    def close(self) -> None:
        """Nothing was made."""
