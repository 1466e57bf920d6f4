"""A server of this user's on this machine, found by its info file, and a token made for it while it is used."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from ..errors import ProxyError
from ..stdio.http import Address
from ..stdio.ways import Unreachable
from ..store.tokens import Place, ScopedToken, TokenStore, store_file
from .output import PROGRAM, remark
from .servers import Server, infos_in, is_meant, none_runs, runtime_folder

DAYS = 7.0
"""Days until a token of ours ends, should this process be killed before it can revoke it; one in use is renewed."""


class Local:
    """The way to one running server: the same one, by root folder and base URL, on whichever port it comes again."""

    def __init__(self, which: str | None, tier: str) -> None:
        self._which = which
        self._tier = tier
        self._folder = Path.cwd()
        self._place: Place | None = None
        self._pid = 0
        self._token: tuple[str, ScopedToken] | None = None
        self._token_has_opened = False
        self._without_ours = False
        """Whether the server's own token is used, since this server does not know ours."""
        self._store = TokenStore(store_file())

    def find(self) -> Address:
        """Where the server is, and a token that opens its endpoint alone. Raises Unreachable."""
        server = self._server()
        if server.pid != self._pid:
            self._pid, self._without_ours = server.pid, False
        verified = not (server.url.startswith("https:") and server.on_loopback)
        if self._without_ours or not (server.token or os.environ.get("JUPYTERHUB_SERVICE_PREFIX")):
            return Address(server.endpoint, server.token, verified)
        return Address(server.endpoint, self._made(server), verified)

    def accepted(self, address: Address) -> None:
        """The token opens the endpoint: from now on it is the server's to refuse."""
        if self._token is not None and address.token == self._token[0]:
            self._token_has_opened = True

    def refused(self, address: Address, status: int) -> bool:
        """Another token may do in place of one that has expired, or of one that the server does not know."""
        if self._token is None or address.token != self._token[0]:
            # The server may be another by now, with a token of its own.
            return self._changed(address)
        token = self._token[1]
        if self._token_has_opened:
            # Who has revoked it has meant this process.
            if self._store.why_ended(token) != "expired":
                return False
            self._token, self._token_has_opened = None, False
            return True
        if self._tier != "run":
            remark(f"{address.url} does not know a token made here, and its own is not narrowed to {self._tier!r}.")
            return False
        remark(
            f"{address.url} does not know a token made here (another JUPYTER_DATA_DIR, or the extension is off), "
            "so its own token is used."
        )
        self._without_ours = True
        return True

    def close(self) -> None:
        """Revoke the token that was made."""
        if self._token is not None:
            token, self._token = self._token[1], None
            try:
                self._store.revoke(token.id)
            except ProxyError:
                return  # revoked before, or the file cannot be written: it ends by itself

    def _made(self, server: Server) -> str:
        if self._token is None:
            name = f"stdio {secrets.token_hex(3)}"
            try:
                self._token = self._store.create(Place.of(server.root, server.base_url), name, self._tier, DAYS)
            except ProxyError as error:
                raise Unreachable(str(error), lasting=True) from error
        return self._token[0]

    def _changed(self, address: Address) -> bool:
        try:
            return self.find() != address
        except Unreachable:
            return False

    def _server(self) -> Server:
        folder = runtime_folder()
        try:
            infos = infos_in(folder)
        except OSError as error:
            raise Unreachable(f"The servers' info files in {folder} cannot be read: {error}.") from error
        servers = [Server.of(info) for info in infos if not info.get("sock")]
        if self._place is not None:
            again = [server for server in servers if Place.of(server.root, server.base_url) == self._place]
            if not again:
                raise Unreachable(f"The Jupyter server in {self._place.root_dir} does not run. Start it again.")
            return again[0]
        server = chosen(servers, self._which, self._folder, none_runs(folder))
        self._place = Place.of(server.root, server.base_url)
        return server


def chosen(servers: Sequence[Server], which: str | None, folder: Path, none: str) -> Server:
    """The one server that is meant: as it was named, by the folder, or the only one. Raises Unreachable."""
    if not servers:
        raise Unreachable(none, lasting=True)
    if which is not None:
        fitting = [server for server in servers if is_meant(server, which)]
    else:
        fitting = holding(servers, folder) or list(servers)
    if len(fitting) == 1:
        return fitting[0]
    listed = "\n".join(f"  --server {server.url}  (notebooks in {server.root})" for server in fitting or servers)
    if not fitting:
        raise Unreachable(
            f"No running server has the URL, port or root folder {which!r}. These run:\n{listed}", lasting=True
        )
    raise Unreachable(
        f"Several Jupyter servers run here; say with --server which is meant, or start `{PROGRAM} stdio` in the folder "
        f"of one:\n{listed}",
        lasting=True,
    )


def holding(servers: Sequence[Server], folder: Path) -> list[Server]:
    """The servers in whose root folder a folder is; of several roots the deepest."""
    here = Path(os.path.realpath(folder))
    roots = [(Path(os.path.realpath(server.root)), server) for server in servers if server.root]
    around = [(len(root.parts), server) for root, server in roots if here.is_relative_to(root)]
    deepest = max((depth for depth, _ in around), default=0)
    return [server for depth, server in around if depth == deepest]
