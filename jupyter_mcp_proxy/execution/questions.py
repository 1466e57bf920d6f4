"""What code asks while it runs, by `input()` or `getpass()`: answered, or the code is stopped; it never waits unseen.

An answer goes to the kernel and nowhere else: not into the journal, a log, the notebook or a result.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import anyio

from ..errors import KernelFailed, ProxyError
from ..jupyter.messages import Message
from .people import People
from .question import ANSWER_LIMIT, Question, answered

if TYPE_CHECKING:  # the tools load this while the sidecar starts; what talks to kernels comes later (`tools/state.py`)
    from ..jupyter.kernel import KernelChannel
    from .executions import Execution
    from .journal import Journal
    from .kernels import Kernels

log = logging.getLogger(__name__)

BEHIND_OUTPUT = 0.05
"""Seconds that a question is held back: it comes on a line of its own, ahead of what was printed before it."""
REACHED_WITHIN = 15.0
"""Seconds that an answer waits for a kernel whose connection is being opened again."""

MOST_REFUSALS = 5
END_OF_INPUT: Final = "\x04"
"""The answer at which `input()` raises EOFError in IPython's kernels."""

NOBODY = (
    "The code asked for input, which this client cannot be asked for (no MCP elicitation over this connection), and no "
    "person has JupyterLab before them, whose MCP panel would ask, so it was interrupted. Running the same again will "
    "not help: give the answers along in `stdin`, or values in the code instead of calling input() or getpass()."
)
NOBODY_CAME = (
    "The code asked for input; no person answered in JupyterLab's MCP panel within {seconds:.0f} s, so it was "
    "interrupted. Give the answers along in `stdin`, or ask your user to look at the panel before you run it again."
)
ANSWERED = "A person has answered what the code asked, in JupyterLab's MCP panel."
REFUSED = "The code asked for input; a person refused to answer in JupyterLab's MCP panel, so it was interrupted."
DECLINED = "The code asked for input; it was declined, so the code was interrupted."
CANCELLED = "The code asked for input; the question was dismissed without an answer, so the code was interrupted."
UNHEARD_BEFORE = "The sidecar was restarted while this ran: what it printed before it asked for input is lost."
STUBBORN = "It goes on asking for input, though it was interrupted; restart_notebook ends it."
UNANSWERED = f"The code asked for input and had no answer for {ANSWER_LIMIT / 60:.0f} minutes, so it was interrupted."


