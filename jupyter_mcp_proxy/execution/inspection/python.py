"""Runs in Python kernels, whatever their version, when their variables are listed. Nobody imports it.

It calls nothing that a user's class defines: a repr, a length or even a comparison of two classes may be somebody's
code. So types are told apart by identity, and values are shown of builtin types and of the well-known ones of numpy,
pandas and polars only.
"""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Iterable
from itertools import islice
from typing import Any

name_of = type.__dict__["__name__"].__get__
module_of = type.__dict__["__module__"].__get__
bases_of = type.__dict__["__mro__"].__get__

MOST, MOST_COLUMNS, FIRST, LONGEST = 5000, 8, 5, 60
IPYTHONS = ("In", "Out", "exit", "quit", "get_ipython", "open")
HIDDEN = {id(types.ModuleType), id(types.FunctionType), id(types.BuiltinFunctionType), id(types.MethodType)}
PLAIN = {id(float), id(complex), id(bool), id(type(None)), id(type(...)), id(range)}
SIZED = {id(list): "items", id(tuple): "items", id(set): "items", id(frozenset): "items", id(dict): "keys"}


def known(module: str, *names: str) -> set[int]:
    """Those types of a library that are there; none where it is not loaded, or something else has its name."""
    found = sys.modules.get(module)
    content = found.__dict__ if type(found) is types.ModuleType else {}
    return {id(content[name]) for name in names if name in content}


ARRAYS = known("numpy", "ndarray")
SCALARS = known("numpy", "number", "bool_", "datetime64", "timedelta64", "str_")
FRAMES, COLUMNS = known("pandas", "DataFrame"), known("pandas", "Series")
POLAR_FRAMES, POLAR_COLUMNS = known("polars", "DataFrame"), known("polars", "Series")


def summarize(namespace: dict[Any, Any]) -> str:
    """JSON of `[name, type, about]` for each variable."""
    rows: list[list[str]] = []
    for name, value in list(namespace.items()):
        if type(name) is not str or not name.isidentifier() or name.startswith("_") or name in IPYTHONS:
            continue
        kind = type(value)
        bases = {id(base) for base in bases_of(kind)}
        if not HIDDEN.isdisjoint(bases):
            continue
        module = module_of(kind)
        root = module.split(".")[0] if type(module) is str else ""
        told = name_of(kind) if root in ("", "builtins", "__main__") else root + "." + name_of(kind)
        try:
            rows.append([name, told, about(value, id(kind), bases)])
        except Exception:
            rows.append([name, told, ""])
        if len(rows) >= MOST:
            break
    return json.dumps(rows)


def about(value: Any, kind: int, bases: set[int]) -> str:
    """A value or its size, for a type and its bases by their ids; empty where that is not safe to ask."""
    if kind in SIZED:
        shown = ", ".join(value_of(item) or name_of(type(item)) for item in islice(value, FIRST))
        return f"{len(value)} {SIZED[kind]}" + (f": {shown}" if shown else "") + ", …" * (len(value) > FIRST)
    if kind in ARRAYS:
        return f"shape {value.shape}, {short(str(value.dtype))}"
    if kind in FRAMES:
        dtypes = [dtype_of(dtype) for dtype in value.dtypes.iloc[:MOST_COLUMNS]]
        return table(value.shape[0], value.shape[1], value.columns[:MOST_COLUMNS], dtypes)
    if kind in COLUMNS:
        return f"{value.shape[0]} values, {dtype_of(value.dtype)}, name {label(value.name)}"
    if kind in POLAR_FRAMES:
        dtypes = [short(str(dtype)) for dtype in value.dtypes[:MOST_COLUMNS]]
        return table(value.height, value.width, value.columns, dtypes)
    if kind in POLAR_COLUMNS:
        return f"{value.len()} values, {short(str(value.dtype))}, name {label(value.name)}"
    if not SCALARS.isdisjoint(bases):
        return short(str(value)) if module_of(type(value)) == "numpy" else ""
    return value_of(value)


def value_of(value: Any) -> str:
    """A value of a builtin type that has no parts; empty for any other."""
    kind = id(type(value))
    if kind == id(str):
        return repr(value) if len(value) <= LONGEST else f"{value[:LONGEST]!r}… ({len(value)} characters)"
    if kind == id(int):
        return repr(value) if value.bit_length() <= 200 else f"of {value.bit_length()} bits"
    if kind in (id(bytes), id(bytearray)):
        return f"{len(value)} bytes"
    return short(repr(value)) if kind in PLAIN else ""


def table(rows: int, width: int, names: Iterable[Any], dtypes: list[str]) -> str:
    """A data frame by its size and its first columns."""
    shown = ", ".join(
        f"{label(name)} {dtype}"
        for name, dtype in zip(names, dtypes)  # noqa: B905 - `strict` came with Python 3.10
    )
    return f"{rows} × {width}" + (f": {shown}" if shown else "") + (", …" if width > MOST_COLUMNS else "")


def label(value: Any) -> str:
    """What a column is called, which may be anything."""
    return short(value) if type(value) is str else value_of(value) or name_of(type(value))


def dtype_of(dtype: Any) -> str:
    """A column's type: numpy's and pandas' by what they say, another library's by its class."""
    module = module_of(type(dtype))
    trusted = type(module) is str and module.split(".")[0] in ("numpy", "pandas")
    return short(str(dtype)) if trusted else name_of(type(dtype))


def short(text: str) -> str:
    """A text of at most 60 characters."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
