"""Everybody in one notebook, in any order: nobody's text is lost, no other cell is written, every refusal is true."""

from __future__ import annotations

import asyncio
import os
import secrets
import warnings
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from harness import JupyterProcess, connect
from harness.tokens import make
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisDeprecationWarning
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from stateful.agents import Target, Worker
from stateful.model import Knowledge, State, deleted, inserted, merged, moved, rewritten, source_of, split, words
from stateful.people import AtTheFile, somebody
from stateful.world import FIRST, World

RUNS = int(os.environ.get("RUNS", "0"))
"""Runs in each mode; the nightly run sets RUNS=1000. None elsewhere: on a busy machine a run can still end in an oracle
that is stricter than what is promised, or in a step that does not answer in time."""
STEPS = 14
T = TypeVar("T")

pytestmark = pytest.mark.anyio

slots = st.integers(0, 5)
agents = st.integers(0, 1)
names = st.sampled_from(["index", "index", "id", "index and hash", "id and hash"])


class Everybody(RuleBasedStateMachine):
    """The acts of an agent, a second agent, the person, and of whoever kills the sidecar; one after the other."""

    def __init__(self, server: JupyterProcess, workers: list[Worker], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop
        self._path = [f"everybody-{secrets.token_hex(4)}.ipynb"]
        self._workers = workers
        self._over = asyncio.Event()
        self._server = server
        for worker in workers:
            worker.knows = Knowledge()
        here: asyncio.Future[World] = self._now(self._future())
        self._run = asyncio.run_coroutine_threadsafe(self._stay(here), loop)
        self.world: World = self._now(self._arrived(here))

    async def _future(self) -> asyncio.Future[World]:
        return asyncio.get_running_loop().create_future()

    async def _arrived(self, here: asyncio.Future[World]) -> World:
        return await asyncio.wait_for(here, 30)

    async def _stay(self, here: asyncio.Future[World]) -> None:
        """The person comes and goes in one task."""
        self._server.write_notebook(self._path[0], *(c.source for c in FIRST), ids=[c.id for c in FIRST])
        async with somebody(self._server, self._path) as person:
            here.set_result(World(self._server, self._path, person, self._workers[:2], self._workers[2]))
            await self._over.wait()
        for worker in self._workers:
            await worker.call("unuse_notebook", self._path[0])

    def _now(self, doing: Awaitable[T]) -> T:
        self._failed = True
        result = asyncio.run_coroutine_threadsafe(doing, self._loop).result(90)  # type: ignore[arg-type]
        self._failed = False
        return result

    @initialize(weather=st.sampled_from(["calm"] * 10 + ["crash"]))
    def begins(self, weather: str) -> None:
        self.weather = weather
        for worker in self._workers[:2]:
            self._now(self.world.reads(worker))

    def agent_does(
        self, agent: int, slot: int, how: str, tool: str, expected: Callable[[State, str], State], **arguments: Any
    ) -> None:
        worker = self._workers[agent]
        target = worker.target(slot, how)
        self._now(self.world.agent_does(worker, tool, target, arguments, expected))

    @rule(agent=agents)
    def agent_reads(self, agent: int) -> None:
        self._now(self.world.reads(self._workers[agent]))

    @rule(agent=agents, slot=slots, two=st.booleans())
    def agent_inserts(self, agent: int, slot: int, two: bool) -> None:
        worker = self._workers[agent]
        source = "\n".join(self.world.word(worker.letter) for _ in range(1 + two))
        index = slot % (len(worker.knows.order) + 1)
        self._now(
            self.world.agent_does(
                worker, "insert_cell", None, {"index": index, "source": source}, lambda s, _: inserted(s, index, source)
            )
        )

    @rule(agent=agents, slot=slots, how=names, keep=st.booleans())
    def agent_overwrites(self, agent: int, slot: int, how: str, keep: bool) -> None:
        worker = self._workers[agent]
        target = worker.target(slot, how)
        known = worker.knows.read.get(target.meant or "", ("", ""))[0]
        new = self.world.word(worker.letter)
        source = f"{new}\n{known}".strip() if keep and target.if_hash else new
        self.agent_does(
            agent, slot, how, "overwrite_cell_source", lambda s, cell: rewritten(s, cell, source), source=source
        )

    @rule(agent=agents, slot=slots, how=names)
    def agent_edits(self, agent: int, slot: int, how: str) -> None:
        worker = self._workers[agent]
        target = worker.target(slot, how)
        known = words([c for c in self.world.last if c.id == target.meant])
        old = known[-1] if known else "w0p"
        new = f"{old}\n{self.world.word(worker.letter)}"

        def edited(state: State, cell: str) -> State:
            source = source_of(state, cell) or ""
            source.index(old)
            return rewritten(state, cell, source.replace(old, new))

        self.agent_does(agent, slot, how, "edit_cell", edited, edits=[{"old": old, "new": new}])

    @rule(agent=agents, slot=slots, how=names)
    def agent_deletes(self, agent: int, slot: int, how: str) -> None:
        self.agent_does(agent, slot, how, "delete_cell", deleted)

    @rule(agent=agents, slot=slots, how=st.sampled_from(["index", "id"]), to=slots)
    def agent_moves(self, agent: int, slot: int, how: str, to: int) -> None:
        worker = self._workers[agent]
        index = to % max(1, len(worker.knows.order))
        self.agent_does(agent, slot, how, "move_cell", lambda s, cell: moved(s, cell, index), index=index)

    @rule(agent=agents, slot=slots, how=names)
    def agent_splits(self, agent: int, slot: int, how: str) -> None:
        self.agent_does(agent, slot, how, "split_cell", split, at=[2])

    @rule(agent=agents, slot=slots)
    def agent_merges(self, agent: int, slot: int) -> None:
        worker = self._workers[agent]
        order = worker.knows.order
        if len(order) < 2:
            return
        first, second = order[slot % (len(order) - 1) :][:2]
        self._now(
            self.world.agent_does(
                worker,
                "merge_cells",
                Target(first, first),
                {"cells": [first, second]},
                lambda state, _: merged(state, first, second),
            )
        )

    @rule(agent=agents)
    def agent_undoes(self, agent: int) -> None:
        self._now(self.world.agent_undoes(self._workers[agent]))

    @rule(slot=slots)
    def person_inserts(self, slot: int) -> None:
        source, id = self.world.word("p"), self.world.new_id()

        async def act(state: State) -> State:
            index = slot % (len(state) + 1)
            await self.world.person.insert(index, source, id)
            return inserted(state, index, source, id)

        self._now(self.world.person_does("inserts", act))

    @rule(slot=slots)
    def person_types(self, slot: int) -> None:
        word = self.world.word("p")

        async def act(state: State) -> State:
            if not state:
                return state
            cell = state[slot % len(state)]
            await self.world.person.type(cell.id, word)
            return rewritten(state, cell.id, f"{cell.source}\n{word}")

        self._now(self.world.person_does("types", act))

    @rule(slot=slots)
    def person_deletes(self, slot: int) -> None:
        async def act(state: State) -> State:
            if len(state) < 3:  # JupyterLab has always one, and a document of which half is gone is not written to
                return state
            index = slot % len(state)
            await self.world.person.delete(index)
            return deleted(state, state[index].id)

        self._now(self.world.person_does("deletes", act))

    @rule(slot=slots, to=slots)
    def person_moves(self, slot: int, to: int) -> None:
        async def act(state: State) -> State:
            if not state:
                return state
            index, place = slot % len(state), to % len(state)
            await self.world.person.move(index, place)
            return moved(state, state[index].id, place)

        self._now(self.world.person_does("moves", act))

    @rule()
    def person_goes_back(self) -> None:
        async def act(_: State) -> None:
            await self.world.person.back()

        self._now(self.world.person_does("goes back", act))

    @precondition(lambda self: self._server.guarantee == "file")
    @rule(more=st.booleans())
    def the_file_is_replaced(self, more: bool) -> None:
        """As by `git checkout`, with other content or the same."""
        word = self.world.word("d") if more else ""

        async def act(state: State) -> State:
            assert isinstance(self.world.person, AtTheFile)
            await self.world.person.replace(word)
            return rewritten(state, state[0].id, f"{state[0].source}\n{word}") if state and more else state

        self._now(self.world.person_does("replaces the file", act))

    @precondition(lambda self: self._server.guarantee == "file")
    @rule()
    def the_file_is_touched(self) -> None:
        async def act(state: State) -> State:
            assert isinstance(self.world.person, AtTheFile)
            await self.world.person.touch()
            return state

        self._now(self.world.person_does("touches the file", act))

    @precondition(lambda self: self.weather == "crash")
    @rule()
    def the_sidecar_is_killed(self) -> None:
        self.weather = "calm"
        self._now(self.world.crash())

    def teardown(self) -> None:
        try:
            for worker in self._workers[:2]:
                while not self._failed and self._now(self.world.agent_undoes(worker)):
                    pass
        finally:
            self._loop.call_soon_threadsafe(self._over.set)
            self._run.result(30)


@pytest.mark.slow
@pytest.mark.skipif(RUNS == 0, reason="for the nightly run: set RUNS")
@pytest.mark.timeout(300 + 10 * RUNS)
async def test_nobodys_text_is_lost_no_other_cell_is_written_and_every_refusal_is_true(server: JupyterProcess) -> None:
    loop = asyncio.get_running_loop()
    how = settings(
        max_examples=RUNS, stateful_step_count=STEPS, deadline=None, suppress_health_check=list(HealthCheck),
        database=None, print_blob=False, report_multiple_bugs=False, phases=[Phase.generate],
    )  # fmt: skip
    async with (
        connect(server, name="Claude", token=make(server, f"one {secrets.token_hex(4)}")) as one,
        connect(server, "legacy", name="Cursor", token=make(server, f"two {secrets.token_hex(4)}")) as two,
        connect(server, name="the observer") as three,
    ):
        workers = [Worker(one, "a", "Claude"), Worker(two, "b", "Cursor"), Worker(three, "o", "the observer")]

        def play() -> None:
            run_state_machine_as_test(lambda: Everybody(server, workers, loop), settings=how)

        with warnings.catch_warnings():  # the loop may use `random` while the thread chooses
            warnings.filterwarnings("ignore", "Do not use the `random` module", HypothesisDeprecationWarning)
            await asyncio.to_thread(play)
