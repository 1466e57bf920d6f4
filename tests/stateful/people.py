"""The person, as JupyterLab acts for them: in the notebook's room, or by the Contents API where there is none."""

from __future__ import annotations

import copy
import json
import os
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import anyio
import httpx2
import nbformat.v4
from harness import JupyterProcess
from harness.people import Person, person
from pycrdt import UndoManager

from stateful.model import Cell, State, twice

ME = "the person"


class Somebody(ABC):
    """A person who has the notebook open; `state` is what they and the disk have."""

    waits_to_be_saved = False
    """Whether the server is going to write what an agent has done, of which the sources may tell nothing."""

    @abstractmethod
    async def state(self) -> State: ...

    @abstractmethod
    async def outputs(self) -> dict[str, str]:
        """What each cell has put out, as JSON."""

    @abstractmethod
    async def insert(self, index: int, source: str, id: str) -> None: ...

    @abstractmethod
    async def delete(self, index: int) -> None: ...

    @abstractmethod
    async def move(self, index: int, to: int) -> None: ...

    @abstractmethod
    async def type(self, cell: str, word: str) -> None:
        """Add a line at a cell's end."""

    async def goes_on_typing(self, cell: str, word: str, over: anyio.Event) -> str:
        """Type a line at a cell's end, character by character, until something is over; the line."""
        raise NotImplementedError

    @abstractmethod
    async def back(self) -> bool:
        """Their undo, or in a file a save of what they had on their screen before; whether they did anything."""


class InTheRoom(Somebody):
    def __init__(self, person: Person) -> None:
        self.person = person
        self._undo = UndoManager(scopes=[person.notebook.ycells], capture_timeout_millis=0)
        self._undo.include_origin(ME)

    @property
    def cells(self) -> Any:
        return self.person.notebook.ycells

    @property
    def waits_to_be_saved(self) -> bool:  # type: ignore[override]
        return bool(self.person.notebook.dirty)

    def transaction(self) -> Any:
        return self.person.room.doc.transaction(origin=ME)

    async def state(self) -> State:
        await self.person.room.flush()
        return tuple(Cell(str(cell["id"]), str(cell["source"])) for cell in self.cells)

    async def outputs(self) -> dict[str, str]:
        await self.person.room.flush()
        return {str(cell["id"]): json.dumps(cell["outputs"].to_py()) for cell in self.cells}

    async def insert(self, index: int, source: str, id: str) -> None:
        with self.transaction():
            self.person.insert(index, source, id)
        await self.person.room.flush()

    async def delete(self, index: int) -> None:
        with self.transaction():
            self.person.delete(index)
        await self.person.room.flush()

    async def move(self, index: int, to: int) -> None:
        """JupyterLab makes the cell anew, with its id, in the same transaction."""
        with self.transaction():
            cell = self.cells[index].to_py()
            del self.cells[index]
            self.cells.insert(to, self.person.notebook.create_ycell(cell))
        await self.person.room.flush()

    async def type(self, cell: str, word: str) -> None:
        with self.transaction():
            (source,) = (each["source"] for each in self.cells if str(each["id"]) == cell)
            source += f"\n{word}" if str(source) else word
        await self.person.room.flush()

    async def goes_on_typing(self, cell: str, word: str, over: anyio.Event) -> str:
        line = ""
        ahead = list(word)
        while ahead or not over.is_set():
            (source,) = (each["source"] for each in self.cells if str(each["id"]) == cell)
            typed = ahead.pop(0) if ahead else "x"
            with self.transaction():
                source += typed if line or not str(source) else f"\n{typed}"
            line += typed
            await anyio.sleep(0.002)
        await self.person.room.flush()
        return line

    async def back(self) -> bool:
        done = bool(self._undo.undo())
        if twice(await self.state()):  # it brought back a copy with what an agent has put elsewhere since: they see it
            self._undo.redo()
            await self.person.room.flush()
        return done


class AtTheFile(Somebody):
    def __init__(self, server: JupyterProcess, http: httpx2.AsyncClient, path: list[str]) -> None:
        self._server, self._http, self._path = server, http, path
        self._screen: dict[str, Any] | None = None

    @property
    def _url(self) -> str:
        return f"{self._server.url}api/contents/{quote(self._path[0])}"

    async def state(self) -> State:
        content = await self._read()
        return tuple(Cell(cell["id"], "".join(cell["source"])) for cell in content["cells"])

    async def outputs(self) -> dict[str, str]:
        content = await self._read()
        return {cell["id"]: json.dumps(cell["outputs"]) for cell in content["cells"]}

    async def _read(self) -> Any:
        return await anyio.to_thread.run_sync(self._server.read_notebook, self._path[0])

    async def _open(self) -> dict[str, Any]:
        answer = await self._http.get(self._url)
        assert answer.status_code == 200, answer.text
        content: dict[str, Any] = answer.json()["content"]
        return content

    async def _save(self, content: dict[str, Any]) -> None:
        answer = await self._http.put(self._url, json={"type": "notebook", "format": "json", "content": content})
        assert answer.status_code == 200, answer.text

    async def _change(self, change: Any) -> None:
        content = await self._open()
        self._screen = copy.deepcopy(content)
        change(content["cells"])
        await self._save(content)

    async def insert(self, index: int, source: str, id: str) -> None:
        await self._change(lambda cells: cells.insert(index, nbformat.v4.new_code_cell(source, id=id)))

    async def delete(self, index: int) -> None:
        await self._change(lambda cells: cells.pop(index))

    async def move(self, index: int, to: int) -> None:
        await self._change(lambda cells: cells.insert(to, cells.pop(index)))

    async def type(self, cell: str, word: str) -> None:
        def add(cells: list[dict[str, Any]]) -> None:
            (one,) = (each for each in cells if each["id"] == cell)
            one["source"] = f"{one['source']}\n{word}" if one["source"] else word

        await self._change(add)

    async def replace(self, word: str) -> None:
        """Another file takes its place, as git does it, with a line more in its first cell."""
        there = self._server.root / self._path[0]
        content = json.loads(await anyio.Path(there).read_text())
        if word and content["cells"]:
            content["cells"][0]["source"] = "".join(content["cells"][0]["source"]) + f"\n{word}"
        beside = there.with_suffix(".new")
        await anyio.Path(beside).write_text(json.dumps(content, indent=1))
        await anyio.Path(beside).replace(there)

    async def touch(self) -> None:
        await anyio.to_thread.run_sync(os.utime, self._server.root / self._path[0])

    async def back(self) -> bool:
        """A save of a notebook that was read a while ago: JupyterLab asks, and is told to overwrite."""
        if self._screen is None:
            return False
        await self._save(self._screen)
        return True


@asynccontextmanager
async def somebody(server: JupyterProcess, path: list[str]) -> AsyncIterator[Somebody]:
    """A person in a notebook, whose path is that of `path[0]` at any time."""
    if server.guarantee == "live":
        async with person(server, path[0], "Ada") as there:
            yield InTheRoom(there)
        return
    headers = {"Authorization": f"Bearer {server.token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http:
        yield AtTheFile(server, http, path)
