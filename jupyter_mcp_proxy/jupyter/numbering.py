"""How many of a kernel's messages never arrived, told by the numbers that it gives them. Pure; no sockets.

ipykernel, and all that build on `jupyter_client.session.Session`, end a message's id in `_<process>_<number>` and
count every message that they send, on whatever channel (jupyter_client, `Session.msg_id`).
"""

from __future__ import annotations

from .messages import Message


class Numbering:
    """The numbers seen since `expect`: what is missing among them was lost on its way."""

    def __init__(self) -> None:
        self._session = ""
        self._after = self._until = 0
        """Broadcasts up to this one have come in their order, replies come ahead of them."""
        self._seen: set[int] | None = None
        self._busy: dict[str, int] = {}
        self._idle: dict[str, int] = {}
        """For each request the numbers of the kernel's word that it began, and that it ended."""
        self._replied: set[str] = set()

    def expect(self, after: str) -> None:
        """Count from now on what comes after the message with this id; empty: after the first that comes."""
        self._session, self._after = _split(after)
        self._until = self._after
        self._seen = set()

    def take(self, message: Message, *, beside: bool = False) -> None:
        """Note a message; twice does no harm. `beside`: it came on a line that may be ahead of the one that serves."""
        session, number = _split(str(message.header.get("msg_id", "")))
        if self._seen is None or not session:
            return
        if not self._session and message.parent:
            self._session, self._after, self._until = session, number, number
        if session != self._session:
            return
        self._seen.add(number)
        if message.channel == "iopub" and not beside:
            self._until = max(self._until, number)
        if message.type == "status":
            began_or_ended = self._idle if message.content.get("execution_state") == "idle" else self._busy
            began_or_ended[message.parent_id] = number
        elif message.type.endswith("_reply"):
            self._replied.add(message.parent_id)

    def missing(self) -> int | None:
        """How many messages did not arrive; None where the kernel does not number them. Ends the counting.

        A reply to another client, or to us before the line broke, never comes: for a request without one, a number
        between its `busy` and its `idle` is no loss.
        """
        seen, self._seen = self._seen, None
        busy, self._busy = self._busy, {}
        idle, self._idle = self._idle, {}
        replied, self._replied = self._replied, set()
        if seen is None or not self._session:
            return None
        unseen = {number for number in range(self._after + 1, self._until) if number not in seen}
        # Earliest end first, each with its first number: so as many as possible find one (they may overlap).
        for parent, end in sorted(idle.items(), key=lambda each: each[1]):
            between = unseen.intersection(range(busy.get(parent, self._after) + 1, end))
            if between and parent not in replied:
                unseen.remove(min(between))
        return len(unseen)


def _split(id: str) -> tuple[str, int]:
    """The kernel's session, with its process, and the message's number; empty and 0 where there is none."""
    session, _, number = id.rpartition("_")
    return (session, int(number)) if session and number.isdecimal() else ("", 0)
