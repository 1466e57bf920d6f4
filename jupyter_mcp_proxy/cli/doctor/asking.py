"""Asks a server, as anybody could, and keeps when each part of the answer came. What it means is for others."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request, build_opener

from ...contract import NAME
from ..servers import Server

LIMIT: Final = 30.0
LARGEST: Final = 4_000_000
ACCEPT: Final = "application/json, text/event-stream"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int = 0
    """0 where nothing did."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """By names in small letters."""
    body: bytes = b""
    events: tuple[tuple[float, dict[str, Any]], ...] = ()
    """JSON-RPC messages, each with the seconds after which it was there."""
    seconds: float = 0.0
    error: str = ""
    """Why nothing, or no more, came."""

    @property
    def object(self) -> dict[str, Any]:
        """The body as a JSON object; empty for anything else."""
        return _object(self.body)

    @property
    def message(self) -> dict[str, Any]:
        """The last message that answers a request; empty where none does."""
        found = [event for _, event in self.events if "result" in event or "error" in event]
        return found[-1] if found else {}

    @property
    def result(self) -> dict[str, Any]:
        """What was asked for; empty where it was refused."""
        result = self.message.get("result")
        return result if isinstance(result, dict) else {}

    @property
    def refusal(self) -> str:
        """What whoever answers says against it, in its own words."""
        error = self.object.get("error") or self.message.get("error")
        said = error.get("message") if isinstance(error, dict) else self.object.get("message")
        return str(said or "")


class Stay(HTTPRedirectHandler):
    """A redirect is an answer: the token goes nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""
        return


class Asker:
    """One server, and the token with which it is asked."""

    def __init__(self, server: Server, *, direct: bool = False) -> None:
        """`direct`: by no proxy, wherever it is."""
        self.server = server
        self._opener = opener(server, direct=direct)

    def get(self, url: str, *, token: bool = True, headers: Mapping[str, str] | None = None) -> Answer:
        """What is at a URL, or at a path of ours. No other origin is shown the token."""
        address = url if "://" in url else f"{self.server.url}{NAME}/{url}"
        # Where a server has no token to give, its XSRF check takes the Referer for a sign that this is no other site.
        sent = {"Referer": self.server.url, **(headers or {})}
        return self._ask(Request(address, headers=sent), LIMIT, token=token and address.startswith(self.server.url))  # noqa: S310

    def delete(self, headers: Mapping[str, str]) -> None:
        """End a session."""
        request = Request(self.server.endpoint, headers={"Accept": ACCEPT, **headers}, method="DELETE")  # noqa: S310
        self._ask(request, LIMIT, token=True)

    def post(
        self,
        message: Mapping[str, Any],
        headers: Mapping[str, str],
        *,
        token: bool = True,
        limit: float = LIMIT,
        until: Callable[[dict[str, Any]], bool] = lambda event: "result" in event or "error" in event,
    ) -> Answer:
        """A message to the endpoint, and what comes back until that is enough or the time is over."""
        sent = {"Content-Type": "application/json", "Accept": ACCEPT, **headers}
        request = Request(self.server.endpoint, json.dumps(message).encode(), sent)  # noqa: S310
        return self._ask(request, limit, token=token, until=until)

    def _ask(
        self, request: Request, limit: float, *, token: bool, until: Callable[[dict[str, Any]], bool] | None = None
    ) -> Answer:
        if token and self.server.token:
            request.add_unredirected_header("Authorization", f"Bearer {self.server.token}")
        began = time.monotonic()
        try:
            try:
                response = self._opener.open(request, timeout=limit)
            except HTTPError as error:
                with error:
                    return _answer(error.code, error.headers, error.read(LARGEST), began)
            with response:
                if until is None or "text/event-stream" not in (response.headers.get("Content-Type") or ""):
                    return _answer(response.status, response.headers, response.read(LARGEST), began)
                return _streamed(response, began, limit, until)
        except (OSError, HTTPException) as error:
            return Answer(seconds=time.monotonic() - began, error=why(error))


def opener(server: Server, *, direct: bool = False) -> OpenerDirector:
    """What asks a server. On this machine no proxy stands between, and a certificate is usually its own."""
    context = ssl.create_default_context()
    if not server.on_loopback:
        proxies = [ProxyHandler({})] if direct else []
        return build_opener(*proxies, Stay(), HTTPSHandler(context=context))
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return build_opener(ProxyHandler({}), Stay(), HTTPSHandler(context=context))


def why(error: Exception) -> str:
    """An error of the network, in its own words."""
    reason = error.reason if isinstance(error, URLError) else error
    return str(reason) or type(reason).__name__


def _object(data: bytes) -> dict[str, Any]:
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _answer(status: int, headers: Any, body: bytes, began: float) -> Answer:
    seconds, said = time.monotonic() - began, _object(body)
    events = ((seconds, said),) if "jsonrpc" in said else ()
    return Answer(status, _lower(headers), body, events, seconds)


def _streamed(response: HTTPResponse, began: float, limit: float, until: Callable[[dict[str, Any]], bool]) -> Answer:
    events: list[tuple[float, dict[str, Any]]] = []
    error = ""
    try:
        for event in _events(response, began + limit):
            events.append((time.monotonic() - began, event))
            if until(event):
                break
    except (OSError, HTTPException) as failure:
        error = why(failure)
    return Answer(response.status, _lower(response.headers), b"", tuple(events), time.monotonic() - began, error)


def _events(response: HTTPResponse, deadline: float) -> Iterator[dict[str, Any]]:
    """The messages of an event stream, as they come. What keeps the connection open is none."""
    data = b""
    while time.monotonic() < deadline:
        line = response.readline(LARGEST)
        if not line:
            return
        if line.startswith(b"data:"):
            data += line[5:].strip()
        elif not line.strip() and data:
            yield _object(data)
            data = b""
