"""A notebook of our own for each kind of output that a kernel can make: `kinds/<kind>.txt`, a cell after each `#%%`.

What follows on that line are the cell's tags, and `markdown` where it is no code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat.v4

from corpus.normal import Output

FOLDER = Path(__file__).parent / "kinds"
KINDS = sorted(file.stem for file in FOLDER.glob("*.txt"))


def printed(text: str) -> Output:
    return {"output_type": "stream", "name": "stdout", "text": text}


def displayed(text: str) -> Output:
    return {"output_type": "display_data", "data": {"text/plain": text}, "metadata": {}}


def resulted(text: str, count: int) -> Output:
    return displayed(text) | {"output_type": "execute_result", "execution_count": count}


HELP = displayed(
    "\x1b[31mInit signature:\x1b[39m f()\n\x1b[31mDocstring:\x1b[39m      Say f.\n"
    "\x1b[31mType:\x1b[39m           type\n\x1b[31mSubclasses:\x1b[39m     "
)

EXPECTED: dict[str, dict[int, list[Output]]] = {
    "late_output": {
        0: [printed("cell one\nfrom a thread\n"), displayed("'shown by a thread'")],
        2: [printed("from a task\n")],
        6: [printed("after the last cell\n")],
    },
    "payloads": {
        1: [HELP],
        3: [HELP],
        5: [printed("printed\n"), displayed("paged by hand")],
        6: [displayed("content\n")],
    },
    "widgets": {
        12: [resulted("['stream', 'display_data', 'error']", 13)],
        14: [
            printed(
                "({'output_type': 'stream', 'name': 'stdout', 'text': 'inner\\n'},) "
                "['appended', 'outer\\nouter again\\n']\n"
            )
        ],
    },
}
"""What JupyterLab has in a cell where nbclient has something else.

That has no pager, forgets what comes late, and what a kernel itself puts into an Output widget (`append_stdout`).
"""


def cells(kind: str) -> list[tuple[str, list[str]]]:
    """The sources of a kind's cells, each with the words on the line above it."""
    found: list[tuple[str, list[str]]] = []
    for part in (FOLDER / f"{kind}.txt").read_text().split("#%%")[1:]:
        words, _, source = part.partition("\n")
        found.append((source.removesuffix("\n"), words.split()))
    return found


def notebook(kind: str) -> dict[str, Any]:
    """The notebook of a kind, not run."""
    made = []
    for place, (source, words) in enumerate(cells(kind)):
        new = nbformat.v4.new_markdown_cell if "markdown" in words else nbformat.v4.new_code_cell
        tags = [word for word in words if word != "markdown"]
        made.append(new(source, id=f"cell-{place}", metadata={"tags": tags} if tags else {}))
    content: dict[str, Any] = nbformat.v4.new_notebook(cells=made)
    return content
