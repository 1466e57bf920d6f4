"""Odd notebooks of our own, each with one thing that a program may lose. Pure."""

from __future__ import annotations

import json
from typing import Any

STREAM = {"output_type": "stream", "name": "stdout", "text": ["1\n", "2\n"]}
RESULT = {
    "output_type": "execute_result",
    "execution_count": 7,
    "data": {"text/plain": ["1"], "text/html": "<b>1</b>", "application/json": {"z": [1.0, {"y": None}], "a": 2.5}},
    "metadata": {"z": 1, "a": {"isolated": True}},
}
DISPLAY = {"output_type": "display_data", "metadata": {}, "data": {"image/png": "iVBORw0KGgo=\n", "text/plain": "<F>"}}
ERROR = {"output_type": "error", "ename": "E", "evalue": "é", "traceback": ["\x1b[31mE\x1b[0m", "line"]}
OLD = {"cell_type": "code", "input": ["a = 1\n", "b"], "language": "python", "outputs": [], "collapsed": False}
VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
PYTHON = {"display_name": "Python 3", "language": "python", "name": "python3"}


def code(source: Any = "a = 1\nb = 2\n", outputs: Any = (), **more: Any) -> dict[str, Any]:
    made = {"cell_type": "code", "execution_count": 3, "metadata": {}, "outputs": list(outputs), "source": source}
    return made | more


def markdown(source: Any = "# Title\n\ntext", **more: Any) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source} | more


def notebook(*cells: dict[str, Any], minor: int = 5, **more: Any) -> dict[str, Any]:
    """A notebook whose cells have ids where its format has some."""
    with_ids = [({"id": f"cell-{place}"} if minor >= 5 else {}) | cell for place, cell in enumerate(cells)]
    made = {"cells": with_ids, "metadata": {"kernelspec": PYTHON}, "nbformat": 4, "nbformat_minor": minor}
    return made | more


SOME = (code(outputs=[STREAM, RESULT]), markdown(), code(["c = 3\n", "d"], metadata={"tags": ["x"], "z": {"b": 1}}))


def _as_jupyter(content: dict[str, Any], **options: Any) -> str:
    return json.dumps(content, **({"indent": 1, "sort_keys": True, "ensure_ascii": False} | options)) + "\n"


