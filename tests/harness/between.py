"""What stands between a client and a server: a reverse proxy that does to replies what real ones do."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness.servers import JupyterProcess

Headers = list[tuple[str, str]]
HOP = frozenset(("connection", "transfer-encoding", "content-length", "keep-alive"))


def unchanged(headers: Headers) -> Headers:
    return headers


@contextmanager
def between(server: JupyterProcess, change: Callable[[Headers], Headers] = unchanged) -> Iterator[str]:
    """A proxy that holds every reply back until it is whole, and changes its headers; its URL.

    It answers in HTTP/1.0 and passes on the Host that it was asked at, as a proxy should.
    """
    upstreams: set[http.client.HTTPConnection] = set()

    class Handler(BaseHTTPRequestHandler):
        def do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            sent = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
            upstream = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            upstreams.add(upstream)
            try:
                upstream.request(self.command, self.path, body or None, sent)
                response = upstream.getresponse()
                whole = response.read()
                self.send_response_only(response.status)
                for name, value in change([pair for pair in response.getheaders() if pair[0].lower() not in HOP]):
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(whole)))
                self.end_headers()
                self.wfile.write(whole)
            except (OSError, http.client.HTTPException, AttributeError, ValueError):
                pass  # the client is gone, or the test is over: http.client (3.11) has no better word for it
            finally:
                upstreams.discard(upstream)
                upstream.close()

        do_GET = do_POST = do_DELETE = do

        def log_message(self, *_: object) -> None:
            """Nothing."""

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy.daemon_threads = True
    proxy.block_on_close = False
    thread = threading.Thread(target=proxy.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{proxy.server_address[1]}{server.base_url}"
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()
        for upstream in list(upstreams):  # a stream that would stay open
            if upstream.sock is not None:
                upstream.sock.shutdown(2)
