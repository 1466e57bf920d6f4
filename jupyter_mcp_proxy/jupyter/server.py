"""The parent server's REST API, and the way to open its websockets."""

from __future__ import annotations

import json
import secrets
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
import websockets

from ..errors import ServerError, ServerUnreachable
from .encoding import PIECE, Json, notebook_model
from .paths import Paths, api_path, clean_path

MOVING = 600.0
"""Seconds that a file may take to be copied, or moved to another disk."""
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""How a request ends that has not left."""


def own_certificate(path: str) -> ssl.SSLContext:
    """Trust exactly the certificate that our own server presents, whoever signed it, under any host name."""
    context = ssl.create_default_context(cafile=path)
    context.check_hostname = False  # we connect by address; the certificate itself is what we know
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


class JupyterServer:
    """The server that started us. An async context manager; open while the sidecar lives.

    Every path of a file, notebook or folder goes through here, and what `paths` keeps from agents goes no further:
    asking for it raises PathRefused, and listings do not have it.

    Calls carry `no_track_activity=1` unless told otherwise, so that looking does not keep a server from being culled.
    """

    def __init__(
        self, url: str, token: str = "", certificate: str = "", unix_socket: str = "", paths: Paths | None = None
    ) -> None:
        self.paths = paths or Paths()
        self.url = url.rstrip("/") + "/"
        self._headers = {"Authorization": f"token {token}"} if token else _without_token()
        self._tls = own_certificate(certificate) if certificate else None
        self._unix_socket = unix_socket
        self._http = httpx.AsyncClient(
            base_url=self.url,
            headers=self._headers,
            transport=httpx.AsyncHTTPTransport(
                verify=self._tls or True,
                uds=unix_socket or None,
                limits=httpx.Limits(max_keepalive_connections=8, keepalive_expiry=30),
            ),
            timeout=httpx.Timeout(60, connect=5),
            trust_env=False,  # a proxy that the environment names is not for our own machine, nor is .netrc
        )

    async def __aenter__(self) -> JupyterServer:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def request(
        self,
        method: str,
        path: str,
        what: str,
        body: Any = None,
        *,
        stream: Iterator[bytes] | None = None,
        track_activity: bool = False,
        timeout: float | None = None,
        query: dict[str, str | int] | None = None,
    ) -> Any:
        """One REST call. `path` is below the base URL and already quoted; `what` names the deed in an error.
        `body` is sent as JSON; of a large one `stream` makes the bytes, piece by piece.

        Returns the decoded JSON, or None for an empty answer. Raises ServerError with Jupyter's own reason.
        """
        parameters = dict(query or {})
        if not track_activity:
            parameters["no_track_activity"] = 1
        try:
            response = await self._http.request(
                method,
                path,
                params=parameters,
                json=body,
                content=None if stream is None else _sent(stream),
                headers=None if stream is None else {"Content-Type": "application/json"},
                timeout=httpx.USE_CLIENT_DEFAULT if timeout is None else timeout,
            )
        except httpx.HTTPError as error:
            sent = method != "GET" and not isinstance(error, NEVER_SENT)
            raise ServerUnreachable(what, str(error) or type(error).__name__, sent=sent) from error
        if response.status_code >= 300:
            raise ServerError(what, response.status_code, _reason(response))
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError as error:
            raise ServerError(what, response.status_code, "not JSON; is the URL that of a Jupyter server?") from error

    @asynccontextmanager
    async def websocket(
        self, path: str, subprotocols: list[str] | None = None, **query: str
    ) -> AsyncIterator[websockets.ClientConnection]:
        """A websocket of the server, without size limit or compression (it is our own machine)."""
        base = urlsplit(self.url)
        scheme = "wss" if base.scheme == "https" else "ws"
        uri = f"{scheme}://{base.netloc}{base.path}{path}"
        if query:
            uri += "?" + urlencode(query)
        options: dict[str, Any] = {
            "additional_headers": self._headers,
            "subprotocols": subprotocols,
            "max_size": None,
            "compression": None,
            "ping_interval": 30,
            "ping_timeout": 90,
            "close_timeout": 2,
            "open_timeout": None,  # a kernel's websocket opens when the kernel is there
            "proxy": None,
        }
        if self._tls is not None:
            options["ssl"] = self._tls
        if self._unix_socket:
            connect = websockets.unix_connect(self._unix_socket, uri, **options)
        else:
            connect = websockets.connect(uri, **options)
        async with connect as connection:
            yield connection

    # -- contents -------------------------------------------------------------------------------------

    async def contents(self, path: str, *, content: bool = True, **query: str | int) -> Json:
        """The model of a file, folder or notebook."""
        self.paths.check(clean_path(path), "directory")
        model: Json = await self.request(
            "GET", f"api/contents/{api_path(path)}", f"Reading {path!r}", query={"content": int(content), **query}
        )
        self.paths.check(clean_path(path), model["type"])
        if model["type"] == "directory" and model.get("content"):
            model["content"] = [item for item in model["content"] if self.paths.lists(item["path"], item["type"])]
        return model

    async def save_contents(self, path: str, model: Json) -> Json:
        """Write a file, folder or notebook; its new model without content."""
        self.paths.check(clean_path(path), model["type"])
        self.paths.check_write(clean_path(path), folder=model["type"] == "directory")
        saved: Json = await self.request("PUT", f"api/contents/{api_path(path)}", f"Writing {path!r}", model)
        return saved

    async def rename_contents(self, path: str, to: str) -> None:
        """Move a file or folder; `whole.check_whole` has been asked. Raises ServerError where something is there."""
        what = f"Moving {path!r} to {to!r}"
        await self.request("PATCH", f"api/contents/{api_path(path)}", what, {"path": to}, timeout=MOVING)

    async def copy_contents(self, path: str, to: str) -> Json:
        """Copy a file to a path that nothing has; its model without content."""
        for each in (path, to):
            self.paths.check(clean_path(each))
        self.paths.check_write(clean_path(to))
        what = f"Copying {path!r} to {to!r}"
        model: Json = await self.request(
            "POST", f"api/contents/{api_path(to)}", what, {"copy_from": path}, timeout=MOVING
        )
        return model

    async def delete_contents(self, path: str) -> None:
        """Delete a file or folder, as the server does that; `whole.check_whole` has been asked."""
        await self.request("DELETE", f"api/contents/{api_path(path)}", f"Deleting {path!r}", timeout=MOVING)

    async def save_notebook(self, path: str, content: Json) -> Json:
        """Write a notebook; its new model without content. Nobody waits for a large one to be encoded as a whole."""
        self.paths.check_write(clean_path(path))
        saved: Json = await self.request(
            "PUT", f"api/contents/{api_path(path)}", f"Writing {path!r}", stream=notebook_model(content)
        )
        return saved

    # -- kernels and sessions -------------------------------------------------------------------------

    async def kernelspecs(self) -> Json:
        """`{"default": name, "kernelspecs": {name: model}}`."""
        specs: Json = await self.request("GET", "api/kernelspecs", "Listing the kernelspecs")
        return specs

    async def kernels(self, *, timeout: float | None = None) -> list[Json]:
        """The models of all running kernels."""
        models: list[Json] = await self.request("GET", "api/kernels", "Listing the kernels", timeout=timeout)
        return models

    async def kernel(self, kernel_id: str, *, track_activity: bool = False, timeout: float | None = None) -> Json:
        """The model of one kernel."""
        model: Json = await self.request(
            "GET",
            f"api/kernels/{quote(kernel_id)}",
            f"Looking at kernel {kernel_id}",
            track_activity=track_activity,
            timeout=timeout,
        )
        return model

    async def is_up(self, timeout: float) -> bool:
        """Whether the server itself answers, which asks nobody else for this (a gateway, say)."""
        try:
            await self.request("GET", "api", "Looking for the server", timeout=timeout)
        except ServerUnreachable:
            return False
        return True

    async def interrupt_kernel(self, kernel_id: str) -> None:
        """Interrupt what the kernel runs."""
        await self.request("POST", f"api/kernels/{quote(kernel_id)}/interrupt", f"Interrupting kernel {kernel_id}")

    async def restart_kernel(self, kernel_id: str) -> Json:
        """Restart a kernel; it keeps its id."""
        model: Json = await self.request(
            "POST", f"api/kernels/{quote(kernel_id)}/restart", f"Restarting kernel {kernel_id}"
        )
        return model

    async def sessions(self) -> list[Json]:
        """The models of all sessions, but for those of notebooks that are kept from agents."""
        models: list[Json] = await self.request("GET", "api/sessions", "Listing the sessions")
        return [model for model in models if self.paths.open(model.get("path") or "")]

    async def start_session(self, path: str, kernel: Json) -> Json:
        """The session of a notebook: the one it has, or a new one with `kernel` (`{"name"}` or `{"id"}`)."""
        self.paths.check(clean_path(path))
        body = {"path": path, "name": path.rsplit("/", 1)[-1], "type": "notebook", "kernel": kernel}
        session: Json = await self.request(
            "POST", "api/sessions", f"Starting a kernel for {path!r}", body, timeout=120, track_activity=True
        )
        return session

    async def change_session(self, session_id: str, kernel: Json) -> Json:
        """Give a session another kernel."""
        session: Json = await self.request(
            "PATCH",
            f"api/sessions/{quote(session_id)}",
            "Changing the kernel",
            {"kernel": kernel},
            timeout=120,
        )
        return session

    async def rename_session(self, session_id: str, path: str) -> None:
        """Tell a session that its notebook has another path, as JupyterLab does."""
        self.paths.check(clean_path(path))
        body = {"path": path, "name": path.rsplit("/", 1)[-1]}
        await self.request("PATCH", f"api/sessions/{quote(session_id)}", f"Renaming the session of {path!r}", body)

    async def delete_session(self, session_id: str) -> None:
        """End a session and shut its kernel down."""
        await self.request("DELETE", f"api/sessions/{quote(session_id)}", "Shutting the kernel down", timeout=60)

    # -- collaboration --------------------------------------------------------------------------------

    async def has_collaboration(self) -> bool:
        """Whether jupyter-collaboration serves shared documents here."""
        try:
            # Each handler of Jupyter's API answers OPTIONS and does nothing; PUT would open a session.
            await self.request("OPTIONS", "api/collaboration/session/x", "Looking for jupyter-collaboration")
        except ServerError as error:
            if error.status == 404:
                return False
            raise
        return True

    async def collaboration_session(self, path: str) -> Json:
        """`{"fileId", "sessionId", "format", "type"}` of a notebook's shared document."""
        self.paths.check(clean_path(path))
        session: Json = await self.request(
            "PUT",
            f"api/collaboration/session/{api_path(path)}",
            f"Opening the shared document of {path!r}",
            {"format": "json", "type": "notebook"},
        )
        return session


async def _sent(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Bytes that are few at a time, as many at a time."""
    gathered = bytearray()
    for piece in pieces:
        gathered += piece
        if len(gathered) >= PIECE:
            yield bytes(gathered)
            gathered = bytearray()  # `clear` would keep the largest that it ever was
    yield bytes(gathered)


def _without_token() -> dict[str, str]:
    """What a server without authentication asks of a caller that has no token: a matching pair against XSRF."""
    pair = secrets.token_hex(16)
    return {"Cookie": f"_xsrf={pair}", "X-XSRFToken": pair}


def _reason(response: httpx.Response) -> str:
    try:
        body = json.loads(response.content)
    except ValueError:
        return response.reason_phrase
    if not isinstance(body, dict):
        return response.reason_phrase
    message = body.get("message") or body.get("reason") or response.reason_phrase
    return str(message)