def _all() -> dict[str, str | bytes]:
    raw = {
        "cell_type": "raw",
        "metadata": {"format": "text/html", "raw_mimetype": "text/html"},
        "source": ["<b>\n", "x"],
    }
    attached = {"a.png": {"image/png": "iVBORw0KGgo="}}
    plain = _as_jupyter(notebook(*SOME))
    sheets = [
        {"cells": [OLD, {"cell_type": "heading", "level": 2, "source": "T"}, {"cell_type": "markdown", "source": "x"}]}
    ]
    old = {"metadata": {"name": "n"}, "nbformat": 3, "nbformat_minor": 0, "worksheets": sheets}
    widgets = {STATE: {"state": {"m1": {"state": {"value": 1.0, "x": None}}}, "version_major": 2, "version_minor": 0}}
    view = {"output_type": "display_data", "metadata": {}, "data": {VIEW: {"model_id": "m1", "version_major": 2}}}
    ids = [code(id=id) for id in ("3", "2", "1")]
    found: dict[str, str | bytes] = {
        f"format_4_{minor}": _as_jupyter(notebook(*SOME, minor=minor)) for minor in range(6)
    }
    found |= {
        "format_2": json.dumps(old | {"nbformat": 2}),
        "format_3": json.dumps(old, indent=2),
        "format_4_99": _as_jupyter(notebook(*SOME, minor=99)),
        "crlf_in_the_file": plain.replace("\n", "\r\n").encode(),
        "crlf_in_sources": _as_jupyter(notebook(code("a = 1\r\nb = 2\r\n"), markdown(["# x\r\n", "y"]), code("c\rd"))),
        "tabs": _as_jupyter(notebook(*SOME), indent="\t"),
        "four_blanks": _as_jupyter(notebook(*SOME), indent=4),
        "one_line": _as_jupyter(notebook(*SOME), indent=None),
        "order_of_names": _as_jupyter(notebook(*SOME), sort_keys=False),
        "escapes": _as_jupyter(notebook(code("é = '🎈'\n# 日本"), *SOME), ensure_ascii=True),
        "no_ascii": _as_jupyter(notebook(code("é = '🎈'\n# 日本"), markdown("עברית\u2028x\x00y"), *SOME)),
        "no_final_line_end": plain.rstrip(),
        "many_final_line_ends": plain + "\n\n",
        "byte_order_mark": b"\xef\xbb\xbf" + plain.encode(),
        "large_numbers": _as_jupyter(
            notebook(
                code(metadata={"limit": 1e22, "edge": 2.0**63, "small": 1.0, "tiny": 5e-324, "big": 2**53 + 1}), *SOME
            )
        ),
        "large_numbers_in_outputs": _as_jupyter(
            notebook(code(outputs=[RESULT | {"data": {"application/json": [6.022e23, 1.0, -0.0, 2**62, 1e16]}}]), *SOME)
        ),
        "huge_integer": _as_jupyter(notebook(code(metadata={"huge": 2**70}), *SOME)),
        "no_numbers": _as_jupyter(
            notebook(code(outputs=[RESULT | {"data": {"application/json": [float("nan"), float("inf")]}}]), *SOME)
        ),
        "half_a_surrogate": _as_jupyter(notebook(code("x = 'HALF'"), *SOME)).replace("HALF", "\\ud83d"),
        "twice_the_same_id": _as_jupyter(notebook(code(id="same"), markdown(id="same"), code(id="other"))),
        "ids_of_digits": _as_jupyter(notebook(*ids)),
        "ids_missing": _as_jupyter(notebook(*(code(), markdown()), minor=4) | {"nbformat_minor": 5}),
        "attachments": _as_jupyter(notebook(markdown("![](attachment:a.png)\nx", attachments=attached), *SOME)),
        "empty_attachments": _as_jupyter(notebook(markdown(attachments={}), *SOME)),
        "raw": _as_jupyter(notebook(raw, *SOME)),
        "empty": _as_jupyter(notebook()),
        "empty_old": _as_jupyter(notebook(minor=2)),
        "one_empty_cell": _as_jupyter(notebook(code("", execution_count=None))),
        "no_metadata": _as_jupyter(notebook(*SOME, metadata={})),
        "metadata_missing": json.dumps({"nbformat": 4, "nbformat_minor": 5, "cells": notebook(*SOME)["cells"]}),
        "unknown_names_in_cells": _as_jupyter(notebook(code(extra={"a": 1}), markdown(more=[1]), *SOME)),
        "unknown_names_in_outputs": _as_jupyter(notebook(code(outputs=[STREAM | {"extra": 1}]), *SOME)),
        "unknown_names_in_the_notebook": _as_jupyter(notebook(*SOME, extra={"b": 1, "a": [2]}, signature="sha256:x")),
        "old_signature": _as_jupyter(notebook(*SOME, metadata={"signature": "sha256:abc", "orig_nbformat": 3})),
        "huge_output": _as_jupyter(notebook(code(outputs=[STREAM | {"text": "x" * 99 + "\n" * 300_000}]), *SOME)),
        "large_file": _as_jupyter(notebook(code(outputs=[STREAM | {"text": ("x" * 99 + "\n") * 12_000}]), *SOME)),
        "widgets": _as_jupyter(
            notebook(code(outputs=[view]), *SOME, metadata={"widgets": widgets, "kernelspec": PYTHON})
        ),
        "outputs_in_any_order": _as_jupyter(
            notebook(code(outputs=[ERROR, DISPLAY, STREAM, ERROR, RESULT, STREAM]), *SOME)
        ),
        "streams_in_pieces": _as_jupyter(notebook(code(outputs=[STREAM, STREAM, STREAM | {"name": "stderr"}]), *SOME)),
        "sources_as_texts": _as_jupyter(notebook(code("a\nb"), markdown("x\n\n\n"), code("\n"))),
        "lists_of_odd_pieces": _as_jupyter(notebook(code(["a", "b\nc", "", "\n"]), markdown([]), *SOME)),
        "odd_counts": _as_jupyter(
            notebook(code(execution_count=None), code(execution_count=0), code(execution_count=10**9))
        ),
        "count_as_a_text": _as_jupyter(notebook(code(execution_count="7"), *SOME)),
        "count_missing": _as_jupyter(
            notebook({"cell_type": "code", "metadata": {}, "outputs": [], "source": "a"}, *SOME)
        ),
        "outputs_missing": _as_jupyter(
            notebook({"cell_type": "code", "metadata": {}, "execution_count": None, "source": "a"}, *SOME)
        ),
        "cell_metadata_missing": _as_jupyter(notebook({"cell_type": "markdown", "source": "a\nb"}, *SOME)),
        "unknown_type_of_cell": _as_jupyter(notebook(markdown(cell_type="sql"), *SOME)),
        "trusted": _as_jupyter(notebook(code(metadata={"trusted": True}), *SOME)),
        "protected": _as_jupyter(notebook(code(metadata={"editable": False, "deletable": False}), *SOME)),
        "states_of_cells": _as_jupyter(
            notebook(code(metadata={"collapsed": True, "jupyter": {"source_hidden": True}}), *SOME)
        ),
        "languages": _as_jupyter(
            notebook(*SOME, metadata={"language_info": {"name": "R", "version": 4.0, "codemirror_mode": {"v": 3}}})
        ),
        "numbers_in_metadata": _as_jupyter(
            notebook(*SOME, metadata={"a": 1, "b": 1.0, "c": [2, 2.5], "d": {"e": True}})
        ),
        "no_notebook": "<html></html>",
        "empty_file": "",
        "cut_off": plain[: len(plain) // 2],
        "no_cells": json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}}),
        "source_missing": _as_jupyter(notebook({"cell_type": "code", "metadata": {}, "outputs": []}, *SOME)),
        "a_list": "[1, 2]",
        "later_format": _as_jupyter(notebook(*SOME, nbformat=5, nbformat_minor=0)),
    }
    return found


ODD = {name: each if isinstance(each, bytes) else each.encode() for name, each in _all().items()}