class Questions:
    """Answers what a runner's executions ask, and stops those that get no answer."""

    def __init__(
        self,
        kernels: Kernels,
        journal: Journal,
        interrupt: Callable[[Execution], Awaitable[None]],
        spawn: Callable[[Coroutine[Any, Any, None], str], None],
    ) -> None:
        self._kernels = kernels
        self._journal = journal
        self._interrupt = interrupt
        self._spawn = spawn
        self.people = People()

    async def answer(self, execution: Execution, question: Question, value: str) -> bool:
        """Give the kernel an answer; False where the question is not open any more.

        Raises KernelFailed where the kernel cannot be reached now; the question stays open then.
        """
        if execution.question is not question or not question.is_open:
            return False
        question.answering = True
        try:
            channel = await self._channel(execution)
            if execution.question is not question:
                return False
            await channel.answer(question.header, value)
        finally:
            question.answering = False
        execution.feed(answered(question))
        with suppress(OSError):  # at worst it is asked again after a crash
            if execution.cell_id is None and execution.question is None:
                self._journal.remove(execution.id)
            else:
                self._journal.record(execution.id, answered(question), from_server=False)
        return True

    async def _channel(self, execution: Execution) -> KernelChannel:
        """The channel to the kernel. Whoever drives the execution opens it again where it is lost, not we."""
        deadline = time.monotonic() + REACHED_WITHIN
        while (channel := self._kernels.open_channel(execution.kernel_id)) is None:
            if time.monotonic() > deadline:
                raise KernelFailed(
                    "The answer was not given, because the kernel cannot be reached at the moment",
                    f"wait_execution(execution={execution.id!r}) asks again",
                )
            await asyncio.sleep(0.1)
        return channel

    async def refuse(self, execution: Execution, question: Question, reason: str, *, nobody: bool = False) -> None:
        """Stop an execution whose question is not answered; `nobody` where there was nobody who could be asked.

        What asks on after the interrupt (a debugger does) is told that there is no more input. Raises ServerError
        where the interrupt fails: the question is open then, and `stop_unanswered` refuses it again.
        """
        if execution.question is not question or not question.is_open:
            return
        unheard_before = execution.unheard
        execution.refusals += 1
        execution.unheard = unheard_before or nobody
        if reason:
            execution.note(reason)
        if 1 < execution.refusals <= MOST_REFUSALS:
            await self.answer(execution, question, END_OF_INPUT)
            return
        question.refused = True
        if execution.refusals > MOST_REFUSALS:
            execution.note(STUBBORN)
            return
        question.unrefused = None
        try:
            with anyio.CancelScope(shield=True):  # whoever has declined may be gone in the next moment
                await self._interrupt(execution)
        except BaseException:
            question.refused = False
            question.unrefused = (reason, nobody)
            execution.refusals -= 1
            execution.unheard = unheard_before
            raise

    async def hear(self, execution: Execution, message: Message) -> None:
        """Take a question. Where nobody can be asked, or it asks on after it was refused, the execution is stopped."""
        await asyncio.sleep(BEHIND_OUTPUT)
        execution.feed(message)
        question = execution.question
        if question is None or await self._answered_before(execution, question):
            return
        if execution.can_ask and not execution.refusals:
            return
        try:
            if execution.refusals:
                await self.refuse(execution, question, "")
            elif not self.put_to_people(execution, question):
                await self.refuse(execution, question, NOBODY, nobody=True)
        except ProxyError as error:
            log.warning("execution %s could not be stopped: %s", execution.id, error)

    async def _answered_before(self, execution: Execution, question: Question) -> bool:
        """Whether the answer was given when the code was started, and has been passed on."""
        if execution.refusals or not execution.answers:
            return False
        value = execution.answers.popleft()
        try:
            return await self.answer(execution, question, value)
        except KernelFailed as error:
            execution.answers.appendleft(value)
            log.warning("an answer for execution %s was not given: %s", execution.id, error)
            return False

    # -- people -------------------------------------------------------------------------------------------

    def put_to_people(self, execution: Execution, question: Question) -> bool:
        """Have a question stand in JupyterLab's panel; False where nobody is there who could answer."""
        if question.interrupted.is_set() or not self.people.are_there():
            return False
        if not question.before_people:
            question.before_people = True
            self._spawn(self._wait_for_people(execution, question), f"a person's answer for {execution.id}")
        return True

    async def _wait_for_people(self, execution: Execution, question: Question) -> None:
        if await self.people.ask(execution, question) or question.is_out:  # a client may have come that can be asked
            return
        reason = NOBODY_CAME.format(seconds=self.people.patience)
        if question.answering:  # an answer is on its way; where that fails, `stop_unanswered` comes
            question.unrefused = (reason, True)
            return
        try:
            await self.refuse(execution, question, reason, nobody=True)
        except ProxyError as error:
            log.warning("execution %s could not be interrupted: %s", execution.id, error)

    async def take_from_person(self, id: str, value: str | None) -> bool:
        """Give the kernel what a person has typed in the panel, or stop the code where they refuse (None).

        False where the question does not stand there any more. Raises ProxyError where the kernel cannot be reached.
        """
        found = self.people.find(id)
        if found is None or not found[1].is_open:
            return False
        if value is None:
            await self.refuse(*found, REFUSED)
            return True
        given = await self.answer(*found, value)
        if given:
            found[0].note(ANSWERED, in_cell=False)
        return given

    async def stop_unanswered(self, executions: Iterable[Execution]) -> None:
        """Stop what was asked for and not answered in time, or could not be stopped when it was refused."""
        for execution in executions:
            question = execution.question
            if question is not None and question.is_overdue:
                reason, nobody = question.unrefused or (UNANSWERED, False)
                try:
                    await self.refuse(execution, question, reason, nobody=nobody)
                except ProxyError as error:
                    log.warning("execution %s could not be interrupted: %s", execution.id, error)
