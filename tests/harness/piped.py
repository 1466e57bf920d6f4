"""The stdio server as a process: with a client of the SDK's, and line by line."""

from __future__ import annotations

import json
import os
import secrets
import select
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any

from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_types import Implementation

from harness.agents import ERAS, Agent
from harness.machine import MODULE, REPOSITORY, own_world
from harness.servers import JupyterProcess
from harness.tokens import store_of


def world(server: JupyterProcess) -> dict[str, str]:
    """The environment in which the server is one that this user runs."""
    return own_world(server.home) | {
        "JUPYTER_RUNTIME_DIR": str(server.runtime),
        "JUPYTER_DATA_DIR": str(server.data),
        "PYTHONPATH": str(REPOSITORY),
    }


def own_tokens(server: JupyterProcess) -> dict[str, str]:
    """The tokens that stdio servers have made and not revoked, by their ids, with their tiers."""
    return {token.id: token.tier for token in store_of(server).shown() if token.name.startswith("stdio ")}


@asynccontextmanager
async def piped(
    server: JupyterProcess, era: str = ERAS[0], *arguments: str, log: Path | None = None, **callbacks: Any
) -> AsyncIterator[Agent]:
    """A client of the SDK's that starts `jupyter mcp-proxy stdio` in the server's root folder."""
    program, *rest = MODULE
    parameters = StdioServerParameters(
        command=program, args=[*rest, "stdio", *arguments], env=world(server), cwd=server.root
    )
    info = Implementation(name=f"pytest {secrets.token_hex(4)}", version="1")
    with (log or Path(os.devnull)).open("a") as errors:
        transport = stdio_client(parameters, errlog=errors)
        async with Client(transport, mode=era, client_info=info, **callbacks) as client:
            yield Agent(client)


class Piped:
    """`jupyter mcp-proxy stdio` as a client sees it that writes and reads lines."""

    def __init__(self, environment: dict[str, str], cwd: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*MODULE, "stdio", *arguments], env=environment, cwd=cwd,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
        )  # fmt: skip
        self._rest = b""

    def say(self, method: str, params: Any = None, id: Any = None) -> None:
        said = {"jsonrpc": "2.0", "method": method, "params": params, "id": id}
        self.write(json.dumps({name: value for name, value in said.items() if value is not None}).encode())

    def write(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")

    def hear(self, seconds: float = 60) -> dict[str, Any]:
        """The next line that it writes."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + seconds
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"nothing was written within {seconds} s"
            piece = os.read(self.process.stdout.fileno(), 65536)
            assert piece, "it has ended"
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        return dict(json.loads(line))

    def answer(self, id: Any, seconds: float = 60) -> dict[str, Any]:
        """The answer to a request; what else is written before is left out."""
        deadline = time.monotonic() + seconds
        while True:
            said = self.hear(deadline - time.monotonic())
            if said.get("id") == id and "method" not in said:
                return said

    def end(self) -> tuple[float, str]:
        """Close its stdin: the seconds until it has ended, and what it said on stderr."""
        assert self.process.stdin is not None
        begun = time.monotonic()
        self.process.stdin.close()
        self.process.wait(30)
        took = time.monotonic() - begun
        return took, self.leave()

    def leave(self) -> str:
        """End it at once, where it has not ended; what it said on stderr."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        streams: list[IO[bytes] | None] = [self.process.stdin, self.process.stdout]
        for stream in streams:
            if stream is not None:
                stream.close()
        assert self.process.stderr is not None
        with self.process.stderr as errors:
            return errors.read().decode()
