"""A body that is too much costs the server nothing while there is no sidecar that would refuse it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from harness import JupyterProcess, StartJupyter, until
from harness.requests import as_client, post

pytestmark = pytest.mark.anyio


BATCH = b"[" * 20_000_000
DEEP = b'{"a":' * 4_000_000
LONG = b'{"jsonrpc":"2.0","id":1,"method":"ping","p":"' + b"x" * 100_000_000 + b'"}'


@pytest.fixture(params=[BATCH, DEEP, LONG], ids=["20 MB of a batch", "20 MB deep", "100 MB"])
def body(request: pytest.FixtureRequest) -> bytes:
    content: bytes = request.param
    return content


def peak(pid: int) -> int:
    """The most memory that a process has had, in bytes."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


async def test_it_is_refused_undecoded_and_the_server_goes_on(start_jupyter: StartJupyter, body: bytes) -> None:
    server = start_jupyter(arguments=("--MCPProxy.python=/nowhere/python",), wait=False)
    await until(lambda: _answers(server))
    assert post(server, {"jsonrpc": "2.0", "id": 7, "method": "ping"}, **as_client())[0] == 200
    before = peak(server.process.pid)
    began = time.monotonic()
    status, _, told = post(server, body, **as_client())
    assert time.monotonic() - began < 10
    assert status == (400 if body is BATCH else 503), told[:300]
    # tornado holds a body while it comes, and once more as a whole.
    assert peak(server.process.pid) - before < 3 * len(body) + 20_000_000
    assert "Traceback" not in server.log
    status, _, told = post(server, {"jsonrpc": "2.0", "id": 7, "method": "ping"}, **as_client())
    assert (status, b'"id": 7' in told) == (200, True)


def _answers(server: JupyterProcess) -> bool:
    try:
        return server.get("api/status")[0] == 200
    except OSError:
        return False
