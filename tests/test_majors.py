"""A newer major version of what is capped is told to us."""

from __future__ import annotations

import runpy

from harness import REPOSITORY

MAJORS = runpy.run_path(str(REPOSITORY / ".ci" / "majors"))
PYPROJECT = REPOSITORY / "pyproject.toml"


def test_a_version_at_the_cap_or_above_is_told_and_one_below_is_not() -> None:
    capped = MAJORS["caps"](["h11>=0.16,<1", "jupyter_ydoc>=4,<5; python_version < '3.11'", "pycrdt>=0.14,<0.15"])
    assert capped == {"h11": "1", "jupyter-ydoc": "5", "pycrdt": "0.15"}
    told = MAJORS["overdue"](capped, {"h11": "0.99.1", "jupyter-ydoc": "5.0.0", "pycrdt": "0.15.2"})
    assert [sentence.partition(" ")[0] for sentence in told] == ["jupyter-ydoc", "pycrdt"]


def test_what_has_no_cap_is_not_asked_for_and_of_two_caps_the_lower_counts() -> None:
    assert MAJORS["caps"](["pillow>=11", "jupyter-mcp-proxy[lab]", "a[b]>=1,<10", "a>=1,<9"]) == {"a": "9"}


def test_the_caps_of_the_build_the_package_and_its_extras_are_found() -> None:
    capped = MAJORS["caps"](MAJORS["requirements"](PYPROJECT))
    assert {"hatchling", "mcp", "jupyterlab", "ruff", "sphinx"} <= set(capped)
