"""What a notebook's metadata say of the kernel that it runs with, and what JupyterLab would write there. Pure.

Metadata come from anywhere: nothing in them is of a certain type.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

PYTHON: Json = {
    "name": "python",
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "nbconvert_exporter": "python",
}
"""What every Python kernel says, and nbconvert (7.17) needs to export a notebook that no kernel has run as `.py`."""


def table(value: object) -> Json:
    """A value as what it should be; empty where it is something else."""
    return value if isinstance(value, dict) else {}


def with_values(metadata: Json, values: Json) -> Json:
    """Metadata with these values in them; None takes a name out."""
    return {name: value for name, value in (metadata | values).items() if value is not None or name not in values}


def same(one: object, other: object) -> bool:
    """Whether two values of JSON are the same, as NaN is, which does not equal itself."""
    return one == other or json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


OF_THE_SCREEN = frozenset({"collapsed", "execution", "jupyter", "scrolled", "trusted"})
"""Metadata of a cell that JupyterLab writes by itself: how it is shown, when it ran, and a mark that is in no file."""


def _is_tags(value: object) -> bool:
    """Whether it is a list of texts that have no comma, each once."""
    if not isinstance(value, list) or not all(isinstance(tag, str) and tag and "," not in tag for tag in value):
        return False
    return len(set(value)) == len(value)


def _are_texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())


SHAPES: dict[str, tuple[Callable[[object], bool], str]] = {
    "tags": (_is_tags, "a list of texts without commas, each once"),
    "name": (lambda value: isinstance(value, str) and value.strip("\n") != "", "a text that is not empty"),
    "format": (lambda value: isinstance(value, str), "a media type, such as text/html"),
    "jupyter": (lambda value: isinstance(value, dict), "an object"),
    "collapsed": (lambda value: isinstance(value, bool), "true or false"),
    "scrolled": (lambda value: isinstance(value, bool) or value == "auto", "true, false or auto"),
    "execution": (_are_texts, "an object of texts"),
}
"""What nbformat (4.5) has for a cell's metadata by name; all else may be anything. Jupyter saves what is not so all the
same, and its own tools (nbconvert, `jupyter nbconvert --execute`, papermill) refuse the notebook then."""


def wrong_shape(metadata: Json) -> str:
    """What nbformat expects of the first of some metadata that is not so; empty where all are. None takes one out."""
    for name, (fits, expected) in SHAPES.items():
        if metadata.get(name) is not None and not fits(metadata[name]):
            return f"`{name}` to be {expected}, as nbformat has it; nothing was changed"
    return ""


def shown(metadata: Json) -> str:
    """A cell's metadata as they are told; empty where they say nothing of the cell."""
    said = {name: value for name, value in metadata.items() if name not in OF_THE_SCREEN}
    return json.dumps(said, ensure_ascii=False, sort_keys=True, default=str) if said else ""


def said(metadata: object, *names: str) -> str:
    """The text under these names, one within the other; empty where there is none."""
    value = metadata
    for name in names:
        value = table(value).get(name)
    return value if isinstance(value, str) else ""


def kernelspec_of(name: str, spec: object) -> Json:
    """What JupyterLab (4.6) writes of the kernelspec that a kernel is of (`NotebookPanel._updateSpec`)."""
    shown = said(spec, "display_name") or name
    return {"name": name, "display_name": shown, "language": said(spec, "language")}


def of_new_kernel(metadata: Json, kernelspec: Json) -> Json:
    """What is to be written where a notebook gets a kernel of that kernelspec, before it has said what it speaks."""
    new: Json = {} if metadata.get("kernelspec") == kernelspec else {"kernelspec": kernelspec}
    language = kernelspec["language"]
    other = said(metadata, "kernelspec", "name") != kernelspec["name"]
    known = said(metadata, "language_info", "name")
    if language and (not known or (other and known.lower() != language.lower())):
        new["language_info"] = PYTHON if language.lower() == "python" else {"name": language}
    return new


def differing(metadata: Json, wanted: Json) -> Json:
    """What of `wanted` the metadata do not say."""
    return {name: value for name, value in wanted.items() if metadata.get(name) != value}
