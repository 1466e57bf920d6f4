"""Whether programs trust the certificate of our own server: a browser that was told to go on says nothing of it."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from urllib.parse import urlsplit

from ..settings import Settings

PATIENCE = 5.0
"""Seconds that our own server may take to show its certificate."""


async def distrusted(settings: Settings) -> str:
    """The file of a certificate that this machine's programs do not trust; empty where they do, or there is none.

    Asked by a connection of a client that knows nothing: so one that is signed by an authority of the house's own is
    told of, too. The host's name is not looked at, as we connect by address.
    """
    address = urlsplit(settings.server_url)
    if not settings.server_certificate or address.scheme != "https" or settings.server_socket:
        return ""
    context = ssl.create_default_context()
    context.check_hostname = False
    with suppress(OSError, asyncio.TimeoutError):
        try:
            connecting = asyncio.open_connection(address.hostname, address.port, ssl=context)
            _, writer = await asyncio.wait_for(connecting, PATIENCE)
        except ssl.SSLCertVerificationError:
            return settings.server_certificate
        writer.close()
    return ""
