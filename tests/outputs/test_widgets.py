"""What a model is told of a widget, with the states of real ones; and which Output widget takes what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as w
import pytest

from jupyter_mcp_proxy.outputs.log import WIDGET_VIEW, OutputLog
from jupyter_mcp_proxy.outputs.widgets import MOST_WIDGETS, Widgets


def heard(*shown: w.Widget) -> Widgets:
    """Widgets of which the kernel has told, with all that they hold."""
    widgets = Widgets(lambda _: None)

    def tell(widget: w.Widget) -> None:
        for child in getattr(widget, "children", ()):
            tell(child)
        content = {"comm_id": widget.model_id, "target_name": "jupyter.widget", "data": {"state": widget.get_state()}}
        widgets.hear("comm_open", content)

    for widget in shown:
        tell(widget)
    return widgets


def update(widgets: Widgets, widget: w.Widget, **state: Any) -> None:
    widgets.hear("comm_msg", {"comm_id": widget.model_id, "data": {"method": "update", "state": state}})


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: w.IntSlider(7, 0, 10, description="n"), "n: 7 (0 to 10)"),
        (lambda: w.FloatSlider(0.25, min=0, max=1), "0.25 (0 to 1)"),
        (lambda: w.IntRangeSlider(value=(2, 5), min=0, max=10, description="between"), "between: 2–5 (0 to 10)"),
        (lambda: w.FloatText(1.5, description="x"), "x: 1.5"),
        (lambda: w.Text("Ada", description="name"), "name: Ada"),
        (lambda: w.Text(description="name"), "name"),
        (lambda: w.Textarea("one\ntwo"), "one\ntwo"),
        (lambda: w.Checkbox(True, description="sure"), "sure: yes"),
        (lambda: w.ToggleButton(description="on"), "on: no"),
        (lambda: w.Dropdown(options=["a", "b"], value="b", description="pick"), "pick: b (of a, b)"),
        (lambda: w.SelectMultiple(options=["a", "b", "c"], value=["a", "c"]), "a, c (of a, b, c)"),
        (lambda: w.RadioButtons(options=range(20), value=3), "3 (of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, … 10 more)"),
        (lambda: w.Button(description="Run"), "[Run]"),
        (lambda: w.Button(icon="play"), "[play]"),
        (lambda: w.FileUpload(), "[Upload]"),
        (lambda: w.IntProgress(3, 0, 10, description="load"), "load: 3/10"),
        (lambda: w.HTML("<b>3</b> of &lt;10&gt;"), "3 of <10>"),
        (lambda: w.Label("<not markup>"), "<not markup>"),
        (lambda: w.Valid(value=False, description="ok"), "ok: no"),
        (lambda: w.ColorPicker(value="blue", description="colour"), "colour: blue"),
        (lambda: w.DatePicker(), ""),
        (lambda: w.Image(format="png"), "[image png]"),
        (lambda: w.HBox([w.Label("a"), w.Label("b")]), "a b"),
        (lambda: w.VBox([w.Label("a"), w.HBox([w.Label("b"), w.Label("c")])]), "a\nb c"),
        (lambda: w.Tab([w.Label("a"), w.Label("b")], titles=["first", "second"]), "first:\na\nsecond:\nb"),
        (lambda: w.Accordion([w.Label("a")]), "0:\na"),
        (lambda: w.Output(), ""),
        (lambda: w.Output(outputs=({"output_type": "stream", "name": "stdout", "text": "hi\n"},)), "hi"),
        (lambda: w.Play(), "0 (0 to 100)"),
        (lambda: w.Layout(), "[Layout]"),
    ],
)
def test_a_widget_is_told_by_what_it_shows(make: Callable[[], w.Widget], told: str) -> None:
    widget = make()
    assert heard(widget).text(widget.model_id) == told


def test_a_widget_that_nobody_told_of_is_told_by_its_repr() -> None:
    log = OutputLog()
    log.tell_widget = Widgets(lambda _: None).text
    log.display("display_data", {"data": {"text/plain": "IntSlider(value=3)", WIDGET_VIEW: {"model_id": "unknown"}}})
    assert log.transcript.read(0, 100) == "IntSlider(value=3)\n"


def test_a_view_is_told_as_it_is_when_somebody_reads() -> None:
    inner = w.IntProgress(0, 0, 10)
    box = w.HBox([w.Label("done:"), inner])
    log = OutputLog()
    widgets = Widgets(log.change_widget)
    log.tell_widget = widgets.text
    for widget in (inner, box.children[0], box):
        content = {"comm_id": widget.model_id, "target_name": "jupyter.widget", "data": {"state": widget.get_state()}}
        widgets.hear("comm_open", content)
    log.stream("stdout", "before\n")
    log.display("display_data", {"data": {"text/plain": "HBox()", WIDGET_VIEW: {"model_id": box.model_id}}})
    log.stream("stdout", "after\n")
    assert log.transcript.read(0, 100) == "before\ndone: 0/10\nafter\n"
    told = log.transcript.mark()
    update(widgets, inner, value=10)
    assert log.transcript.changed(told) == "done: 10/10\n"
    assert log.transcript.read(0, 100) == "before\ndone: 10/10\nafter\n"
    assert list(log.transcript.lines()) == ["before", "done: 10/10", "after"]
    assert log.transcript.changed(log.transcript.mark()) == ""


def test_the_output_widget_that_was_entered_last_takes_what_a_request_puts_out() -> None:
    outer, inner = w.Output(), w.Output()
    widgets = heard(outer, inner)
    assert widgets.capturing("request") is None
    update(widgets, outer, msg_id="request")
    update(widgets, inner, msg_id="request")
    assert widgets.capturing("request") == inner.model_id
    assert widgets.capturing("another") is None
    update(widgets, inner, msg_id="")
    assert widgets.capturing("request") == outer.model_id
    widgets.hear("comm_close", {"comm_id": outer.model_id})
    assert widgets.capturing("request") is None


def test_a_long_output_widget_is_told_by_its_beginning_and_its_end() -> None:
    output = w.Output(outputs=({"output_type": "stream", "name": "stdout", "text": "x" * 30_000 + "\nend\n"},))
    told = heard(output).text(output.model_id)
    assert 20_000 < len(told) < 20_200
    assert "characters left out" in told
    assert told.endswith("end")


def test_a_widget_that_holds_itself_is_told() -> None:
    box = w.VBox([w.Label("inside")])
    widgets = heard(box)
    update(widgets, box, children=[f"IPY_MODEL_{box.children[0].model_id}", f"IPY_MODEL_{box.model_id}"])
    assert widgets.text(box.model_id) == "inside"


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"comm_id": "x", "data": None},
        {"comm_id": "x", "target_name": "jupyter.widget", "data": {"state": {"children": [1, None, "IPY_MODEL_gone"]}}},
        {"comm_id": "x", "target_name": "jupyter.widget", "data": {"state": {"_model_name": 7, "value": {"a": []}}}},
        {"comm_id": "x", "target_name": "jupyter.widget", "data": {"state": {"_options_labels": None, "index": 3}}},
        {"comm_id": "x", "target_name": "another.target", "data": {"state": {"value": 1}}},
        {
            "comm_id": "x",
            "target_name": "jupyter.widget",
            "data": {"state": {"_model_name": "OutputModel", "outputs": [None, {}, {"output_type": "stream"}]}},
        },
    ],
)
def test_a_message_that_is_odd_hurts_nobody(content: dict[str, Any]) -> None:
    widgets = Widgets(lambda _: None)
    widgets.hear("comm_open", content)
    widgets.text("x")
    widgets.hear("comm_msg", {"comm_id": "x", "data": {"state": 3}})
    widgets.hear("comm_close", {"comm_id": "x"})
    assert widgets.text("x") == ""


def test_of_very_many_widgets_the_oldest_are_forgotten() -> None:
    widgets = Widgets(lambda _: None)
    for number in range(MOST_WIDGETS + 1):
        content = {"comm_id": str(number), "target_name": "jupyter.widget", "data": {"state": {"value": number}}}
        widgets.hear("comm_open", content)
    assert widgets.text("0") == ""
    assert widgets.text(str(MOST_WIDGETS)) == str(MOST_WIDGETS)
