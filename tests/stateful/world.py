"""A notebook with everybody in it: each act is measured by what the notebook was before and is after it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import anyio
from harness import JupyterProcess

from stateful import model
from stateful.agents import Intent, Target, Worker, is_gone, is_stale, is_where
from stateful.model import Cell, State, Step, ids, source_of, words
from stateful.people import Somebody

PERSON = "a person"
"""Who deleted a cell, where a shared document says nothing of who made the change."""
TOGETHER = "several at one moment"
"""Who deleted a cell, where that is not known."""
FIRST = (Cell("c0", "w0p"), Cell("c1", "w1p\nw2p"), Cell("c2", "w3p\nw4p"))
PATIENCE = 60
"""Seconds for what takes a moment on a machine that has nothing else to do."""


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

        self.revived: set[str] = set()
        """What a person's undo has brought back: an agent may have put it elsewhere (`merge_cells`), have deleted that
        cell, and have it back, too."""

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
        with contextlib.suppress(TimeoutError), anyio.fail_after(PATIENCE):
            while True:
                told, shown = await self.observer.reads(self.path[0])
                there = [(state[i].id.startswith(told[i][0]), told[i][1]) for i in told if i < len(state)]
                if len(told) == len(state) and there == [(True, cell.source.strip("\n")) for cell in state]:
                    break
                await anyio.sleep(0.02)
                state = await self.person.state()
            self.check("; ".join(model.twice(state, self.revived)), "twice", state)
            self.last = state
            return state
        raise AssertionError("\n".join(["agents do not see what is there", str(state), str(shown), *self.log[-12:]]))

    def may_be_passed(self, step: Step, state: State) -> bool:
        """Whether an undo may have gone on to the step before, as nothing of this one was left."""
        return not step.sure or self.was_remade(step) or step.is_spent(state)

    def was_remade(self, step: Step) -> bool:
        return any(self.remade.get(cell, 0) > step.act for cell in step.cells)

    def note(self, who: str, before: State, after: State, *what: object) -> None:
        self.acts += 1
        cells = " | ".join(f"{cell.id}: {' '.join(cell.lines)}" for cell in after)
        self.log.append(f"{self.acts} {who} {' '.join(map(str, what))} -> {cells}")
        for cell in {*ids(before)} - {*ids(after)}:
            self.deleted_by[cell] = "" if who == TOGETHER else who
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

    async def agent_does(self, worker: Worker, intent: Intent) -> str:
        """A call of an agent's that names a cell: done as it was meant, or refused with the truth and nothing done.

        What it was told, where it was done; else nothing.
        """
        before = await self.settled()
        done, told = await worker.call(intent.tool, self.path[0], **intent.all_arguments)
        after = await self.person.state()
        self.note(worker.shown, before, after, intent, repr(told))
        target = intent.target
        meant = target.found(before) if target else ""
        if done:
            self.check("" if meant in (*ids(before), "") else "done to a cell that is not there", before, after)
            hopes = before if intent.tool == "execute_cell" else intent.expected(before, meant)
            self.check("" if model.same(after, hopes) else "not what was meant", hopes, after)
            if target is not None and target.read is not None:
                unread = source_of(before, meant) != target.read
                self.check("a change that was not read was written over" if unread else "", before)
            if intent.tool != "execute_cell":
                moved = meant if intent.tool == "move_cell" else ""
                worker.knows.steps.append(Step(before, after, self.acts, moved))
            worker.learns_hashes(after, told)
        else:
            self.check("" if after == before else "refused, and something was done", told)
            self.check(self.untrue(worker, intent, told, before), told, target, before)
        self.unsure.discard(worker.letter)
        worker.told(after)
        return told if done else ""

    async def agents_do(self, doing: list[tuple[Worker, Intent]]) -> None:
        """Calls at one moment: what is done is done one behind the other, and what is refused is refused with the truth
        of before or behind the other."""
        before = await self.settled()
        answers = await asyncio.gather(
            *(worker.call(intent.tool, self.path[0], **intent.all_arguments) for worker, intent in doing)
        )
        after = await self.person.state()
        self.note(TOGETHER, before, after, *(intent for _, intent in doing), answers)
        done = [intent for (_, intent), (was_done, _) in zip(doing, answers, strict=True) if was_done]
        ways = [way for order in itertools.permutations(done) if (way := _one_by_one(before, order))]
        self.check("" if any(model.same(after, way[-1]) for way in ways) else "in no order", ways, after)
        states = [before, after, *(state for way in ways for state in way)]
        for (worker, intent), (was_done, told) in zip(doing, answers, strict=True):
            if was_done:
                worker.knows.steps.append(Step(before, after, self.acts, intent.meant, sure=False))
            else:
                wrong = [self.untrue(worker, intent, told, state) for state in states]
                self.check("" if "" in wrong else wrong[0], told, states)
        for worker, _ in doing:
            await self.reads(worker)

    async def types_while(self, worker: Worker, intent: Intent, cell: str, word: str) -> None:
        """The person types at a cell's end for as long as a call takes: all of that stays, in one piece."""
        before = await self.settled()
        over = anyio.Event()
        typing = asyncio.create_task(self.person.goes_on_typing(cell, word, over))
        done, told = await worker.call(intent.tool, self.path[0], **intent.all_arguments)
        over.set()
        typed = await typing
        after = await self.person.state()
        self.note(TOGETHER, before, after, intent, repr(told), cell, typed)
        hopes = intent.expected(before, intent.meant) if done else before
        self.check("" if ids(after) == ids(hopes) or "" in ids(hopes) else "other cells", hopes, after)
        there = source_of(after, cell) or ""
        self.check("" if typed in there.split("\n") else "typing was lost", typed, after)
        written = source_of(hopes, cell) or ""
        self.check("" if set(words([Cell("", written)])) <= set(words([Cell("", there)])) else "lost", written, after)
        rest = [tuple(each for each in state if each.id != cell) for state in (after, hopes)]
        self.check("" if model.same(*rest) else "not what was meant", hopes, after)
        if done:
            worker.knows.steps.append(Step(before, after, self.acts, intent.meant, sure=False))
        elif "changed since you read it" not in told:
            wrong = [self.untrue(worker, intent, told, state) for state in (before, after)]
            self.check("" if "" in wrong else wrong[0], told, before, after)
        await self.reads(worker)

    def untrue(self, worker: Worker, intent: Intent, told: str, state: State) -> str:
        """What is wrong with a refusal; empty where nothing is."""
        target = intent.target
        place = intent.arguments.get("index")
        if place is not None and told.startswith(f"Index {place} is another"):  # where it is to go
            target = Target(place, next(iter(worker.knows.order[place:]), None))
        if told.startswith("Index ") and " may be another cell: " in told and worker.letter in self.unsure:
            return ""
        if "cells" in intent.arguments and not intent.can(state):
            return ""
        deleter = self.deleted_by.get((target.meant if target else None) or "", "")
        return self.refusal(told, target, state, intent, "you" if deleter == worker.shown else deleter)

    def refusal(self, told: str, target: Target | None, state: State, intent: Intent, deleter: str) -> str:
        """What is wrong with a refusal's reason."""
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
        return "no reason to refuse" if intent.can(state, target.meant) else ""

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
            self._may_be_back(worker, steps if done else [])
            if done and not self.forgotten:
                left = [each for each in steps if each.sure and not (each.is_spent(before) or self.was_remade(each))]
                self.check("there was something to take back" if left else "", told, left)
                steps.clear()
            last = steps[-1] if steps else None
            # A move to where the cell was is passed over.
            undisturbed = last and last.before != last.after and last.act == self.acts - 1 and last.sure
            self.check("refused, though nobody has done anything since" if undisturbed and not done else "", told)
            return False
        known = list(steps)
        while steps and steps[-1].has_left_nothing(before):
            steps.pop()
        while len(steps) > 1 and self.may_be_passed(steps[-1], before) and model.undone(before, after, steps[-1]):
            steps.pop()
        self.check("" if steps else "there was nothing to take back", told)
        self._may_be_back(worker, known[len(steps) :])
        step = steps.pop()
        self.check(model.undone(before, after, step), told, step, before, after)
        if step.sure and step.act == self.acts - 1:
            self.check("" if model.same(after, step.before) else "undo is not exact", step.before, after)
            if steps and steps[-1].act == step.act - 1:
                steps[-1].act = self.acts  # as if it had been done just now
        return True

    def _may_be_back(self, worker: Worker, passed: list[Step]) -> None:
        """Steps were passed over. Two agents move two cells past each other: of the first move that is taken back
        nothing is to be seen, and nothing of the second either, since all stands as it stood before both."""
        if any(step.moved for step in passed):
            for other in self.agents:
                if other is not worker:
                    other.knows.steps = [step.unsure() if step.moved else step for step in other.knows.steps]

    async def reads(self, worker: Worker) -> None:
        state = await self.settled()
        told, _ = await worker.reads(self.path[0])
        self.unsure.discard(worker.letter)
        worker.told(state)
        worker.learns(state, told)

    async def crash(self) -> None:
        self.server.kill_sidecar()
        self.forgotten = True
        self.unsure = {worker.letter for worker in self.agents}
        for worker in self.agents:
            worker.knows.steps.clear()
        for worker in (*self.agents, self.observer):
            worker.path = ""  # it has forgotten former names, too
        await anyio.to_thread.run_sync(self.server.wait)


def _one_by_one(state: State, order: Sequence[Intent]) -> list[State]:
    """What is there after each of some acts; nothing where one of them cannot be done then."""
    states = [state]
    for intent in order:
        if intent.meant not in (*ids(states[-1]), ""):
            return []
        try:
            states.append(intent.expected(states[-1], intent.meant))
        except ValueError:
            return []
    return states
