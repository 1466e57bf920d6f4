"""An agent: what it means by a call, and whether the answer and the notebook say the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness import Agent, text

from stateful.model import Cell, Knowledge, State, ids, source_of, words

HEAD = re.compile(r"^── (\d+) (\S+) (code|markdown|raw)\b.* hash (\w+)$", re.MULTILINE)
WHERE = re.compile(r"(\S+), at (\d+)")
GONE_BY = re.compile(r": ([^:;]*?) deleted it at \d\d:\d\d:\d\d")
CODE = re.compile(r"code cell (\S+) at index (\d+), hash (\w+)")


@dataclass(frozen=True)
class Target:
    """A cell as a call names it, and the one that the agent means by it."""

    name: int | str
    meant: str | None
    if_hash: str | None = None
    read: str | None = None
    """The source that the hash is of."""

    @property
    def arguments(self) -> dict[str, Any]:
        return {"cell": self.name} | ({} if self.if_hash is None else {"if_hash": self.if_hash})

    def found(self, state: State) -> str:
        """The cell that it names. One named by index and hash is the text there: where the cell that was read has gone
        (merged, then split again), and one with the same text has come in its place, nobody could tell them apart. Who
        wants that very cell gives its id."""
        if self.read is not None and isinstance(self.name, int) and self.meant not in ids(state):
            there = [cell.id for cell in state[self.name : self.name + 1] if cell.source == self.read]
            return there[0] if there else self.meant or ""
        return self.meant or ""


@dataclass(frozen=True)
class Intent:
    """A call, and what must be there if it is done: a function of what was there, and of the cell that is meant."""

    tool: str
    target: Target | None
    arguments: dict[str, Any]
    expected: Callable[[State, str], State]

    @property
    def meant(self) -> str:
        return (self.target.meant if self.target else None) or ""

    @property
    def all_arguments(self) -> dict[str, Any]:
        named = self.target is not None and "cells" not in self.arguments
        return (self.target.arguments if self.target is not None and named else {}) | self.arguments

    def can(self, state: State, cell: str | None = None) -> bool:
        """Whether it would do anything: there may be no such line, no such text, no such cell."""
        try:
            return self.expected(state, self.meant if cell is None else cell) != state
        except ValueError:
            return False


def read_cells(told: str) -> dict[int, tuple[str, str, str]]:
    """What `read_cells` told: short id, source and hash of each index."""
    parts = HEAD.split(told)
    return {
        int(index): (id, source.strip("\n"), digest)
        for index, id, _, digest, source in zip(*(parts[start::5] for start in range(1, 6)), strict=True)
    }


class Worker:
    """An agent with what it knows. `letter` marks its words."""

    def __init__(self, agent: Agent, letter: str, shown: str) -> None:
        self.agent, self.letter, self.shown = agent, letter, shown
        self.knows = Knowledge()
        self.path = ""
        """The notebook's path as it has last been told."""

    def target(self, slot: int, how: str) -> Target:
        """The cell that it knows at a place, named by index, id, or either with the hash of what it has read."""
        order = self.knows.order
        index = slot % len(order) if order else slot
        meant = order[index] if order else None
        by_id = how in ("id", "id and hash") and meant is not None
        name: int | str = meant if by_id and meant is not None else index
        read = self.knows.read.get(meant or "") if "hash" in how else None
        return Target(name, meant, None if read is None else read[1], None if read is None else read[0])

    async def call(self, tool: str, path: str, **arguments: Any) -> tuple[bool, str]:
        """Whether it was done, and what was told."""
        result = await self.agent.call(tool, notebook=self.path or path, **arguments)
        self.path = path  # any result tells it, where the old one was used
        return not result.is_error, text(result)

    async def reads(self, path: str) -> tuple[dict[int, tuple[str, str, str]], str]:
        result = await self.agent.call("read_cells", notebook=self.path or path, outputs="off")
        self.path = path
        assert not result.is_error, text(result)
        told = "\n\n".join(block.text for block in result.content if block.type == "text")
        return read_cells(told.split("\n[Note")[0]), told

    def told(self, state: State) -> None:
        """Any result tells it where the cells are."""
        self.knows.order = ids(state)

    def learns(self, state: State, told: dict[int, tuple[str, str, str]]) -> None:
        """It has read all cells."""
        self.knows.read = {cell.id: (cell.source, told[index][2]) for index, cell in enumerate(state)}

    def learns_hashes(self, state: State, told: str) -> None:
        """A result told cells that are new, or how they are now."""
        for short, _, digest in CODE.findall(told):
            for cell in state:
                if cell.id.startswith(short):
                    self.knows.read[cell.id] = (cell.source, digest)


def is_where(told: str, target: Target, state: State, deleter: str) -> str:
    """What is wrong with a refusal that says that an index means another cell; empty where it is true."""
    if not told.startswith(f"Index {target.name} is another cell; "):
        return "not told so"
    there = isinstance(target.name, int) and target.name < len(state) and state[target.name].id
    if target.if_hash is None and there == target.meant:
        return "it is the same cell"
    line = told.split("\n")[0]
    places = WHERE.findall(line)
    for short, at in places:
        if int(at) >= len(state) or not state[int(at)].id.startswith(short):
            return f"{short} is not at {at}"
        if target.if_hash is None and not (target.meant or "").startswith(short):
            return f"{short} is not what was meant"
    if "is gone" in line:
        return "it is not gone" if target.meant in ids(state) else is_by(line, deleter)
    if not places and target.if_hash is None and target.meant in ids(state):
        return "it is there, and was not told so"
    return ""


def is_gone(told: str, target: Target, state: State, deleter: str) -> str:
    """What is wrong with a refusal that says that there is no such cell; empty where it is true."""
    return "there is" if target.meant in ids(state) else is_by(told.split("\n")[0], deleter)


def is_by(line: str, deleter: str) -> str:
    """What is wrong with who is said to have deleted a cell; empty where it is true, or not said."""
    by = GONE_BY.findall(line)
    told = by[0].replace("Ada", "a person") if by else ""
    return f"told that {by[0]!r} deleted it, but it was {deleter}" if by and deleter not in told else ""


def is_stale(told: str, target: Target, state: State) -> str:
    """What is wrong with a refusal that says that a cell has changed since it was read; empty where it is true."""
    source = source_of(state, target.meant or "")
    if "changed since you read it; nothing was written" not in told:
        return "not told so"
    if source == target.read:
        return "it has not changed"
    if source is None or not all(word in told for word in words([Cell("", source)])):
        return "its source is not told"
    return ""
