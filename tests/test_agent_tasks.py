"""The six tasks of `docs/agent-tasks.md` with a short loop; `python -m benchmarks.tasks` plays them at length."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.lean import NEW_ERA
from benchmarks.parts import jupyter
from benchmarks.tasks import ours
from benchmarks.tasks.notebooks import write
from benchmarks.tasks.playbill import CALLS, TOKENS, play, table
from benchmarks.tasks.playing import Score
from benchmarks.wire import metered

PAUSE = 0.1


@pytest.mark.timeout(180)
@pytest.mark.anyio
async def test_six_tasks_come_out_right_within_60_calls_and_12000_tokens(tmp_path: Path) -> None:
    with jupyter(tmp_path) as server:
        write(server, PAUSE)
        async with metered(server.endpoint, server.token, NEW_ERA) as (client, _):
            scores = await play(ours, client, server, PAUSE)
    told = table("ours", scores)
    assert all(score.outcome for score in scores), told
    assert sum(score.calls for score in scores) <= CALLS, told
    assert sum(score.tokens for score in scores) <= TOKENS, told


def test_the_table_tells_each_task_and_the_sum() -> None:
    told = table(
        "ours", [Score("one", 2, 9, 1, True), Score("two", 3, 4_000, 0, False, ["the sum", "no error"])]
    ).splitlines()
    assert [line.split() for line in told[1:]] == [
        ["one", "2", "3", "1", "right"],
        ["two", "3", "1,000", "0", "WRONG,", "without", "the", "sum,", "no", "error"],
        ["in", "all", "5", "1,003", "1", "1", "of", "2"],
    ]
