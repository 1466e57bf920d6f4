"""The Jupyter Server extension: mounts the relay ahead of jupyter-server-proxy's own rule and warms the sidecar up.

Tornado takes the first rule that matches and Jupyter loads extensions in alphabetical order, so this
one comes before `jupyter_server_proxy` (a test pins it).
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import threading
from logging import Logger
from typing import Any

from jupyter_server.utils import url_path_join
from jupyter_server_proxy.handlers import AddSlashHandler

from ..contract import NAME
from ..store.tokens import Place, TokenStore, store_file
from .launcher import Launch
from .relay import RelayHandler
from .signin.desk import Desk
from .signin.rules import rules as signin_rules
from .supervisor import NotReadyError, Sidecar
from .token_api import TokenApiHandler

SIDECAR_SETTING = "jupyter_mcp_proxy_sidecar"
"""Where the web application keeps the server's `Sidecar`."""


def _load_jupyter_server_extension(server: Any) -> None:
    """Called by Jupyter Server while it starts."""
    give_token(server)
    sidecar = Sidecar(Launch("streaming"), server.log)
    server.web_app.settings[SIDECAR_SETTING] = sidecar
    _stop_before_others(server, sidecar)
    store, place = TokenStore(store_file()), Place.of(server.root_dir, server.base_url)
    desk = Desk(server, sidecar.launch.config, store, place)
    tokens = {"tokens": store, "place": place}
    root = url_path_join(server.base_url, NAME)
    server.web_app.add_handlers(
        ".*",
        [
            (root, AddSlashHandler),
            *signin_rules(server.base_url, desk),
            # Tornado matches the path as it was sent. Another spelling of it goes to the relay, which has no such path.
            (
                root + r"/api/tokens(?:/([^/]+))?",
                TokenApiHandler,
                {**tokens, "signins": desk.signins, "limit": desk.limit},
            ),
            (root + r"/(.*)", RelayHandler, {"sidecar": sidecar, "desk": desk, **tokens}),
        ],
    )


async def _start_jupyter_server_extension(server: Any) -> None:
    """Called by Jupyter Server once it listens: start the sidecar, so that the first call finds it ready."""
    sidecar: Sidecar | None = server.web_app.settings.get(SIDECAR_SETTING)
    if sidecar is None:  # it could not be loaded, and said why
        return
    _stop_in_order_when_interrupted(server)
    if not sidecar.launch.config.warm_start:
        return
    sidecar.warm_up = asyncio.create_task(_warm_up(sidecar, server.log))


async def _warm_up(sidecar: Sidecar, log: Logger) -> None:
    try:
        await sidecar.ensure()
    except NotReadyError as error:
        log.warning("mcp-proxy: %s The first request tries again.", error)


def _stop_before_others(server: Any, sidecar: Sidecar) -> None:
    """End the sidecar before the other extensions are told to stop.

    Jupyter stops its extensions all at once, and jupyter-collaboration never ends where a client is still in
    one of its rooms at that moment (jupyter-collaboration#161): Ctrl-C would leave the server hanging.
    """
    cleanup_extensions = server.cleanup_extensions

    async def cleanup() -> None:
        await sidecar.stop()
        await cleanup_extensions()

    server.cleanup_extensions = cleanup


def _stop_in_order_when_interrupted(server: Any) -> None:
    """Have SIGINT stop a server without a terminal as SIGTERM does, where nobody else has a say in it.

    Jupyter (2.21) answers SIGINT only in a terminal. Elsewhere it is Python's KeyboardInterrupt, which breaks off the
    event loop: no extension is told, and a process in which a room of jupyter-collaboration is open does not end.
    A JupyterHub that starts servers as processes stops them so (`LocalProcessSpawner`).
    """
    if os.name == "nt" or threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda number, _: _interrupted(server, number))


def _interrupted(server: Any, number: int) -> None:
    server.log.critical("received signal %s, stopping", number)
    server.stop(from_signal=True)


def give_token(server: Any) -> None:
    """Give a server that only knows a password a token for our own use: the sidecar calls it with that.

    A server without any authentication, and one on a JupyterHub, need none.
    """
    provider = server.identity_provider
    if provider.auth_enabled and not provider.token and hasattr(type(provider), "token"):
        provider.token = secrets.token_urlsafe(32)
