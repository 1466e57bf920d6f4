"""What happens to a notebook from outside: its file is renamed or replaced, its kernel runs, prints late, and dies."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import time
from pathlib import Path
from typing import Any

import anyio
import httpx2
from harness import JupyterProcess, until

from stateful.agents import Intent, Worker
from stateful.model import WORD, Cell, State, ids, inserted, rewritten, source_of
from stateful.world import PATIENCE, PERSON, World

RAN = re.compile(r"^x\S+ · (\w+) · .*?cell (\S+)", re.MULTILINE)
DISK = "whoever writes the file"


def on_disk(server: JupyterProcess, path: str) -> State:
    content = server.read_notebook(path)
    return tuple(Cell(cell["id"], "".join(cell["source"])) for cell in content["cells"])


async def ask(server: JupyterProcess, method: str, path: str, **arguments: Any) -> Any:
    """A request to Jupyter's API, as JupyterLab makes it."""
    headers = {"Authorization": f"Bearer {server.token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=PATIENCE, trust_env=False) as http:
        answer = await http.request(method, f"{server.url}api/{path}", **arguments)
    assert answer.status_code < 300, answer.text
    return answer.json() if answer.content else None


QUIET = 2.0
"""Seconds since the file's last write, after which another in its place must be seen: jupyter-collaboration looks once
a second, and takes one that comes between its own write and its look at that file's time for its own. One that is
renamed in between it takes for another (tests/documents/test_renamed_while_written.py)."""


class Disk:
    """The notebook's file, which has a name and may be another one."""

    def __init__(self, world: World) -> None:
        self._world, self._server = world, world.server

    async def saved(self, state: State) -> None:
        """The server has written a shared document to its file."""
        await until(lambda: on_disk(self._server, self._world.path[0]) == state, PATIENCE)

    async def is_renamed(self, *, by_jupyter: bool) -> None:
        """To another folder, too. Agents use the old path until they are told the new one."""
        before = await self._world.settled()
        await self.saved(before)
        old, folder = self._world.path[0], f"folder-{secrets.token_hex(4)}"
        (self._server.root / folder).mkdir()
        new = f"{folder}/everybody.ipynb"
        if by_jupyter:
            await until(lambda: not self._world.person.waits_to_be_saved, PATIENCE)
            await until(lambda: time.time() - (self._server.root / old).stat().st_mtime > QUIET, PATIENCE)
            await ask(self._server, "PATCH", f"contents/{old}", json={"path": new})
        else:
            (self._server.root / old).rename(self._server.root / new)
        self._world.path[0] = new
        self._world.note(PERSON, before, await self._world.person.state(), "renames", old, new)

    async def is_replaced(self, word: str) -> None:
        """By another file, as git does it, with a line more in its first cell."""
        before = await self._world.settled()
        await self.saved(before)
        there = Path(self._server.root / self._world.path[0])
        content = json.loads(there.read_text())
        content["cells"][0]["source"] = "".join(content["cells"][0]["source"]) + f"\n{word}"
        expected = rewritten(before, before[0].id, f"{before[0].source}\n{word}")
        with anyio.fail_after(PATIENCE):
            while (after := await self._world.person.state()) != expected:
                await until(lambda: time.time() - there.stat().st_mtime > QUIET, PATIENCE)
                beside = there.with_suffix(".new")
                beside.write_text(json.dumps(content, indent=1))
                ours = beside.stat().st_ino
                beside.replace(there)
                while await self._world.person.state() != expected:
                    if there.stat().st_ino != ours:  # the room has written over it
                        break
                    await anyio.sleep(0.05)
        self._world.note(DISK, before, after, "replaces the file")
        for worker in self._world.agents:  # the room may have all cells anew
            worker.knows.steps = [step.unsure() for step in worker.knows.steps]


class Kernel:
    """The notebook's kernel. A cell of words raises NameError at the first: so its output says which cell has run."""

    def __init__(self, world: World) -> None:
        self._world, self._server = world, world.server
        self._runs = False
        self._last = ""
        """The cell that was sent last: ipykernel may say of what a thread prints that it is that one's."""
        self._late: dict[str, tuple[str, Path]] = {}
        """For each cell whose thread waits what it is going to print, and for which file."""

    async def runs(self, worker: Worker, intent: Intent) -> None:
        before = await self._world.person.outputs()
        told = await self._world.agent_does(worker, intent)
        if told and intent.target is not None:  # nothing changes by it
            await self._ran(told, intent.target.found(self._world.last), before)

    async def _ran(self, told: str, cell: str, before: dict[str, str]) -> None:
        check = self._world.check
        found = RAN.search(told)
        check("" if found and cell.startswith(found[2]) else "another cell is said to have run", told)
        check("another kernel" if self._runs and "Started kernel" in told else "", told)
        source = source_of(self._world.last, cell) or ""
        first = source.split("\n")[0]
        if WORD.fullmatch(first):
            says = f"name '{first}' is not defined"
            check("" if says in told or (found and found[1] == "running") else "not what it put out", told)
            await self._shows(cell, says)
        now = await self._world.person.outputs()
        mine = {cell, self._last}  # the end of what ran before may just have been written
        others = {each for each in now if each not in mine and now[each] != before.get(each, "[]")}
        self._runs, self._last = True, cell
        check("outputs of other cells" if others else "", others, before, now)

    async def _shows(self, cell: str, words: str) -> None:
        shown: dict[str, str] = {}
        with anyio.move_on_after(PATIENCE):
            while words not in (shown := await self._world.person.outputs()).get(cell, ""):
                await anyio.sleep(0.02)
            return
        self._world.check("its output is not there", words, cell, shown)

    async def begins(self, worker: Worker, slot: int) -> None:
        """A cell is inserted that ends at once, with a thread that prints once it is let."""
        word = self._world.word(worker.letter)
        flag = self._server.root / f"flag-{secrets.token_hex(4)}"
        waits = f"[time.sleep(0.01) for _ in iter(pathlib.Path({str(flag)!r}).exists, True)]"
        source = f"import pathlib, threading, time; threading.Thread(target=lambda: ({waits}, print('{word}'))).start()"
        index = slot % (len(worker.knows.order) + 1)
        before, known = await self._world.person.outputs(), ids(self._world.last)
        told = await self._world.agent_does(
            worker,
            Intent(
                "insert_execute_code_cell",
                None,
                {"index": index, "source": source},
                lambda state, _: inserted(state, index, source),
            ),
        )
        if told:
            (cell,) = set(ids(self._world.last)) - set(known)
            await self._ran(told, cell, before)
            self._late[cell] = word, flag

    async def prints_late(self) -> None:
        """What threads have waited to print comes, and goes to their cell."""
        state = await self._world.settled()
        while self._late:
            cell, (word, flag) = self._late.popitem()
            flag.touch()
            if cell not in ids(state) or (self._last != cell and self._last not in ids(state)):
                continue
            shown: dict[str, str] = {}
            with anyio.move_on_after(PATIENCE):
                while not (where := [each for each, text in shown.items() if word in text]):
                    shown = await self._world.person.outputs()
                    await anyio.sleep(0.02)
            self._world.check("" if where else "late output is lost", word, cell, self._last)
            self._world.check("" if {*where} <= {cell, self._last} else "in another cell", where, cell, self._last)
        self._world.note("the kernel", state, await self._world.settled(), "prints late")

    async def _session(self) -> Any:
        await self._world.settled()  # a rename on the disk is noticed with the next look at the notebook
        sessions = await ask(self._server, "GET", "sessions")
        return next((each for each in sessions if each["path"] == self._world.path[0]), None)

    async def restarts(self) -> None:
        """The person restarts it in JupyterLab."""
        if self._runs:
            session = await self._session()
            self._world.check("" if session else "the kernel's session has another path")
            await ask(self._server, "POST", f"kernels/{session['kernel']['id']}/restart")
            self._forget("restarts")

    async def dies(self) -> None:
        if self._runs:
            session = await self._session()
            self._world.check("" if session else "the kernel's session has another path")
            os.kill(_pid_of(self._server, session["kernel"]["id"]), signal.SIGKILL)
            self._runs = False  # until the next run it may not be there
            self._forget("dies")

    def _forget(self, what: str) -> None:
        self._late.clear()
        self._world.log.append(f"the kernel {what}")

    async def ends(self) -> None:
        session = await self._session()
        if session is not None:
            await ask(self._server, "DELETE", f"sessions/{session['id']}")


def _pid_of(server: JupyterProcess, kernel: str) -> int:
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and f"kernel-{kernel}".encode() in (entry / "cmdline").read_bytes():
                return int(entry.name)
        except OSError:
            continue
    raise AssertionError("no such kernel")
