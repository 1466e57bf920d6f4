"""Playing the six tasks on a server, and the table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from traceback import print_exc
from types import ModuleType

import anyio
from harness.people import person
from mcp.client.client import Client

from benchmarks.parts import JupyterProcess

from . import outcomes
from .people import Actor
from .playing import Player, Score

CALLS = 60
TOKENS = 12_000


async def play(
    side: ModuleType, client: Client, server: JupyterProcess, pause: float, show: bool = False
) -> list[Score]:
    """All six with a side's tools (`ours`, `peers`), one after the other."""

    async def beside(player: Player) -> bool:
        async with person(server, "shared.ipynb", "Ada") as ada:
            return bool(await side.beside(player, Actor(server, ada)))

    acts: list[tuple[str, Callable[[Player], Awaitable[bool]], Callable[[JupyterProcess], outcomes.Checks]]] = [
        ("explore 40 cells", side.explore, outcomes.explored_only),
        ("a dirty CSV", side.analyse, outcomes.analysed),
        ("six bugs", side.repair, outcomes.repaired),
        ("rename and split", side.rename, outcomes.renamed),
        ("a 90 s training loop", lambda player: side.train(player, pause), outcomes.trained),
        ("beside a person", beside, outcomes.shared),
    ]
    scores = []
    for name, act, checks in acts:
        player = Player(client, name, show)
        try:
            answered = await act(player)
        except (AssertionError, StopIteration, RuntimeError):
            print_exc()  # the player was lost: the task is not done
            answered = False
        player.score.lacks = await anyio.to_thread.run_sync(outcomes.lacks, checks, server)
        if not answered:
            player.score.lacks.append("answers that say so")
        player.score.outcome = not player.score.lacks
        scores.append(player.score)
    return scores


def table(side: str, scores: Sequence[Score]) -> str:
    """A line for each task, and the sum."""
    lines = [f"{side:24}{'calls':>8}{'tokens':>8}{'errors':>8}  outcome"]
    for score in scores:
        said = "right" if score.outcome else f"WRONG{', without ' * bool(score.lacks)}{', '.join(score.lacks)}"
        lines.append(f"{score.task:24}{score.calls:8}{score.tokens:8,}{score.errors:8}  {said}")
    calls, tokens, errors = (sum(getattr(s, name) for s in scores) for name in ("calls", "tokens", "errors"))
    right = sum(score.outcome for score in scores)
    lines.append(f"{'in all':24}{calls:8}{tokens:8,}{errors:8}  {right} of {len(scores)}")
    return "\n".join(lines)
