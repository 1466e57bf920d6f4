"""What a chart shows that only a browser can draw: its title, kinds of marks, axes and number of points. Pure.

The specification is a media type of its own (plotly, vega, vega-lite), or stands in a script that draws it (bokeh,
and each of them where it was told to write HTML).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

MOST_NODES = 200_000
"""Parts of a specification that are looked at."""
MOST_NAMED = 12
"""Traces or axes that are told one by one."""

_VEGA = re.compile(r"application/vnd\.vega(?P<lite>lite)?\.v\d+(?:\+json|\.json)\Z")
_SCRIPTED = ("application/vnd.bokehjs_exec.v0+json", "application/vnd.holoviews_exec.v0+json")
_SIDES = {"below": "x axis", "above": "x axis", "left": "y axis", "right": "y axis"}
"""Where bokeh puts an axis."""
_ITEM_SIZES = {"f8": 8, "f4": 4, "i8": 8, "u8": 8, "i4": 4, "u4": 4, "i2": 2, "u2": 2, "i1": 1, "u1": 1}
_SCHEMA = re.compile(r'"\$schema":\s*"https://vega\.github\.io/schema/vega(?P<lite>-lite)?/')
_LEAFLET = re.compile(r"\bL\.(marker|circleMarker|circle|polyline|polygon|rectangle|geoJson|heatLayer|imageOverlay)\(")
_LEAFLET_VIEW = re.compile(r"center:\s*(\[[^\]\n]{1,60}\])")


def chart_text(data: dict[str, Any]) -> str:
    """What the chart in a bundle shows; nothing where there is none."""
    for media, value in data.items():
        if media.startswith("application/vnd.plotly.v"):
            return plotly(_parsed(value))
        if found := _VEGA.match(media):
            spec = _parsed(value)
            return vegalite(spec) if found["lite"] else vega(spec)
    if any(media in data for media in _SCRIPTED):
        return scripted("\n".join(_joined(data.get(media)) for media in ("application/javascript", "text/html")))
    return ""


def scripted(markup: str) -> str:
    """What the chart shows that a page's script draws; nothing where none is known."""
    if (at := markup.find("Plotly.newPlot(")) >= 0:
        traces, end = _json_at(markup, "[", at)
        layout, _ = _json_at(markup, "{", end)
        return plotly({"data": traces, "layout": layout})
    if (at := markup.find("docs_json")) >= 0:
        return bokeh(_json_at(markup, "{", at)[0])
    if found := _SCHEMA.search(markup):
        spec = _json_at(markup, "{", max(markup.rfind("({", 0, found.start()), 0))[0]
        return vegalite(spec) if found["lite"] else vega(spec)
    if (at := markup.find("echarts.init(")) >= 0 and (
        option := re.search(r"option\w{0,80}\s{0,20}=\s{0,20}(?=\{)", markup[at:])
    ):
        return echarts(_json_at(markup, "{", at + option.end())[0])
    if (kinds := Counter(_LEAFLET.findall(markup))) or "L.map(" in markup:
        view = _LEAFLET_VIEW.search(markup)
        return f"[{', '.join(filter(None, ['map', _counted(kinds), f'centre {view[1]}' if view else '']))}]"
    return ""


def plotly(figure: Any) -> str:
    """A plotly figure: each trace with its kind, name and points."""
    figure = _dict(figure)
    layout = _dict(figure.get("layout"))
    traces = [_dict(trace) for trace in _list(figure.get("data"))]
    told = []
    for trace in traces:
        sizes = [_length(trace.get(key)) for key in ("x", "y", "z", "values", "labels", "lat", "locations", "r", "a")]
        kind = str(trace.get("type") or "scatter")
        mode = f" ({trace['mode']})" if isinstance(trace.get("mode"), str) else ""
        told.append((f"{kind}{mode}{_name(trace.get('name'))}", max(sizes)))
    axes = []
    for place in [layout, *(_dict(layout.get(key)) for key in layout if str(key).startswith("scene"))]:
        axes += [
            f"{key} {_quoted(title)}"
            for key, axis in place.items()
            if re.fullmatch(r"[xyz]axis\d*", str(key)) and (title := _title(_dict(axis).get("title")))
        ]
    return _sentence("plotly chart", _title(layout.get("title")), told, axes)


