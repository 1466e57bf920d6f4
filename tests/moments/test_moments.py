"""Whatever is done to a kernel in its first seconds, nothing hangs, runs twice or is shown as what it is not."""

from __future__ import annotations

import os
from random import Random

import pytest
from fuzz.__main__ import ours
from harness import JupyterProcess

from moments.trial import trial

TRIALS = int(os.environ.get("TRIALS", "12"))
"""In each mode; the nightly run makes 200, with another SEED."""

pytestmark = pytest.mark.anyio


@pytest.mark.slow
@pytest.mark.timeout(300 + 60 * TRIALS)
async def test_what_must_hold_holds_whenever_what_is_done_to_a_kernel_meets(server: JupyterProcess) -> None:
    log, wrong = len(server.log), []
    for number in range(TRIALS):
        wrong += await trial(server, Random(f"{os.environ.get('SEED', '1')} {number}"))
    assert not wrong, "\n".join(wrong)
    assert ours(server.log[log:]) == []
