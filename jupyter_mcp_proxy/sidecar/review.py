"""What the panel asks about the changes of agents: which wait for a person, what they say, to keep and to undo them."""

from __future__ import annotations

from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..contract import USER_HEADER
from ..errors import ProxyError
from ..tools import proposing, reviewing
from ..tools.state import State
from .answers import DEGRADED, HEADERS, body, failed

MOST_IDS = 1000


class ReviewApi:
    """The routes below `/api/` that are about changes."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[Route]:
        """The routes, for the application."""
        return [
            Route("/api/changes", self.changes, methods=["GET"]),
            Route("/api/keep", self.keep, methods=["POST"]),
            Route("/api/undo", self.undo, methods=["POST"]),
            Route("/api/accept", self.accept, methods=["POST"]),
            Route("/api/reject", self.reject, methods=["POST"]),
            Route("/api/review", self.review, methods=["POST"]),
        ]

    async def changes(self, request: Request) -> Response:
        """The changes that wait for a person; with `?id=` one of them with what its cells say.

        With `?saved=` a notebook that a person has saved: the snapshot of what was overwritten by that.
        """
        if self._state.degraded:
            return failed(403, DEGRADED)
        workspace = await self._state.ready()
        id, saved = request.query_params.get("id"), request.query_params.get("saved")
        if id is None and saved is None:
            both = {"changes": reviewing.waiting(workspace), "proposals": proposing.waiting(workspace)}
            return JSONResponse(both, headers=HEADERS)
        try:
            if saved is not None:
                return JSONResponse({"overwritten": await reviewing.saved(workspace, saved)}, headers=HEADERS)
            assert id is not None
            found = await reviewing.whole(workspace, id) or await proposing.whole(workspace, id)
        except ProxyError as error:
            return failed(503, str(error))
        return JSONResponse({"change": found}, headers=HEADERS)

    async def keep(self, request: Request) -> Response:
        """Keep changes, or what they did to one cell."""
        if self._state.degraded:
            return failed(403, DEGRADED)
        cell: str | None = None
        match await body(request):
            case {"changes": [*ids], **rest} if not rest and _are_ids(ids):
                pass
            case {"changes": [*ids], "cell": str(cell), **rest} if not rest and _are_ids(ids):
                pass
            case _:
                return failed(400, 'Send {"changes": [id, …]}, with "cell": id where it is only about that one.')
        return JSONResponse({"kept": reviewing.keep(await self._state.ready(), ids, cell)}, headers=HEADERS)

    async def undo(self, request: Request) -> Response:
        """Take a change back, or all of its agent since."""
        if self._state.degraded:
            return failed(403, DEGRADED)
        later: bool = False
        match await body(request):
            case {"change": str(id), **rest} if not rest:
                pass
            case {"change": str(id), "later": bool(later), **rest} if not rest:
                pass
            case _:
                return failed(400, 'Send {"change": id}, with "later": true for all of that agent since.')
        user = unquote(request.headers.get(USER_HEADER, ""))
        by = "" if user == "anonymous" else user
        workspace = await self._state.ready()
        return JSONResponse(await reviewing.undo(workspace, id, later=later, by=by), headers=HEADERS)

    async def accept(self, request: Request) -> Response:
        """Make proposals of the notebooks; with `insist` over what somebody else has written in the same lines."""
        if self._state.degraded:
            return failed(403, DEGRADED)
        insist: bool = False
        match await body(request):
            case {"proposals": [*ids], **rest} if not rest and _are_ids(ids):
                pass
            case {"proposals": [*ids], "insist": bool(insist), **rest} if not rest and _are_ids(ids):
                pass
            case _:
                return failed(400, 'Send {"proposals": [id, …]}, with "insist": true over what others wrote since.')
        return JSONResponse(await proposing.accept(await self._state.ready(), ids, insist=insist), headers=HEADERS)

    async def reject(self, request: Request) -> Response:
        """Drop proposals."""
        if self._state.degraded:
            return failed(403, DEGRADED)
        match await body(request):
            case {"proposals": [*ids], **rest} if not rest and _are_ids(ids):
                return JSONResponse(await proposing.reject(await self._state.ready(), ids), headers=HEADERS)
        return failed(400, 'Send {"proposals": [id, …]}.')

    async def review(self, request: Request) -> Response:
        """Have the edits of all agents wait for a person, or those of one, or no longer."""
        if self._state.degraded:
            return failed(403, DEGRADED)
        who: tuple[str, str] | None = None
        match await body(request):
            case {"on": bool(on), **rest} if not rest:
                pass
            case {"on": bool(on), "client": str(name), "token": str() | None as token, **rest} if not rest:
                who = name, token or ""
            case _:
                return failed(400, 'Send {"on": true} or {"on": false}, with "client" and "token" where it is one.')
        (await self._state.ready()).proposals.set(on, who)
        return JSONResponse({"on": on}, headers=HEADERS)


def _are_ids(ids: list[object]) -> bool:
    return len(ids) <= MOST_IDS and all(isinstance(id, str) for id in ids)
