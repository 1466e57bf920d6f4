"""What a kernel's answers say: its variables, and what may complete a code."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from typing import Any

from ...errors import KernelBusy, KernelFailed

Json = dict[str, Any]


@dataclass(frozen=True)
class Variable:
    """A variable as a reader is told of it. `about` is its value or its size; empty where that is not safe to ask."""

    name: str
    type: str
    about: str


@dataclass(frozen=True)
class Completions:
    """What may stand in place of the characters from `start` to `end`, each with its kind where the kernel says it."""

    start: int
    end: int
    matches: list[tuple[str, str]]


def python_variables(reply: Json) -> list[Variable]:
    """The variables in the reply to `PYTHON_REQUEST`."""
    if reply.get("status") == "aborted":
        raise KernelBusy("The kernel emptied its queue because a cell before this question failed. Retry now.")
    answer = (reply.get("user_expressions") or {}).get("variables") or {}
    if answer.get("status") == "error":
        raise refusal(answer)
    try:
        rows = json.loads(ast.literal_eval(answer["data"]["text/plain"]))
    except (KeyError, TypeError, ValueError, SyntaxError) as error:
        raise KernelFailed(
            "The kernel did not list its variables", "it evaluates no user_expressions; inspect_object may work."
        ) from error
    return [Variable(*(printable(str(field)) for field in row)) for row in rows]


def r_variables(told: str) -> list[Variable]:
    """The variables in what `R_REQUEST` displays: a line each, its fields parted by tabs."""
    rows = [line.split("\t") for line in told.split("\n") if line.count("\t") == 2]
    return [Variable(*map(printable, row)) for row in rows]


def completions(reply: Json, cursor: int) -> Completions:
    """A `complete_reply` as what it offers, in the kernel's order, without repetitions."""
    kinds: dict[str, str] = {}
    for entry in (reply.get("metadata") or {}).get("_jupyter_types_experimental") or []:
        facts = [str(entry.get(key) or "") for key in ("type", "signature")]
        kinds.setdefault(str(entry.get("text", "")), " ".join(fact for fact in facts if fact not in ("", "<unknown>")))
    matches = list(dict.fromkeys(map(str, reply.get("matches") or [])))
    start, end = (int(reply.get(key, cursor)) for key in ("cursor_start", "cursor_end"))
    return Completions(start, end, [(match, printable(kinds.get(match, ""))) for match in matches])


def printable(text: str) -> str:
    """A text as one line that can be shown and sent."""
    return "".join(c if c.isprintable() else " " for c in text)


def refusal(reply: Json) -> KernelFailed:
    """The error for a question that a kernel has answered with one."""
    reason = f"{reply.get('ename', reply.get('status'))}: {reply.get('evalue', '')}".rstrip(": ")
    return KernelFailed("The kernel could not answer", f"{reason}. A retry will hardly help.")
