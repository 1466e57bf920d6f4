"""Asking before running: code of an agent waits until a person allows or denies it in JupyterLab.

The switches are kept in a file of Jupyter's runtime directory that is named after the run: a sidecar that comes after a
crash finds them, a restarted Jupyter begins with its setting.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path
from typing import Any

from ..errors import ProxyError
from ..store.processes import alive
from ..store.replacing import replacing
from .asking_rules import AskingRules, Who

log = logging.getLogger(__name__)

PATIENCE = 55.0
"""Seconds that code waits for a person: many clients end a call at 60, and would not see why it was refused."""


class Verdict(str, Enum):
    """What became of a request."""

    ONCE = "once"
    NOTEBOOK = "notebook"
    DENY = "deny"
    STOPPED = "stopped"
    PAUSED = "paused"


class RunRefused(ProxyError):
    """A run that a person was to allow, and that was not allowed."""

    def __init__(self, verdict: Verdict | None, seconds: float = 0, *, seen: bool = False) -> None:
        self.verdict = verdict
        cure = "Do not try to run it in another way: ask them what they want instead."
        if verdict is Verdict.DENY:
            said = "A person was shown this code in JupyterLab and denied it"
        elif verdict is Verdict.STOPPED:
            said = "A person stopped this while it waited for their permission"
        else:
            where = "it was shown in an open JupyterLab" if seen else "no JupyterLab of this server is open"
            said = f"A person wants to be asked before code runs, and nobody answered within {seconds:g} s: {where}"
            cure = (
                "Ask them to open JupyterLab on this server and to answer there, or to switch 'Ask before running' off "
                "in its MCP panel; then call again."
            )
        super().__init__(f"{said}. Nothing was run. {cure}")


@dataclass(frozen=True)
class Piece:
    """Code that is to run: of a cell, or without one."""

    code: str
    cell: str | None = None
    index: int | None = None


@dataclass(eq=False)
class Request:
    """What one call wants to run, while a person is asked."""

    who: Who
    user: str
    notebook: str
    tool: str
    pieces: Sequence[Piece]
    answers: Sequence[str] = ()
    """What the call brings along as answers to `input()`."""
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    since: str = field(default_factory=lambda: datetime.now(timezone.utc).isoformat(timespec="milliseconds"))
    verdict: asyncio.Future[Verdict] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def brief(self) -> dict[str, Any]:
        """The request without its code, as JSON can hold it. Names are data, never markup."""
        return {
            "id": self.id,
            "time": self.since,
            "client": self.who.client,
            "token": self.who.token,
            "notebook": self.notebook,
            "cell": self.pieces[0].cell if len(self.pieces) == 1 else None,
        }

    def whole(self) -> dict[str, Any]:
        """The request with its code."""
        pieces = [{"cell": piece.cell, "index": piece.index, "code": piece.code} for piece in self.pieces]
        return {**self.brief(), "user": self.user, "tool": self.tool, "pieces": pieces, "answers": list(self.answers)}


class Permission:
    """The switches, and what waits for a person now."""

    def __init__(self, runtime_dir: str, run_id: str, owner: int, *, everyone: bool) -> None:
        """`owner` is the process id of the Jupyter server, with which the switches end; `everyone` how they begin."""
        self._owner = owner
        self._file = Path(runtime_dir) / f"mcp-proxy-{run_id}.asking"
        self.patience = PATIENCE
        self.are_there: Callable[[], bool] = lambda: False
        """Whether somebody watches who may answer."""
        self.announce: Callable[[], None] = lambda: None
        """Called when a switch has changed, or a request has come or gone."""
        self._waiting: dict[str, Request] = {}
        self._remove_left_over()
        self.rules = self._kept(everyone)

    # -- the switches ---------------------------------------------------------------------------------

    def set(self, on: bool, who: Who | None = None) -> None:
        """Switch it for all, or for one client. What waits and need not any more runs."""
        if who is None:
            self.rules.set_everyone(on)
        else:
            self.rules.set_single(who, on)
        try:
            with replacing(self._file) as file:
                file.write(f"{self._owner}\n{self.rules.as_text()}")
        except OSError as error:
            log.warning("what is asked before running is not kept over a crash of the sidecar: %s", error)
        self._look_again()

    def _kept(self, everyone: bool) -> AskingRules:
        try:
            text = self._file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return AskingRules(everyone)
        except (OSError, ValueError):
            return AskingRules(everyone=True)
        return AskingRules.of(text.partition("\n")[2])

    def _remove_left_over(self) -> None:
        """Remove the files of servers that are no more, other runs of this user among them."""
        for file in self._file.parent.glob("mcp-proxy-*.asking"):
            with suppress(OSError, ValueError):
                if not alive(int(file.read_text(encoding="utf-8").partition("\n")[0])):
                    file.unlink(missing_ok=True)

    # -- asking ---------------------------------------------------------------------------------------

    async def ask(self, request: Request) -> None:
        """Show a request to people until one of them has allowed it. Raises RunRefused where that does not come."""
        self._waiting[request.id] = request
        self.announce()
        seen = self.are_there()
        try:
            verdict = await asyncio.wait_for(request.verdict, self.patience)
        except asyncio.TimeoutError:
            raise RunRefused(None, self.patience, seen=seen or self.are_there()) from None
        finally:
            del self._waiting[request.id]
            self.announce()
        if verdict in (Verdict.DENY, Verdict.STOPPED):
            raise RunRefused(verdict)

    def answer(self, id: str, verdict: Verdict) -> bool:
        """A person's answer; False where the request does not wait any more."""
        request = self._waiting.get(id)
        if request is None or request.verdict.done():
            return False
        request.verdict.set_result(verdict)
        if verdict is Verdict.NOTEBOOK:
            self.rules.allow(request.who, request.notebook)
            self._look_again()
        return True

    def end_all(self, verdict: Verdict) -> int:
        """Give all that wait one answer; how many that were."""
        return sum(self.answer(id, verdict) for id in list(self._waiting))

    def _look_again(self) -> None:
        for request in list(self._waiting.values()):
            if not self.rules.asks(request.who, request.notebook):
                self.answer(request.id, Verdict.ONCE)
        self.announce()

    def shown(self) -> list[dict[str, Any]]:
        """What waits, the oldest first, without its code."""
        return [request.brief() for request in self._waiting.values() if not request.verdict.done()]

    def whole(self, id: str) -> dict[str, Any] | None:
        """One that waits, with its code."""
        request = self._waiting.get(id)
        return None if request is None else request.whole()
