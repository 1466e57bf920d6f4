"""What must be so after each task, by the notebook on the disk and Jupyter's own lists."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
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


def explored_only(server: JupyterProcess) -> bool:
    """Nothing is changed."""
    return sources(server.read_notebook("explore.ipynb")) == explored()


def analysed(server: JupyterProcess) -> bool:
    """The totals stand there, and no error."""
    notebook = server.read_notebook("sales.ipynb")
    return TOTALS in printed(notebook) and not failed(notebook)


def repaired(server: JupyterProcess) -> bool:
    """All runs, with the right values."""
    notebook = server.read_notebook("bugs.ipynb")
    return "all right 2.0 2 3 n=3 3.0 True" in printed(notebook) and not failed(notebook)


def renamed(server: JupyterProcess) -> bool:
    """No `calc` is left, no `recalc_` is touched, the long cell is three, the whole runs."""
    notebook = server.read_notebook("rename.ipynb")
    found = sources(notebook)
    whole = "\n".join(found)
    parts = [
        LONG[: LONG.index("\n# comp")],
        LONG[LONG.index("# comp") : LONG.index("\n# rep")].replace("calc", "double"),
    ]
    return (
        not re.search(r"\bcalc\b", whole)
        and whole.count("recalc_") == 12
        and FUNCTION.replace("def calc", "def double") in found
        and all(part in [source.rstrip() for source in found] for part in parts)
        and "sum 20" in printed(notebook)
        and not failed(notebook)
    )


def trained(server: JupyterProcess) -> bool:
    """The last run went through all epochs with the new rate."""
    notebook = server.read_notebook("train.ipynb")
    told = printed(notebook)
    return "rate, loss = 0.9" in sources(notebook)[0] and told.count("epoch") == 90 and told.endswith("trained\n")


def shared(server: JupyterProcess) -> bool:
    """The person's comment and deletion stand, the agent's edits too; one file, one session for it."""
    if (server.root / "shared.ipynb").exists():
        return False
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
    return sources(notebook) == expected and "total 30" in told and "checked 30" in told and len(sessions) == 1


def comes(holds: Callable[[JupyterProcess], bool], server: JupyterProcess, seconds: float = 10) -> bool:
    """Whether it holds within some seconds: a room is written a second after the last edit."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if holds(server):
                return True
        except (OSError, ValueError):
            pass
        time.sleep(0.2)
    return False
