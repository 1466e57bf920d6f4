"""A large notebook as a file, whatever fails at whatever moment: nobody's word is lost.

The Contents API is played here: a real server cannot be made to fail in the middle of a write, nor a person to save in
the same millisecond, again and again.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from harness.sequences import EXAMPLES as SEQUENCES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_mcp_proxy.documents import late as late_module
from jupyter_mcp_proxy.documents.document import Author
from jupyter_mcp_proxy.documents.editor import Editor
from jupyter_mcp_proxy.documents.file import FileDocument
from jupyter_mcp_proxy.documents.stored import LARGE
from jupyter_mcp_proxy.errors import ProxyError, ServerError, ServerUnreachable
from jupyter_mcp_proxy.jupyter.encoding import notebook_model
from jupyter_mcp_proxy.jupyter.server import JupyterServer
from jupyter_mcp_proxy.store import snapshots as snapshots_module
from jupyter_mcp_proxy.store.snapshots import Snapshots

"""Sequences that Hypothesis plays; the nightly run sets SEQUENCES=1000."""
NAME = "a.ipynb"
AGENT = Author("agent", "Agent")

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["write", "write", "insert", "delete", "move", "cancel", "person writes", "person inserts", "wait", "crash",
             "fail", "lose the answer"]
        ),
        st.integers(0, 9),
        st.integers(0, 9),
    ),
    max_size=25,
)  # fmt: skip


class PlayedServer(JupyterServer):
    """One notebook in memory. What `next` says happens to the next write."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:9/")
        cells = [
            {
                "id": f"c{n}",
                "cell_type": "code",
                "metadata": {},
                "source": f"{n}",
                "execution_count": None,
                "outputs": [],
            }
            for n in range(4)
        ]
        cells[0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x" * LARGE}]
        self.text = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
        self.time = 1_700_000_000
        self.next = ""
        self.writing = False

    def save(self, content: dict[str, Any]) -> None:
        self.text, self.time = json.dumps(content), self.time + 1

    async def contents(self, path: str, *, content: bool = True, **query: str | int) -> dict[str, Any]:
        await asyncio.sleep(0)
        model: dict[str, Any] = {
            "last_modified": datetime.fromtimestamp(self.time, timezone.utc).isoformat(),
            "size": len(self.text),
            "hash": hashlib.sha256(self.text.encode()).hexdigest() if query.get("hash") else None,
        }
        return model | ({"content": json.loads(self.text)} if content else {})

    async def save_notebook(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
        body = b"".join(notebook_model(content))
        happens, self.next = self.next, ""
        self.writing = True
        try:
            await asyncio.sleep(0.002)
            if happens == "fail":
                raise ServerError("Writing", 500, "disk full")
            self.save(json.loads(body)["content"])
            if happens == "lose the answer":
                raise ServerUnreachable("Writing", "timeout")
            return await self.contents(path, content=False)
        finally:
            self.writing = False


class Play:
    """An agent and a person at one notebook. Every text that is written is there once, and says who wrote it."""

    def __init__(self, server: PlayedServer, snapshots: Snapshots) -> None:
        self.server = server
        self.snapshots = snapshots
        self.document = FileDocument(server, NAME, snapshots)
        self.agents: set[str] = set()
        """What must be in the file or in a snapshot in the end."""
        self.persons: set[str] = set()
        """What must be in the file."""
        self._number = 0

    def _text(self, who: str) -> str:
        self._number += 1
        return f"{who} {self._number}"

    async def step(self, what: str, one: int, two: int) -> None:
        if what in ("fail", "lose the answer"):
            self.server.next = what
        elif what == "wait":
            await asyncio.sleep(0.005 * one)
        elif what == "crash":
            await self.crash()
        elif what == "cancel":
            task = asyncio.ensure_future(self._agent("write", one, two))
            for _ in range(two):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        elif not what.startswith("person"):
            await self._agent(what, one, two)
        elif not self.server.writing:  # the Contents API cannot tell who saves while another does
            self._person(what, one)

    async def _agent(self, what: str, one: int, two: int) -> None:
        text = self._text("agent")
        replaced: set[str] = set()

        def change(editor: Editor) -> None:
            replaced.clear()
            count = len(editor.ids())
            if what == "insert" or not count:
                editor.insert(one % (count + 1), "code", text)
                return
            if what in ("write", "delete"):
                replaced.add(editor.cell_at(one % count).source)
            if what == "write":
                editor.set_source(one % count, text)
            elif what == "delete":
                editor.delete(one % count)
            else:
                editor.move(one % count, two % count)

        made = False
        try:
            await self.document.edit(change, author=AGENT)
            made = True
        finally:  # what failed may have been made
            self.agents -= replaced
            self.persons -= replaced
            if made and what in ("write", "insert"):
                self.agents.add(text)

    def _person(self, what: str, one: int) -> None:
        text = self._text("person")
        content = json.loads(self.server.text)
        cells = content["cells"]
        if what == "person writes" and cells:
            cell = cells[one % len(cells)]
            self.agents.discard(cell["source"])
            self.persons.discard(cell["source"])
            cell["source"] = text
        else:
            cells.insert(
                one % (len(cells) + 1),
                {"id": text.replace(" ", "-"), "cell_type": "code", "metadata": {}, "source": text}
                | {"execution_count": None, "outputs": []},
            )
        self.persons.add(text)
        self.server.save(content)

    async def crash(self) -> None:
        """What a killed process leaves: the files, and no lock."""
        writer = self.document._late._writer
        if writer is not None:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        self.document._late._unsaved.release()
        self.document = FileDocument(self.server, NAME, self.snapshots)
        await self.document.__aenter__()

    def check(self) -> None:
        assert not self.snapshots.notebooks("unsaved.json")
        content = json.loads(self.server.text)
        ids = [cell["id"] for cell in content["cells"]]
        assert len(ids) == len(set(ids))
        there = sources(content)
        assert self.persons <= there
        for file in self.snapshots.folder(NAME).glob("*.ipynb"):
            there |= sources(json.loads(file.read_text()))
        assert self.agents <= there


def sources(content: dict[str, Any]) -> set[str]:
    return {cell["source"] for cell in content["cells"]}


@contextmanager
def hurried() -> Iterator[None]:
    """Everything waits for milliseconds only, and no snapshot is thrown away."""
    with (
        patch.multiple(late_module, SETTLED=0.01, LONGEST=0.05, RETRY=0.02),
        patch.object(snapshots_module, "KEPT", 10_000),
    ):
        yield


@settings(max_examples=SEQUENCES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_no_word_is_lost(steps: list[tuple[str, int, int]]) -> None:
    async def play(folder: str) -> None:
        async with PlayedServer() as server:
            game = Play(server, Snapshots(Path(folder), "test"))  # type: ignore[arg-type]
            await game.document.__aenter__()
            for step in steps:
                with suppress(ProxyError):
                    await game.step(*step)
            server.next = ""
            await game.document.__aexit__()
            game.check()

    with hurried(), TemporaryDirectory() as folder:
        asyncio.run(play(folder))
