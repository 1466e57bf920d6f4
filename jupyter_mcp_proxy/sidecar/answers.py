"""What the panel's requests and the answers to them have in common."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..contract import ENABLE

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Accel-Buffering": "no"}
"""The last keeps nginx from holding a stream's events back."""

DEGRADED = (
    f"The server extension is disabled, so that nobody checks who asks. On the server's machine: {ENABLE}, then "
    "restart the server."
)


async def body(request: Request) -> Any:
    """A request's JSON; None for what is none."""
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError):
        return None


def failed(status: int, message: str) -> Response:
    """An error as the panel shows it."""
    return JSONResponse({"message": message}, status, headers=HEADERS)
