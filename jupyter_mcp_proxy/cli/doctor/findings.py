"""What the doctor has found: a step, how it went, what was seen and what helps. Pure."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from ..output import printable

State = Literal["ok", "note", "failed", "skipped"]
"""Good; works, with something to know; does not work; could not be looked at."""

MARKS: Final = {"ok": "✓", "note": "!", "failed": "✗", "skipped": "-"}
WIDTH: Final = 100
SHORTEST_SECRET: Final = 4
"""Characters below which a token is no secret, and blotting it out would only spoil the text."""

CODES: Final = {
    "package": 10,
    "configuration": 11,
    "extension": 12,
    "entry point": 13,
    "sidecar": 14,
    "proof": 15,
    "collaboration": 16,
    "collaboration store": 17,
    "kernelspecs": 18,
    "store": 19,
    "files": 20,
    "server": 30,
    "token": 31,
    "hub": 32,
    "relay": 33,
    "round trip 2025-11-25": 34,
    "round trip 2026-07-28": 35,
    "streaming": 36,
    "sign-in": 37,
    "clocks": 38,
    "kernel": 39,
    "transport": 40,
}
"""Every step, in the order in which it is looked at, and the exit code of its failure."""


@dataclass(frozen=True)
class Finding:
    """What a step has shown."""

    step: str
    state: State
    said: str
    cure: str = ""
    """What helps; every failure has one."""

    def lines(self) -> str:
        """For a person."""
        head = f"{MARKS[self.state]} {self.step:22}"
        return "\n".join([_wrapped(self.said, head, " " * len(head)), *([self._cure()] if self.cure else [])])

    def _cure(self) -> str:
        indent = " " * 24
        return "\n".join(_wrapped(line, f"{indent}> ", f"{indent}  ") for line in self.cure.splitlines())

    def as_object(self) -> dict[str, Any]:
        """For a program."""
        code = {"exit_code": CODES[self.step]} if self.state == "failed" else {}
        return {"step": self.step, "state": self.state, "said": self.said, "cure": self.cure, **code}

    def without(self, secrets: Collection[str]) -> Finding:
        """The same, with nothing in it that opens a door or changes a terminal."""
        return replace(self, said=cleaned(self.said, secrets), cure=cleaned(self.cure, secrets))


def ok(step: str, said: str) -> Finding:
    """A step that holds."""
    return Finding(step, "ok", said)


def note(step: str, said: str, cure: str = "") -> Finding:
    """A step that holds, with something to know."""
    return Finding(step, "note", said, cure)


def failed(step: str, said: str, cure: str) -> Finding:
    """A step that does not hold."""
    return Finding(step, "failed", said, cure)


def skipped(step: str, why: str) -> Finding:
    """A step that could not be taken."""
    return Finding(step, "skipped", why)


def _wrapped(text: str, first: str, others: str) -> str:
    # A command or an address is copied from here: it is broken nowhere but at a space.
    return textwrap.fill(
        text, WIDTH, initial_indent=first, subsequent_indent=others, break_long_words=False, break_on_hyphens=False
    )


def cleaned(text: str, secrets: Collection[str]) -> str:
    """A text without the secrets; what others have written into it is escaped."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, "[hidden]")
    return "\n".join(printable(line) for line in text.splitlines())


def exit_code(findings: Iterable[Finding], *, strict: bool = False) -> int:
    """0 where all holds, else the code of the first step that does not; strict, a note counts too."""
    counts = ("failed", "note") if strict else ("failed",)
    return next((CODES[finding.step] for finding in findings if finding.state in counts), 0)


def summary(findings: Sequence[Finding], code: int) -> str:
    """The last line for a person."""
    of = {state: sum(1 for finding in findings if finding.state == state) for state in MARKS}
    parts = [f"{of['ok']} good", f"{of['note']} to know", f"{of['failed']} failed", f"{of['skipped']} not looked at"]
    return f"{', '.join(parts)}. Exit code {code}."


def as_json(findings: Sequence[Finding], server: str | None, code: int) -> str:
    """All of it, for a program."""
    said = {"server": server, "exit_code": code, "findings": [finding.as_object() for finding in findings]}
    return json.dumps(said, indent=2)
