"""The sidecar's process: run by Jupyter's process or by `serve` (`contract.module_command`), never by hand."""

from __future__ import annotations

import argparse
import asyncio
import errno
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ..contract import EXIT_ADDRESS_TAKEN, EXIT_STOPPED
from ..settings import Settings

GRACE = 1
"""Seconds that open streams get when the sidecar is told to stop."""


def main() -> int:
    """Serve until the parent is gone or a signal says so; the exit code (never 0 while the parent lives)."""
    arguments = argparse.ArgumentParser(prog="python -m jupyter_mcp_proxy.sidecar")
    where = arguments.add_mutually_exclusive_group(required=True)
    where.add_argument("--port", type=int)
    where.add_argument("--unix-socket")
    where.add_argument("--stdio", action="store_true")
    arguments.add_argument("--host", default="127.0.0.1")
    options = arguments.parse_args()
    logging.basicConfig(level=logging.WARNING, format="[mcp-proxy sidecar] %(levelname)s %(message)s")
    # Nothing is garbage while modules are imported; collecting all the same costs 50 ms of the start.
    # `State` turns it on again once everything is loaded.
    gc.disable()
    try:
        settings = Settings.take(os.environ)
    except ValueError as error:
        print(f"mcp-proxy: {error}", file=sys.stderr)
        return 2
    # The parent answers Ctrl-C in its terminal; we follow the parent.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if options.stdio:
        return asyncio.run(_talk(settings))
    try:
        listener = _listen(options.host, options.port, options.unix_socket)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return EXIT_ADDRESS_TAKEN
        raise
    return asyncio.run(_serve(settings, listener))


def _listen(host: str, port: int | None, unix_socket: str | None) -> socket.socket:
    if unix_socket:
        os.umask(0o077)
        listener = socket.socket(socket.AF_UNIX)
        if os.path.exists(unix_socket):  # noqa: PTH110 - our own, left by a crash, in a folder of our own
            os.unlink(unix_socket)  # noqa: PTH108
        listener.bind(unix_socket)
    else:
        # With the protocol named: asyncio turns Nagle's algorithm off only where it sees TCP.
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port or 0))
    listener.listen(128)
    return listener


async def _serve(settings: Settings, listener: socket.socket) -> int:
    import uvicorn

    from .app import create_app
    from .impatient import ImpatientProtocol
    from .parent import parent_gone

    class Server(uvicorn.Server):
        """uvicorn, with the signals left to us: its own handling ends with code 0 after SIGINT."""

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    server = Server(
        uvicorn.Config(
            create_app(settings),
            access_log=False,  # it has the query: where the stock handler forwards, `?token=` is in it
            log_config=None,  # else uvicorn replaces the handlers that are set above
            server_header=False,
            http=ImpatientProtocol,
            ws="none",
            timeout_keep_alive=75,
            timeout_graceful_shutdown=GRACE,  # None, the default, waits for as long as a stream is open
        )
    )
    loop = asyncio.get_running_loop()

    async def follow_parent() -> None:
        await parent_gone(settings.parent_pid)
        server.should_exit = True

    def stop() -> None:
        server.should_exit = True

    loop.add_signal_handler(signal.SIGTERM, stop)
    watcher = loop.create_task(follow_parent())
    await server.serve(sockets=[listener])
    watcher.cancel()
    return EXIT_STOPPED


async def _talk(settings: Settings) -> int:
    """Serve one client, by standard input and output, until it closes them or the parent is gone."""
    from ..tools.server import create_server
    from ..tools.state import State
    from .parent import parent_gone

    state = State(settings)
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, told.set)

    async def end() -> None:
        waits = [asyncio.ensure_future(parent_gone(settings.parent_pid)), asyncio.ensure_future(told.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        # The SDK (2.3) reads standard input in a thread that only its end can end: what is open is closed without it.
        await state.__aexit__(None, None, None)
        os._exit(EXIT_STOPPED)

    ending = loop.create_task(end())
    try:
        await create_server(state).run_stdio_async()
    except Exception as error:
        gone = getattr(error, "exceptions", [error])
        if not all(isinstance(each, BrokenPipeError) for each in gone):  # the client went while it was answered
            raise
    finally:
        ending.cancel()
    return 0


if __name__ == "__main__":
    sys.exit(main())
