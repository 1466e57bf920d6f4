"""One trial: a few acts at moments by lot in the first seconds of a kernel's life, and what must hold then."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from random import Random

import anyio
from harness import JupyterProcess, connect
from harness.people import person

from moments.acts import CELLS, FIRST, RESTARTS, SHUTDOWNS, THEN, Acts

MOMENTS = (0, 0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2, 1.5, 2, 2.5, 3)
"""Seconds after the first act. Most of what can go wrong does while the kernel starts."""
ENDED = re.compile(r"It was not run|kernel_died")
GOES_ON = re.compile(r" · (queued|running) · ")


async def trial(server: JupyterProcess, lot: Random) -> list[str]:
    """What was wrong, with the story of it; empty where all held."""
    async with connect(server) as one, connect(server) as other:
        acts = Acts(server, [one, other], f"moment-{secrets.token_hex(4)}", lot)
        chosen = [(0.0, lot.choice(FIRST))]
        chosen += [(lot.choice(MOMENTS) + lot.random() / 10, lot.choice(THEN)) for _ in range(lot.choice([1, 1, 2, 3]))]
        if any(act in RESTARTS for _, act in chosen):  # Jupyter (2.21) cannot do both at once, and loses the kernel
            chosen = [(moment, act) for moment, act in chosen if act not in SHUTDOWNS]
        async with anyio.create_task_group() as group:
            for moment, act in chosen:
                group.start_soon(_at, moment, act, acts)
        await _holds(acts)
        await acts.shut_down()
    names = ", ".join(f"{act.__name__} at {moment:.2f}" for moment, act in chosen)
    return [f"{names}: {wrong}\n    " + "\n    ".join(acts.story) for wrong in acts.wrong]


async def _at(moment: float, act: object, acts: Acts) -> None:
    await anyio.sleep(moment)
    await act(acts)  # type: ignore[operator]


async def _holds(acts: Acts) -> None:
    for run in list(acts.runs):
        told = await acts.call("wait_execution", execution=run, wait=20)
        if GOES_ON.search(told.split("\n", 1)[0]):
            acts.wrong.append(f"{run} goes on")
    for _ in range(3):  # a restart whose call was cancelled, or a death that nobody has told, may end what comes first
        told = await acts.call("execute_ipython", notebook=acts.path, code="6 * 7", wait=40)
        if not ENDED.search(told):
            break
    if "42" not in told:
        acts.wrong.append("the kernel does not answer")
    if len(found := await acts.sessions()) != 1:
        acts.wrong.append(f"the notebook has {len(found)} kernels")
    ran = Counter(acts.witness.read_text().split()) if acts.witness.exists() else Counter[str]()
    acts.wrong += [
        f"cell {cell} ran {ran[str(cell)]} times" for cell in range(CELLS) if ran[str(cell)] > acts.asked[cell]
    ]
    if acts.server.guarantee == "live":
        async with person(acts.server, acts.path) as lab:
            try:
                await lab.sees(lambda: all(cell["execution_state"] == "idle" for cell in lab.notebook.ycells), 20)
            except TimeoutError:
                acts.wrong.append(f"marked: {[cell['execution_state'] for cell in lab.notebook.ycells]}")
            shown = [lab.outputs(cell) for cell in range(CELLS)]
    else:
        cells = acts.server.read_notebook(acts.path)["cells"]
        shown = ["".join(str(output) for output in cell["outputs"]) for cell in cells]
    for cell in range(CELLS):
        if acts.asked[cell] and ran[str(cell)] and not shown[cell]:
            acts.wrong.append(f"cell {cell} ran and shows nothing")
        if not ran[str(cell)] and "begin" in shown[cell]:
            acts.wrong.append(f"cell {cell} did not run and shows {shown[cell]!r}")
