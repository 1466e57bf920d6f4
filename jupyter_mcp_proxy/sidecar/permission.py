"""What the panel asks about running: which clients ask a person first, what waits for one, and their answer."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..tools.asking_rules import Who
from ..tools.permission import Verdict
from ..tools.state import State
from .answers import DEGRADED, HEADERS, body, failed

VERDICTS = {verdict.value: verdict for verdict in (Verdict.ONCE, Verdict.NOTEBOOK, Verdict.DENY)}


class PermissionApi:
    """The routes below `/api/` that are about asking before running."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[Route]:
        """The routes, for the application."""
        return [
            Route("/api/asking", self.asking, methods=["POST"]),
            Route("/api/request", self.request, methods=["GET"]),
            Route("/api/allow", self.allow, methods=["POST"]),
        ]

    async def asking(self, request: Request) -> Response:
        """Ask before all run, or before one client does, or no longer."""
        if self._state.degraded:
            return failed(403, DEGRADED)
        who: Who | None = None
        match await body(request):
            case {"ask": bool(on), **rest} if not rest:
                pass
            case {"ask": bool(on), "client": str(client), "token": str() | None as token, **rest} if not rest:
                who = Who(client, token)
            case _:
                return failed(400, 'Send {"ask": true} or {"ask": false}, with "client" and "token" where it is one.')
        permission = self._state.permission
        permission.set(on, who)
        on = permission.rules.everyone if who is None else permission.rules.asks_of(who)
        return JSONResponse({"ask": on}, headers=HEADERS)

    async def request(self, request: Request) -> Response:
        """What waits for a person, with its code; null where it does not wait any more."""
        if self._state.degraded:
            return failed(403, DEGRADED)
        whole = self._state.permission.whole(request.query_params.get("id", ""))
        return JSONResponse({"request": whole}, headers=HEADERS)

    async def allow(self, request: Request) -> Response:
        """A person's answer."""
        if self._state.degraded:
            return failed(403, DEGRADED)
        match await body(request):
            case {"request": str(id), "verdict": str(verdict), **rest} if not rest and verdict in VERDICTS:
                taken = self._state.permission.answer(id, VERDICTS[verdict])
            case _:
                return failed(400, 'Send {"request": id, "verdict": "once"}, or "notebook", or "deny".')
        return JSONResponse({"taken": taken}, headers=HEADERS)
