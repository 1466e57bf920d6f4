"""The lines: what is measured on every side in turn, and what came of it."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import psutil

from benchmarks.lean import LeanClient
from benchmarks.timing import Sample, Series, round_robin, timed
from benchmarks.wire import metered

from .connected import SIZES, STARTED, Connected, Unable, notebook_of, value
from .sides import Call, Running, Side

DIED = r"(?i)\b(died|dead|killed|restarted)\b"
IDLE_WITHIN = 10.0
"""Seconds after a cancel within which the kernel may become idle."""
UP_WITHIN = 90.0
SLOW = 5
"""A round of what takes seconds, for so many of what takes milliseconds."""

Outcome = Series | str
"""Samples, or why there are none."""
Probe = Callable[[Connected], Awaitable[float]]
"""One measurement on a side, in seconds or another unit; what a side cannot do raises `Unable`."""


@dataclass
class Line:
    """A line of the table."""

    name: str
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    unit: str = "ms"
    note: dict[str, str] = field(default_factory=dict)
    """What a side answered, where that is worth telling beside its time."""


async def quick(name: str, sides: Sequence[Connected], rounds: int, probe: Probe) -> Line:
    """What takes milliseconds: a few samples of each a round. Who cannot do it is told by the first try."""
    line = Line(name)
    variants: dict[str, Sample] = {}
    for one in sides:
        try:
            await probe(one)
        except Unable as unable:
            line.outcomes[one.side.name] = str(unable)
        else:
            variants[one.side.name] = lambda one=one: probe(one)  # type: ignore[misc]
    line.outcomes |= await round_robin(variants, rounds, warm_up=1)
    return line


async def slow(name: str, sides: Sequence[Connected], rounds: int, probe: Probe) -> Line:
    """What takes seconds: once a round, in another order each time."""
    line = Line(name)
    order = list(sides)
    for number in range(rounds):
        random.Random(number).shuffle(order)
        for one in order:
            told = line.outcomes.setdefault(one.side.name, Series(one.side.name))
            if isinstance(told, str):
                continue
            try:
                told.samples.append(await probe(one) * 1000)
            except Unable as unable:
                line.outcomes[one.side.name] = str(unable)
            finally:
                await one.settle()
    return line


def calls(call: Callable[[Side], Call | None], says: str = "") -> Probe:
    """The time of a call."""
    return lambda one: timed(lambda: one.call(call(one.side), says))


async def connect(one: Connected) -> float:
    """Until another client is connected."""
    began = time.perf_counter()
    async with metered(one.running.url, one.running.token, one.side.era):
        return time.perf_counter() - began


async def list_tools(one: Connected) -> float:
    """Until the catalogue is there."""
    return await timed(lambda: one.client.list_tools())


def editing(size: int) -> Probe:
    """Another source for the cell in the middle."""
    edits: dict[str, int] = {}
    notebook = notebook_of(size)

    async def edit(one: Connected) -> float:
        number = edits.get(one.side.name, 0)
        call = one.side.edit(notebook, size // 2, value(number), value(number + 1))
        taken = await timed(lambda: one.call(call))
        edits[one.side.name] = number + 1
        with anyio.move_on_after(5):  # a person sees it, or it is not done
            while one.people[notebook].source(size // 2) != value(number + 1):
                await anyio.sleep(0.002)
            return taken
        raise Unable("answered, and a person in the notebook does not see it")

    return edit


async def first_progress(one: Connected) -> float:
    """Until the first notification of a cell that prints twice a second for 6 s, in a kernel that has started."""
    first: list[float] = []
    await one.call(one.side.run(0))

    async def progress(*_: object) -> None:
        first.append(time.perf_counter())

    began = time.perf_counter()
    await one.call(one.side.run(2), "line 11", progress)
    if not first:
        raise Unable("none within 6 s")
    return first[0] - began


async def cancel(one: Connected) -> float:
    """From the client's cancel until Jupyter calls the kernel idle."""
    started = one.running.server.root / STARTED
    started.unlink(missing_ok=True)
    wrong: list[Unable] = []

    async def sleeps() -> None:
        try:
            await one.call(one.side.run(3), "^(?!.*)")
        except Unable as unable:
            wrong.append(unable)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sleeps)
        with anyio.move_on_after(20):
            while not started.exists() and not wrong:
                await anyio.sleep(0.01)
        tasks.cancel_scope.cancel()
    if wrong:
        raise wrong[0]
    cancelled = time.perf_counter()
    while await anyio.to_thread.run_sync(one.busy):
        if time.perf_counter() > cancelled + IDLE_WITHIN:
            raise Unable(f"runs on (looked at for {IDLE_WITHIN:.0f} s)")
        await anyio.sleep(0.01)
    return time.perf_counter() - cancelled


