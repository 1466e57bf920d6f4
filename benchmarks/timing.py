"""Taking samples of several variants in turn, and what is said about them."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

Sample = Callable[[], Awaitable[float]]
"""One measurement of a variant: the seconds it took. Whatever it does beside is not in them."""


@dataclass
class Series:
    """The samples of one variant, in milliseconds."""

    name: str
    samples: list[float] = field(default_factory=list)

    @property
    def p50(self) -> float:
        """The median."""
        return statistics.median(self.samples)

    @property
    def p95(self) -> float:
        """The sample that 95 in 100 do not exceed."""
        ordered = sorted(self.samples)
        return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]


VISIT = 3
"""Calls in a row each time that a variant's turn comes. The first is not recorded: after a pause Linux acknowledges at
once, which hides the stall that a call right after another meets."""


async def round_robin(variants: dict[str, Sample], rounds: int, warm_up: int) -> dict[str, Series]:
    """A few samples of each variant a round, in another order each time: a noisy minute hits all of them alike."""
    series = {name: Series(name) for name in variants}
    order = list(variants)
    shuffle = random.Random(1).shuffle
    for number in range(warm_up + rounds):
        shuffle(order)
        for name in order:
            visit = [await variants[name]() * 1000 for _ in range(VISIT)]
            if number >= warm_up:
                series[name].samples += visit[1:]
    return series


async def timed(call: Callable[[], Awaitable[object]]) -> float:
    """The seconds until `call` has returned."""
    started = time.perf_counter()
    await call()
    return time.perf_counter() - started
