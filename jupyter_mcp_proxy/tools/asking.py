"""Putting what code asks, by `input()` or `getpass()`, to the client: MCP's elicitation, in both protocol eras.

Up to 2025-11-25 the server sends a request while the call waits. From 2026-07-28 on the call ends with
"input required" and a sealed state; the client calls again with the state and the answer, and that call goes
on with the run that is there (`Asked`).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from mcp.server.mcpserver import RequestStateSecurity
from mcp.shared.exceptions import MCPError
from mcp_types import CONNECTION_CLOSED, ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequiredResult
from mcp_types.version import is_version_at_least
from pydantic import ValidationError

from ..errors import KernelFailed, NotAnswered
from ..execution.batch import Batch
from ..execution.question import ANSWER_LIMIT, Question
from ..execution.questions import CANCELLED, DECLINED, NOBODY, UNANSWERED
from .characters import is_usable

if TYPE_CHECKING:
    from ..execution.executions import Execution
    from .call import Call

ASKS_BY_RESULT: Final = "2026-07-28"
MOST_ROUNDS = 10
"""Questions that one call may bring back in the new era: the SDKs' clients follow no more."""
LONGEST_PROMPT = 2000
STATE_LIFE = 24 * 3600.0
"""Seconds that a sealed state is readable: longer than a question stays open, so that we can say what became of it."""
KEY: Final = "input"
FIELD: Final = "answer"
UNUSABLE = f"The code asked for input; what the client answered has no text in {FIELD!r}, so the code was interrupted."
CONFIDENTIAL = (
    "The running code asks for a PASSWORD or another secret: {prompt}\n"
    "What you type is seen by this MCP client, which passes it on to the notebook's kernel. It is not stored in the "
    "notebook or in a log of the server. Decline if you do not want that."
)


class Put(Enum):
    """What came of putting a question to the client while the call waits."""

    SETTLED = "settled"
    REFUSED = "refused"
    GONE = "gone"


@dataclass(frozen=True)
class Asked:
    """What a client carries along with a question: which run it belongs to, and whom it was put to."""

    running: str
    question: str
    client: str
    seconds: float
    starts: bool
    rounds: int
    before: str

    def seal(self) -> str:
        """The state as text; the SDK encrypts it."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, call: Call) -> Asked:
        """The state that a call brings back. Raises NotAnswered for another client's."""
        try:
            found = cls(**json.loads(call.ctx.request_state or ""))
        except (ValueError, TypeError):
            raise NotAnswered("its state is not one of this server") from None
        if not hmac.compare_digest(found.client.encode(), call.client.encode()):
            raise NotAnswered("the question was put to another client")
        return found


def state_security(secret: str) -> RequestStateSecurity:
    """How states are sealed: readable by the next process of the sidecar too, which shares the secret."""
    if not secret:
        return RequestStateSecurity.ephemeral(ttl=STATE_LIFE)
    key = hmac.new(secret.encode(), b"request state", hashlib.sha256).digest()
    return RequestStateSecurity(keys=[key], ttl=STATE_LIFE)


def current(running: Execution | Batch) -> Execution:
    """The execution that can ask something."""
    return running.current if isinstance(running, Batch) else running


def asks_by_result(call: Call) -> bool:
    """Whether this client is asked by the call's result, not by a request of ours."""
    version = call.ctx.protocol_version
    return version is not None and is_version_at_least(version, ASKS_BY_RESULT)


def can_be_asked(call: Call) -> bool:
    """Whether this call's client can be asked for text."""
    capabilities = call.ctx.client_capabilities
    elicitation = capabilities.elicitation if capabilities is not None else None
    if elicitation is None or (elicitation.form is None and elicitation.url is not None):
        return False
    if asks_by_result(call):
        return True
    # Without the streaming relay a request of ours would arrive with the reply that waits for its answer.
    return call.settings.relay == "streaming" and call.ctx.session.can_send_request