async def death(one: Connected) -> float:
    """Until the call whose kernel is killed has been told so."""
    began = time.perf_counter()
    try:
        await one.call(one.side.run(4), DIED)
    except Unable as unable:
        if re.search(DIED, str(unable)):
            return time.perf_counter() - began
        raise Unable(f"{unable} (after {time.perf_counter() - began:.1f} s)") from None
    return time.perf_counter() - began


async def one_megabyte(sides: Sequence[Connected], rounds: int) -> list[Line]:
    """A cell that prints 1 MB: its time, and the bytes that its answer takes."""
    received = Line("bytes of its answer", unit="bytes")

    async def printed(one: Connected) -> float:
        before = one.meter.cost.received
        taken = await timed(lambda: one.call(one.side.run(1), "0" * 49))
        series = received.outcomes.setdefault(one.side.name, Series(one.side.name))
        assert isinstance(series, Series)
        series.samples.append(one.meter.cost.received - before)
        return taken

    line = await quick("run a cell that prints 1 MB", sides, max(1, rounds // SLOW), printed)
    received.outcomes = {one.side.name: received.outcomes.get(one.side.name, "–") for one in sides}
    return [line, received]


def until_listed(running: Running, era: str) -> None:
    """Return once the first `tools/list` is answered."""
    deadline = time.monotonic() + UP_WITHIN
    while True:
        try:
            client = LeanClient(running.url, era, {"Authorization": f"Bearer {running.token}"})
            client.list_tools()
            client.close()
            return
        except (OSError, AssertionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def memory(processes: Sequence[int]) -> float:
    """MB of processes and of those below them that belong to nobody else (USS); there is no kernel among them."""
    found = {one.pid: one for pid in processes for one in _tree(psutil.Process(pid))}
    return sum(one.memory_full_info().uss for one in found.values()) / 1e6


def _tree(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def cold(sides: Sequence[Side], home: Path, rounds: int) -> list[Line]:
    """From the start of Jupyter's process until the first `tools/list` is answered; and what it has then of memory."""
    started, added = Line("cold start of Jupyter to `tools/list`"), Line("memory added to the server", unit="MB")
    for number in range(rounds + 1):  # the first is for the page cache
        for side in random.Random(number).sample(list(sides), len(sides)):
            at = home / f"{side.package}-{number}"
            bare = _bare(side, at / "bare") if number else 0.0  # beside its side: both of the same minute
            began = time.perf_counter()
            with side.running(at) as running:
                until_listed(running, side.era)
                taken = time.perf_counter() - began
                if number:
                    time.sleep(0.5)
                    _add(started, side, taken * 1000)
                    _add(added, side, memory(running.processes) - bare)
    return [started, added]


def _add(line: Line, side: Side, sample: float) -> None:
    series = line.outcomes.setdefault(side.name, Series(side.name))
    assert isinstance(series, Series)
    series.samples.append(sample)


def _bare(side: Side, home: Path) -> float:
    server = side.bare(home)
    try:
        server.wait(path="api/status")
        time.sleep(0.5)
        return memory((server.process.pid,))
    finally:
        server.stop()


Measure = Callable[[Sequence[Connected], int], Awaitable[list[Line]]]


def _quick(name: str, probe: Probe) -> Measure:
    async def measure(sides: Sequence[Connected], rounds: int) -> list[Line]:
        return [await quick(name, sides, rounds, probe)]

    return measure


def _slow(name: str, probe: Probe) -> Measure:
    async def measure(sides: Sequence[Connected], rounds: int) -> list[Line]:
        return [await slow(name, sides, max(1, rounds // SLOW), probe)]

    return measure


MEASURES: dict[str, Measure] = {
    "connect": _quick("connect", connect),
    "list": _quick("list tools", list_tools),
    "compute": _quick("`1+1` in the kernel", calls(lambda side: side.compute("1+1"), r"\b2\b")),
    "run": _quick("run a cell with `1+1`", calls(lambda side: side.run(0), r"\b2\b")),
    "insert": _quick("insert a cell and run it", calls(lambda side: side.insert_and_run("1+1"), r"\b2\b")),
    **{
        f"read-{size}": _quick(
            f"read a cell of {size:,}",
            calls(lambda side, size=size: side.read(notebook_of(size), size // 2 + 1), r"value = 0"),  # type: ignore[misc]
        )
        for size in SIZES
    },
    **{f"edit-{size}": _quick(f"edit a cell of {size:,}", editing(size)) for size in SIZES},
    "print": one_megabyte,
    "progress": _slow("first progress of a cell that prints", first_progress),
    "cancel": _slow("cancel until the kernel is idle", cancel),
    "death": _slow("a kernel's death until the call is told", death),
}
"""What is measured with everybody connected, by the names of `--only`."""
COLD = "cold"
