"""Every tool, with arguments by lot, on odd notebooks: what must hold after each call, holds."""

from __future__ import annotations

import os
import secrets
from random import Random

import pytest
from harness import JupyterProcess, connect
from roundtrip.odd import ODD

from fuzz.__main__ import IN_ONE, fewest, ours
from fuzz.holds import wrong_with_refusal
from fuzz.trial import Sums, Trial
from jupyter_mcp_proxy.tools.server import CATALOGUE

CALLS = int(os.environ.get("CALLS", "2"))
"""Of each tool, at least, in each mode. `python -m fuzz` makes 150, on what packages ship."""
MOST_MEMORY = 400
"""MB that the sidecar may have: it begins with some 90."""

pytestmark = pytest.mark.anyio


@pytest.mark.slow
@pytest.mark.timeout(300 + 120 * CALLS)
async def test_whatever_a_tool_is_given_it_answers_in_words_and_nothing_else_is_touched(server: JupyterProcess) -> None:
    sums, lot, log = Sums(), Random(1), len(server.log)
    while min(sums.calls[tool] for tool in CATALOGUE) < CALLS:
        written = ODD[lot.choice(sorted(ODD))]
        async with connect(server) as agent:
            trial = Trial(server, agent, f"lot-{secrets.token_hex(4)}", written, Random(lot.random()), sums)
            await trial.run(IN_ONE, lambda: fewest(lot, sums))
    assert sums.wrong == []
    assert ours(server.log[log:]) == []
    assert sums.most_memory < MOST_MEMORY


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        ("Error executing tool list_cells", "says 'Error executing tool'"),
        ("`path` is 1; expected a text. Look with list_files. KeyError", "says 'KeyError'"),
        ("That is not possible, whatever it may be.", "names no next step"),
        ("There is no cell 'x'. list_cells shows them.", ""),
        ("There is no cell 'ValueError'. list_cells shows them.", ""),
    ],
)
async def test_what_is_wrong_with_a_refusal_is_seen(told: str, wrong: str) -> None:
    assert wrong_with_refusal(told, "print(ValueError)") == wrong
