"""What runs, ran and waits to run: one `Execution` per request to a kernel. A state machine without sockets."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..documents.history import OURSELVES
from ..jupyter.messages import Message, Piece
from ..outputs.changes import Output
from ..outputs.log import OutputLog
from ..outputs.transcript import START, Mark
from ..outputs.widgets import Widgets
from .question import Question
from .states import DROPPED, GAPPED, LOST, NOT_KEPT, NOT_RUN, UNNUMBERED, State

PUT_OUT = ("stream", "display_data", "execute_result", "error", "input_request")
"""What only code that runs sends."""
LATE = ("stream", "display_data", "execute_result", "update_display_data", "clear_output", "error")
"""What is taken of a request that has ended."""
TAKEN_KEPT = 10_000
"""Messages that are known when they come again: from the journal, the server's buffer and the kernel's ports."""
ABORTED = ("aborted", "abort")
"""Statuses of a reply to what was not run, or was stopped; the second is older, and IRkernel's, tslab's and bash's."""


class Execution:
    """One run of code in a kernel: its state, its outputs, and an event whenever either changes."""

    def __init__(self, id: str, notebook: str, kernel_id: str, code: str, cell_id: str | None = None) -> None:
        self.id = id
        self.notebook = notebook
        self.kernel_id = kernel_id
        self.code = code
        self.cell_id = cell_id
        self.client = OURSELVES
        """The name of the client that has it run, where that is known."""
        self.request_id = ""
        self.state = State.QUEUED
        self.log = OutputLog()
        self.widgets: Widgets | None = None
        """Those of its kernel, once its request has been sent."""
        self.caller = ""
        """The key of the client that started it, who is told of what comes late; empty where that is not known."""
        self.count: int | None = None
        self.count_before: int | None = 0
        """The execution count that its cell had before: while the cell has it still, nobody has run it since."""
        self.queued_at = time.monotonic()
        self.started_at: float | None = None
        self.ended_at: float | None = None
        self.ahead = 0
        """Executions that this one waits for."""
        self.reported = START
        """Up to where a caller has been given the transcript already."""
        self.late: Mark | None = None
        """Where what came after its end begins, until its client has been told of it."""
        self.notes: list[str] = []
        self.interrupt_wanted = False
        self.question: Question | None = None
        """What the code asks, while it waits for the answer."""
        self.can_ask = True
        """Whether whoever started it can be asked; where not, a question stops it at once."""
        self.answers: deque[str] = deque()
        """What its next questions are answered with, as far as whoever started it gave answers along."""
        self.refusals = 0
        """How many of its questions were refused."""
        self.unheard = False
        """Whether it was stopped because there was nobody who could be asked."""
        self.perhaps_asked = False
        """Whether messages were lost: a question may have been one of them."""
        self.returns = 0
        """How often its kernel could not be reached again."""
        self.sent_at: float | None = None
        """When its request left (monotonic seconds)."""
        self.unseen_since: float | None = None
        """Since when nobody can say whether its kernel is there (monotonic seconds)."""
        self.passes_on: Callable[[], None] = lambda: None
        """Called when it has ended, before what waits behind it has its turn."""
        self.finished = asyncio.Event()
        self.written = asyncio.Event()
        """Set once the notebook holds the outputs, or there is no cell to hold them."""
        self.version = 0
        """Grows with every change of state or output."""
        self._changed = asyncio.Event()
        self.replied = asyncio.Event()
        """Set once the kernel has replied or gone idle: the other of the two follows at once, or never."""
        self._reply: dict[str, Any] | None = None
        self._reply_lost = False
        self._error: dict[str, Any] | None = None
        self._idle = False
        self._put_out = False
        """Whether something has come of its code, which our own notes are not."""
        self._taken: OrderedDict[str, int] = OrderedDict()
        """How much of each message has been taken: of a stream its characters."""
        self.newest = ""
        """The id of the last message that was taken whole."""
        self._line_broke = False
        self._not_kept = False
        """Whether it broke because what came could not be kept, which says why something is missing."""

    # -- what the kernel says -------------------------------------------------------------------------

    def feed(self, message: Message, *, from_server: bool = False, into: OutputLog | None = None) -> bool:
        """Take one answer of the kernel; whether there was something new in it.

        `from_server` marks what Jupyter wrote in the kernel's name. Outputs go `into` another log where a widget has
        captured them. After its end only outputs are taken: what threads and subprocesses still print.
        """
        unseen = self._unseen(message)
        if unseen is None:
            return False
        if self.finished.is_set():
            return self._feed_late(unseen, self.log if into is None else into, from_server=from_server)
        self._take(unseen, self.log if into is None else into, from_server=from_server)
        self._end_if_complete()
        self._notify()
        return True

    def _feed_late(self, message: Message, log: OutputLog, *, from_server: bool) -> bool:
        if message.type not in LATE:
            return False
        if self.late is None and log is self.log:
            self.late = self.log.transcript.mark()
        self._take(message, log, from_server=from_server)
        self._notify()
        return True

    def _take(self, message: Message, log: OutputLog, *, from_server: bool) -> None:
        content = message.content
        self._put_out |= message.type in PUT_OUT and not from_server
        match message.type:
            case "status":
                if content.get("execution_state") == "busy":
                    self._begin()
                elif content.get("execution_state") == "idle":
                    self._idle = True
                    self.replied.set()
            case "execute_input":
                self._begin()
                self.count = content.get("execution_count")
            case "stream":
                if from_server:
                    self.note(DROPPED)
                else:
                    log.stream(str(content.get("name", "stdout")), str(content.get("text", "")))
            case "display_data" | "execute_result":
                log.display(message.type, content)
            case "update_display_data":
                log.update_display(content)
            case "input_request":
                self._ask(Question(message))
            case "input_reply":
                self._settle(content.get("question"))
            case "error":
                self._settle()
                self._error = content
                log.error(content)
            case "clear_output":
                log.clear(bool(content.get("wait")))
            case "execute_reply":
                self._settle()
                self._reply = content
                self.replied.set()
                if content.get("execution_count") is not None:
                    self.count = content["execution_count"]

    def _show_payload(self, payload: object) -> None:
        """What a reply asks its frontend to show: help (`obj?`, R's `?mean`) or the source of another cell (`%load`).

        JupyterLab shows the first among the cell's outputs, and makes the second the source of a cell; we tell it.
        """
        for each in payload if isinstance(payload, list) else []:
            if not isinstance(each, dict):
                continue
            if each.get("source") == "page" and each.get("data"):
                self.log.display("display_data", {"data": each["data"]})
            elif each.get("source") == "set_next_input" and each.get("text"):
                where = "this cell's source" if each.get("replace") else "a new cell below"
                self.log.say(f"[It asks for {where} to be:]\n{each['text']}")

    def has_taken(self, message: Message) -> bool:
        """Whether this message has been taken before; of one that comes in pieces it is not known."""
        return message.type != "stream" and str(message.header.get("msg_id", "")) in self._taken

    def _unseen(self, message: Message) -> Message | None:
        """What is new in a message; None where all of it has been taken before."""
        id = str(message.header.get("msg_id", ""))
        if not id:
            return message
        start = message.offset if isinstance(message, Piece) else 0
        text = str(message.content.get("text", "")) if message.type == "stream" else ""
        taken = self._taken.get(id)
        if taken is not None and taken >= start + len(text):
            return None
        if not (isinstance(message, Piece) and message.more):
            self.newest = id
        self._taken[id] = start + len(text)
        if len(self._taken) > TAKEN_KEPT:
            self._taken.popitem(last=False)
        if taken is not None and taken > start:
            return replace(message, content={**message.content, "text": text[taken - start :]})
        return message

    def line_broke(self, reason: str = "") -> None:
        """What comes now may not be all that there was: do not end before `came_back` has said what is missing.

        `reason`, where it broke for a fault of this machine's.
        """
        self._line_broke = True
        self._not_kept = self._not_kept or bool(reason)
        if reason:
            self.note(NOT_KEPT.format(reason=reason))

    def came_back(self, missing: int | None) -> None:
        """The line is there again; `missing` messages did not arrive, None where that is not known.

        The reply may have gone to a process or connection that is no more: what is broadcast must do.
        """
        if self.finished.is_set():
            return
        self.perhaps_asked = missing != 0
        if self._not_kept:
            pass
        elif missing is None:
            self.note(UNNUMBERED)
        elif missing:
            self.note(GAPPED.format(missing=f"{missing:,}"))
        self._line_broke = False
        self._reply_lost = True
        self._end_if_complete()

    def _end_if_complete(self) -> None:
        if self._line_broke:
            return
        if self._idle and self._reply is not None:
            self._end(self._reply)
        elif self._idle and self._reply_lost and self._has_run:
            self._end(self._as_broadcast())

    @property
    def _has_run(self) -> bool:
        """Whether something was broadcast that shows that it ran: what is aborted is busy and idle, too."""
        return self.count is not None or self._put_out

    def _as_broadcast(self) -> dict[str, Any]:
        return {"status": "ok"} if self._error is None else {**self._error, "status": "error"}

    def _ask(self, question: Question) -> None:
        self._settle()
        self.question = question
        if question.prompt:
            self.log.stream("stdout", question.prompt + "\n")

    def _settle(self, id: object = None) -> None:
        """The code does not wait for an answer any more; with an id, only if that is the question it waits for."""
        if self.question is not None and id in (None, self.question.id):
            self.question.settled.set()
            self.question = None

    def _begin(self) -> None:
        if self.state is State.QUEUED:
            self.state = State.RUNNING
            self.started_at = time.monotonic()

    def _end(self, reply: dict[str, Any]) -> None:
        self._show_payload(reply.get("payload"))  # behind what was printed, which a reply overtakes
        status = reply.get("status")
        if status == "ok":
            self.finish(State.OK)
        elif status in ABORTED:
            self.finish(State.INTERRUPTED, None if self._has_run else NOT_RUN)
        elif self.interrupt_wanted or reply.get("ename") == "KeyboardInterrupt":
            self.finish(State.INTERRUPTED)
        else:
            self.finish(State.ERROR)

    def end_incomplete(self) -> None:
        """The kernel's reply or its `idle` did not come: end with what has, and say what may be missing."""
        if self.finished.is_set():
            return
        if self._reply is not None:
            self.note("The kernel's last messages did not arrive; some output may be missing.")
            self._end(self._reply)
        elif self._idle and self._has_run:
            self._end(self._as_broadcast())
        else:
            self.finish(State.LOST, LOST)

    def finish(self, state: State, note: str | None = None) -> None:
        """Reach a final state. `note` is told to the caller and, where output is missing, in the cell."""
        if self.finished.is_set():
            return
        if state is State.LOST and self.question is not None:
            self.note("It waited for input, which nobody can give it any more; interrupt_kernel frees its kernel.")
        self._settle()
        self.state = state
        self.ended_at = time.monotonic()
        if note:
            self.note(note, in_cell=state in (State.KERNEL_DIED, State.LOST))
        if self.log.left_out_chars:
            self.note(
                f"{self.log.left_out_chars:,} more characters of output are not in the notebook, "
                "which keeps 10 MB and 2,000 outputs a cell."
            )
        self.finished.set()
        self._notify()

    def note(self, text: str, *, in_cell: bool = True) -> None:
        """Remember something that the reader must know, once."""
        if text not in self.notes:
            self.notes.append(text)
            if in_cell:
                self.log.notice(text)
            self._notify()

    def shows_more(self, before: Mark | None = None) -> None:
        """What it shows has changed by another's doing; since `before`, where its client is to be told of that."""
        if self.finished.is_set() and self.late is None:
            self.late = before
        self._notify()

    @property
    def shown(self) -> list[Output]:
        """Its outputs, and those that the widgets among them hold."""
        outputs = self.log.outputs
        return outputs if self.widgets is None else self.widgets.shown(outputs)

    @property
    def raised(self) -> bool:
        """Whether an exception of the kernel's language ended it."""
        return self._error is not None

    # -- waiting --------------------------------------------------------------------------------------

    @property
    def seconds(self) -> float:
        """How long it has run."""
        if self.started_at is None:
            return 0.0
        return (self.ended_at or time.monotonic()) - self.started_at

    async def changed(self, seen: int) -> int:
        """Return the version as soon as it is not `seen` any more."""
        while self.version == seen:
            await self._changed.wait()
        return self.version

    def _notify(self) -> None:
        self.version += 1
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    @property
    def printed(self) -> int:
        """How much it has printed: grows with every output."""
        return len(self.log.transcript)

    def last_line(self, width: int = 200) -> str:
        """The end of what it printed, for a line of progress."""
        end = len(self.log.transcript)
        text = self.log.transcript.read(max(0, end - 2 * width), 2 * width).rstrip("\n")
        return text.rsplit("\n", 1)[-1][-width:]
