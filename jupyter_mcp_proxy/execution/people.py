"""The people who have JupyterLab's panel before them: whom code asks where nobody else can be asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from .question import Question

if TYPE_CHECKING:
    from .executions import Execution

PATIENCE = 120.0
"""Seconds that a question stands in the panel before it counts as refused."""
LONGEST_PROMPT = 2000


class People:
    """What is asked in the panel now. Who watches it is for the sidecar to say, which has their streams of events."""

    def __init__(self) -> None:
        self.patience = PATIENCE
        self.are_there: Callable[[], bool] = lambda: False
        """Whether somebody watches who may answer."""
        self.announce: Callable[[], None] = lambda: None
        """Called when a question has come or gone."""
        self._asked: dict[str, tuple[Execution, Question, str]] = {}

    def find(self, id: str) -> tuple[Execution, Question] | None:
        """The question with this id, and whose it is; None where it does not stand in the panel."""
        found = self._asked.get(id)
        return None if found is None else found[:2]

    def shown(self) -> list[dict[str, Any]]:
        """The questions as JSON can hold them, the oldest first. Names and prompts are data, never markup."""
        return [
            {
                "id": question.id,
                "time": since,
                "client": execution.client,
                "notebook": execution.notebook,
                "cell": execution.cell_id,
                "prompt": question.prompt[-LONGEST_PROMPT:],
                "password": question.password,
            }
            for execution, question, since in self._asked.values()
        ]

    async def ask(self, execution: Execution, question: Question) -> bool:
        """Show a question until it is over; False where nobody has answered in time.

        A page that is closed meanwhile changes nothing: a person who looks into another tab comes back.
        """
        since = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        self._asked[question.id] = execution, question, since
        self.announce()
        ends = [asyncio.ensure_future(event.wait()) for event in (question.settled, question.interrupted)]
        try:
            done, _ = await asyncio.wait(ends, timeout=self.patience, return_when=asyncio.FIRST_COMPLETED)
            return bool(done)
        finally:
            for end in ends:
                end.cancel()
            question.before_people = False
            del self._asked[question.id]
            self.announce()
