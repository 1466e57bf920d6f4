"""One notebook's trial: calls by lot in a folder of its own, and after each what must hold."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import anyio
import nbformat
from harness import Agent, JupyterProcess
from roundtrip.reference import CannotOpen, opened

from fuzz.caller import answer
from fuzz.holds import cells_of, first_missing, without_outputs, wrong_with_refusal
from fuzz.values import Facts, Values
from jupyter_mcp_proxy.tools.server import CATALOGUE

LONGEST = 10.0
"""Seconds that a call may take, besides the wait that it asks for."""
DEFAULT_WAIT = 45.0
HEAD = re.compile(r"^── (\d+) (\S+) (\w+)\b.* hash (\w+)$", re.MULTILINE)
CLOSES = ("unuse_notebook", "move_file")
RUNS = frozenset(["execute_cell", "execute_ipython", "insert_execute_code_cell", "run_cells"])
SETTLED = 15.0
RUN = re.compile(r"\b[xb][0-9a-f]{2}\d+\b")
"""The id of an execution or a batch."""
RAN = re.compile(r"^[xb][0-9a-f]{2}\d+ · ", re.MULTILINE)


@dataclass
class Sums:
    """What was called, and what was wrong."""

    calls: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)
    """Each kind of refusal, with one of its kind."""
    slowest: list[tuple[float, str]] = field(default_factory=list)
    most_memory: int = 0
    """Of the sidecar, in MB."""


class Trial:
    """A notebook with a few files beside it."""

    def __init__(
        self, server: JupyterProcess, agent: Agent, folder: str, written: bytes, lot: Random, sums: Sums
    ) -> None:
        self.server, self.agent, self.lot, self.sums = server, agent, lot, sums
        self.path = f"{folder}/a.ipynb"
        self.written = written
        here = server.root / folder
        here.mkdir(parents=True)
        (here / "a.ipynb").write_bytes(written)
        (here / "x.txt").write_text("one\ntwo\n")
        (here / "y.csv").write_bytes(b"a,b\r\n1,2\r\n")
        (here / "z.bin").write_bytes(bytes(range(256)))
        server.write_notebook(f"{folder}/other.ipynb", "1", ids=["stranger-1"])
        self.facts = Facts(
            self.path, folder, [f"{folder}/{name}" for name in ("x.txt", "y.csv", "z.bin", "other.ipynb", "nowhere")]
        )
        self.touched: set[str] = set()
        self.ran: set[str] = set()
        self.order: list[str] = []
        self.log: list[str] = []
        self.told: set[str] = set()

    async def run(self, calls: int, choose: Any) -> None:
        """So many calls, each tool chosen by `choose`."""
        try:
            content = await anyio.to_thread.run_sync(opened, self.server, self.path)
        except (CannotOpen, KeyError, ValueError):
            content = None
        self.with_ids = content is not None and _has_ids(self.written)
        self.opens = content is not None
        self.originals = [] if content is None else cells_of(content, self.with_ids)
        self.valid = not why_invalid(self.written)
        self.facts.sources = [json.loads(cell)["source"] for cell in self.originals] or [""]
        await self.call("use_notebook", {"notebook": self.path})
        await self.looks()
        self.order = [id for id, _ in self.facts.cells]
        for _ in range(calls if content is not None else min(calls, 8)):
            tool = choose()
            await self.call(tool, Values(self.lot, self.facts).arguments(tool, CATALOGUE[tool].parameters))
            if not (self.server.root / self.path).exists():  # it was deleted
                return
            if tool in CLOSES and not self.with_ids:
                # A format without ids has other ones whenever it is read while it is closed, so what is known of its
                # cells can only go on with those that it has once it is opened again, before anything else is done.
                await answer(self.server, self.agent, "use_notebook", {"notebook": self.path})
                await self.looks()
        await self.ends()

    async def call(self, tool: str, arguments: dict[str, Any]) -> str:
        """One call, and what must hold after it."""
        self.log.append(f"{tool} {json.dumps(arguments)[:400]}")
        before = dict(self.facts.cells), list(self.facts.cells)
        wait = arguments.get("wait", 0 if tool not in (RUNS | {"wait_execution"}) else None)
        patience = LONGEST + (wait if isinstance(wait, (int, float)) and 0 <= wait <= 280 else DEFAULT_WAIT)
        file = self.server.root / self.path
        inode = file.stat().st_ino if file.exists() else None
        began = time.monotonic()
        try:
            with anyio.fail_after(max(patience, 60) + 30):
                refused, told = await answer(self.server, self.agent, tool, arguments)
        except Exception as error:  # whatever a client meets is told with the call that met it
            self.fault(f"no answer: {type(error).__name__}: {error}")
            return ""
        took = time.monotonic() - began
        self.sums.calls[tool] += 1
        self.sums.slowest = sorted([*self.sums.slowest, (round(took, 2), self.log[-1][:200])], reverse=True)[:12]
        if took > patience:
            self.fault(f"took {took:.1f} s")
        ran = RAN.search(told) is not None  # what the code says, with an error of its own
        refused = refused and not ran
        if not refused:
            self.notes(tool, arguments, *before)
        if tool == "move_file" and not refused and inode is not None and not file.exists():
            self.follow(inode)
        self.holds(tool, arguments, refused, told)
        self.sums.refused[tool] += refused
        if not refused:
            self.facts.executions += RUN.findall(told)[:3]
            self.facts.kernels += re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", told)[:2]
            if found := re.search(r"hash (\w{8})", told):
                self.facts.digests[str(arguments.get("path"))] = found[1]
            if CATALOGUE[tool].annotations and not CATALOGUE[tool].annotations.read_only_hint:
                await self.looks()
        return told

    def holds(self, tool: str, arguments: dict[str, Any], refused: bool, told: str) -> None:
        """The answer's words, the processes, the file."""
        if refused:
            told = told.split("\n[Since ", 1)[0]  # what code says after its end
            repeated = f"{json.dumps(arguments, ensure_ascii=False)}{arguments!r}" + "".join(self.facts.sources) + tool
            if wrong := wrong_with_refusal(told, repeated):
                self.fault(f"the refusal {wrong}: {told[:600]!r}")
            self.sums.refusals.setdefault(f"{tool}: {re.sub(r'[^a-z ]+', '', told[:60])}", told[:400])
        elif not told.strip():
            self.fault("an answer without a word")
        try:
            status = Path(f"/proc/{self.server.sidecar_pid()}/status").read_text()
            self.sums.most_memory = max(self.sums.most_memory, int(re.search(r"VmRSS:\s+(\d+)", status)[1]) // 1024)  # type: ignore[index]
        except (AssertionError, OSError) as error:
            self.fault(f"the sidecar is gone: {error}")
        if self.server.process.poll() is not None:
            self.fault("the server is gone")
        if self.server.guarantee == "file" and len(self.written) < 500_000 and self.wrong_with_file():
            time.sleep(0.5)  # Jupyter writes in place: who opens the file then is told that it is empty
            if wrong := self.wrong_with_file():
                self.fault(wrong)

    def notes(self, tool: str, arguments: dict[str, Any], kinds: dict[str, str], cells: list[tuple[str, str]]) -> None:
        """Which cells a call that was done may have changed."""
        named = [
            arguments.get("cell"),
            arguments.get("cells"),
            *[e.get("cell") for e in arguments.get("edits") or () if isinstance(e, dict)],
        ]
        if tool == "insert_cell":
            named = []
        found = {id for each in named for id in self.meant(each, cells)}
        code = {id for id, kind in cells if kind == "code"}
        if tool == "edit_cell" and not arguments.get("dry_run"):
            every = (
                any(isinstance(e, dict) and e.get("cell") is None for e in arguments["edits"])
                and arguments.get("cell") is None
            )
            self.touched |= found | (code if every else set())
        elif tool in (
            "overwrite_cell_source",
            "set_cell_metadata",
            "split_cell",
            "merge_cells",
            "move_cell",
            "delete_cell",
        ):
            self.touched |= found
        elif tool == "clear_outputs":
            self.ran |= found if arguments.get("cells") is not None else code
        elif tool == "execute_cell":
            self.ran |= found
        elif tool == "run_cells":
            self.ran |= found if arguments.get("cells") is not None else code

    def meant(self, named: Any, cells: list[tuple[str, str]]) -> set[str]:
        """The cells that a value may mean, by index or id."""
        if isinstance(named, list):
            return {id for each in named for id in self.meant(each, cells)}
        if isinstance(named, str):
            named = named.strip()
            found = {id for id, _ in cells if id.startswith(named[:8])} if named else set()
            return found or (self.meant(int(named), cells) if re.fullmatch(r"-?\d{1,6}", named) else set())
        if isinstance(named, (int, float)) and not isinstance(named, bool) and -len(cells) <= named < len(cells):
            return {cells[int(named)][0]}
        return set()

    async def looks(self) -> None:
        """See which cells there are now, with their hashes."""
        refused, told = await answer(
            self.server, self.agent, "read_cells", {"notebook": self.path, "outputs": "off", "images": "none"}
        )
        self.sums.calls["read_cells"] += 1
        if not refused:
            found = HEAD.findall(told)
            self.has_other_ids([id for _, id, _, _ in found])
            self.facts.cells = [(id, kind) for _, id, kind, _ in found]
            self.facts.hashes = {id: digest for _, id, _, digest in found}

    def has_other_ids(self, now: list[str]) -> None:
        """A format without ids has new ones in each room: after `unuse_notebook`, or where the file was moved."""
        before = [id for id, _ in self.facts.cells]
        if self.with_ids or len(now) != len(before) or set(now) & set(before):
            return
        renamed = dict(zip(before, now, strict=True))
        self.order = [renamed.get(id, id) for id in self.order]
        self.touched = {renamed.get(id, id) for id in self.touched}
        self.ran = {renamed.get(id, id) for id in self.ran}

    def follow(self, inode: int) -> None:
        for file in self.server.root.rglob("*"):
            if file.is_file() and file.stat().st_ino == inode:
                self.path = self.facts.notebook = str(file.relative_to(self.server.root))
                self.facts.folder = str(Path(self.path).parent)

    @staticmethod
    def whole(file: Path) -> bytes:
        """A file once it is JSON: Jupyter writes in place, so half of it may be there for a moment."""
        for _ in range(50):
            written = file.read_bytes()
            try:
                json.loads(written)
            except ValueError:
                time.sleep(0.02)
            else:
                return written
        return b""

    def untouched(self) -> list[str]:
        return [cell for id, cell in zip(self.order, self.originals, strict=False) if id not in self.touched]

    def wrong_with_file(self) -> str:
        """What is wrong with the notebook on the disk."""
        file = self.server.root / self.path
        if not file.exists():
            return ""
        if not self.opens:
            return "" if file.read_bytes() == self.written else "it does not open, and was written"
        if len(self.order) != len(self.originals):
            return ""  # not all was told
        written = self.whole(file)
        if not written:
            return "the file is no JSON"
        if self.valid and (why := why_invalid(written)):
            return f"the file is no valid notebook any more: {why}"
        try:
            now = cells_of(opened(self.server, self.path), self.with_ids)
        except (CannotOpen, KeyError, ValueError) as error:
            return f"Jupyter does not open it any more: {error}"
        mine = self.untouched()
        if self.ran:
            mine, now = [without_outputs(each) for each in mine], [without_outputs(each) for each in now]
        missing = first_missing(mine, now)
        return "" if missing is None else f"a cell that no call named is not as it was: {missing[:700]}"

    async def ends(self) -> None:
        """Once all is written, the file is right; the kernel answers; what was opened is closed."""
        deadline = time.monotonic() + SETTLED
        while (wrong := self.wrong_with_file()) and time.monotonic() < deadline:
            await anyio.sleep(0.3)
        if wrong:
            self.fault(f"at the end: {wrong}")
        if self.opens and self.facts.executions:
            await self.call("interrupt_kernel", {"notebook": self.path})
            told = await self.call("execute_ipython", {"notebook": self.path, "code": "print(6 * 7)", "wait": 20})
            if "42" not in told and not re.search(r"kernelspec|no kernel|not Python", told):
                self.fault(f"the kernel does not answer: {told[:300]!r}")
        await self.call("restart_notebook", {"notebook": self.path, "shutdown": True})
        await self.call("unuse_notebook", {"notebook": self.path})

    def fault(self, what: str) -> None:
        if what[:40] in self.told:  # what is wrong once is so after each later call
            return
        self.told.add(what[:40])
        last = "\n    ".join(self.log[-4:])
        self.sums.wrong.append(f"{self.server.guarantee} {self.path}: {what}\n    {last}")


def why_invalid(written: bytes) -> str:
    """Why a file is no valid nbformat, of whichever version it says; empty where it is."""
    try:
        nbformat.validate(nbformat.reads(written.decode(), as_version=nbformat.NO_CONVERT))
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    return ""


def _has_ids(written: bytes) -> bool:
    """Whether each cell of a file has an id of its own."""
    cells = json.loads(written).get("cells", [{}])
    ids = [cell.get("id") for cell in cells]
    return all(isinstance(id, str) and id for id in ids) and len(set(ids)) == len(ids)
