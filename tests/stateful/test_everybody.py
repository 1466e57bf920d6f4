"""Everybody in one notebook, in any order: nobody's text is lost, no other cell is written, every refusal is true."""

from __future__ import annotations

import asyncio
import os
import secrets
import warnings
from collections.abc import Awaitable
from typing import Any, TypeVar

import pytest
from harness import JupyterProcess, connect
from harness.tokens import make
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisDeprecationWarning
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from stateful.acts import CHANGES, Choice, intent
from stateful.agents import Intent, Worker
from stateful.model import Knowledge, State, deleted, inserted, moved, rewritten, words
from stateful.outside import Disk, Kernel
from stateful.people import AtTheFile, somebody
from stateful.world import FIRST, PATIENCE, World

RUNS = int(os.environ.get("RUNS", "50"))
"""Runs in each mode; the nightly run sets RUNS=1000, and then they are chosen by lot."""
BY_ROTE = "RUNS" not in os.environ
AT_ONCE = "AT_ONCE" in os.environ
"""Whether there are acts at one moment, too: they have more ends than the oracle knows; look at what fails."""
WEATHER = ["calm"] * 8 + ["kernel", "kernel", "disk", "crash"]
"""What a run has beside agents and the person. These take seconds, and what crashed has forgotten much."""
STEPS = 14
T = TypeVar("T")

pytestmark = pytest.mark.anyio

slots = st.integers(0, 5)
agents = st.integers(0, 1)
names = st.sampled_from(["index", "index", "id", "index and hash", "id and hash"])


choices = st.builds(Choice, st.sampled_from(CHANGES), slots, names, slots, st.booleans())


def agent_does(kind: str) -> Any:
    """A rule by which an agent does something to a cell."""

    def act(self: Everybody, agent: int, slot: int, how: str, to: int, more: bool) -> None:
        wanted = self._wants(agent, Choice(kind, slot, how, to, more))
        if wanted is not None:
            self._now(self.world.agent_does(self._workers[agent], wanted))

    act.__name__ = f"agent_{kind}"
    return rule(agent=agents, slot=slots, how=names, to=slots, more=st.booleans())(act)


