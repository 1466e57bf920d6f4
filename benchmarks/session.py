"""The session that both sides do: its notebook, its steps, and how to see whether a step reached its goals."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat.v4
from mcp_types import CallToolResult, ImageContent, TextContent
from PIL import Image

NOTEBOOK = "session.ipynb"
LINE = 100
SETTLE = 30.0
"""Seconds within which the shared document must have reached the disk. Looking there is not on the wire."""

READ = range(4, 9)
PLOTS, PRINTS, FAILS = 10, 12, 14

Cells = list[dict[str, Any]]


@dataclass(frozen=True)
class Edit:
    """A text to find in a cell, and what to put in its place."""

    cell: int
    old: str
    new: str


EDITS = (Edit(5, "window = 5", "window = 7"), Edit(7, "sum(series)", "round(sum(series), 3)"))
FIX = Edit(FAILS, "totl", "total")


def cells(printed: int) -> list[tuple[str, str]]:
    """Type and source of each cell: four of Markdown, twelve of code. One prints `printed` bytes, in lines of 100."""
    log = f'filling = "x" * {LINE - 10}\nprint("\\n".join(f"{{i:08d}} {{filling}}" for i in range({printed // LINE})))'
    return [
        ("markdown", "# Measurements of a sensor\n\nRead, smooth, plot, and sum up."),
        ("code", "import math\nimport statistics"),
        ("code", "count = 200\nseries = [math.sin(i / 15) + (i % 7) / 20 for i in range(count)]"),
        ("markdown", "## Smoothing\n\nA moving mean over a window of an odd number of samples."),
        (
            "code",
            'def mean_of(values):\n    """The mean, or 0 for nothing."""\n    return statistics.fmean(values or [0])',
        ),
        ("code", "window = 5\nhalf = window // 2"),
        ("code", "smooth = [\n    mean_of(series[max(0, i - half) : i + half + 1])\n    for i in range(count)\n]"),
        ("code", 'overall = sum(series)\nprint("sum", overall)'),
        ("markdown", "## Pictures\n\nThe plot needs nothing of what is above."),
        ("code", 'largest = max(smooth)\nprint(f"largest {largest:.4f}")'),
        (
            "code",
            "import math\nimport matplotlib.pyplot as plt\n\n"
            'plt.plot([math.sin(i / 10) for i in range(100)])\nplt.title("A sine")\nplt.show()',
        ),
        ("markdown", "## The log\n\nEvery sample with its number."),
        ("code", log),
        ("code", 'print("cells so far:", 13)'),
        ("code", "total = sum(range(100))\nprint(totl)"),
        ("code", '"done"'),
    ]


CODE = [index for index, (kind, _) in enumerate(cells(0)) if kind == "code"]


def write_notebook(folder: Path, printed: int) -> None:
    """The notebook as the session finds it: ids of its own, no outputs."""
    made = [
        nbformat.v4.new_code_cell(source, id=f"cell-{index:02d}")
        if kind == "code"
        else nbformat.v4.new_markdown_cell(source, id=f"cell-{index:02d}")
        for index, (kind, source) in enumerate(cells(printed))
    ]
    kernelspec = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=made, metadata={"kernelspec": kernelspec})
    (folder / NOTEBOOK).write_text(nbformat.writes(notebook))


class Seen:
    """What the agent has been given in a step: the texts, and the pictures."""

    def __init__(self) -> None:
        self.text = ""
        self.pictures: list[tuple[int, int]] = []

    def add(self, result: CallToolResult) -> None:
        """Take in a result, an error too: its content, not the structured copy of it."""
        for block in result.content:
            if isinstance(block, TextContent):
                self.text += block.text + "\n"
            elif isinstance(block, ImageContent):
                with Image.open(io.BytesIO(base64.b64decode(block.data))) as picture:
                    picture.load()
                    self.pictures.append(picture.size)


Goals = dict[str, bool]


class Session:
    """The goals of each step, looked for in what the agent has been given and in the notebook on the disk."""

    def __init__(self, folder: Path, printed: int) -> None:
        self._path = folder / NOTEBOOK
        self._printed = printed
        self.sources = [source for _, source in cells(printed)]

    async def opened(self, seen: Seen) -> Goals:
        """The agent knows that the notebook is open."""
        return {"told how many cells there are": f"{len(self.sources)} cells" in seen.text}

    async def outlined(self, seen: Seen) -> Goals:
        """The agent knows the beginning of every cell."""
        return {"every cell's first line seen": all(each.split("\n")[0][:60] in seen.text for each in self.sources)}

    async def read(self, seen: Seen) -> Goals:
        """The agent knows five cells."""
        return {"five sources seen whole": all(self.sources[index] in seen.text for index in READ)}

    async def edited(self, *edits: Edit) -> Goals:
        """The document has the new sources."""
        for edit in edits:
            self.sources[edit.cell] = self.sources[edit.cell].replace(edit.old, edit.new)
        return {"sources on the disk": await self._disk(self._has_sources)}

    async def ran_three(self, seen: Seen) -> Goals:
        """The agent has the picture, the error, and the begin and end of what was printed, which is in the notebook."""
        return {
            "picture seen": bool(seen.pictures),
            "error seen": "NameError" in seen.text and "'totl'" in seen.text,
            "begin and end of the log seen": all(f"{n:08d} xxx" in seen.text for n in (0, self._printed // LINE - 1)),
            "picture, log and error on the disk": await self._disk(
                lambda found: (
                    "image/png" in outputs(found[PLOTS])[0].get("data", {})
                    and self._has_log(found)
                    and outputs(found[FAILS])[0].get("ename") == "NameError"
                )
            ),
        }

    async def ran_all(self) -> Goals:
        """All cells have run as they are now, and none has failed."""
        return {
            "all run, no error, on the disk": await self._disk(
                lambda found: (
                    self._has_sources(found)
                    and self._has_log(found)
                    and outputs(found[FAILS])[0].get("text") == "4950\n"
                    and outputs(found[-1])[0].get("data") == {"text/plain": "'done'"}
                    and all(found[index]["execution_count"] for index in CODE)
                )
            )
        }

    def _has_sources(self, found: Cells) -> bool:
        return [_joined(cell["source"]) for cell in found] == self.sources

    def _has_log(self, found: Cells) -> bool:
        return len(outputs(found[PRINTS])[0].get("text", "")) == self._printed

    async def _disk(self, condition: Callable[[Cells], bool]) -> bool:
        deadline = time.monotonic() + SETTLE
        while time.monotonic() < deadline:
            try:
                if condition(json.loads(self._path.read_text())["cells"]):
                    return True
            except (ValueError, LookupError):  # in the middle of a write, or an output that is not there yet
                pass
            await asyncio.sleep(0.2)
        return False


def substance(folder: Path) -> list[dict[str, Any]]:
    """What a notebook on the disk says, without counts, metadata, and how a text is cut into pieces."""
    return [
        {
            "id": cell["id"],
            "type": cell["cell_type"],
            "source": _joined(cell["source"]),
            "outputs": outputs(cell),
        }
        for cell in json.loads((folder / NOTEBOOK).read_text())["cells"]
    ]


def outputs(cell: dict[str, Any]) -> list[dict[str, Any]]:
    """A cell's outputs, streams of a kind put together; without counts and metadata."""
    told: list[dict[str, Any]] = []
    for output in cell.get("outputs", []):
        one = {name: value for name, value in output.items() if name not in ("execution_count", "metadata")}
        if one["output_type"] == "stream":
            one["text"] = _joined(one["text"])
            if told and told[-1].get("name") == one["name"]:
                told[-1]["text"] += one["text"]
                continue
        elif "data" in one:
            one["data"] = {media: _joined(value) for media, value in one["data"].items()}
        told.append(one)
    return told


def _joined(value: Any) -> Any:
    return "".join(value) if isinstance(value, list) else value
