"""`jupyter mcp-proxy connect <client>`: the client's own file gets the server's entry, or loses it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..clients import BY_ID, JUPYTER_AI, Client, Target
from ..contract import TIERS
from .output import PROGRAM, printable, remark
from .stdio import endpoint_of

if TYPE_CHECKING:
    from .servers import Server

CLIENTS = BY_ID | {JUPYTER_AI.id: JUPYTER_AI}
"""Every client with a file that is written."""
DAYS = 30.0


def declare(command: argparse.ArgumentParser) -> None:
    """The options that go with a client's name."""
    command.add_argument("to", nargs="?", choices=tuple(CLIENTS), metavar="client", help=f"{', '.join(CLIENTS)}")
    options = command.add_argument_group("with a client's name")
    options.add_argument("--server", metavar="WHICH", help="URL, port or root folder, where you run more than one")
    options.add_argument("--url", help="a server elsewhere; the client signs in there")
    options.add_argument("--name", default="jupyter", help="what the client calls the server (default: %(default)s)")
    options.add_argument("--file", metavar="FILE", type=Path, help="another file than the client's own, as a project's")
    options.add_argument("--with-token", action="store_true", help="write a token made for it, also where it signs in")
    options.add_argument("--tier", choices=TIERS, default="run", help="the most a token permits (default: %(default)s)")
    options.add_argument(
        "--days", type=float, default=DAYS, metavar="N", help="days until it ends (default: %(default)g)"
    )
    options.add_argument("--print", action="store_true", help="print the entry, and write nothing")
    options.add_argument("--remove", action="store_true", help="take the entry out")
    options.add_argument("--yes", action="store_true", help="write without asking")


def run(options: argparse.Namespace) -> int:
    """Show what would change in the client's file, ask, and write it."""
    from ..errors import ProxyError
    from .files.entries import NotEditable

    client = CLIENTS[options.to]
    if not options.name or not all(c.isalnum() or c in "-_" for c in options.name) or not options.name.isascii():
        remark("--name has other characters than letters, digits, - and _.")
        return 2
    try:
        return remove(client, options) if options.remove else add(client, options)
    except NotEditable as error:
        where = f"{options.file} is" if options.file else f"The file of {client.label} is"
        remark(f"{where} left as it was: {error}.\n`{PROGRAM} connect {client.id} --print` prints what goes into it.")
        return 1
    except (ProxyError, ValueError) as error:
        remark(str(error))
        return 1


def add(client: Client, options: argparse.Namespace) -> int:
    """Put the entry into the client's file."""
    server = None if options.url is not None else _server(options.server)
    if options.url is None and server is None:
        return 1
    url = endpoint_of(options.url) if server is None else server.endpoint
    if client.starts is not None and not options.with_token:
        which = ["--url", url] if server is None else ["--server", server.root]
        command = [sys.executable, "-m", "jupyter_mcp_proxy", "stdio", *which]
        return _write(client, options, client.starts(command), "" if server is None else server.root, "")
    token = ""
    if options.with_token or not client.signs_in or (server is not None and not _signs_in(server)):
        if server is None:
            raise ValueError(f"{client.label} would need a token there: make one on that machine, by its page.")
        token = _token(client, server, options)
        if not token:
            return 1
    assert client.file is not None
    entry = client.file.entry(Target(url, token, options.name))
    code = 1
    try:
        code = _write(client, options, entry, server.root if server is not None else "", token)
    finally:
        if code and token:  # nobody has it
            _revoke(token)
    if not code and not token and not options.print:
        remark(client.signs_in.replace("jupyter", options.name) if options.name != "jupyter" else client.signs_in)
    return code


def remove(client: Client, options: argparse.Namespace) -> int:
    """Take the entry out of the client's file."""
    root = ""
    if client.file is not None and options.file is None and any("{root}" in path for path in client.file.paths):
        server = _server(options.server)
        if server is None:
            return 1
        root = server.root
    return _write(client, options, None, root, "")


