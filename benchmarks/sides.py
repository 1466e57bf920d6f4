"""How each side does the session, each step in the fewest calls that its tools allow."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any

from mcp.client.client import Client
from mcp_types import CallToolResult

from .comparison import Cost, Run, Step
from .session import CODE, EDITS, FAILS, FIX, NOTEBOOK, PLOTS, PRINTS, READ, Edit, Goals, Seen, Session
from .wire import Meter


async def shown_already() -> None:
    """Nothing: both sides outline a notebook (the other 20 cells of it, we 40) in the reply that opens it."""


class Side(ABC):
    """An agent with one server's tools."""

    name: str

    def __init__(self, client: Client, meter: Meter) -> None:
        self._client = client
        self._meter = meter
        self._cost = Cost()
        self.seen = Seen()

    async def call(self, tool: str, **arguments: Any) -> str:
        """Call a tool; its text, which is also added to what has been seen."""
        result = await self._client.call_tool(tool, arguments)
        assert isinstance(result, CallToolResult)
        self._cost.calls += 1
        before = len(self.seen.text)
        self.seen.add(result)
        return self.seen.text[before:]

    async def run(self, session: Session) -> Run:
        """Do the whole session."""
        connecting = self._meter.cost
        self._meter.cost = catalogue = Cost()
        await self._client.list_tools()
        run = Run(self.name, connecting, catalogue, [])

        async def step(name: str, act: Callable[[], Awaitable[None]], goals: Callable[[], Awaitable[Goals]]) -> None:
            self._meter.cost = self._cost = cost = Cost()
            await act()
            run.steps.append(Step(name, cost, await goals()))

        await step("open the notebook", self.open, lambda: session.opened(self.seen))
        await step("outline", shown_already, lambda: session.outlined(self.seen))
        await step("read five cells", self.read, lambda: session.read(self.seen))
        await step("edit two", lambda: self.edit(*EDITS), lambda: session.edited(*EDITS))
        self.seen = Seen()
        await step("run three", self.run_three, lambda: session.ran_three(self.seen))
        await step("fix the failing one", lambda: self.edit(FIX), lambda: session.edited(FIX))
        await step("run all", self.run_all, session.ran_all)
        return run

    @abstractmethod
    async def open(self) -> None:
        """Open the notebook."""

    @abstractmethod
    async def read(self) -> None:
        """Read the five cells, which stand together."""

    @abstractmethod
    async def edit(self, *edits: Edit) -> None:
        """Find and replace in each of some cells."""

    @abstractmethod
    async def run_three(self) -> None:
        """Run three cells, and see the picture."""

    @abstractmethod
    async def run_all(self) -> None:
        """Run all cells."""


class Ours(Side):
    """jupyter-mcp-proxy."""

    name = "jupyter-mcp-proxy"

    async def open(self) -> None:
        await self.call("use_notebook", notebook=NOTEBOOK)

    async def read(self) -> None:
        await self.call("read_cells", notebook=NOTEBOOK, cells=list(READ))

    async def edit(self, *edits: Edit) -> None:
        for edit in edits:
            change = {"old": edit.old, "new": edit.new}
            await self.call("edit_cell", notebook=NOTEBOOK, cell=edit.cell, edits=[change])

    async def run_three(self) -> None:
        for cell in (PLOTS, PRINTS, FAILS):
            await self.call("execute_cell", notebook=NOTEBOOK, cell=cell)

    async def run_all(self) -> None:
        await self.call("run_cells", notebook=NOTEBOOK)


class Other(Side):
    """Datalayer's jupyter-mcp-server."""

    name = "jupyter-mcp-server"

    async def open(self) -> None:
        await self.call("use_notebook", notebook_name="session", notebook_path=NOTEBOOK)

    async def read(self) -> None:
        await self.call(
            "read_notebook",
            notebook_name="session",
            response_format="detailed",
            start_index=READ.start,
            limit=len(READ),
        )

    async def edit(self, *edits: Edit) -> None:
        for edit in edits:
            await self.call("edit_cell_source", cell_index=edit.cell, old_string=edit.old, new_string=edit.new)

    async def run_three(self) -> None:
        for cell in (PLOTS, PRINTS, FAILS):
            await self.call("execute_cell", cell_index=cell)

    async def run_all(self) -> None:
        for cell in CODE:
            await self.call("execute_cell", cell_index=cell)
