"""What a notebook's metadata say of its kernel, whatever stands in them."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_mcp_proxy.documents.file_editor import FileEditor
from jupyter_mcp_proxy.documents.metadata import differing, kernelspec_of, of_new_kernel, said

PYTHON = {"name": "python3", "display_name": "Python 3", "language": "python"}
SPOKEN = {"name": "python", "file_extension": ".py", "mimetype": "text/x-python", "nbconvert_exporter": "python"}
ODD: list[Any] = ["python3", ["python3"], None, 3, True, {}, {"name": None}, {"name": ["python3"]}]


@pytest.mark.parametrize("odd", ODD)
def test_odd_metadata_say_nothing(odd: Any) -> None:
    assert said(odd, "kernelspec", "name") == ""
    assert said({"kernelspec": odd}, "kernelspec", "name") == ""


@pytest.mark.parametrize("odd", ODD)
def test_odd_metadata_are_replaced_by_what_the_kernel_is(odd: Any) -> None:
    new = of_new_kernel({"kernelspec": odd, "language_info": odd}, PYTHON)
    assert new == {"kernelspec": PYTHON, "language_info": SPOKEN}


@pytest.mark.parametrize("odd", ["x", ["x"], None, 3])
def test_a_notebook_whose_metadata_are_no_table_can_be_changed(odd: Any) -> None:
    editor = FileEditor({"cells": [{"id": "a", "cell_type": "code", "source": "", "metadata": odd}], "metadata": odd})
    assert editor.metadata() == {}
    editor.set_metadata({"kernelspec": PYTHON})
    assert editor.content["metadata"] == {"kernelspec": PYTHON}
    editor.insert(1, "code", "1")
    editor.set_type(0, "markdown")
    editor.set_type(0, "code")
    assert editor.tags(0) == []


def test_a_kernel_of_the_same_kernelspec_changes_nothing() -> None:
    full = {"name": "python", "version": "3.11"}
    assert of_new_kernel({"kernelspec": PYTHON, "language_info": full}, PYTHON) == {}
    sage = kernelspec_of("sagemath", {"display_name": "Sage", "language": "sage"})
    assert of_new_kernel({"kernelspec": sage, "language_info": full}, sage) == {}


def test_a_kernel_of_another_language_changes_the_language_too() -> None:
    known = {"kernelspec": PYTHON, "language_info": {"name": "python", "version": "3.11"}}
    r = kernelspec_of("ir", {"display_name": "R", "language": "R"})
    assert of_new_kernel(known, r) == {"kernelspec": r, "language_info": {"name": "R"}}
    other = PYTHON | {"name": "other"}
    assert of_new_kernel(known, other) == {"kernelspec": other}


def test_only_what_differs_is_written() -> None:
    assert differing({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}) == {"b": 3, "c": 4}


def cell(kind: str, **metadata: Any) -> dict[str, Any]:
    return {"id": f"{kind}{len(metadata)}", "cell_type": kind, "source": "", "metadata": metadata}


@pytest.mark.parametrize(
    ("cells", "mark"),
    [
        ([], {"trusted": True}),
        ([cell("markdown")], {"trusted": True}),
        ([cell("markdown"), cell("code", trusted=True)], {"trusted": True}),
        ([cell("code", trusted=True), cell("code", a=1, trusted=False)], {}),
        ([cell("code")], {}),
        ([cell("code", trusted="yes")], {}),
    ],
)
def test_a_new_cell_of_code_is_trusted_where_all_others_are(cells: list[dict[str, Any]], mark: dict[str, Any]) -> None:
    editor = FileEditor({"cells": [*cells, cell("raw")]})
    inserted = editor.insert(0, "code", "1")
    made = {each["id"]: each["metadata"] for each in editor.content["cells"]}
    assert made[inserted] == mark
    editor.delete(0)
    editor.set_type(len(cells), "code")
    assert editor.content["cells"][-1]["metadata"] == mark
