"""`python -m signingin`: real clients sign in, and a table of what they could do is printed."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from harness.browser import chromium
from realclients.installed import install

from signingin.clients import CLIENTS
from signingin.places import PLACES
from signingin.signing import Outcome, sign_in

PROGRAMS = Path(__file__).parent / "programs"
HEAD = "| client | place | signed in | a call with an image | what failed |\n|---|---|---|---|---|"


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m signingin", description=__doc__)
    parser.add_argument("names", nargs="*", help="clients by name; all without")
    parser.add_argument("--place", choices=PLACES, action="append", help="all without")
    parser.add_argument("--installed", type=Path, help="a folder to keep the clients in")
    parser.add_argument("--verbose", action="store_true", help="with all that the clients say")
    options = parser.parse_args()
    clients = [client for client in CLIENTS if not options.names or client.name in options.names]
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="signingin-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        below = options.installed or home / "installed"
        for client in clients:
            install(client, below, PROGRAMS)
        async with chromium() as browser:
            for name in options.place or PLACES:
                async with PLACES[name](browser, home / name, below) as place:
                    for number, client in enumerate(clients):
                        at = home / f"{name}-{number}"
                        at.mkdir()
                        outcomes.append(await sign_in(client, place, below, at, options.verbose))
                        print(outcomes[-1].line, flush=True)
    print("\n".join((HEAD, *(outcome.line for outcome in outcomes))))
    return int(any(outcome.unexpected for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
