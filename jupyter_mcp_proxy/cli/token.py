"""`jupyter mcp-proxy token`: tokens for one agent each, good for the MCP endpoint of one server and nothing else."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..clients import BY_ID, Target
from ..contract import TIERS
from .output import PROGRAM, remark
from .printing import declare_client, where
from .servers import NoAnswer, NotAsked, Server, fetch, is_meant, reachable, remarks_on, running, without_endpoint

if TYPE_CHECKING:
    from ..store.tokens import TokenStore

DESCRIPTION = """\
Make, list and revoke tokens for agents. Such a token opens the MCP endpoint of one server (one root
folder and base URL) and nothing else of it: no other part of Jupyter knows it. It has a name, a tier
(read: look; edit: also change documents and files; run: also execute), and an end. It survives a
restart of the server.

A token is shown once, when it is made; only a hash is kept, below Jupyter's data directory. Revoking it
holds from the agent's next call on."""

EXAMPLES = """\
examples:
  jupyter mcp-proxy token new --name claude                       may run, for 30 days
  jupyter mcp-proxy token new --name reviewer --tier read --days 7
  jupyter mcp-proxy token list
  jupyter mcp-proxy token revoke reviewer

exit codes: 0 made, listed or revoked, 1 not done (the reason is on stderr), 2 wrong usage."""


def declare(command: argparse.ArgumentParser) -> None:
    """The options of each action."""
    actions = command.add_subparsers(title="actions", dest="action", metavar="<action>", required=True)
    new = actions.add_parser("new", help="make a token and show it, this once")
    new.add_argument("--name", required=True, help="whose token it is, such as the agent's name")
    new.add_argument("--tier", choices=TIERS, default="run", help="the most that it permits (default: %(default)s)")
    new.add_argument(
        "--days", type=float, default=30, metavar="N", help="days until it ends, at most 365 (default: %(default)s)"
    )
    new.add_argument(
        "--server", metavar="WHICH", help="URL, port or root folder of the server, where you run more than one"
    )
    declare_client(new)
    actions.add_parser("list", help="list the tokens and sign-ins, without their secrets")
    revoke = actions.add_parser("revoke", help="end a token or a sign-in at once")
    revoke.add_argument("token", metavar="NAME|ID", help="the token, as it is listed")


def run(options: argparse.Namespace) -> int:
    """Make, list or revoke."""
    from ..errors import ProxyError
    from ..store.tokens import TokenStore, store_file

    store = TokenStore(store_file())
    try:
        if options.action == "new":
            return new(store, options)
        return show(store) if options.action == "list" else revoke(store, options.token)
    except ProxyError as error:
        remark(str(error))
        return 1


def new(store: TokenStore, options: argparse.Namespace) -> int:
    """Make a token for a running server, and see that this server knows it."""
    from ..store.tokens import Place

    server = chosen(options.server)
    if server is None or not knows(server):
        return 1
    token, made = store.create(Place.of(server.root, server.base_url), options.name, options.tier, options.days)
    if not knows(server, made.id):
        store.revoke(made.id)
        remark(
            f"{server.url} keeps its data in another folder than {store.file.parent}, so it would not know a token "
            "made here. Run this command with the server's JUPYTER_DATA_DIR, or in a terminal of that server."
        )
        return 1
    client = BY_ID[options.client]
    snippet = client.render([Target(server.endpoint, token)])
    if client.is_command:
        print(f"{token}\n\n{snippet}")
    else:
        print(snippet)
        remark(where(client))
    remark(
        f"\n{made.name} may {made.tier} at {server.endpoint} (notebooks in {server.root})\n"
        f"until {made.expires[:16]} UTC. The token is not shown again. `{PROGRAM} token revoke {made.id}` ends it."
    )
    remarks_on(server)
    return 0


def chosen(which: str | None) -> Server | None:
    """The one running server that is meant; None, with a remark, where that is not clear."""
    infos = running()
    servers = [server for server in map(reachable, infos) if server is not None]
    if which is not None:
        servers = [server for server in servers if is_meant(server, which)]
    if len(servers) == 1:
        return servers[0]
    if servers:
        remark("Several servers run here; say with --server which is meant:")
        remark("\n".join(f"  --server {server.url}  (notebooks in {server.root})" for server in servers))
    elif infos and which is not None:
        remark(f"No running server has the URL, port or root folder {which!r}. `{PROGRAM} connect` lists them.")
    return None


def knows(server: Server, token_id: str | None = None) -> bool:
    """Whether a server deals with scoped tokens, and with this one. One that cannot be asked is believed to."""
    try:
        status, body = fetch(server, "api/tokens")
    except NotAsked as error:
        if token_id is None:
            remark(str(error))
        return True
    except NoAnswer as error:
        remark(f"{server.url}: {error}")
        return False
    answer = parsed(body)
    if status != 200 or "tokens" not in answer:
        message = answer.get("message") or ""
        remark(f"{server.url}: {message if status != 404 and message else without_endpoint(status)}")
        return False
    return token_id is None or any(token["id"] == token_id for token in answer["tokens"])


def parsed(body: bytes) -> Mapping[str, Any]:
    """A JSON object, empty for anything else."""
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    return answer if isinstance(answer, dict) else {}


def show(store: TokenStore) -> int:
    """List the tokens and sign-ins of every server."""
    from ..store.signins import SignIn, SignIns
    from ..store.token_errors import SigninsUnreadable

    tokens, now = store.shown(), store.now()
    signins: list[SignIn] = []
    problem = ""
    try:
        signins = SignIns(store).shown()
    except SigninsUnreadable as error:
        problem = str(error)
    for token in tokens:
        state = {"active": f"until {token.expires[:16]} UTC", "expired": f"EXPIRED {token.expires[:16]} UTC"}
        print(
            f"{token.id}  {token.tier:4}  {state[token.state(now)]}  {token.name}  ({token.root_dir}, {token.base_url})"
        )
    for signin in signins:
        state = {"active": f"until {signin.expires[:16]} UTC", "expired": f"EXPIRED {signin.expires[:16]} UTC"}
        used = f"last used {signin.used[:16]} UTC" if signin.used else "not used yet"
        who = f"{signin.label}, {used}"
        where = f"({signin.root_dir}, {signin.base_url})"
        print(f"{signin.id}  {signin.tier:4}  {state[signin.state(now)]}  {who}  {where}")
    if problem:
        remark(problem)
    elif not tokens and not signins:
        remark(f"There are no tokens. `{PROGRAM} token new --name <name>` makes one.")
    return 1 if problem else 0


def revoke(store: TokenStore, name_or_id: str) -> int:
    """End a token, or a sign-in."""
    from ..errors import Unknown
    from ..store.signins import SignIns

    try:
        token = store.revoke(name_or_id)
    except Unknown:
        signin = SignIns(store).end(name_or_id)
        if signin is None:
            raise
        token = signin.token
    print(f"Revoked {token.id} ({token.name}). Its next call is refused.")
    return 0
