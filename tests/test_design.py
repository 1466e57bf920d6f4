"""The way of a call leads through functions that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from test_docs import read

PACKAGE = Path(__file__).parent.parent / "jupyter_mcp_proxy"


def steps() -> list[tuple[str, str]]:
    """File and function of each step; a row without a file goes on in the one above."""
    found = []
    file = ""
    for line in read("design.md").partition("\n## The way of a call")[2].splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 3 and "`" in cells[1]:
            file = cells[0].strip("`") or file
            found += [(file, name) for name in re.findall(r"`([^`]+)`", cells[1])]
    return found


def functions(file: str) -> set[str]:
    """The functions of a module, those of a class with its name before them."""
    tree = ast.parse((PACKAGE / file).read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    names = {node.name for node in tree.body if isinstance(node, kinds)}
    for owner in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        names |= {f"{owner.name}.{node.name}" for node in owner.body if isinstance(node, kinds)}
    return names


def test_the_way_is_told_from_the_relay_to_the_kernel_and_back() -> None:
    files = [file for file, _ in steps()]
    assert files[0] == "parent/relay.py"
    assert {"jupyter/ports.py", "jupyter/room.py", "tools/run.py", "tools/cells.py"} <= set(files)


@pytest.mark.parametrize(("file", "function"), dict.fromkeys(steps()))
def test_a_step_is_a_function_of_its_file(file: str, function: str) -> None:
    assert function in functions(file)


def test_every_file_that_the_page_names_is_there() -> None:
    for name in re.findall(r"`([a-z_]+/[a-z_]+\.py|[a-z_]+/|[a-z_]+\.py)`", read("design.md")):
        assert (PACKAGE / name).exists() or (PACKAGE.parent / name).exists(), name
