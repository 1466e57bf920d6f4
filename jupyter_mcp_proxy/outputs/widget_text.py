"""What a widget shows, as a line or a few, from its model's state. Pure.

The names are those of the models of `@jupyter-widgets/controls` 2; a widget of another library is told by its name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .markup import html_text

State = dict[str, Any]
Part = Callable[[str], str]
"""Tells a model by its id."""

_REFERENCE = "IPY_MODEL_"
_BESIDE = ("HBoxModel",)
_MARKUP = ("HTMLModel", "HTMLMathModel")
_FIGURE_SPACE = "\u2007"
"""tqdm (4.67) pads its numbers with it."""
_TITLED = ("TabModel", "AccordionModel", "StackModel")
LONGEST_VALUE = 500


def text_of(state: State, part: Part) -> str:
    """What a model shows. `part` tells those that it holds."""
    name = str(state.get("_model_name") or "")
    children = state.get("children")
    if isinstance(children, list):
        return _box(name, state, [_child(child, part) for child in children])
    if name in _MARKUP:
        return _described(state, html_text(_short(state.get("value"))).replace(_FIGURE_SPACE, " "))
    if name.endswith("ProgressModel"):
        return _described(state, f"{_number(state.get('value'))}/{_number(state.get('max'))}")
    if name in ("ButtonModel", "FileUploadModel"):
        return f"[{_short(state.get('description')) or _short(state.get('icon')) or 'button'}]"
    if "_options_labels" in state:
        return _described(state, _selection(state))
    if name in ("CheckboxModel", "ValidModel", "ToggleButtonModel"):
        return _described(state, "yes" if state.get("value") is True else "no")
    if name == "ImageModel":
        return f"[image {state.get('format') or ''}]".replace(" ]", "]")
    if "value" in state:
        return _described(state, _value(state))
    return f"[{name.removesuffix('Model') or 'widget'}]" if name else ""


def _box(name: str, state: State, children: list[str]) -> str:
    if name in _TITLED:
        titles = state.get("titles") or []
        named = [str((titles[i : i + 1] or [""])[0] or i) for i in range(len(children))]
        return "\n".join(f"{title}:\n{child}" for title, child in zip(named, children, strict=True) if child)
    shown = [child for child in children if child]
    if name in _BESIDE and all("\n" not in child for child in shown):
        # What stands beside a bar often says its numbers once more, as tqdm's does.
        return " ".join(child for child in shown if not any(child is not other and child in other for other in shown))
    return "\n".join(shown)


def _child(reference: object, part: Part) -> str:
    return part(reference.removeprefix(_REFERENCE)) if isinstance(reference, str) else ""


def _described(state: State, value: str) -> str:
    description = _short(state.get("description"))
    return f"{description}: {value}" if description and value else value or description


def _selection(state: State) -> str:
    labels = [_short(label) for label in state.get("_options_labels") or []]
    index = state.get("index")
    chosen = [i for i in (index if isinstance(index, list | tuple) else [index]) if isinstance(i, int)]
    named = ", ".join(labels[i] for i in chosen if 0 <= i < len(labels)) or "none"
    shown = ", ".join(labels[:10]) + (f", … {len(labels) - 10} more" if len(labels) > 10 else "")
    return f"{named} (of {shown})"


def _value(state: State) -> str:
    value = state["value"]
    told = "–".join(map(_number, value[:20])) if isinstance(value, list | tuple) else _number(value)
    low, high = state.get("min"), state.get("max")
    return f"{told} ({_number(low)} to {_number(high)})" if low is not None and high is not None else told


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else _short(value)


def _short(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
