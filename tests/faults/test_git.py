"""git under a notebook that an agent has open: stash, checkout, pull and a conflict, each with the program itself.

Nothing that was acknowledged is lost without a word: it is in the file, in git or in a snapshot, and the agent is told.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from harness import JupyterProcess, connect, until
from harness.agents import Agent, shows, text
from harness.people import person
from harness.repositories import git, repository

from jupyter_mcp_proxy.store.snapshots import stored

pytestmark = pytest.mark.anyio

TICKS = "import time\nfor i in range(60):\n    print('tick', i, flush=True)\n    time.sleep(0.1)\nprint('all')"
LOST = "without what you did in"


class Kept:
    """A notebook in a repository below the server's root, and an agent that has it open."""

    def __init__(self, server: JupyterProcess, agent: Agent, folder: Path, name: str) -> None:
        self.server, self.agent, self.folder = server, agent, folder
        self.notebook, self.path = f"{folder.name}/{name}", folder / name

    async def pulls(self, folder: Path, old: str, new: str, *, fails: bool = False) -> None:
        """An edit of the agent's is committed here, one of somebody else's in a second clone, and that is pulled."""
        git(folder, "clone", "-q", str(self.folder), "second")
        await self.writes(cell=0, source="a = 10")
        self.git("commit", "-qam", "the agent's")
        theirs = folder / "second" / self.path.name
        theirs.write_text(theirs.read_text().replace(old, new))
        git(theirs.parent, "commit", "-qam", "theirs")
        self.git("pull", "-q", "--rebase", str(theirs.parent), "main", fails=fails)

    def git(self, *arguments: str, fails: bool = False) -> str:
        return git(self.folder, *arguments, fails=fails)

    def branch(self, name: str, *change: str) -> None:
        """Make a branch where the notebook says another thing, or where it is not."""
        self.git("checkout", "-qb", name)
        if change:
            self.path.write_text(self.path.read_text().replace(*change))
        else:
            self.git("rm", "-q", self.path.name)
        self.git("commit", "-qam", name)
        self.git("checkout", "-q", "main")

    async def does(self, tool: str, **arguments: object) -> str:
        return await self.agent.ok(tool, notebook=self.notebook, **arguments)

    async def refuses(self, tool: str, **arguments: object) -> str:
        return await self.agent.fails(tool, notebook=self.notebook, **arguments)

    def sources(self) -> list[str]:
        return ["".join(cell["source"]) for cell in self.server.read_notebook(self.notebook)["cells"]]

    def printed(self, cell: int) -> str:
        outputs = self.server.read_notebook(self.notebook)["cells"][cell]["outputs"]
        return "".join("".join(output.get("text", "")) for output in outputs)

    async def writes(self, **arguments: object) -> None:
        """An edit of the agent's that is on disk, and of which the room has heard that it is."""
        await self.does("overwrite_cell_source", **arguments)
        await until(lambda: arguments["source"] in self.sources())
        await anyio.sleep(1)

    async def reads(self, words: str) -> str:
        """Look until the notebook has these words, which the server may notice a second later; all that was told."""
        told = ""
        with anyio.fail_after(30):
            while words not in told:
                told += await self.does("read_cells")
                await anyio.sleep(0.1)
        return told

    def snapshot(self, told: str) -> list[str]:
        """The cells of the snapshot that a note names."""
        time = told.partition("kept in the snapshot ")[2].partition(".")[0]
        (found,) = [each for each in stored(self.server.data) if each.time == time]
        return ["".join(cell["source"]) for cell in json.loads(found.file.read_text())["cells"]]

    def kernels(self) -> int:
        sessions = json.loads(self.server.get("api/sessions")[1])
        return len({each["kernel"]["id"] for each in sessions if each["path"].startswith(self.folder.name)})


@asynccontextmanager
async def kept(server: JupyterProcess, name: str, *sources: str) -> AsyncIterator[Kept]:
    folder = server.root / name.removesuffix(".ipynb")
    folder.mkdir()
    server.write_notebook(f"{folder.name}/{name}", *(sources or ("a = 1", "b = 2", "c = 3")))
    repository(folder)
    async with connect(server, name="tidy") as agent:
        yield Kept(server, agent, folder, name)


