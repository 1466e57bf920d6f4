"""Before code runs: where a person wants to be asked, the call waits until they have allowed it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .asking_rules import Who
from .following import PROGRESS_EVERY
from .permission import Piece, Request
from .recording import RECORDING

if TYPE_CHECKING:
    from .call import Call

WAITS = "waiting for a person to allow this run in JupyterLab"


class Allowed:
    """That a call may run what it has asked for. Only `allowed` makes one."""


async def allowed(call: Call, notebook: str, pieces: Sequence[Piece], answers: Sequence[str] | None = None) -> Allowed:
    """Wait until this may run, reporting progress. Raises RunRefused, or Paused where a person has paused meanwhile.

    What runs then is what was shown, whatever has become of the cell.
    """
    permission = call.state.permission
    who = Who(call.client_name, call.token_name or None)
    if not permission.rules.asks(who, notebook):
        return Allowed()
    recording = RECORDING.get()
    tool = recording.entry.tool if recording is not None else ""
    request = Request(who, call.user, notebook, tool, pieces, tuple(answers or ()))
    began = time.monotonic()
    asking = asyncio.ensure_future(permission.ask(request))
    gone = asyncio.ensure_future(call.gone.wait()) if call.gone is not None else None
    waits: set[asyncio.Future[Any]] = {asking, *([gone] if gone else [])}
    if recording is not None:
        recording.waits(True)
    try:
        while True:
            await call.ctx.report_progress(round(time.monotonic() - began, 3), None, WAITS)
            if (await asyncio.wait(waits, timeout=PROGRESS_EVERY, return_when=asyncio.FIRST_COMPLETED))[0]:
                break
        if not asking.done():
            raise asyncio.CancelledError  # the client is gone: nobody reads what we would answer
        await asking
    finally:
        for task in waits:
            task.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        if recording is not None:
            recording.waits(False)
    call.workspace.pause.check()
    return Allowed()
