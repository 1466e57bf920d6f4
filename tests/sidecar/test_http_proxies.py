"""Where the environment names an HTTP proxy, as on a company's network, none of ours asks it for this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from harness import INITIALIZE, JupyterProcess, connect, own_world

pytestmark = pytest.mark.anyio
NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@contextmanager
def refusing() -> Iterator[tuple[str, list[str]]]:
    """A proxy that lets nothing through, as most do with loopback; its URL, and what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            asked.append(self.rfile.readline().decode(errors="replace"))
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_a_proxy_of_the_environment_is_asked_for_nothing_on_this_machine(tmp_path: Path) -> None:
    """By the server, the sidecar with its shared documents and kernels, `stdio` and the doctor."""
    with refusing() as (proxy, asked):
        named = {name: proxy for upper in NAMES for name in (upper, upper.lower())} | {"NO_PROXY": "example.org"}
        server = JupyterProcess(tmp_path, environment=named).wait()
        try:
            server.write_notebook("a.ipynb", "1")
            async with connect(server) as agent:
                assert "live" in await agent.ok("use_notebook", notebook="a.ipynb")
                assert "42" in await agent.ok("insert_execute_code_cell", notebook="a.ipynb", source="6 * 7")
            env = own_world(tmp_path) | named | {
                "JUPYTER_RUNTIME_DIR": str(server.runtime),
                "JUPYTER_DATA_DIR": str(server.data),
                "JUPYTER_MCP_PROXY_TOKEN": server.token,
            }  # fmt: skip

            def ours(*words: str, told: str = "") -> str:
                done = subprocess.run(
                    [sys.executable, "-m", "jupyter_mcp_proxy", *words], env=env, cwd=server.root,
                    input=told, capture_output=True, text=True, timeout=60,
                )  # fmt: skip
                assert done.returncode == 0, done.stderr
                return done.stdout

            assert "serverInfo" in ours("stdio", "--url", server.url, told=json.dumps(INITIALIZE) + "\n")
            assert '"failed"' not in ours("doctor", "--json", "--no-kernel", "--url", server.url)
        finally:
            server.stop()
        assert asked == []
