"""How the bridge comes to a server: where that is now, and what opens it."""

from __future__ import annotations

from typing import Protocol

from .http import Address


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

    def refused(self, address: Address) -> bool:
        """The server has refused what the address carries. Whether `find` has another that is worth trying."""

    def close(self) -> None:
        """Leave nothing behind."""


def not_taken(address: Address, status: int, *, hub: bool) -> str:
    """What is said of an answer that has no words of ours. `hub`: a JupyterHub is there."""
    if status == 403 and hub:  # JupyterHub 6.1 answers so in the stead of a user's server that it has stopped
        return f"The JupyterHub refuses what goes to {address.url}: start that server on the Hub's page, then retry."
    return f"{address.url} answers {status}. Is it the MCP endpoint of a Jupyter server?"


def without_token(address: Address) -> str:
    """What is said where the server asks for a token, and there is none: this program cannot sign in."""
    return (
        f"{address.url} asks for a token. Give this program one in the environment variable JUPYTER_MCP_PROXY_TOKEN "
        "(most clients have `env` beside `command` for it) or in a file, with --token-file; where that server runs, "
        "`jupyter mcp-proxy token new --name my-agent` makes one."
    )


class Given:
    """A URL that a person has given, with a token or without."""

    def __init__(self, url: str, token: str) -> None:
        self._address = Address(url, token)

    def find(self) -> Address:
        """That URL."""
        return self._address

    def accepted(self, address: Address) -> None:
        """Nothing to remember."""

    def refused(self, address: Address) -> bool:
        """There is no other."""
        return False

    def close(self) -> None:
        """Nothing was made."""
