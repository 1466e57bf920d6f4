"""What the panel in JupyterLab asks: what agents do, as a stream and once, and to pause, to stop and to answer them.

The relay has let in a logged-in person by the time a request is here, and no agent (`auth.admit_person`). Where the
plain entry point serves nobody has asked for an XSRF token: then only the state can be had.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from .. import __version__
from ..contract import TIER_HEADER
from ..errors import ProxyError
from ..tools.activity import Client, Watch
from ..tools.asking_rules import Who
from ..tools.characters import is_usable
from ..tools.permission import Verdict
from ..tools.state import State
from .answers import DEGRADED, HEADERS, body, failed

SHOWN = 500
"""Calls in the first event of a stream, and in the state."""
HEARTBEAT = 30.0
"""Seconds of silence after which the stream carries a comment: nginx, for one, ends what is silent for 60."""
SPACING = 0.4
"""Seconds between two events of state."""
RETRY = 2000
"""Milliseconds after which a browser comes back."""
MOST_STREAMS = 50


class Api:
    """The routes below `/api/`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[Route]:
        """The routes, for the application."""
        return [
            Route("/api/activity", self.activity, methods=["GET"]),
            Route("/api/status", self.status, methods=["GET"]),
            Route("/api/pause", self.pause, methods=["POST"]),
            Route("/api/stop", self.stop, methods=["POST"]),
            Route("/api/answer", self.answer, methods=["POST"]),
        ]

    def _summary(self) -> dict[str, Any]:
        return {
            "paused": self._state.pause.holds,
            "asking": self._state.permission.rules.everyone,
            "tier": self._state.settings.tier,
            "clients": [self._shown(each) for each in self._state.activity.clients()],
            "requests": self._state.permission.shown(),
            "review": self._state.is_ready and self._state.workspace.proposals.everyone,
            "changes": self._state.changes,
            "questions": self._state.workspace.runner.questions.people.shown() if self._state.is_ready else [],
        }

    def _shown(self, client: Client) -> dict[str, Any]:
        reviewed = self._state.is_ready and self._state.workspace.proposals.reviews((client.name, client.token or ""))
        asks = self._state.permission.rules.asks_of(Who(client.name, client.token))
        return {**client.shown(), "asking": asks, "review": reviewed}

    def _all(self) -> dict[str, Any]:
        return {**self._summary(), "calls": [entry.shown() for entry in self._state.activity.calls(SHOWN)]}

    async def status(self, request: Request) -> Response:
        """The state, once."""
        try:
            guarantee = await (await self._state.ready()).guarantee()
        except ProxyError:  # the server does not answer us now
            guarantee = None
        more = {"version": __version__, "guarantee": guarantee, "degraded": self._state.degraded}
        return JSONResponse({**self._all(), **more}, headers=HEADERS)

    async def activity(self, request: Request) -> Response:
        """The state, then what changes, until the page is closed; with `?only=state` nothing of single calls.

        Who asks for that shows no questions either, so code does not wait for an answer from there.
        """
        if self._state.degraded:
            return failed(403, DEGRADED)
        if self._state.activity.watchers >= MOST_STREAMS:
            return failed(503, f"{MOST_STREAMS} pages watch already; close some of them.")
        calls = request.query_params.get("only") != "state"
        answers = calls and request.headers.get(TIER_HEADER) == "run"
        events = self._events(calls=calls, answers=answers)
        return StreamingResponse(events, media_type="text/event-stream", headers=HEADERS)

    async def _events(self, *, calls: bool, answers: bool) -> AsyncIterator[bytes]:
        with self._state.activity.watched(answers=answers) as watch:
            yield f"retry: {RETRY}\n".encode() + event("state", self._all() if calls else self._summary())
            told = time.monotonic()
            while True:
                if not await self._news(watch, told):
                    yield b": still here\n\n"
                    continue
                for entry in watch.take():
                    if calls:
                        yield event("call", entry.shown())
                if watch.state_changed and time.monotonic() - told >= SPACING:
                    watch.state_changed = False
                    told = time.monotonic()
                    yield event("state", self._summary())

    async def _news(self, watch: Watch, told: float) -> bool:
        """Wait for something to tell; False where there has been nothing for as long as a stream may be silent."""
        due = told + SPACING - time.monotonic() if watch.state_changed else HEARTBEAT
        try:
            await asyncio.wait_for(watch.news.wait(), max(0.0, due))
        except asyncio.TimeoutError:
            return watch.state_changed
        return True

    async def pause(self, request: Request) -> Response:
        """Pause all agents, or release them."""
        if self._state.degraded:
            return failed(403, DEGRADED)
        asked = await body(request)
        paused = asked.get("paused") if isinstance(asked, dict) and set(asked) == {"paused"} else None
        if not isinstance(paused, bool):
            return failed(400, 'Send {"paused": true} or {"paused": false}.')
        self._state.pause.set(paused)
        if paused:
            self._state.permission.end_all(Verdict.PAUSED)
        self._state.activity.announce()
        return JSONResponse({"paused": self._state.pause.holds}, headers=HEADERS)

    async def stop(self, request: Request) -> Response:
        """Interrupt everything that agents run or have queued."""
        if self._state.degraded:
            return failed(403, DEGRADED)
        workspace = await self._state.ready()
        stopped = self._state.permission.end_all(Verdict.STOPPED)
        stopped += await workspace.runner.stopping.interrupt_all(workspace.runner.kept.all)
        return JSONResponse({"stopped": stopped}, headers=HEADERS)

    async def answer(self, request: Request) -> Response:
        """Give code the answer that it waits for, or refuse it. What was typed goes to its kernel and nowhere else."""
        if self._state.degraded:
            return failed(403, DEGRADED)
        value: str | None
        match await body(request):
            case {"question": str(id), "answer": str(value), **rest} if not rest and is_usable(value):
                pass
            case {"question": str(id), "refuse": True, **rest} if not rest:
                value = None
            case _:
                return failed(400, 'Send {"question": id, "answer": text} or {"question": id, "refuse": true}.')
        try:
            taken = await (await self._state.ready()).runner.questions.take_from_person(id, value)
        except ProxyError as error:
            return failed(503, str(error))
        return JSONResponse({"taken": taken}, headers=HEADERS)


def event(name: str, data: dict[str, Any]) -> bytes:
    """An event of the stream; JSON in ASCII has no line ends that could end it early."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode("ascii")
