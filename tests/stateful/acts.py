"""What an agent may want to do to a notebook: the call, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stateful.agents import Intent, Target, Worker
from stateful.model import State, deleted, inserted, merged, moved, rewritten, source_of, split, words
from stateful.world import World


@dataclass(frozen=True)
class Choice:
    """What chance has chosen of an act."""

    kind: str
    slot: int
    """The place of its cell."""
    how: str
    """How the cell is named."""
    to: int
    """Another place."""
    more: bool


def intent(world: World, worker: Worker, choice: Choice) -> Intent | None:
    """What an agent wants with what it knows; None where there is too little for that."""
    return _KINDS[choice.kind](world, worker, choice)


def _inserts(world: World, worker: Worker, choice: Choice) -> Intent:
    source = "\n".join(world.word(worker.letter) for _ in range(1 + choice.more))
    index = choice.slot % (len(worker.knows.order) + 1)
    arguments = {"index": index, "source": source}
    return Intent("insert_cell", None, arguments, lambda state, _: inserted(state, index, source))


def _overwrites(world: World, worker: Worker, choice: Choice) -> Intent:
    target = worker.target(choice.slot, choice.how)
    known = worker.knows.read.get(target.meant or "", ("", ""))[0]
    new = world.word(worker.letter)
    source = f"{new}\n{known}".strip() if choice.more and target.if_hash else new
    expected = lambda state, cell: rewritten(state, cell, source)  # noqa: E731
    return Intent("overwrite_cell_source", target, {"source": source}, expected)


def _edits(world: World, worker: Worker, choice: Choice) -> Intent:
    target = worker.target(choice.slot, choice.how)
    known = words([cell for cell in world.last if cell.id == target.meant])
    old = known[-1] if known else "w0p"
    new = f"{old}\n{world.word(worker.letter)}"

    def edited(state: State, cell: str) -> State:
        source = source_of(state, cell) or ""
        source.index(old)
        return rewritten(state, cell, source.replace(old, new))

    return Intent("edit_cell", target, {"edits": [{"old": old, "new": new}]}, edited)


def _deletes(world: World, worker: Worker, choice: Choice) -> Intent:
    return Intent("delete_cell", worker.target(choice.slot, choice.how), {}, deleted)


def _moves(world: World, worker: Worker, choice: Choice) -> Intent:
    index = choice.to % max(1, len(worker.knows.order))
    target = worker.target(choice.slot, choice.how.split()[0])  # it takes no hash
    return Intent("move_cell", target, {"index": index}, lambda state, cell: moved(state, cell, index))


def _splits(world: World, worker: Worker, choice: Choice) -> Intent:
    return Intent("split_cell", worker.target(choice.slot, choice.how), {"at": [2]}, split)


def _merges(world: World, worker: Worker, choice: Choice) -> Intent | None:
    order = worker.knows.order
    if len(order) < 2:
        return None
    first, second = order[choice.slot % (len(order) - 1) :][:2]
    arguments = {"cells": [first, second]}
    return Intent("merge_cells", Target(first, first), arguments, lambda state, _: merged(state, first, second))


def _runs(world: World, worker: Worker, choice: Choice) -> Intent:
    """Nothing changes; for `can`, a cell that is there can be run."""
    target = worker.target(choice.slot, choice.how)
    return Intent("execute_cell", target, {}, lambda state, cell: rewritten(state, cell, f"{cell} has run"))


_KINDS: dict[str, Callable[[World, Worker, Choice], Intent | None]] = {
    "inserts": _inserts,
    "overwrites": _overwrites,
    "edits": _edits,
    "deletes": _deletes,
    "moves": _moves,
    "splits": _splits,
    "merges": _merges,
    "runs": _runs,
}
CHANGES = sorted(_KINDS.keys() - {"runs"})
