"""Where a file is, told by the file itself. Linux and macOS only: elsewhere nothing is known."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_mcp_proxy.documents.names import Names
from jupyter_mcp_proxy.documents.place import GONE, Place

holds = pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="the system does not tell")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    (tmp_path / "a.ipynb").write_text("{}")
    place = Place(str(tmp_path), "a.ipynb")
    place.hold()
    yield place
    place.release()


@holds
def test_a_file_is_followed_into_a_folder_and_with_it(place: Place, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    os.rename(tmp_path / "a.ipynb", tmp_path / "sub" / "b.ipynb")
    assert place.now() == "sub/b.ipynb"
    os.rename(tmp_path / "sub", tmp_path / "other")
    assert place.now() == "other/b.ipynb"


@holds
@pytest.mark.parametrize("to", [".hidden/a.ipynb", "../a.ipynb", "a.ipynb~", "a.txt"])
def test_a_file_that_is_no_notebook_that_is_shown_any_more_is_gone(place: Place, tmp_path: Path, to: str) -> None:
    (tmp_path / ".hidden").mkdir()
    target = (tmp_path / to).parent.resolve() / Path(to).name
    os.rename(tmp_path / "a.ipynb", target)
    assert place.now() == GONE
    os.rename(target, tmp_path / "a.ipynb")
    assert place.now() == "a.ipynb", "it is back"


@holds
def test_a_file_that_a_program_writes_anew_stays_where_it_is(place: Place, tmp_path: Path) -> None:
    (tmp_path / "new").write_text("{ }")
    os.replace(tmp_path / "new", tmp_path / "a.ipynb")
    assert place.now() == "a.ipynb"
    os.rename(tmp_path / "a.ipynb", tmp_path / "b.ipynb")
    assert place.now() == "b.ipynb", "the new one is followed from then on"


def test_without_a_root_nothing_is_told(tmp_path: Path) -> None:
    assert Place("", "a.ipynb").now() is None
    assert Place(str(tmp_path), "missing.ipynb").now() is None


def test_a_name_is_told_once_to_each_client_and_forgotten_when_another_has_it() -> None:
    names = Names()
    names.renamed("a", "b")
    names.renamed("b", "c")
    assert names.now("a") == "c"
    names.tell("x", "a", "c")
    names.tell("x", "a", "c")
    assert names.news("x") == ["[Note: a is now c; use that path]"]
    assert names.news("x") == names.news("y") == []
    names.forget("a")
    assert names.now("a") == "a"
    names.renamed("c", "b")
    assert names.now("b") == "b", "it is back where it was"