async def test_what_git_has_stashed_is_told_and_its_undoing_writes_nothing_and_what_is_popped_is_there(
    server: JupyterProcess, name: str
) -> None:
    async with kept(server, name) as it:
        await it.does("insert_cell", source="d = 4")
        await it.writes(cell=0, source="a = 10")
        it.git("stash")
        told = await it.reads("\na = 1\n")
        assert told.count(LOST) == 1, "once"
        assert it.snapshot(told) == ["a = 10", "b = 2", "c = 3", "d = 4"]
        assert "overwritten" in await it.does("notebook_changes")
        result = await it.agent.call("undo_changes", notebook=it.notebook)
        assert "is not what you left there" in text(result) or "no change of yours" in text(result)
        await anyio.sleep(2)
        assert it.git("status", "--porcelain") == "", "git would not pop what it has stashed over a changed file"
        it.git("stash", "pop")
        await it.reads("\na = 10\n")
        await it.writes(cell=1, source="b = 20")
        assert it.sources() == ["a = 10", "b = 20", "c = 3", "d = 4"]


async def test_what_git_has_thrown_away_is_in_a_snapshot_and_the_agent_is_told(
    server: JupyterProcess, name: str
) -> None:
    async with kept(server, name) as it:
        await it.writes(cell=0, source="a = 10")
        it.git("checkout", "--", it.path.name)
        told = await it.reads("\na = 1\n")
        assert it.snapshot(told) == ["a = 10", "b = 2", "c = 3"]
        await it.agent.call("undo_changes", notebook=it.notebook)
        await it.writes(cell=2, source="c = 30")
        assert it.sources() == ["a = 1", "b = 2", "c = 30"]


async def test_what_git_throws_away_while_a_person_looks_is_kept_too(live: JupyterProcess, name: str) -> None:
    """A cell that is only taken out says nothing of who has taken it: the file tells that it is another."""
    async with kept(live, name) as it, person(live, it.notebook, "Ann") as ann:
        await it.does("insert_cell", source="d = 4")
        await until(lambda: "d = 4" in it.sources())
        await anyio.sleep(1)
        it.git("checkout", "--", it.path.name)
        await ann.sees(lambda: len(ann.notebook.ycells) == 3, seconds=30)
        told = await it.does("list_cells")
        assert it.snapshot(told) == ["a = 1", "b = 2", "c = 3", "d = 4"]


async def test_what_a_person_has_taken_out_is_not_told_as_what_git_has(live: JupyterProcess, name: str) -> None:
    async with kept(live, name) as it, person(live, it.notebook, "Ann") as ann:
        await it.writes(cell=0, source="a = 10")
        del ann.notebook.ycells[0]["source"][5:6]
        await until(lambda: it.sources()[0] == "a = 1")
        await it.does("list_cells")
        it.path.write_text(it.path.read_text().replace("c = 3", "c = 33"))
        it.git("commit", "-qam", "another")
        it.git("checkout", "-q", "HEAD~1")
        await ann.sees(lambda: ann.source(2) == "c = 3", seconds=30)
        assert LOST not in await it.does("read_cells")


async def test_only_who_has_changed_something_is_named(live: JupyterProcess, name: str) -> None:
    """That the server has saved what the agent wrote is nobody's change of a cell."""
    async with kept(live, name) as it:
        await it.does("list_cells")
        async with person(live, it.notebook, "Ann") as ann:
            await it.writes(cell=0, source="a = 10")
            await ann.types(1, "0")
            await until(lambda: it.sources() == ["a = 10", "b = 20", "c = 3"])
            assert "[Note: meanwhile Ann edited 1 " in await it.does("list_cells")


