"""What must be so after each task, by the notebook on the disk and Jupyter's own lists."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from benchmarks.parts import JupyterProcess

from .notebooks import FUNCTION, LONG, TOTALS, explored


def sources(notebook: Any) -> list[str]:
    """Of all cells."""
    return ["".join(cell["source"]) for cell in notebook["cells"]]


def printed(notebook: Any) -> str:
    """All that is stored as printed text."""
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", ())]
    return "".join("".join(output.get("text", ())) for output in outputs)


def failed(notebook: Any) -> bool:
    """Whether an error is stored."""
    return any(output["output_type"] == "error" for cell in notebook["cells"] for output in cell.get("outputs", ()))


Checks = dict[str, bool]
"""What must be so, each with whether it is."""


def explored_only(server: JupyterProcess) -> Checks:
    """Nothing is changed."""
    return {"nothing is changed": sources(server.read_notebook("explore.ipynb")) == explored()}


def analysed(server: JupyterProcess) -> Checks:
    """The totals stand there, and no error."""
    notebook = server.read_notebook("sales.ipynb")
    return {"the totals": TOTALS in printed(notebook), "no error": not failed(notebook)}


def repaired(server: JupyterProcess) -> Checks:
    """All runs, with the right values."""
    notebook = server.read_notebook("bugs.ipynb")
    return {
        "the values": "all right 2.0 2 3 n=3 3.0 True" in printed(notebook),
        "no error": not failed(notebook),
    }


def renamed(server: JupyterProcess) -> Checks:
    """No `calc` is left, no `recalc_` is touched, the long cell is three, the whole runs."""
    notebook = server.read_notebook("rename.ipynb")
    found = sources(notebook)
    whole = "\n".join(found)
    parts = [
        LONG[: LONG.index("\n# comp")],
        LONG[LONG.index("# comp") : LONG.index("\n# rep")].replace("calc", "double"),
    ]
    return {
        "no calc is left": not re.search(r"\bcalc\b", whole),
        "no recalc_ is touched": whole.count("recalc_") == 12,
        "the function": FUNCTION.replace("def calc", "def double") in found,
        "the parts": all(part in [source.rstrip() for source in found] for part in parts),
        "the sum": "sum 20" in printed(notebook),
        "no error": not failed(notebook),
    }


def trained(server: JupyterProcess) -> Checks:
    """The last run went through all epochs with the new rate."""
    notebook = server.read_notebook("train.ipynb")
    told = printed(notebook)
    return {
        "the new rate": "rate, loss = 0.9" in sources(notebook)[0],
        "90 epochs": told.count("epoch") == 90,
        "its end": told.endswith("trained\n"),
    }


def shared(server: JupyterProcess) -> Checks:
    """The person's comment and deletion stand, the agent's edits too; one file, one session for it."""
    if (server.root / "shared.ipynb").exists():
        return {"no file of the old name": False}
    notebook = server.read_notebook("final.ipynb")
    sessions = [
        s["path"] for s in json.loads(server.get("api/sessions")[1]) if s["path"] in ("shared.ipynb", "final.ipynb")
    ]
    expected = [
        "base = 10",
        "step = 5  # mine",
        "total = (base + step) * 2",
        "print('total', total)",
        "print('checked', total)",
    ]
    told = printed(notebook)
    return {
        "the cells of both": sources(notebook) == expected,
        "total 30": "total 30" in told,
        "checked 30": "checked 30" in told,
        "one session": len(sessions) == 1,
    }


def lacks(checks: Callable[[JupyterProcess], Checks], server: JupyterProcess, seconds: float = 10) -> list[str]:
    """What does not hold, after some seconds at most: a room is written a second after the last edit."""
    deadline = time.monotonic() + seconds
    missing = ["the notebook"]
    while missing and time.monotonic() < deadline:
        with suppress(OSError, ValueError):
            missing = [what for what, holds in checks(server).items() if not holds]
        if missing:
            time.sleep(0.2)
    return missing
