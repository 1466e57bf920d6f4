"""What an MCP client of each era does, message by message."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from ... import __version__
from .asking import Answer, Asker

OLD: Final = "2025-11-25"
NEW: Final = "2026-07-28"
CLIENT: Final = {"name": "jupyter-mcp-proxy doctor", "version": __version__}
META: Final = {
    "io.modelcontextprotocol/protocolVersion": NEW,
    "io.modelcontextprotocol/clientInfo": CLIENT,
    "io.modelcontextprotocol/clientCapabilities": {},
}
ACKNOWLEDGED: Final = "notifications/subscriptions/acknowledged"
STREAM_LIMIT: Final = 6.0
"""Seconds for the first event of a stream, which the server sends at once; more where all else takes long."""
RUN_LIMIT: Final = 120.0
MARK: Final = "the doctor was here"
CODE: Final = f"""\
import time
for number in range(6):
    print(number, flush=True)
    time.sleep(0.5)
print({MARK!r})"""
RUN_SECONDS: Final = 3.0


@dataclass
class Round:
    """A conversation: each thing that was asked, with its answer, up to the first that failed."""

    era: str
    answers: list[tuple[str, Answer]] = field(default_factory=list)

    @property
    def failure(self) -> tuple[str, Answer] | None:
        """What was refused, or not answered."""
        return next(((asked, answer) for asked, answer in self.answers if not succeeded(answer)), None)

    def answer(self, asked: str) -> Answer:
        """The answer to something that was asked."""
        return next((answer for name, answer in self.answers if name == asked), Answer())

    @property
    def tools(self) -> list[str]:
        """The tools that were listed."""
        return [str(tool.get("name")) for tool in self.answer("tools/list").result.get("tools", [])]


def succeeded(answer: Answer) -> bool:
    """Whether an answer has what was asked for; a notification is answered with 202 and nothing."""
    return answer.status == 202 or bool(answer.result)


def old(asker: Asker) -> Round:
    """Connect, list and call as clients up to 2025-11-25 do, in a session."""
    told = Round(OLD)
    opening = {"protocolVersion": OLD, "capabilities": {}, "clientInfo": CLIENT}
    first = asker.post(request("initialize", opening), {})
    told.answers.append(("initialize", first))
    if told.failure:
        return told
    session = {"MCP-Protocol-Version": OLD, "Mcp-Session-Id": first.headers.get("mcp-session-id", "")}
    try:
        for message in (
            {"jsonrpc": "2.0", "method": "notifications/initialized"},
            request("tools/list", {}),
            request("tools/call", {"name": "list_kernels", "arguments": {}}),
        ):
            told.answers.append((str(message["method"]), asker.post(message, session)))
            if told.failure:
                break
    finally:
        asker.delete(session)
    return told


def new(asker: Asker) -> Round:
    """The same as clients since 2026-07-28 do, without a session."""
    told = Round(NEW)
    for method, params in (
        ("server/discover", {}),
        ("tools/list", {}),
        ("tools/call", {"name": "list_kernels", "arguments": {}}),
    ):
        told.answers.append((method, modern(asker, method, params)))
        if told.failure:
            break
    return told


def request(method: str, params: dict[str, Any]) -> dict[str, Any]:
    """A request."""
    return {"jsonrpc": "2.0", "id": secrets.randbelow(2**31), "method": method, "params": params}


def modern(asker: Asker, method: str, params: dict[str, Any], progress: str = "", **how: Any) -> Answer:
    """A request of the new era: who asks stands in each one."""
    headers = {"MCP-Protocol-Version": NEW, "Mcp-Method": method}
    if "name" in params:
        headers["Mcp-Name"] = params["name"]
    meta = META | ({"progressToken": progress} if progress else {})
    return asker.post(request(method, {**params, "_meta": meta}), headers, **how)


def call(asker: Asker, tool: str, progress: str = "", limit: float = RUN_LIMIT, **arguments: Any) -> Answer:
    """Call a tool."""
    return modern(asker, "tools/call", {"name": tool, "arguments": arguments}, progress, limit=limit)


def text(answer: Answer) -> str:
    """The text of a tool's result."""
    return "\n".join(
        str(block.get("text")) for block in answer.result.get("content", []) if block.get("type") == "text"
    )


def listen(asker: Asker, slowest: float) -> Answer:
    """Open a stream that stays open. Its first event is sent at once, and whoever holds it back shows that it does.

    `slowest` is how many seconds an ordinary answer has taken: a busy machine holds nothing back.
    """
    asked = {"notifications": {"resourcesListChanged": True}}

    def first(event: dict[str, Any]) -> bool:
        return event.get("method") == ACKNOWLEDGED or "error" in event

    return modern(asker, "subscriptions/listen", asked, limit=STREAM_LIMIT + 4 * slowest, until=first)


@contextmanager
def notebook(asker: Asker) -> Iterator[tuple[str, Answer]]:
    """A notebook of the doctor's own; it goes again, with its kernel."""
    name = f"mcp-proxy-doctor-{secrets.token_hex(4)}.ipynb"
    made = call(asker, "use_notebook", notebook=name, create=True)
    try:
        yield name, made
    finally:
        if made.result and not made.result.get("isError"):
            call(asker, "delete_file", path=name)
