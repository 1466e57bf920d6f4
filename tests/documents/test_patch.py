"""What was changed of a notebook is made again to what somebody else has saved, and takes nothing of theirs away."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import nbformat
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp_proxy.documents.file_editor import FileEditor, working_copy
from jupyter_mcp_proxy.documents.patch import Content, Patch

Deed = tuple[str, int, int]


def notebook(*sources: str) -> Content:
    cells = [
        {"id": f"c{n}", "cell_type": "code", "metadata": {}, "source": source, "execution_count": None, "outputs": []}
        for n, source in enumerate(sources)
    ]
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def edited(content: Content, change: Callable[[FileEditor], Any]) -> Content:
    """What a change makes of a content; the first stays what it is."""
    copied = working_copy(content)
    change(FileEditor(copied))
    return copied


def sources(content: Content) -> list[str]:
    return [cell["source"] for cell in content["cells"]]


def printed(text: str) -> list[dict[str, Any]]:
    return [{"output_type": "stream", "name": "stdout", "text": text}]


def ran(text: str) -> Callable[[FileEditor], None]:
    """Somebody has run the first cell."""

    def run(editor: FileEditor) -> None:
        editor.set_outputs(0, printed(text))  # type: ignore[arg-type]
        editor.set_execution(0, len(text), False)

    return run


# -- one change beside another ------------------------------------------------------------------------


def test_changes_of_different_cells_are_both_kept() -> None:
    base = notebook("a", "b", "c")
    ours = edited(base, lambda editor: editor.set_source(0, "ours"))
    theirs = edited(base, lambda editor: editor.set_source(2, "theirs"))
    merged, refused = Patch.between([base], ours).applied(theirs)
    assert (sources(merged), refused) == (["ours", "b", "theirs"], [])


def test_of_two_versions_of_one_cell_theirs_stays_and_is_named() -> None:
    base = notebook("a", "b")
    ours = edited(base, lambda editor: editor.set_source(0, "ours"))
    theirs = edited(base, lambda editor: editor.set_source(0, "theirs"))
    merged, refused = Patch.between([base], ours).applied(theirs)
    assert (sources(merged), refused) == (["theirs", "b"], ["c0"])
    insisted, refused = Patch.between([base], ours).applied(theirs, insist=True)
    assert (sources(insisted), refused) == (["ours", "b"], [])


def test_outputs_come_into_a_cell_that_somebody_edits() -> None:
    base = notebook("a")
    ours = edited(base, lambda editor: editor.set_outputs(0, printed("result")))  # type: ignore[arg-type]
    theirs = edited(base, lambda editor: editor.set_source(0, "a + 1"))
    merged, refused = Patch.between([base], ours).applied(theirs)
    assert refused == []
    assert (merged["cells"][0]["source"], merged["cells"][0]["outputs"]) == ("a + 1", printed("result"))


def test_outputs_do_not_come_into_what_is_no_code_any_more() -> None:
    base = notebook("a")
    ours = edited(base, lambda editor: editor.set_outputs(0, printed("result")))  # type: ignore[arg-type]
    theirs = edited(base, lambda editor: editor.set_type(0, "markdown"))
    merged, refused = Patch.between([base], ours).applied(theirs)
    assert (merged["cells"], refused) == (theirs["cells"], ["c0"])


def test_a_cell_whose_results_somebody_has_made_stays_code() -> None:
    base = notebook("a", "b")
    ours = edited(base, lambda editor: editor.set_type(0, "markdown"))
    theirs = edited(base, ran("theirs"))
    assert Patch.between([base], ours).applied(theirs) == (theirs, ["c0"])


def test_a_cell_that_somebody_has_deleted_does_not_come_back() -> None:
    base = notebook("a", "b")
    theirs = edited(base, lambda editor: editor.delete(0))
    ran = edited(base, lambda editor: editor.set_outputs(0, printed("result")))  # type: ignore[arg-type]
    assert Patch.between([base], ran).applied(theirs) == (theirs, [])
    wrote = edited(base, lambda editor: editor.set_source(0, "ours"))
    assert Patch.between([base], wrote).applied(theirs) == (theirs, ["c0"])


def test_a_cell_that_somebody_has_changed_is_not_deleted() -> None:
    base = notebook("a", "b")
    ours = edited(base, lambda editor: editor.delete(0))
    theirs = edited(base, lambda editor: editor.set_source(0, "theirs"))
    assert Patch.between([base], ours).applied(theirs) == (theirs, ["c0"])


def test_an_added_cell_stands_behind_the_one_that_it_was_added_behind() -> None:
    base = notebook("a", "b")
    ours = edited(base, lambda editor: editor.insert(1, "code", "ours"))
    theirs = edited(base, lambda editor: [editor.insert(0, "code", "theirs"), editor.move(2, 0)])
    merged, _ = Patch.between([base], ours).applied(theirs)
    assert sources(merged) == ["b", "theirs", "a", "ours"]


def test_metadata_of_the_notebook_are_changed_one_by_one() -> None:
    base = notebook("a") | {"metadata": {"kernelspec": {"name": "python3"}, "theme": "light"}}
    ours = base | {"metadata": base["metadata"] | {"kernelspec": {"name": "ir"}}}
    theirs = base | {"metadata": base["metadata"] | {"theme": "dark"}}
    merged, _ = Patch.between([base], ours).applied(theirs)
    assert merged["metadata"] == {"kernelspec": {"name": "ir"}, "theme": "dark"}


def test_nothing_changed_is_no_patch() -> None:
    base = notebook("a", "b")
    assert not Patch.between([base], working_copy(base))
    assert not Patch.between([base], copy.deepcopy(base))
    assert Patch.between([base, notebook("x", "b")], base)  # where the other is there, something is to be done


def test_results_that_somebody_has_made_meanwhile_stay() -> None:
    base = notebook("a", "b")
    ours = edited(base, ran("ours"))
    theirs = edited(edited(base, lambda editor: editor.set_source(0, "a + 1")), ran("theirs"))
    assert Patch.between([base], ours).applied(theirs) == (theirs, ["c0"])
    wrote = edited(ours, lambda editor: editor.set_source(0, "a * 2"))
    theirs = edited(base, ran("theirs"))
    merged, refused = Patch.between([base], wrote).applied(theirs)
    assert refused == ["c0"]
    assert (merged["cells"][0]["source"], merged["cells"][0]["outputs"]) == ("a * 2", printed("theirs"))
    assert Patch.between([base], edited(base, lambda editor: editor.delete(0))).applied(theirs) == (theirs, ["c0"])


def test_what_is_done_to_a_cell_that_has_arrived_stays() -> None:
    """We were killed before we heard that the file was written; people went on."""
    base = notebook("a")
    sent = edited(base, lambda editor: editor.insert(1, "code", "ours"))
    theirs = edited(sent, lambda editor: editor.set_outputs(1, printed("theirs")))  # type: ignore[arg-type]
    theirs["cells"][1] |= {"execution_count": 9, "metadata": {"tags": ["keep"]}}
    assert Patch.between([base], sent).applied(theirs) == (theirs, [])
    later = edited(sent, lambda editor: editor.set_source(1, "ours, later"))
    merged, refused = Patch.between([base, sent], later).applied(theirs)
    assert refused == []
    assert merged["cells"][1] == theirs["cells"][1] | {"source": "ours, later"}


def test_metadata_that_somebody_has_changed_stay() -> None:
    base = notebook("a") | {"metadata": {"kernelspec": {"name": "python3"}}}
    ours, theirs = ({**base, "metadata": {"kernelspec": {"name": name}}} for name in ("ir", "bash"))
    assert Patch.between([base], ours).applied(theirs) == (theirs, [])


def test_a_patch_knows_the_notebook_that_it_is_of() -> None:
    base = notebook("a", "b")
    patch = Patch.between([base], edited(base, lambda editor: editor.set_source(0, "ours")))
    assert patch.is_of(edited(base, lambda editor: editor.delete(0)))
    another = notebook("a", "b")
    for cell in another["cells"]:
        cell["id"] += " of another"
    assert not patch.is_of(another)


def test_what_was_changed_is_a_notebook_where_its_own_is_gone() -> None:
    base = notebook("a", "b", "c")
    ours = edited(edited(base, ran("ours")), lambda editor: editor.insert(3, "markdown", "new"))
    ours = edited(ours, lambda editor: [editor.set_source(1, "b, ours"), editor.delete(2)])
    alone = Patch.from_json(b"".join(Patch.between([base], ours).to_json())).alone()
    assert sorted(sources(alone)) == ["a", "b, ours", "new"]
    assert by_id(alone)["c0"]["outputs"] == printed("ours")
    nbformat.validate(nbformat.from_dict(alone))  # type: ignore[no-untyped-call]


# -- any changes --------------------------------------------------------------------------------------

DEEDS = st.lists(
    st.tuples(st.sampled_from(["write", "insert", "delete", "move", "run", "type"]), *[st.integers(0, 20)] * 2),
    max_size=8,
)


def done(content: Content, deeds: list[Deed], who: str) -> Content:
    """What somebody makes of a content by doing this and that. What they write is theirs alone."""
    for number, (deed, one, two) in enumerate(deeds):
        text = f"{who} {number}"

        def do(editor: FileEditor, deed: str = deed, one: int = one, two: int = two, text: str = text) -> None:
            count = len(editor.ids())
            if deed == "insert":
                editor.insert(one % (count + 1), "code", text)
            elif not count:
                return
            elif deed == "write":
                editor.set_source(one % count, text)
            elif deed == "delete":
                editor.delete(one % count)
            elif deed == "move":
                editor.move(one % count, two % count)
            elif deed == "type":
                editor.set_type(one % count, "markdown")
            elif editor.cell_at(one % count).type == "code":
                editor.set_outputs(one % count, printed(text))  # type: ignore[arg-type]

        content = edited(content, do)
    return content


@given(DEEDS, DEEDS)
def test_a_patch_makes_any_version_that_may_be_there_the_new_one(first: list[Deed], second: list[Deed]) -> None:
    base = notebook("a", "b", "c", "d")
    sent = done(base, first, "first")
    new = done(sent, second, "second")
    for patch, versions in (
        (Patch.between([base], sent), [base, sent]),
        (Patch.between([base, sent], new), [base, sent, new]),
    ):
        stored = Patch.from_json(b"".join(patch.to_json()))
        assert stored == patch
        for version in versions:
            merged, refused = stored.applied(version)
            assert (merged, refused) == (versions[-1], [])


@given(DEEDS, DEEDS)
def test_nothing_that_somebody_else_did_is_lost(our_deeds: list[Deed], their_deeds: list[Deed]) -> None:
    base = notebook("a", "b", "c", "d")
    ours, theirs = done(base, our_deeds, "ours"), done(base, their_deeds, "theirs")
    before = copy.deepcopy(theirs)
    merged, refused = Patch.between([base], ours).applied(theirs)
    assert theirs == before
    ids = [cell["id"] for cell in merged["cells"]]
    assert len(ids) == len(set(ids))
    was, here, there, now = by_id(base), by_id(ours), by_id(theirs), by_id(merged)
    assert set(now) <= set(here) | set(there)
    for id, cell in there.items():
        wrote = id not in was or said(cell) != said(was[id])
        ran = id in was and results(cell) != results(was[id])
        if wrote:
            assert said(now[id]) == said(cell)
        if ran:
            assert results(now[id]) == results(cell)
        if not wrote and not ran:  # they left it alone
            assert (id in now) == (id in here)
            assert now.get(id) == here.get(id)
    for id, cell in here.items():
        if id not in was:
            assert now[id] == cell
        elif cell != was[id] and id not in refused:  # what we changed is there, or of a cell that is not
            assert id in now or said(cell) == said(was[id])
            assert id not in now or said(cell) == said(was[id]) or said(now[id]) == said(cell)
    for cell in merged["cells"]:
        assert ("outputs" in cell) == ("execution_count" in cell) == (cell["cell_type"] == "code")


def by_id(content: Content) -> dict[str, Content]:
    return {cell["id"]: cell for cell in content["cells"]}


def said(cell: Content) -> tuple[str, str]:
    return cell["cell_type"], cell["source"]


def results(cell: Content) -> tuple[Any, Any]:
    return cell.get("outputs"), cell.get("execution_count")
