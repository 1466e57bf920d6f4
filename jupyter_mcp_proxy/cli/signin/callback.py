"""Where the person's browser brings its answer: a port of this machine, open while it is waited for."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer

PATH = "/callback"
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<link rel="icon" href="data:,">
<body style="font: 1.1rem/1.5 system-ui, sans-serif; max-width: 36rem; margin: 4rem auto; padding: 0 1rem">
<h1 style="font-size: 1.4rem">{title}</h1><p>{text}</p></body></html>
"""


class Listener:
    """Takes the query that the browser comes with, and shows what became of it."""

    def __init__(self, port: int, taken: Callable[[str], tuple[int, str, str]]) -> None:
        """Listen at a port, 0 for any. `taken` tells status, title and text. Raises OSError where it is not free."""

        class Handler(BaseHTTPRequestHandler):
            timeout = 10  # a browser opens connections that it may never use
            server_version, sys_version = "stdio", ""

            def do_GET(self) -> None:
                path, _, query = self.path.partition("?")
                status, title, text = taken(query) if path == PATH else (404, "Nothing is here", "")
                body = PAGE.format(title=title, text=text).encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Cache-Control", "no-store")
                self.send_header("Referrer-Policy", "no-referrer")
                self.send_header(
                    "Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
                )
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing: the code is in the path."""

        class Server(ThreadingTCPServer):  # HTTPServer asks the network for the name of 127.0.0.1
            daemon_threads, block_on_close = True, False
            allow_reuse_address = os.name == "posix"  # on Windows it lets another program take the port

        self._server = Server(("127.0.0.1", port), Handler)
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Let go of the port."""
        self._server.shutdown()
        self._server.server_close()