def vegalite(spec: Any) -> str:
    """A vega-lite chart, which altair makes: marks, what is encoded on which channel, rows of data."""
    spec = _dict(spec)
    marks: Counter[str] = Counter()
    axes: dict[str, None] = {}
    rows: dict[str, int] = {}
    for name, table in _dict(spec.get("datasets")).items():
        rows[str(name)] = _length(table)
    titles: list[str] = []
    for view in _nodes({key: value for key, value in spec.items() if key not in ("datasets", "config")}):
        mark = view.get("mark")
        kind = mark if isinstance(mark, str) else _dict(mark).get("type")
        if isinstance(kind, str):
            marks[kind] += 1
        if "encoding" in view:
            for channel, what in _dict(view["encoding"]).items():
                if said := _encoded(what):
                    axes[f"{channel} {said}"] = None
        data = _dict(view.get("data"))
        if isinstance(data.get("values"), (list, str)):
            rows[f"#{len(rows)}"] = _length(data["values"]) if isinstance(data["values"], list) else 0
        if "url" in data:
            axes[f"data from {str(data['url'])[:200]}"] = None
        if ("mark" in view or view is spec or "layer" in view) and (title := _title(view.get("title"))):
            titles.append(title)
    title = _title(spec.get("title")) or next(iter(titles), "")
    told = [(f"{count} × {kind}" if count > 1 else kind, 0) for kind, count in marks.items()]
    return _sentence("vega-lite chart", title, told, list(axes), sum(rows.values()), "rows")


def vega(spec: Any) -> str:
    """A vega chart: marks, titles of axes, rows of data."""
    spec = _dict(spec)
    marks: Counter[str] = Counter()
    axes: list[str] = []
    rows = 0
    for node in _nodes(spec):
        marks.update(str(mark["type"]) for mark in map(_dict, _list(node.get("marks"))) if "type" in mark)
        axes += [
            f"{axis.get('orient', 'axis')} {_quoted(title)}"
            for axis in map(_dict, _list(node.get("axes")))
            if (title := _title(axis.get("title")))
        ]
        rows += sum(_length(table.get("values")) for table in map(_dict, _list(node.get("data"))))
    told = [(f"{count} × {kind}" if count > 1 else kind, 0) for kind, count in marks.items()]
    return _sentence("vega chart", _title(spec.get("title")), told, axes, rows, "rows")


def bokeh(documents: Any) -> str:
    """What is in the documents that bokeh embeds, in the form of its versions 2 and 3."""
    titles, labels, axes, told = [], [], [], []
    for node in _nodes(documents):
        kind, facts = str(node.get("name") or node.get("type") or ""), _dict(node.get("attributes"))
        for side, name in _SIDES.items():
            axes += [
                f"{name} {_quoted(str(label))}"
                for axis in map(_dict, _list(facts.get(side)))
                if (label := _dict(axis.get("attributes")).get("axis_label"))
            ]
        if kind == "Title" and facts.get("text"):
            titles.append(str(facts["text"]))
        elif kind.endswith("Axis") and (label := facts.get("axis_label")):
            labels.append(f"{kind} {_quoted(str(label))}")
        elif kind == "GlyphRenderer":
            glyph = _dict(facts.get("glyph"))
            source = _dict(_dict(facts.get("data_source")).get("attributes")).get("data")
            columns = dict(each for each in _list(_dict(source).get("entries")) if _is_pair(each)) or _dict(source)
            told.append((str(glyph.get("name") or "glyph"), max(map(_length, columns.values()), default=0)))
    if not (told or titles or labels):
        return ""
    return _sentence("bokeh chart", " / ".join(titles), told, axes or labels)


def echarts(option: Any) -> str:
    """What an echarts option draws."""
    option = _dict(option)
    titles = [_title(_dict(title).get("text")) for title in _many(option.get("title"))]
    told = [
        (f"{series.get('type', 'series')}{_name(series.get('name'))}", _length(series.get("data")))
        for series in map(_dict, _many(option.get("series")))
    ]
    axes = [
        f"{key} {_quoted(str(axis['name']))}"
        for key in ("xAxis", "yAxis")
        for axis in map(_dict, _many(option.get(key)))
        if axis.get("name")
    ]
    return _sentence("echarts chart", " / ".join(filter(None, titles)), told, axes)


