"""What the panel asks about snapshots: which there are, what putting one back would change, and to do it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..errors import ProxyError
from ..tools import snapshots
from ..tools.state import State
from .answers import DEGRADED, HEADERS, body, failed


class SnapshotApi:
    """The routes below `/api/` that are about snapshots."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[Route]:
        """The routes, for the application."""
        return [
            Route("/api/snapshots", self.snapshots, methods=["GET"]),
            Route("/api/restore", self.restore, methods=["POST"]),
        ]

    async def snapshots(self, request: Request) -> Response:
        """Those of a notebook, or of all; with `notebook` and `time` one of them, as it differs from what is there."""
        if self._state.degraded:
            return failed(403, DEGRADED)
        workspace = await self._state.ready()
        notebook, time = request.query_params.get("notebook"), request.query_params.get("time")
        try:
            if notebook is not None and time is not None:
                found = await snapshots.compared(workspace, notebook, time)
                return JSONResponse({"snapshot": found}, headers=HEADERS)
        except ProxyError as error:
            return failed(503, str(error))
        return JSONResponse({"snapshots": await snapshots.listed(workspace, notebook)}, headers=HEADERS)

    async def restore(self, request: Request) -> Response:
        """Put a snapshot back."""
        if self._state.degraded:
            return failed(403, DEGRADED)
        match await body(request):
            case {"notebook": str(notebook), "time": str(time), **rest} if not rest:
                workspace = await self._state.ready()
                return JSONResponse(await snapshots.restored(workspace, notebook, time), headers=HEADERS)
        return failed(400, 'Send {"notebook": path, "time": "…"} as `snapshots` has them.')
