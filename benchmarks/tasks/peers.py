"""The six tasks with the tools of Datalayer's `jupyter-mcp-server`, in the fewest calls of a sensible model.

It has no tool that runs several cells, replaces over a notebook or splits a cell, and its outlines tell no outputs."""

from __future__ import annotations

import re

from .notebooks import ACCURACY, BUGS, FAILED, LONG, RENAMED, SHARED
from .ours import LOADED, NARROWED, REPAIRS, SUMMED
from .people import Actor
from .playing import Player


async def _open(player: Player, name: str, **arguments: str) -> str:
    return await player.call("use_notebook", notebook_name=name, notebook_path=f"{name}.ipynb", **arguments)


async def _read(player: Player, name: str) -> str:
    return await player.call("read_notebook", notebook_name=name, response_format="detailed", limit=0)


async def _run(player: Player, cells: int) -> list[str]:
    return [await player.call("execute_cell", cell_index=index) for index in range(cells)]


async def explore(player: Player) -> bool:
    """All sources in one call; the outputs of the two cells that look as if they mattered."""
    await _open(player, "explore")
    read = await _read(player, "explore")
    failed = await player.call("read_cell", cell_index=23)
    told = await player.call("read_cell", cell_index=37)
    return "drops rows" in read and FAILED in failed and ACCURACY in told


async def analyse(player: Player) -> bool:
    """The file is read by the kernel: there is no tool for it."""
    await _open(player, "sales", mode="create", kernel_id="NEW")
    await player.call("execute_code", code='print(open("sales.csv").read())')
    await player.call("insert_execute_code_cell", cell_index=-1, cell_source=LOADED)
    tried = await player.call("insert_execute_code_cell", cell_index=-1, cell_source=SUMMED)
    assert "ValueError" in tried
    index = 2  # behind the Markdown cell that it makes by itself, which the opening shows, and the first insertion
    await player.call("edit_cell_source", cell_index=index, old_string=NARROWED["old"], new_string=NARROWED["new"])
    return "north=350" in await player.call("execute_cell", cell_index=index)


async def repair(player: Player) -> bool:
    """Cell by cell; what failed is changed where it failed, and all of it runs again in a new kernel."""
    await _open(player, "bugs", kernel_id="NEW")
    await _read(player, "bugs")
    for index, told in enumerate(await _run(player, len(BUGS))):
        change = next((pair for error, pair in REPAIRS.items() if error in told), None)
        if change and change[0] in BUGS[index]:
            await player.call("edit_cell_source", cell_index=index, old_string=change[0], new_string=change[1])
    await player.call("restart_notebook", notebook_name="bugs")
    return "all right 2.0 2 3 n=3 3.0 True" in (await _run(player, len(BUGS)))[-1]


async def rename(player: Player) -> bool:
    """An edit a cell; the long cell is written anew as three."""
    await _open(player, "rename", kernel_id="NEW")
    await _read(player, "rename")
    for index, source in enumerate(RENAMED[:-1]):
        old = "def calc(" if "def calc(" in source else "= calc("
        await player.call(
            "edit_cell_source", cell_index=index, old_string=old, new_string=old.replace("calc", "double")
        )
    lines = LONG.replace("[calc(", "[double(").splitlines()
    at = len(RENAMED) - 1
    await player.call("overwrite_cell_source", cell_index=at, cell_source="\n".join(lines[:2]))
    for number in (1, 2):
        part = "\n".join(lines[2 * number : 2 * number + 2])
        await player.call("insert_cell", cell_index=at + number, cell_type="code", cell_source=part)
    return "sum 20" in (await _run(player, len(RENAMED) + 2))[-1]


async def train(player: Player, pause: float) -> bool:
    """A short limit is the only way to look at a loop while it goes: what is beyond it is interrupted."""
    await _open(player, "train", kernel_id="NEW")
    await player.call("read_cell", cell_index=0)
    seen = await player.call("execute_cell", cell_index=0, timeout=max(2, round(14 * pause)))
    losses = [float(loss) for loss in re.findall(r"loss ([\d.e+]+)", seen)]
    assert losses and losses[-1] > losses[0] > 1, "its loss is not told"
    new = "rate, loss = 0.9"
    await player.call("edit_cell_source", cell_index=0, old_string="rate, loss = 3.0", new_string=new)
    return "trained" in await player.call("execute_cell", cell_index=0, timeout=round(120 * max(pause, 0.25)))


async def beside(player: Player, actor: Actor) -> bool:
    """Cells by index: the texts of its answers tell no ids. After a refusal it reads again, as a model would."""
    name = "shared"
    await _open(player, name, kernel_id="NEW")
    await _read(player, name)
    await _run(player, len(SHARED))
    await actor.edits()
    await player.call("edit_cell_source", cell_index=1, old_string="step = 1", new_string="step = 5")
    await actor.deletes()
    change = {"old_string": "base + step", "new_string": "(base + step) * 2"}
    if "not found" in await player.call("edit_cell_source", cell_index=3, **change):
        read = await _read(player, name)
        found = re.search(r"=Cell (\d+) [^\n]*\n\s*total = base", read)
        assert found, read
        await player.call("edit_cell_source", cell_index=int(found[1]), **change)
    await actor.restarts()
    done = (await _run(player, len(SHARED) - 1))[-1]
    await actor.renames()
    check = {"cell_index": -1, "cell_source": "print('checked', total)"}
    last = await player.call("insert_execute_code_cell", **check)
    if "checked 30" not in last:
        listed = await player.call("list_files")
        assert "final.ipynb" in listed
        await player.call("use_notebook", notebook_name="final", notebook_path="final.ipynb")
        last = await player.call("insert_execute_code_cell", **check)
        if "NameError" in last:  # another kernel: all of it again
            last = (await _run(player, len(SHARED)))[-1]
    return "total 30" in done and "checked 30" in last