def to_ask(call: Call, running: Execution | Batch) -> Question | None:
    """The question that this call has to do something about; None while there is none, or another call asks."""
    question = current(running).question
    if question is None or not question.is_open or question.held or (question.is_out and not can_be_asked(call)):
        return None
    return question


def form(running: Execution | Batch, question: Question) -> ElicitRequestFormParams:
    """The question as a form with one text field. It may stay empty, as `input("Press Enter")` wants it."""
    prompt = question.prompt[-LONGEST_PROMPT:]
    if question.password:
        message = CONFIDENTIAL.format(prompt=prompt)
    else:
        message = prompt if prompt.strip() else "The running code asks for input."
    field = {
        "type": "string",
        "title": "Password" if question.password else "Answer",
        "description": f"Goes to the code that runs in {running.notebook}",
    }
    return ElicitRequestFormParams(message=message, requested_schema={"type": "object", "properties": {FIELD: field}})


def by_result(running: Execution | Batch, question: Question, asked: Asked) -> InputRequiredResult:
    """The result that hands a question out."""
    question.handed_out = time.monotonic()
    return InputRequiredResult(
        input_requests={KEY: ElicitRequest(params=form(running, question))}, request_state=asked.seal()
    )


async def by_request(
    call: Call, running: Execution | Batch, question: Question, pulse: Callable[[], Awaitable[None]], every: float
) -> Put:
    """Ask while the call waits, with a `pulse` each `every` seconds; answer, or stop what asks."""
    questions = call.workspace.runner.questions
    execution = current(running)
    asked = form(running, question)
    elicitation = asyncio.ensure_future(
        call.ctx.session.elicit_form(asked.message, asked.requested_schema, related_request_id=call.ctx.request_id)
    )
    settled = asyncio.ensure_future(question.settled.wait())
    gone = asyncio.ensure_future(call.gone.wait()) if call.gone is not None else None
    waits: set[asyncio.Future[Any]] = {elicitation, settled, *([gone] if gone else [])}
    deadline = time.monotonic() + ANSWER_LIMIT
    question.held = True
    try:
        while not (await asyncio.wait(waits, timeout=every, return_when=asyncio.FIRST_COMPLETED))[0]:
            if time.monotonic() > deadline:
                await questions.refuse(execution, question, UNANSWERED)
                return Put.REFUSED
            await pulse()
        if settled.done():
            return Put.SETTLED
        if elicitation.done():
            return await _answered(call, execution, question, elicitation)
        return Put.GONE
    finally:
        question.held = False
        for task in waits:
            task.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


async def _answered(
    call: Call, execution: Execution, question: Question, elicitation: asyncio.Future[ElicitResult]
) -> Put:
    questions = call.workspace.runner.questions
    try:
        response = elicitation.result()
    except MCPError as error:
        if error.code == CONNECTION_CLOSED:
            return Put.GONE
        await questions.refuse(execution, question, f"{NOBODY} The client said: {error.message[:200]}", nobody=True)
        return Put.REFUSED
    except ValidationError:  # its text would repeat the answer
        await questions.refuse(execution, question, UNUSABLE, nobody=True)
        return Put.REFUSED
    return Put.SETTLED if await give(call, execution, question, response) else Put.REFUSED


async def give(call: Call, execution: Execution, question: Question, response: object) -> bool:
    """Pass the client's response on; False where it is no answer, and the code was stopped, or cannot be given now."""
    questions = call.workspace.runner.questions
    if isinstance(response, ElicitResult) and response.action != "accept":
        await questions.refuse(execution, question, DECLINED if response.action == "decline" else CANCELLED)
        return False
    value = _text(response.content) if isinstance(response, ElicitResult) else None
    if value is None:
        await questions.refuse(execution, question, UNUSABLE, nobody=True)
        return False
    try:
        await questions.answer(execution, question, value)
    except KernelFailed as error:
        execution.note(str(error), in_cell=False)
        return False
    return True


def _text(content: dict[str, Any] | None) -> str | None:
    """The answer in a form's content; a field that was left empty may be missing. None for what is no text."""
    value = (content or {}).get(FIELD, "")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and is_usable(value) else None
