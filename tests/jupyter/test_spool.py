"""Long messages are spooled to disk and read in pieces."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import tempfile
import time
from pathlib import Path

import pytest

from jupyter_mcp_proxy.jupyter.pieces import texts
from jupyter_mcp_proxy.jupyter.spool import SPOOL_IN_MEMORY, Drain, Spool


@pytest.mark.parametrize("ascii_only", [True, False])
def test_pieces_of_a_json_string_are_the_text(ascii_only: bool) -> None:
    chance = random.Random(2)
    for _ in range(300):
        text = "".join(chance.choices('a\n\\"é😀€\t\x01', k=60))
        data = json.dumps(text, ensure_ascii=ascii_only).encode()[1:-1]
        size = chance.randrange(14, 40)
        assert "".join(texts(data[start : start + size] for start in range(0, len(data), size))) == text


def test_a_spool_gives_back_what_came_in_order() -> None:
    spool = Spool()
    block = bytes(range(256)) * 4096
    for _ in range(6):
        spool.append(memoryview(block))
    assert len(spool) == 6 * len(block) > SPOOL_IN_MEMORY
    whole = block * 6
    assert spool.peek(SPOOL_IN_MEMORY - 3, 10) == whole[SPOOL_IN_MEMORY - 3 :][:10]
    taken = b""
    while len(spool):
        size = min(len(spool), 1_000_003)
        taken += spool.peek(0, size)
        spool.drop(size)
    assert taken == whole
    spool.close()


def test_the_time_of_a_spool_is_short() -> None:
    """Small messages are many: taking one must not cost what lies behind it."""
    spool = Spool()
    spool.append(memoryview(bytes(SPOOL_IN_MEMORY)))
    began = time.process_time()
    for _ in range(10_000):
        spool.peek(0, 10)
        spool.drop(10)
    assert time.process_time() - began < 1
    spool.close()


@pytest.mark.anyio
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is Linux's")
async def test_a_disk_that_is_full_is_not_taken_for_the_kernels_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has come before is read; then the reason is raised, and not the end of the connection."""
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: open("/dev/full", "r+b", buffering=0))  # noqa: SIM115
    kernel, ours = socket.socketpair()
    with kernel:
        drain = Drain(ours)
        kernel.setblocking(False)
        sending = asyncio.ensure_future(asyncio.get_running_loop().sock_sendall(kernel, bytes(SPOOL_IN_MEMORY * 2)))
        assert len(await drain.take(1000)) == 1000
        with pytest.raises(OSError, match="No space left on device"):
            await drain.has(SPOOL_IN_MEMORY * 2)
        sending.cancel()
        await drain.close()
