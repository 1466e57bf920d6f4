"""What is printed for a client: which one it is, and where that goes."""

from __future__ import annotations

import argparse

from ..clients import BY_ID, Client


def declare_client(command: argparse.ArgumentParser) -> None:
    """The option that says for which client to print."""
    command.add_argument(
        "--client", choices=tuple(BY_ID), default="claude-code", metavar="CLIENT",
        help=f"the client to print it for: {', '.join(BY_ID)} (default: %(default)s)",
    )  # fmt: skip


def where(client: Client) -> str:
    """Where what was printed goes, and what there is to know about it."""
    return f"For {client.label}: {client.where}. {client.note}".rstrip() + f"\n{client.docs}"