async def test_what_somebody_takes_out_who_has_shown_no_name_yet_is_no_other_programs_either(
    live: JupyterProcess, name: str
) -> None:
    """JupyterLab tells who has come later only when its person moves, and every 15 s."""
    async with kept(live, name) as it, person(live, it.notebook) as somebody:
        await it.writes(cell=0, source="a = 10")
        await it.writes(cell=1, source="b = 20")
        somebody.delete(0)
        await until(lambda: it.sources() == ["b = 20", "c = 3"])
        assert LOST not in await it.does("list_cells")
        with somebody.notebook.ycells.doc.transaction():
            somebody.delete(0)
            somebody.insert(1, "other = 20", "another0")
        await until(lambda: it.sources() == ["c = 3", "other = 20"])
        await anyio.sleep(1)
        assert LOST not in await it.does("list_cells")


async def test_a_run_under_which_git_replaces_the_notebook_ends_in_it_with_all_that_it_has_printed(
    server: JupyterProcess, name: str
) -> None:
    async with kept(server, name, "a = 1", TICKS) as it:
        await it.writes(cell=0, source="a = 10")
        it.git("commit", "-qam", "before")
        it.branch("other", "a = 10", "a = 100")
        run = await shows(it.agent, await it.does("execute_cell", cell=1, wait=0.5), "tick 3")
        it.git("checkout", "-q", "--force", "other")
        assert "ok" in await it.agent.ok("wait_execution", execution=run, wait=60)
        await until(lambda: it.sources()[0] == "a = 100" and it.printed(1).endswith("all\n"))
        assert it.printed(1).startswith("tick 0\n")
        await it.does("execute_cell", cell=0)
        assert it.kernels() == 1


async def test_a_branch_without_the_notebook_is_told_and_one_that_has_it_again_gets_what_was_printed_meanwhile(
    server: JupyterProcess, name: str
) -> None:
    async with kept(server, name, "a = 1", TICKS) as it:
        it.branch("without")
        run = await shows(it.agent, await it.does("execute_cell", cell=1, wait=0.5), "tick 3")
        it.git("checkout", "-q", "--force", "without")
        for tool in ("overwrite_cell_source", "execute_cell"):
            more = {"source": "a = 2"} if tool == "overwrite_cell_source" else {}
            told = await it.refuses(tool, cell=0, **more)
            assert "is gone: its file was deleted" in told
        assert not it.path.exists()
        it.git("checkout", "-q", "--force", "main")
        done = await it.agent.ok("wait_execution", execution=run, wait=60)
        assert "only here" not in done
        await until(lambda: it.printed(1).endswith("all\n"))
        assert it.printed(1).startswith("tick 0\n")
        await it.writes(cell=0, source="a = 3")
        await it.does("execute_cell", cell=0)
        assert it.kernels() == 1


async def test_what_is_pulled_is_read_and_the_agents_own_stands_and_is_taken_back_alone(
    server: JupyterProcess, name: str, tmp_path: Path
) -> None:
    async with kept(server, name) as it:
        await it.pulls(tmp_path, "c = 3", "c = 33")
        told = await it.reads("\nc = 33")
        assert "\na = 10\n" in told
        assert LOST not in told
        await it.does("undo_changes")
        await until(lambda: it.sources() == ["a = 1", "b = 2", "c = 33"])


async def test_the_marks_of_a_conflict_are_not_written_over_until_somebody_has_resolved_it(
    server: JupyterProcess, name: str, tmp_path: Path
) -> None:
    async with kept(server, name) as it:
        await it.pulls(tmp_path, "a = 1", "a = 111", fails=True)
        marked = it.path.read_bytes()
        assert b"<<<<<<<" in marked
        for tool, more in (
            ("overwrite_cell_source", {"source": "b = 20"}),
            ("execute_cell", {}),
            ("undo_changes", None),
        ):
            told = await it.refuses(tool, **({} if more is None else {"cell": 1, **more}))
            assert "is not a readable notebook" in told
            assert "not touched" in told
        assert "<<<<<<<" in await it.agent.ok("read_file", path=it.notebook)
        await anyio.sleep(2)
        assert it.path.read_bytes() == marked
        it.git("checkout", "--ours", it.path.name)
        await it.reads("\na = 111\n")
        await it.writes(cell=1, source="b = 20")
        assert it.sources() == ["a = 111", "b = 20", "c = 3"]
