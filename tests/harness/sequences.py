"""Sequences of what an agent and a person do, chosen by Hypothesis and played on real sockets."""

from __future__ import annotations

import asyncio
import os
import warnings
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisDeprecationWarning

EXAMPLES = int(os.environ.get("SEQUENCES", "50"))
"""Sequences that Hypothesis plays; the nightly run sets SEQUENCES=1000."""

GREEK = "αβγδεζηθικλμνξοπρστυφχψω"


def only_greek(text: str) -> str:
    return "".join(character for character in text if character in GREEK)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("agent"), st.sampled_from(["x = 1", "y = [1, 2]", "print('é')", ""]), st.booleans()),
        st.tuples(st.just("person"), st.text(alphabet=GREEK, min_size=1, max_size=5), st.sampled_from([0.0, 0.003])),
        st.tuples(st.just("both"), st.sampled_from(["z = 3", "import os\n"]), st.text(alphabet=GREEK, min_size=1)),
        st.tuples(st.just("run"), st.none(), st.none()),
    ),
    min_size=1,
    max_size=8,
)


async def under_hypothesis(play: Any, sequences: Any = steps) -> None:
    """Let Hypothesis choose sequences in a thread, and play each of them here, on the sockets' own loop."""
    loop = asyncio.get_running_loop()

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(sequences)
    def run(sequence: list[tuple[str, Any, Any]]) -> None:
        asyncio.run_coroutine_threadsafe(play(sequence), loop).result(60)

    with warnings.catch_warnings():  # the loop may use `random` while the thread chooses
        warnings.filterwarnings("ignore", "Do not use the `random` module", HypothesisDeprecationWarning)
        await asyncio.to_thread(run)
