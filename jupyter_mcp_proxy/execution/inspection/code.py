"""Code of ours that lists a kernel's variables, always the same, as the requests that run it: `python.py` and `r.R`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

Json = dict[str, Any]


def _source(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _silent(code: str, expressions: dict[str, str] | None = None) -> Json:
    return {
        "code": code,
        "silent": True,
        "store_history": False,
        "user_expressions": expressions or {},
        "allow_stdin": False,
        "stop_on_error": False,
    }


PYTHON_EXPRESSION = (
    f"(lambda builtins, scope: (builtins.exec({_source('python.py')!r}, scope), "
    "scope['summarize'](builtins.globals()))[1])"
    "(__import__('builtins'), {'__name__': 'jupyter_mcp_proxy'})"
)
"""Runs in a namespace of its own, whatever names the user has taken, and leaves nothing in theirs."""

PYTHON_REQUEST = _silent("", {"variables": PYTHON_EXPRESSION})
"""Answered in the reply, which `python_variables` reads."""

R_REQUEST = _silent(_source("r.R"))
"""Answered by a display, which `r_variables` reads: IRkernel evaluates no user_expressions."""
