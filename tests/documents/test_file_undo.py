"""Taking a change to a file's cells back while others have changed it, too."""

from __future__ import annotations

import pytest
from harness import JupyterProcess, connect
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp_proxy.documents.file_undo import arranged


@pytest.mark.parametrize(
    ("there", "then"),
    [
        ("ab", "abc"),
        ("xab", "xabc"),
        ("ba", "bca"),
        ("a", "ac"),
        ("de", "cde"),
        ("xde", "xcde"),
        ("x", "cx"),
        ("", "c"),
    ],
)
def test_a_cell_comes_back_beside_those_that_it_stood_beside(there: str, then: str) -> None:
    assert "".join(arranged(list(there), list("abcde"), {"c"})) == then


@given(st.permutations("abcdef"), st.sets(st.sampled_from("abcdef")), st.data())
def test_where_nothing_else_has_changed_the_order_is_what_it_was(
    order: list[str], placed: set[str], data: st.DataObject
) -> None:
    here = [id for id in order if id not in placed]
    for id in data.draw(st.sets(st.sampled_from("abcdef"))) & placed:  # it is there, elsewhere
        here.insert(data.draw(st.integers(0, len(here))), id)
    assert arranged(here, order, placed) == order


@pytest.mark.anyio
async def test_a_deleted_cell_comes_back_beside_its_neighbours_after_others_have_inserted_above(
    server: JupyterProcess, name: str
) -> None:
    server.write_notebook(name, "a", "b", "c", ids=["a", "b", "c"])
    async with connect(server) as one, connect(server) as two:
        await one.ok("delete_cell", notebook=name, cell="b")
        for source in ("y", "x"):
            await two.ok("insert_cell", notebook=name, index=0, source=source)
        await one.ok("undo_changes", notebook=name)
        told = (await two.ok("list_cells", notebook=name)).splitlines()[1:]
        assert [line.rsplit(" ", 1)[1] for line in told if line[0].isdigit()] == ["x", "y", "a", "b", "c"]
