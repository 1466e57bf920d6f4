"""The six tasks with our tools. What is decided is decided from the text of the answers."""

from __future__ import annotations

import re

from .notebooks import ACCURACY, FAILED
from .people import Actor
from .playing import Player


def _line_of(answer: str, words: str) -> str:
    """The first line that has the words; none, and the model would be lost here."""
    return next(line for line in answer.splitlines() if words in line)


def _id(line: str) -> str:
    """A cell's id in a line of an outline or the head of a cell: what follows the index."""
    found = re.search(r"\b\d+\s+([0-9a-z][\w-]*)", line)
    assert found, line
    return found[1]


async def explore(player: Player) -> bool:
    """Which cell failed and why, where is `clean_4`, how accurate is it?"""
    n = "explore.ipynb"
    outline = await player.call("use_notebook", notebook=n)
    failed = _id(_line_of(outline, "ERR"))
    cell = await player.call("read_cell", notebook=n, cell=failed)
    found = await player.call("list_cells", notebook=n, search="accuracy|clean_4")
    source, value = _id(_line_of(found, "def clean_4")), _id(_line_of(found, "accuracy"))
    both = await player.call("read_cells", notebook=n, cells=[source, value])
    return FAILED in cell and "drops rows" in both and ACCURACY in both


LOADED = """import csv
from collections import defaultdict
with open("sales.csv") as file:
    once = {tuple(row.items()): row for row in csv.DictReader(file)}
rows = list(once.values())
len(rows)"""
SUMMED = """totals = defaultdict(int)
for row in rows:
    totals[row["region"].strip().lower()] += int(row["amount"].replace(",", ""))
print(*(f"{name}={total}" for name, total in sorted(totals.items())))"""

NARROWED = {
    "old": "for row in rows:\n",
    "new": "for row in rows:\n    if not row['amount'].replace(',', '').isdigit():\n        continue\n",
}
"""What the error of the first try calls for."""


async def analyse(player: Player) -> bool:
    """From a CSV as it is to totals: the first try fails on an amount that is none."""
    n = "sales.ipynb"
    await player.call("use_notebook", notebook=n, create=True, kernelspec="python3")
    head = await player.call("read_file", path="sales.csv", limit=10)
    assert head.count("NORTH,250,2026-01-03") == 2
    await player.call("insert_execute_code_cell", notebook=n, source=LOADED)
    tried = await player.call("insert_execute_code_cell", notebook=n, source=SUMMED)
    assert "ValueError" in tried
    await player.call("edit_cell", notebook=n, cell=-1, edits=[NARROWED])
    done = await player.call("execute_cell", notebook=n, cell=-1)
    return "north=350" in done


REPAIRS = {
    "name 'x' is not defined": ("len(x)", "len(xs)"),
    "list index out of range": ("xs[len(xs)]", "xs[-1]"),
    "AssertionError: 1": ("sorted(xs)[0]", "sorted(xs)[-1]"),
    "can only concatenate str": ("len(values)", "str(len(values))"),
    "'sqroot'": ("sqroot", "sqrt"),
    "even is wrong": ("% 2 == 1", "% 2 == 0"),
}
"""What a model would change, by the error that it reads."""


async def repair(player: Player) -> bool:
    """Run all, change what failed, run what failed, then all of it in a new kernel."""
    n = "bugs.ipynb"
    await player.call("use_notebook", notebook=n)
    await player.call("read_cells", notebook=n, outputs="off")
    told = await player.call("run_cells", notebook=n, stop_on_error=False)
    edits = [{"old": old, "new": new} for error, (old, new) in REPAIRS.items() if error in told]
    await player.call("edit_cell", notebook=n, edits=edits)
    done = await player.call("run_cells", notebook=n, restart_first=True)
    return "all right 2.0 2 3 n=3 3.0 True" in done


async def rename(player: Player) -> bool:
    """One function's name over twelve cells, and nothing that only looks like it; then a long cell becomes three."""
    n = "rename.ipynb"
    outline = await player.call("use_notebook", notebook=n)
    edit = {"old": "calc", "new": "double", "word": True, "replace_all": True}
    await player.call("edit_cell", notebook=n, edits=[edit])
    long = await player.call("read_cell", notebook=n, cell=_id(_line_of(outline, "# load")), outputs=False)
    lines = long[long.index("# load") :].splitlines()
    at = [number for number, line in enumerate(lines, 1) if number > 1 and "# " in line]
    await player.call("split_cell", notebook=n, cell=_id(_line_of(outline, "# load")), at=at)
    done = await player.call("run_cells", notebook=n)
    return "sum 20" in done


async def train(player: Player, pause: float) -> bool:
    """Look at a loop that diverges, stop it, change its rate, see it through."""
    n = "train.ipynb"
    await player.call("use_notebook", notebook=n)
    await player.call("read_cell", notebook=n, cell=0)
    seen = await player.call("execute_cell", notebook=n, cell=0, wait=8 * pause)
    execution = _execution(seen)
    # An answer ends without the last line's end: the next one begins a line of its own.
    while len(losses := [float(loss) for loss in re.findall(r"loss (\S+)$", seen, re.M)]) < 4:
        seen += "\n" + await player.call("wait_execution", execution=execution, wait=6 * pause)
    assert losses[-1] > losses[0] > 1
    await player.call("interrupt_kernel", execution=execution)
    await player.call("edit_cell", notebook=n, cell=0, edits=[{"old": "rate, loss = 3.0", "new": "rate, loss = 0.9"}])
    answer = await player.call("execute_cell", notebook=n, cell=0, wait=45 * pause)
    for _ in range(5):
        if "trained" in answer:
            break
        answer = await player.call("wait_execution", execution=_execution(answer), wait=60 * pause)
    return "trained" in answer


def _execution(answer: str) -> str:
    found = re.search(r"execution='(\w+)'", answer)
    assert found, answer
    return found[1]


async def beside(player: Player, actor: Actor) -> bool:
    """`step` becomes 5 and the total doubles, while a person edits, deletes, restarts and renames between the calls."""
    n = "shared.ipynb"
    await player.call("use_notebook", notebook=n)
    read = await player.call("read_cells", notebook=n, outputs="off")
    step, total = (_id(_line_of_head(read, words)) for words in ("step = 1", "total = base"))
    hash_ = _hash(_line_of_head(read, "step = 1"))
    await player.call("run_cells", notebook=n)
    await actor.edits()
    change = [{"old": "step = 1", "new": "step = 5"}]
    answer = await player.call("edit_cell", notebook=n, cell=step, edits=change, if_hash=hash_)
    if "step = 5" not in answer:  # refused: it shows what is there now, and its hash
        await player.call("edit_cell", notebook=n, cell=step, edits=change)
    await actor.deletes()
    await player.call("edit_cell", notebook=n, cell=total, edits=[{"old": "base + step", "new": "(base + step) * 2"}])
    await actor.restarts()
    done = await player.call("run_cells", notebook=n, only="stale")
    await actor.renames()
    last = await player.call("insert_execute_code_cell", notebook=n, source="print('checked', total)")
    new = re.search(r"is now (\S+?\.ipynb)", last)
    return "total 30" in done and "checked 30" in last and new is not None


def _line_of_head(answer: str, words: str) -> str:
    """The head of the cell whose source has the words."""
    lines = answer.splitlines()
    at = next(number for number, line in enumerate(lines) if words in line)
    return next(line for line in reversed(lines[:at]) if re.search(r"\b[0-9a-f]{8,}\b", line))


def _hash(head: str) -> str:
    return re.findall(r"\b[0-9a-f]{8,}\b", head)[-1]
