"""Fetching the document at a client's id: from public addresses only, small, quick, and never where it redirects to."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from tornado.httpclient import HTTPError, HTTPRequest
from tornado.netutil import Resolver
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from .clients import Invalid

LARGEST = 16_384
TIME = 5.0
KEPT = 600.0
MOST_KEPT = 32
MOST_AT_A_TIME = 16


class PublicResolver(Resolver):
    """Names to addresses, those of the public internet alone. What is checked here is what is connected to."""

    async def resolve(
        self, host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[tuple[int, Any]]:
        """The addresses of a host. Raises OSError where one of them is not public."""
        found = await asyncio.get_running_loop().getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        for _, _, _, _, address in found:
            if not is_public(str(address[0])):
                raise OSError(f"{host} is not on the public internet")
        return [(kind, address) for kind, _, _, _, address in found]


def is_public(text: str) -> bool:
    """Whether an address belongs to the public internet, also where it has another in it."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        # A translator of the network's makes these into addresses that it reaches.
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        elif address not in ipaddress.ip_network("2000::/3") or address.sixtofour or address.teredo:
            return False
    if address in ipaddress.ip_network("192.88.99.0/24"):  # relays to what IPv6 reaches
        return False
    return address.is_global and not address.is_multicast


class Documents:
    """The documents that were fetched of late."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, resolver: Resolver | None = None) -> None:
        self._clock = clock
        self._resolver = resolver
        self._kept: dict[str, tuple[float, Any]] = {}
        self._all = asyncio.Semaphore(MOST_AT_A_TIME)
        self._hosts: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        """Two at a time of one host: a slow one holds up its own documents."""

    async def get(self, url: str) -> Any:
        """The document at a URL. Raises Invalid."""
        made, content = self._kept.get(url, (0.0, None))
        if content is not None and self._clock() - made < KEPT:
            return content
        host = urlsplit(url).netloc
        at_host = self._hosts.setdefault(host, asyncio.Semaphore(2))
        try:
            content = await asyncio.wait_for(self._in_turn(at_host, url), 2 * TIME)
        except asyncio.TimeoutError as error:
            raise Invalid("invalid_client", f"{host} answers too slowly; try again in a minute.", 401) from error
        while len(self._kept) >= MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[url] = self._clock(), content
        return content

    async def _in_turn(self, at_host: asyncio.Semaphore, url: str) -> Any:
        async with at_host, self._all:
            return await self._fetched(url)

    async def _fetched(self, url: str) -> Any:
        client = SimpleAsyncHTTPClient(
            force_instance=True,
            resolver=self._resolver or PublicResolver(),
            max_body_size=LARGEST,
            max_header_size=LARGEST,
        )
        request = HTTPRequest(
            url, follow_redirects=False, connect_timeout=TIME, request_timeout=TIME, decompress_response=False,
            headers={"Accept": "application/json"},
        )  # fmt: skip
        try:
            response = await asyncio.wait_for(client.fetch(request), TIME)
            if response.code != 200:
                raise ValueError(f"it answers {response.code}")
            return json.loads(response.body)
        except (HTTPError, OSError, ValueError, RecursionError, asyncio.TimeoutError) as error:
            raise Invalid(
                "invalid_client", f"The client's metadata at {url} could not be fetched: {error}", 401
            ) from error
        finally:
            client.close()
