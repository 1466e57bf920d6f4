"""The files that the connect page loads, each with its version in its address."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

NO_SNIFF = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


@dataclass(frozen=True)
class StaticFile:
    """A file that the page loads. Its version is in the link, so a browser may keep it for ever."""

    name: str
    media_type: str
    content: bytes

    @property
    def version(self) -> str:
        """What changes with the content."""
        return hashlib.sha256(self.content).hexdigest()[:12]

    @property
    def link(self) -> str:
        """Its address, as the page has it."""
        return f"{self.name}?v={self.version}"

    def route(self) -> Route:
        """Where it is served."""

        async def serve(request: Request) -> Response:
            current = request.query_params.get("v") == self.version
            keep = "private, max-age=31536000, immutable" if current else "no-cache"
            headers = {"Cache-Control": keep, **NO_SNIFF}
            return Response(self.content, media_type=self.media_type, headers=headers)

        return Route(f"/{self.name}", serve)