class Everybody(RuleBasedStateMachine):
    """The acts of two agents, the person, the kernel, the disk, whoever kills the sidecar; some at one moment."""

    def __init__(self, server: JupyterProcess, workers: list[Worker], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop
        self._path = [f"everybody-{secrets.token_hex(4)}.ipynb"]
        self._workers = workers
        self._over = asyncio.Event()
        self._server = server
        for worker in workers:
            worker.knows, worker.path = Knowledge(), ""
        here: asyncio.Future[World] = self._now(self._future())
        self._run = asyncio.run_coroutine_threadsafe(self._stay(here), loop)
        self.world: World = self._now(self._arrived(here))

    async def _future(self) -> asyncio.Future[World]:
        return asyncio.get_running_loop().create_future()

    async def _arrived(self, here: asyncio.Future[World]) -> World:
        return await asyncio.wait_for(here, 2 * PATIENCE)

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
        result = asyncio.run_coroutine_threadsafe(doing, self._loop).result(5 * PATIENCE)  # type: ignore[arg-type]
        self._failed = False
        return result

    @initialize(weather=st.sampled_from(WEATHER), renames=st.sampled_from([0, 0, 1, 2]))
    def begins(self, weather: str, renames: int) -> None:
        self.weather, self.renames = weather, renames
        self.disk, self.kernel = Disk(self.world), Kernel(self.world)
        for worker in self._workers[:2]:
            self._now(self.world.reads(worker))

    def _wants(self, agent: int, choice: Choice) -> Intent | None:
        return intent(self.world, self._workers[agent], choice)

    @rule(agent=agents)
    def agent_reads(self, agent: int) -> None:
        self._now(self.world.reads(self._workers[agent]))

    agent_inserts = agent_does("inserts")
    agent_overwrites = agent_does("overwrites")
    agent_edits = agent_does("edits")
    agent_deletes = agent_does("deletes")
    agent_moves = agent_does("moves")
    agent_splits = agent_does("splits")
    agent_merges = agent_does("merges")

    @precondition(lambda self: AT_ONCE)
    @rule(one=choices, two=choices)
    def agents_act_at_one_moment(self, one: Choice, two: Choice) -> None:
        wanted = [self._wants(agent, choice) for agent, choice in enumerate((one, two))]
        doing = [(self._workers[agent], each) for agent, each in enumerate(wanted) if each is not None]
        self._now(self.world.agents_do(doing))

    @precondition(lambda self: AT_ONCE and self._server.guarantee == "live")
    @rule(agent=agents, choice=choices, slot=slots)
    def person_types_while_an_agent_acts(self, agent: int, choice: Choice, slot: int) -> None:
        """In a file the person's own save would write over what has come."""
        wanted, state = self._wants(agent, choice), self.world.last
        if wanted is None or not state:
            return
        cell = state[slot % len(state)].id
        if choice.kind in ("inserts", "edits") or (choice.kind != "merges" and cell != wanted.meant):
            self._now(self.world.types_while(self._workers[agent], wanted, cell, self.world.word("p")))

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
        async def act(state: State) -> None:
            await self.world.person.back()
            self.world.revived |= set(words(await self.world.person.state())) - set(words(state))

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

    @precondition(lambda self: self.renames)
    @rule(by_jupyter=st.booleans())
    def the_file_is_renamed(self, by_jupyter: bool) -> None:
        """In a shared document by Jupyter alone: renamed on the disk it is another room, which the person is not in."""
        self.renames -= 1
        self._now(self.disk.is_renamed(by_jupyter=by_jupyter or self._server.guarantee == "live"))

    @precondition(lambda self: self._server.guarantee == "live" and self.weather == "disk" and self.world.last)
    @rule()
    def the_file_of_the_room_is_replaced(self) -> None:
        self.weather = "calm"
        self._now(self.disk.is_replaced(self.world.word("d")))

    @precondition(lambda self: self.weather == "kernel")
    @rule(agent=agents, slot=slots, how=names)
    def agent_runs(self, agent: int, slot: int, how: str) -> None:
        wanted = self._wants(agent, Choice("runs", slot, how, 0, False))
        assert wanted is not None
        self._now(self.kernel.runs(self._workers[agent], wanted))

    @precondition(lambda self: self.weather == "kernel")
    @rule(agent=agents, slot=slots)
    def agent_runs_what_prints_late(self, agent: int, slot: int) -> None:
        self._now(self.kernel.begins(self._workers[agent], slot))

    @precondition(lambda self: self.weather == "kernel")
    @rule()
    def the_kernel_prints_late(self) -> None:
        self._now(self.kernel.prints_late())

    @precondition(lambda self: self.weather == "kernel")
    @rule()
    def the_kernel_restarts(self) -> None:
        self._now(self.kernel.restarts())

    @precondition(lambda self: self.weather == "kernel")
    @rule()
    def the_kernel_dies(self) -> None:
        self._now(self.kernel.dies())

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
            if not self._failed and self.weather == "kernel":
                self._now(self.kernel.ends())
        finally:
            self._loop.call_soon_threadsafe(self._over.set)
            self._run.result(2 * PATIENCE)


@pytest.mark.slow
@pytest.mark.timeout(1800 + 20 * RUNS)
async def test_nobodys_text_is_lost_no_other_cell_is_written_and_every_refusal_is_true(server: JupyterProcess) -> None:
    loop = asyncio.get_running_loop()
    how = settings(
        max_examples=RUNS, stateful_step_count=STEPS, database=None, deadline=None, derandomize=BY_ROTE,
        suppress_health_check=list(HealthCheck), print_blob=False, report_multiple_bugs=False,
        phases=[Phase.generate],  # what fails has the log of its last acts; making it short takes a quarter of an hour
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
