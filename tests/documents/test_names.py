"""Who is told what of notebooks that have other names than they had."""

from __future__ import annotations

from jupyter_mcp_proxy.documents.names import Names


def test_a_client_is_told_once_of_a_new_name() -> None:
    names = Names()
    names.renamed("a.ipynb", "b.ipynb")
    names.tell("one", "a.ipynb", "b.ipynb")
    assert names.news("one") == ["[Note: a.ipynb is now b.ipynb; use that path]"]
    names.tell("one", "a.ipynb", "b.ipynb")
    assert names.news("one") == []


def test_whoever_has_renamed_it_is_not_told() -> None:
    names = Names()
    names.knows("mover", "a.ipynb", "b.ipynb")
    names.renamed("a.ipynb", "b.ipynb")
    for client in ("mover", "other"):
        names.tell(client, "a.ipynb", "b.ipynb")
    assert names.news("mover") == []
    assert len(names.news("other")) == 1


def test_nobody_is_told_of_a_name_that_it_has_again() -> None:
    names = Names()
    for old, new in (("a.ipynb", "b.ipynb"), ("b.ipynb", "a.ipynb")):
        names.renamed(old, new)
        names.tell("one", old, new)
    assert names.news("one") == ["[Note: b.ipynb is now a.ipynb; use that path]"]


def test_a_name_that_another_notebook_has_by_now_is_told_as_such() -> None:
    names = Names()
    names.renamed("a.ipynb", "b.ipynb")
    names.tell("one", "a.ipynb", "b.ipynb")
    names.forget("a.ipynb")
    assert names.news("one") == ["[Note: what was a.ipynb is now b.ipynb; a.ipynb is another notebook]"]


def test_two_names_of_one_file_are_told_as_such() -> None:
    names = Names()
    names.tell("one", "link.ipynb", "a.ipynb")
    assert names.news("one") == ["[Note: link.ipynb is another name of a.ipynb; use that path]"]