# -- how it is said --------------------------------------------------------------------------------------


def _sentence(
    kind: str, title: str, marks: list[tuple[str, int]], axes: list[str], points: int = 0, unit: str = "points"
) -> str:
    said = [f"{mark} {count:,} {unit}" if count else mark for mark, count in marks[:MOST_NAMED]]
    if len(marks) > MOST_NAMED:
        said.append(f"and {len(marks) - MOST_NAMED} more")
    total = points or sum(count for _, count in marks)
    parts = [f"{kind} {_quoted(title)}" if title else kind, ", ".join(said) or "nothing drawn"]
    if axes:
        parts.append(", ".join(axes[:MOST_NAMED]))
    if points or len(marks) > 1:
        parts.append(f"{total:,} {unit} in all")
    return f"[{'; '.join(parts)}]"


def _encoded(what: Any) -> str:
    """What an encoding shows: `mean(price)`, or the field."""
    if isinstance(what, list):
        return ", ".join(filter(None, map(_encoded, what[:MOST_NAMED])))
    what = _dict(what)
    field = str(what["field"]) if isinstance(what.get("field"), str) else ""
    function = next((str(what[key]) for key in ("aggregate", "timeUnit") if isinstance(what.get(key), str)), "")
    said = f"{function}({field})" if function else field
    title = _title(what.get("title"))
    return f"{said} {_quoted(title)}" if said and title else said or (_quoted(title) if title else "")


def _title(value: Any) -> str:
    """A title, which may be a text, lines of one, or something that has one."""
    for _ in range(4):
        if isinstance(value, dict):
            value = value.get("text")
        elif isinstance(value, list):
            value = " ".join(str(line) for line in value[:10])
    return " ".join(value.split())[:200] if isinstance(value, str) else ""


def _name(value: Any) -> str:
    return f" {_quoted(_title(value))}" if _title(value) else ""


def _quoted(text: str) -> str:
    return f'"{text[:200]}"'


def _counted(kinds: Counter[str]) -> str:
    return ", ".join(f"{count} × {kind}" for kind, count in kinds.most_common(MOST_NAMED))


# -- odd values ------------------------------------------------------------------------------------------


def _parsed(value: Any) -> Any:
    """JSON that is stored as a text, as it was meant."""
    if isinstance(value, (str, list)):
        try:
            return json.loads(_joined(value))
        except (ValueError, RecursionError):
            return None
    return value


def _json_at(text: str, opening: str, start: int) -> tuple[Any, int]:
    """The JSON value that begins with the first such bracket, and where it ends; None where there is none."""
    at = text.find(opening, start)
    if at < 0:
        return None, start
    try:
        # A part of the text would be a copy of it; this does not look beyond what it reads.
        value, end = json.JSONDecoder().raw_decode(text, at)
    except (ValueError, RecursionError):
        return None, at + 1
    return value, end


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of a specification, outermost first and in order, as many as are looked at."""
    waiting = [value]
    for _ in range(MOST_NODES):
        if not waiting:
            return
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting += [each for each in reversed(node.values()) if isinstance(each, (dict, list))]
        elif isinstance(node, list):
            waiting += [each for each in reversed(node[:MOST_NODES]) if isinstance(each, (dict, list))]


def _length(value: Any) -> int:
    """How many values an array has, as a list or as the bytes of typed numbers (plotly 6, bokeh 3)."""
    if isinstance(value, (list, tuple)):
        if value and all(isinstance(row, list) for row in value):
            return sum(map(len, value))
        return len(value)
    value = _dict(value)
    if isinstance(value.get("bdata"), str):
        return len(value["bdata"].rstrip("=")) * 3 // 4 // _ITEM_SIZES.get(str(value.get("dtype")), 8)
    if value.get("type") == "ndarray" or "__ndarray__" in value:
        size = 1
        for side in _list(value.get("shape")):
            size *= side if isinstance(side, int) else 1
        return size
    return _length(value["array"]) if "array" in value else 0


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)


def _joined(value: Any) -> str:
    return "".join(map(str, value)) if isinstance(value, list) else value if isinstance(value, str) else ""


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _many(value: Any) -> list[Any]:
    """What may stand alone or in a list."""
    return value if isinstance(value, list) else [value] if value is not None else []
