"""Which files jupytext would write beside a notebook."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_mcp_proxy.config import RUN_UNASKED
from jupyter_mcp_proxy.documents.pairing import pairs, refuse_pairs
from jupyter_mcp_proxy.errors import PathReadOnly, PathRefused
from jupyter_mcp_proxy.jupyter.paths import Paths


def paired(formats: Any) -> dict[str, Any]:
    return {"jupytext": {"formats": formats, "text_representation": {"extension": ".md"}}}


def test_a_notebook_that_is_paired_with_nothing_has_no_pairs() -> None:
    for metadata in ({}, {"jupytext": None}, {"jupytext": {"formats": None}}, paired(""), paired(3)):
        assert pairs("sub/a.md", metadata) == []


@pytest.mark.parametrize(
    ("formats", "there"),
    [
        ("ipynb,py:percent", "sub/a.py"),
        ("md,scripts//py", "sub/scripts/a.py"),
        ("md,../scripts//py:light", "scripts/a.py"),
        ("notebooks///ipynb,scripts///py:percent", "scripts/a.py"),
        ("md,deep/er/pre_/py", "deep/er/pre_a.py"),
        ("md,.out.py", "sub/a.out.py"),
        (["md", {"extension": ".py", "prefix": "x/", "suffix": "_y"}], "x/a_y.py"),
        ({"notebooks/": "ipynb", "scripts/": "py:percent"}, "scripts/a.py"),
    ],
)
def test_the_pairs_are_among_those_that_are_found(formats: Any, there: str) -> None:
    assert there in pairs("sub/a.md", paired(formats))


@pytest.mark.parametrize(
    ("path", "formats"),
    [
        ("a.md", "md,.ipython/profile_default/startup//py"),
        ("a/b.ipynb", "ipynb,../profile_default/startup//py:percent"),
        ("sitecustom.md", "md,ize.py"),
        ("customize.md", "md,x/site/py"),
        ("xcustomize.md", "x/md,site/py"),
        ("a.md", ["md", {"extension": ".py", "prefix": "lib/python3.11/"}]),
    ],
)
def test_a_notebook_whose_pair_would_be_run_unasked_is_not_saved(path: str, formats: Any) -> None:
    paths = Paths(read_only=RUN_UNASKED)
    with pytest.raises(PathReadOnly):
        refuse_pairs(paths, path, paired(formats))


def test_a_notebook_whose_pair_is_kept_from_agents_is_not_saved() -> None:
    with pytest.raises(PathRefused):
        refuse_pairs(Paths(refused=["private"]), "a.md", paired("md,private//py"))
    refuse_pairs(Paths(refused=["private"], read_only=RUN_UNASKED), "a.md", paired("ipynb,md,scripts//py:percent"))
