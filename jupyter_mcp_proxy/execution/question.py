"""One question of running code, and how it stands. A state without sockets."""

from __future__ import annotations

import asyncio
import time

from ..jupyter.messages import Message
from ..outputs.text import strip_ansi

ANSWER_LIMIT = 3600.0
"""Seconds that somebody who has been asked may take; then the code is stopped, or its kernel would wait for ever."""


class Question:
    """One `input_request` of a kernel, open until it is settled."""

    def __init__(self, message: Message) -> None:
        self.id = str(message.header.get("msg_id", ""))
        self.header = message.header
        self.prompt = strip_ansi(str(message.content.get("prompt", "")))
        self.password = bool(message.content.get("password"))
        self.held = False
        """Whether a call holds it: it has asked its client and waits for the answer."""
        self.handed_out: float | None = None
        """When a client last took it along, to come back with the answer."""
        self.before_people = False
        """Whether it stands in JupyterLab's panel."""
        self.answering = False
        self.refused = False
        self.unrefused: tuple[str, bool] | None = None
        """A refusal that did not reach the kernel: its reason, and whether there was nobody who could be asked."""
        self.settled = asyncio.Event()
        """Set once it is answered, or the code does not wait for an answer any more."""
        self.interrupted = asyncio.Event()
        """Set once we have interrupted what asks: no person need answer, even where the code swallows that."""

    @property
    def is_open(self) -> bool:
        """Whether it can still be answered or refused."""
        return not (self.answering or self.refused or self.settled.is_set())

    @property
    def is_out(self) -> bool:
        """Whether somebody is being asked, as far as is known."""
        return self.held or self.before_people or (self.handed_out is not None and not self.is_overdue)

    @property
    def is_overdue(self) -> bool:
        """Whether it is to be refused: whoever took it along has not come back in time, or a refusal has failed."""
        late = self.handed_out is not None and time.monotonic() - self.handed_out > ANSWER_LIMIT
        return not self.held and (late or self.unrefused is not None)


def answered(question: Question) -> Message:
    """What the journal keeps of an answer: that there was one."""
    return Message("stdin", {"msg_type": "input_reply"}, {}, {}, {"question": question.id})
