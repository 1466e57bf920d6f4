"""Odd notebooks of our own are, once all edits are undone, what Jupyter's own open and save make of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from harness import REPOSITORY, JupyterProcess, connect

from roundtrip.known import KNOWN, reason
from roundtrip.odd import ODD
from roundtrip.outcome import EQUAL, REFUSED, same
from roundtrip.plan import edits
from roundtrip.trip import QUICK_SAVE, trip

pytestmark = pytest.mark.anyio

IN_BOTH = (
    "attachments", "crlf_in_sources", "empty", "format_3", "format_4_4", "ids_of_digits", "large_numbers",
    "odd_counts", "outputs_in_any_order", "source_missing", "twice_the_same_id", "unknown_names_in_the_notebook",
)  # fmt: skip
"""What is tried each time; `python -m roundtrip` tries all."""
IN_A_FILE = (
    "four_blanks",
    "format_4_0",
    "half_a_surrogate",
    "huge_integer",
    "no_final_line_end",
    "no_notebook",
    "no_numbers",
    "widgets",
)
CASES = [*(("live", name) for name in IN_BOTH), *(("file", name) for name in (*IN_BOTH, *IN_A_FILE))]


@pytest.fixture(scope="module")
def jupyter(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterProcess]:
    live = request.param == "live"
    server = JupyterProcess(tmp_path_factory.mktemp("odd"), rtc=live, arguments=(QUICK_SAVE,) if live else ())
    yield server.wait()
    server.stop()


@pytest.mark.parametrize(("jupyter", "notebook"), CASES, indirect=["jupyter"])
async def test_a_file_is_what_jupyter_makes_of_it(jupyter: JupyterProcess, notebook: str) -> None:
    async with connect(jupyter) as agent:
        outcome = await trip(jupyter, agent, f"{notebook}/a.ipynb", ODD[notebook])
    assert outcome.kind in (EQUAL, REFUSED) or reason(outcome), outcome


def test_each_reason_is_in_the_documentation() -> None:
    told = " ".join((REPOSITORY / "docs" / "behaviour.md").read_text().split())
    assert [why for why in KNOWN if why not in told] == []


def test_only_ids_that_were_not_in_the_file_may_differ() -> None:
    def file(*ids: str, source: str = "a") -> bytes:
        return ('{"cells": [' + ", ".join(f'{{"id": "{id}", "source": "{source}"}}' for id in ids) + "]}").encode()

    assert same(file("a", "new"), file("a", "newer"), before=file("a"))
    assert not same(file("a", "b"), file("a", "c"), before=file("a", "b"))
    assert not same(file("a", "new"), file("a", "newer", source="b"), before=file("a"))
    assert not same(file("a"), file("a") + b"\n", before=file("a"))


def test_every_tool_that_edits_single_cells_is_tried() -> None:
    cells = [{"cell_type": "code", "source": f"a = {n}\nb"} for n in range(3)]
    tried = {tool for tool, _ in edits(cells)}
    assert tried == {
        "clear_outputs", "delete_cell", "edit_cell", "insert_cell", "merge_cells", "move_cell", "overwrite_cell_source",
        "set_cell_metadata", "split_cell",
    }  # fmt: skip
