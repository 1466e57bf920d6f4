"""A notebook with everybody in it: each act is measured by what the notebook was before and is after it."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from harness import JupyterProcess

from stateful import model
from stateful.agents import Target, Worker, is_gone, is_stale, is_where
from stateful.model import Cell, State, Step, ids, source_of
from stateful.people import Somebody

PERSON = "a person"
"""Who deleted a cell, where a shared document says nothing of who made the change."""
FIRST = (Cell("c0", "w0p"), Cell("c1", "w1p\nw2p"), Cell("c2", "w3p\nw4p"))
Expected = Callable[[State, str], State]


class World:
    def __init__(
        self, server: JupyterProcess, path: list[str], person: Somebody, agents: list[Worker], observer: Worker
    ) -> None:
        self.server, self.path, self.person, self.agents, self.observer = server, path, person, agents, observer
        self.deleted_by: dict[str, str] = {}
        self.acts = 0
        self._word = 10
        self.last: State = ()
        self.log: list[str] = []
        self.remade: dict[str, int] = {}
        """The act that last moved each cell, or brought it back: shared documents make it anew, older changes stay."""
        self.forgotten = False
        """Whether the sidecar was killed: it has forgotten who did what."""
        self.unsure: set[str] = set()
        """The agents that it has told nothing since."""

    def word(self, letter: str) -> str:
        self._word += 1
        return f"w{self._word}{letter}"

    def new_id(self) -> str:
        self._word += 1
        return f"p{self._word}"

    def check(self, wrong: str, *facts: object) -> None:
        assert not wrong, "\n".join([wrong, *map(str, facts), *self.log[-12:]])

    async def settled(self) -> State:
        """What is there, once agents see it, too."""
        state = await self.person.state()
        shown: Any = None
        with contextlib.suppress(TimeoutError), anyio.fail_after(20):
            while True:
                told, shown = await self.observer.reads(self.path[0])
                there = [(state[i].id.startswith(told[i][0]), told[i][1]) for i in told if i < len(state)]
                if len(told) == len(state) and there == [(True, cell.source.strip("\n")) for cell in state]:
                    break
                await anyio.sleep(0.02)
                state = await self.person.state()
            self.check("; ".join(model.twice(state)), "twice", state)
            return state
        raise AssertionError("\n".join(["agents do not see what is there", str(state), str(shown), *self.log[-12:]]))

    def was_remade(self, step: Step) -> bool:
        return any(self.remade.get(cell, 0) > step.act for cell in step.cells)

    def note(self, who: str, before: State, after: State, *what: object) -> None:
        self.acts += 1
        cells = " | ".join(f"{cell.id}: {' '.join(cell.lines)}" for cell in after)
        self.log.append(f"{self.acts} {who} {' '.join(map(str, what))} -> {cells}")
        for cell in {*ids(before)} - {*ids(after)}:
            self.deleted_by[cell] = who
        for cell in {*ids(after)} - {*ids(before)}:
            if self.deleted_by.pop(cell, None) is not None and self.server.guarantee == "live":
                self.remade[cell] = self.acts
        self.last = after
        both = set(ids(before)) & set(ids(after))
        orders = [[cell for cell in ids(state) if cell in both] for state in (before, after)]
        if self.server.guarantee == "live" and orders[0] != orders[1]:
            self.remade |= dict.fromkeys(both, self.acts)

    async def person_does(self, what: str, act: Callable[[State], Awaitable[State | None]]) -> None:
        """An act of the person; it returns what must be there then, None where that is as it is."""
        before = await self.settled()
        expected = await act(before)
        after = await self.person.state()
        self.note(PERSON, before, after, what)
        self.check("" if expected is None or model.same(after, expected) else "the person's act", expected, after)

    async def agent_does(
        self, worker: Worker, tool: str, target: Target | None, arguments: dict[str, Any], expected: Expected
    ) -> None:
        """A call of an agent's that names a cell: done as it was meant, or refused with the truth and nothing done."""
        before = await self.settled()
        done, told = await worker.call(
            tool, self.path[0], **(target.arguments if target and "cells" not in arguments else {}), **arguments
        )
        after = await self.person.state()
        self.note(worker.shown, before, after, tool, target, arguments, repr(told))
        meant = target.meant if target else ""
        if done:
            self.check("" if meant in (*ids(before), "") else "done to a cell that is not there", before, after)
            hopes = expected(before, meant or "")
            self.check("" if model.same(after, hopes) else "not what was meant", hopes, after)
            if target is not None and target.read is not None:
                unread = source_of(before, meant or "") != target.read
                self.check("a change that was not read was written over" if unread else "", before)
            worker.knows.steps.append(Step(before, after, self.acts, (meant or "") if tool == "move_cell" else ""))
            worker.learns_hashes(after, told)
        else:
            self.check("" if after == before else "refused, and something was done", told)
            place = arguments.get("index")
            if place is not None and told.startswith(f"Index {place} is another"):  # where it is to go
                target = Target(place, next(iter(worker.knows.order[place:]), None))
            deleter = self.deleted_by.get((target.meant if target else None) or "", "")
            wrong = (
                ""
                if (told.startswith("Index ") and " may be another cell: " in told and worker.letter in self.unsure)
                or ("cells" in arguments and not self.can(expected, before, meant))
                else self.refusal(told, target, before, expected, "you" if deleter == worker.shown else deleter)
            )
            self.check(wrong, told, target, before)
        self.unsure.discard(worker.letter)
        worker.told(after)

    def refusal(self, told: str, target: Target | None, state: State, expected: Expected, deleter: str) -> str:
        """What is wrong with a refusal."""
        if told.startswith("The shared document of "):
            return "" if f" has {len(state)} cells, its file " in told and len(state) < 5 else "it is not so small"
        if target is None:
            return "" if f"expected 0 to {len(state)}, or -1 for the end" in told else "no reason to refuse"
        if "or -1 for the end" in told:
            return "" if f"expected 0 to {len(state) - 1}, or -1" in told else "the place is there"
        if "is another cell" in told:
            return is_where(told, target, state, deleter)
        if "There is no cell" in told and isinstance(target.name, int):
            return "" if target.name >= len(state) else "there is a cell with this index"
        if "There is no cell" in told or "is not there any more" in told:
            return is_gone(told, target, state, deleter)
        if "changed since you read it" in told:
            return is_stale(told, target, state)
        if target.meant not in ids(state):
            return "it is gone, and that is not the reason told"
        return "no reason to refuse" if self.can(expected, state, target.meant) else ""

    def can(self, expected: Expected, state: State, cell: str | None) -> bool:
        """Whether a call would have done anything: there may be no such line, no such text, no such cell."""
        try:
            return expected(state, cell or "") != state
        except ValueError:
            return False

    async def agent_undoes(self, worker: Worker) -> bool:
        """Take the agent's last change back; whether there was one."""
        before = await self.settled()
        done, told = await worker.call("undo_changes", self.path[0])
        after = await self.person.state()
        self.note(worker.shown, before, after, "undo", repr(told))
        self.unsure.discard(worker.letter)
        worker.told(after)
        steps = worker.knows.steps
        if not done or "nothing was done" in told:
            self.check("" if after == before else "refused, and something was done", told)
            small = told.startswith("The shared document of ") and f" has {len(before)} cells, its file " in told
            self.check("" if done or small or "Nothing was taken back" in told else "refused otherwise", told)
            if small:
                return False
            if done and not self.forgotten:
                left = [step for step in steps if not (step.has_left_nothing(before) or self.was_remade(step))]
                self.check("there was something to take back" if left else "", told, left)
                steps.clear()
            undisturbed = steps and steps[-1].act == self.acts - 1 and steps[-1].sure
            self.check("refused, though nobody has done anything since" if undisturbed and not done else "", told)
            return False
        while steps and steps[-1].has_left_nothing(before):
            steps.pop()
        while len(steps) > 1 and self.was_remade(steps[-1]) and model.undone(before, after, steps[-1]):
            steps.pop()
        self.check("" if steps else "there was nothing to take back", told)
        step = steps.pop()
        self.check(model.undone(before, after, step), told, step, before, after)
        if step.sure and step.act == self.acts - 1:
            self.check("" if model.same(after, step.before) else "undo is not exact", step.before, after)
            if steps and steps[-1].act == step.act - 1:
                steps[-1].act = self.acts  # as if it had been done just now
        return True

    async def reads(self, worker: Worker) -> None:
        state = await self.settled()
        told, _ = await worker.reads(self.path[0])
        self.unsure.discard(worker.letter)
        worker.told(state)
        worker.learns(state, told)

    async def crash(self) -> None:
        os.kill(self.server.sidecar_pid(), signal.SIGKILL)
        self.forgotten = True
        self.unsure = {worker.letter for worker in self.agents}
        for worker in self.agents:
            worker.knows.steps.clear()
        await anyio.to_thread.run_sync(self.server.wait)
