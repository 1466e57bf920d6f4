"""A forward proxy as a program: `forward_proxy.py <name> <user:password>`; the name stands for this machine.

Prints its port, then each request's first two words.
"""

from __future__ import annotations

import asyncio
import base64
import sys
from contextlib import suppress
from urllib.parse import urlsplit


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    writer.close()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    name, password = sys.argv[1:3]
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    method, target, _ = head.split(" ", 2)
    print(method, target, flush=True)
    wanted = f"proxy-authorization: basic {base64.b64encode(password.encode()).decode()}"
    if password and wanted.lower() not in head.lower():
        writer.write(b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        return
    parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
    assert parts.hostname == name, parts
    onward, there = await asyncio.open_connection("127.0.0.1", parts.port)
    if method == "CONNECT":
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    else:
        lines = [each for each in head.split("\r\n") if not each.lower().startswith("proxy-")]
        lines[0] = f"{method} {parts.path} HTTP/1.1"
        # The server of the tests goes by its own name.
        lines = [f"Host: 127.0.0.1:{parts.port}" if each.lower().startswith("host:") else each for each in lines]
        there.write("\r\n".join(lines).encode("latin-1"))
    await asyncio.gather(pipe(reader, there), pipe(onward, writer))


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
