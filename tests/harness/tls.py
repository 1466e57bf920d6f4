"""A proxy that ends TLS, as nginx or a cloud's load balancer stands before a server."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def self_signed(folder: Path, name: str = "not-this-host") -> tuple[Path, Path]:
    """A key and a certificate that nobody else has signed, for a name that is not this machine's."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "key.pem", folder / "certificate.pem"
    pem = serialization.Encoding.PEM
    paths[0].write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    paths[1].write_bytes(certificate.public_bytes(pem))
    return paths


def trusting(certificate: Path) -> ssl.SSLContext:
    """For clients: that certificate, whatever the server's name."""
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False
    return context


@asynccontextmanager
async def tls_before(
    port: int, folder: Path, *, at: int = 0, keeps_host: bool = True, name: str = "not-this-host"
) -> AsyncIterator[tuple[int, ssl.SSLContext]]:
    """A proxy before a port of this machine: its own port, and what its clients have to trust.

    It says `X-Forwarded-Proto: https`, as all of them do, and passes on `Host` unless told not to.
    """
    key, certificate = self_signed(folder, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with _closing(writer):
            with suppress(OSError, asyncio.IncompleteReadError):
                head = (await reader.readuntil(b"\r\n\r\n")).removesuffix(b"\r\n")
                head = re.sub(rb"(?im)^(connection|x-forwarded-proto):.*\r\n", b"", head)  # one request a connection
                if not keeps_host:
                    head = re.sub(rb"(?im)^host:.*\r\n", b"Host: 127.0.0.1:%d\r\n" % port, head)
                there, back = await asyncio.open_connection("127.0.0.1", port)
                async with _closing(back):
                    back.write(head + b"X-Forwarded-Proto: https\r\nConnection: close\r\n\r\n")
                    pumps = [asyncio.ensure_future(_pump(reader, back)), asyncio.ensure_future(_pump(there, writer))]
                    try:
                        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        for pump in pumps:
                            pump.cancel()
                        await asyncio.wait(pumps)

    serving: set[asyncio.Task[None]] = set()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(serve(reader, writer))
        serving.add(task)
        task.add_done_callback(serving.discard)

    server = await asyncio.start_server(accepted, "127.0.0.1", at, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1], trusting(certificate)
    finally:
        server.close()
        left = list(serving)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await asyncio.sleep(0)  # the loop closes an aborted connection's socket in its next turn


@asynccontextmanager
async def _closing(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    """A connection that is gone at the end: its sockets must not outlive the test that opened them."""
    try:
        yield
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    finally:
        writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
