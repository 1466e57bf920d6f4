"""What a model is told of each kind of output.

The bundles in `bundles.json` are those of the libraries, shortened where they are long (IPython 9, pandas 3, polars 2,
plotly 7, altair 6, bokeh 3.9, folium 0.20, holoviews 1.23, great_tables 1.1, scikit-learn 1.9, pyecharts 2.1).
What is told of them stands in `kinds.txt`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp_proxy.outputs.images import images
from jupyter_mcp_proxy.outputs.text import output_text

BUNDLES: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("bundles.json").read_text(encoding="utf-8"))

TABLE = Path(__file__).with_name("kinds.txt").read_text(encoding="utf-8")
KINDS = [tuple(entry.rstrip("\n").split("\n", 1)) for entry in TABLE.split("== ")[1:]]
"""Each kind with what is told of it."""


def told(data: Any) -> str:
    return output_text({"output_type": "display_data", "data": data, "metadata": {}})


@pytest.mark.parametrize(("kind", "says"), KINDS, ids=[kind for kind, _ in KINDS])
def test_each_kind_of_output_is_told_by_what_says_most(kind: str, says: str) -> None:
    assert told(BUNDLES[kind]).rstrip() == says


def test_the_table_has_every_kind_that_there_is_a_bundle_of() -> None:
    assert [kind for kind, _ in KINDS] == list(BUNDLES)
    assert len(KINDS) >= 30


@pytest.mark.parametrize("kind", ["mpl", "mplsvg", "svg", "altair_png", "imgtag"])
def test_a_picture_in_a_bundle_is_shown(kind: str) -> None:
    assert len(images([{"output_type": "display_data", "data": BUNDLES[kind]}])) == 1


ODD = [
    ({"text/plain": ["a\n", "b"]}, "a\nb"),
    ({"text/plain": 5}, "5"),
    ({"text/plain": ["a", 1, None]}, "a1None"),
    ({"text/plain": ""}, ""),
    ({"text/plain": None, "text/html": ["<b>", "x</b>"]}, "x"),
    ({}, "[empty output]"),
    ([], "[empty output]"),
    (None, "[empty output]"),
    ({"application/json": None}, "null"),
    ({"application/json": [1, {"a": float("nan")}]}, '[1, {"a": NaN}]'),
    ({"application/x-odd": "12345678"}, "[application/x-odd, 6 bytes: read_output with media=… has it]"),
    ({"application/vnd.plotly.v1+json": 7}, "[plotly chart; nothing drawn]"),
    ({"application/vnd.plotly.v1+json": {"data": [None, {"x": 3, "type": 7}], "layout": []}}, "scatter, 7;"),
    ({"application/vnd.vegalite.v5+json": {"mark": ["bar"], "encoding": [1], "data": 3}}, "nothing drawn"),
    ({"text/html": 3}, "3"),
    ({"image/svg+xml": None}, "[image/svg+xml]"),
    ({"text/html": "<script>L.map('m', {center: [52.5, 13.4]})</script>"}, "[map, centre [52.5, 13.4]]"),
    ({"text/html": "<table><tr><td colspan=x rowspan=-1>a<td>b"}, "a | b"),
]


@pytest.mark.parametrize(("data", "says"), ODD, ids=[str(data)[:40] for data, _ in ODD])
def test_odd_values_are_told_all_the_same(data: Any, says: str) -> None:
    assert says in told(data)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "a", "<p>", "<td", "<svg>", "{", "iVBORw0KGgo="]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["data", "layout", "type", "x", "mark", "encoding", "title", "a"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
MEDIA = ["text/plain", "text/html", "application/json", "image/svg+xml", "application/vnd.plotly.v1+json"]
MEDIA += [
    "application/vnd.vegalite.v5+json",
    "application/vnd.vega.v5+json",
    "application/vnd.bokehjs_exec.v0+json",
    "x/y",
]


@given(st.dictionaries(st.sampled_from(MEDIA), anything, max_size=3))
def test_nothing_that_a_notebook_may_hold_raises(data: dict[str, Any]) -> None:
    assert isinstance(told(data), str)
    images([{"output_type": "display_data", "data": data}])