def _write(client: Client, options: argparse.Namespace, value: Mapping[str, Any] | None, root: str, token: str) -> int:
    from .files.disk import Found, difference, place_of
    from .files.entries import Entry, NotEditable, changed

    assert client.file is not None
    if options.print:
        return _print(client, options, value, token)
    path = options.file.expanduser() if options.file is not None else place_of(client.file, root)
    found = Found.at(path)
    read, edit = _format(client)
    entry = Entry(client.file.keys, options.name, value, client.file.listed)
    before = found.text
    try:
        after = changed(before, entry, read, edit)
        old = entry.found_in(read(before.removeprefix("\ufeff")))
    except RecursionError as error:
        raise NotEditable("it is nested too deeply") from error
    if after == before:
        remark(f"{path}: nothing to change.")
        return 0
    print(printable_lines(difference(before, after, str(path))))
    if not (options.yes or _asked(f"Write this to {found.path}?")):
        remark("Nothing was written.")
        return 1
    found.replace(after, private=bool(token))
    remark(f"Wrote {path}." if value is not None else f"{options.name} is no more in {path}.")
    _tell_of_old_token(old, token)
    if token:
        remark("There is a token in it: keep it out of version control.")
    return 0


def _print(client: Client, options: argparse.Namespace, value: Mapping[str, Any] | None, token: str) -> int:
    assert client.file is not None
    if value is None:
        remark("--print and --remove do not go together.")
        return 2
    from .files.entries import Entry

    entry = Entry(client.file.keys, options.name, value, client.file.listed)
    _, edit = _format(client)
    print(edit("", entry), end="")
    remark(f"For {client.label}: {client.where}.")
    if token:
        remark("There is a token in it: it is not shown again.")
    return 0


def _format(client: Client) -> tuple[Callable[[str], Mapping[str, Any]], Callable[[str, Any], str]]:
    """What reads and edits a client's file."""
    assert client.file is not None
    language = "json" if client.language == "shell" else client.language
    if language == "toml":
        from .files import in_toml

        return in_toml.read, in_toml.edit
    if language == "yaml":
        from .files import in_yaml

        return in_yaml.read, in_yaml.edit
    from .files import jsonc

    return jsonc.read if client.file.comments else _strictly(jsonc.read), jsonc.edit


def _strictly(read: Callable[[str], Mapping[str, Any]]) -> Callable[[str], Mapping[str, Any]]:
    """A reader for a client that takes JSON alone: what it would not read is not touched."""

    def strictly(text: str) -> Mapping[str, Any]:
        from .files.entries import NotEditable

        try:
            if text.strip():
                json.loads(text)
        except ValueError as error:
            raise NotEditable(f"it is not JSON: {error}") from error
        return read(text)

    return strictly


def _server(which: str | None) -> Server | None:
    from .token import chosen

    return chosen(which)


def _signs_in(server: Server) -> bool:
    """Whether a client can sign in at a server; one that cannot be asked is believed to."""
    from .servers import NoAnswer, NotAsked, fetch

    try:
        return fetch(server, ".well-known/oauth-protected-resource")[0] == 200
    except NotAsked:
        return True
    except NoAnswer as error:
        raise ValueError(f"{server.url}: {error}") from error


def _token(client: Client, server: Server, options: argparse.Namespace) -> str:
    """A token made for the client at a server that knows it; empty, with a remark, where that does not."""
    import secrets

    from ..store.tokens import Place, TokenStore, store_file
    from .token import knows

    if not knows(server):
        return ""
    store = TokenStore(store_file())
    name = f"{client.label} {secrets.token_hex(2)}"
    token, made = store.create(Place.of(server.root, server.base_url), name, options.tier, options.days)
    if not knows(server, made.id):
        store.revoke(made.id)
        remark(f"{server.url} keeps its data elsewhere: run this with its JUPYTER_DATA_DIR, or in a terminal of it.")
        return ""
    remark(f"{name} may {made.tier} until {made.expires[:16]} UTC. `{PROGRAM} token revoke {made.id}` ends it.")
    return token


def _revoke(token: str) -> None:
    from ..store.tokens import PREFIX, TokenStore, store_file

    TokenStore(store_file()).revoke(token.removeprefix(PREFIX).partition("_")[0])


def _tell_of_old_token(old: Any, token: str) -> None:
    """Which scoped token a former entry had: it still opens the endpoint."""
    import re

    found = re.search(r"jmp_([0-9a-f]{8})_", json.dumps(old, default=str))
    if found is not None and not token.startswith(found[0]):
        remark(f"The token that stood there still opens the server: `{PROGRAM} token revoke {found[1]}` ends it.")


def _asked(question: str) -> bool:
    """Whether a person says yes; nobody does where there is no terminal."""
    if not sys.stdin.isatty():
        remark(f"{question} Nobody can be asked here: --yes says so beforehand.")
        return False
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def printable_lines(text: str) -> str:
    """Lines in which nothing is a command for the terminal; tabs stay."""
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.splitlines())
