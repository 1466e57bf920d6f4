"""The sides: how each is installed, started and called. A call that a side has no tool for is None."""

from __future__ import annotations

import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.lean import NEW_ERA
from benchmarks.other import install, other_server
from benchmarks.parts import JupyterProcess, free_port

Call = tuple[str, dict[str, Any]]
"""A tool and its arguments."""
BESIDE = ("jupyter-server", "jupyter-collaboration", "ipykernel")
"""What all sides have in the same version."""
RUNS = "runs.ipynb"


def cell_id(index: int) -> str:
    """The id of a notebook's cell, by which one of the peers has them called."""
    return f"cell-{index:04}"


@dataclass(frozen=True)
class Running:
    """A side that was started: its Jupyter server, its endpoint, and the processes that are its own."""

    server: JupyterProcess
    url: str
    token: str
    processes: tuple[int, ...]


class Side(ABC):
    """A server of tools. The words of its calls are what a client sends."""

    name: ClassVar[str]
    package: ClassVar[str]
    requires: ClassVar[str] = ""
    era: ClassVar[str] = NEW_ERA
    without: ClassVar[tuple[str, ...]]
    """The extensions without which the same Jupyter server is a bare one."""

    def __init__(self, environments: Path) -> None:
        self._folder = environments / self.package
        if self.requires and not self._folder.exists():
            install(self._folder, self.requires, *(f"{each}=={version(each)}" for each in BESIDE))

    @property
    def python(self) -> str:
        """The interpreter of its Jupyter server."""
        return str(self._folder / "bin" / "python")

    def version(self) -> str:
        """Of what is measured, as it is installed."""
        code = f"from importlib.metadata import version; print(version({self.package!r}))"
        told = subprocess.run([self.python, "-c", code], check=True, capture_output=True, text=True)
        return told.stdout.strip()

    def bare(self, home: Path) -> JupyterProcess:
        """The same Jupyter server, of the same environment, without it."""
        off = (f"--ServerApp.jpserver_extensions={name}=False" for name in self.without)
        return JupyterProcess(home, python=self.python, arguments=tuple(off))

    @contextmanager
    def running(self, home: Path) -> Iterator[Running]:
        """Start it; it may not answer yet."""
        server = JupyterProcess(home, python=self.python, arguments=self.arguments())
        try:
            yield Running(server, self.url(server), server.token, (server.process.pid,))
        finally:
            server.stop()

    def arguments(self) -> tuple[str, ...]:
        """What its Jupyter server is started with."""
        return ()

    @abstractmethod
    def url(self, server: JupyterProcess) -> str:
        """Where its endpoint is."""

    @abstractmethod
    def open(self, notebook: str) -> Call | None:
        """What makes a notebook ready, with a kernel."""

    def compute(self, code: str) -> Call | None:
        """Code in the kernel of the notebook that runs, without a cell."""
        return None

    @abstractmethod
    def run(self, index: int) -> Call | None:
        """A cell of the notebook that runs."""

    @abstractmethod
    def insert_and_run(self, source: str) -> Call | None:
        """A new cell at its end, which is run."""

    @abstractmethod
    def read(self, notebook: str, index: int) -> Call | None:
        """The source of a cell."""

    @abstractmethod
    def edit(self, notebook: str, index: int, old: str, new: str) -> Call | None:
        """Another source of one line for a cell, not run."""


class Ours(Side):
    """This package: the sidecar behind the relay."""

    name = "jupyter-mcp-proxy"
    package = "jupyter-mcp-proxy"
    without = ("jupyter_mcp_proxy", "jupyter_server_proxy")

    @property
    def python(self) -> str:
        return sys.executable

    def url(self, server: JupyterProcess) -> str:
        return server.endpoint

    def open(self, notebook: str) -> Call:
        return "use_notebook", {"notebook": notebook}

    def compute(self, code: str) -> Call:
        return "execute_ipython", {"notebook": RUNS, "code": code}

    def run(self, index: int) -> Call:
        return "execute_cell", {"notebook": RUNS, "cell": index}

    def insert_and_run(self, source: str) -> Call:
        return "insert_execute_code_cell", {"notebook": RUNS, "source": source}

    def read(self, notebook: str, index: int) -> Call:
        return "read_cell", {"notebook": notebook, "cell": index}

    def edit(self, notebook: str, index: int, old: str, new: str) -> Call:
        return "edit_cell", {"notebook": notebook, "cell": index, "edits": [{"old": old, "new": new}]}


class Datalayer(Side):
    """Datalayer's: a process of its own beside a Jupyter server, which is one of our environment without us."""

    name = "jupyter-mcp-server"
    package = "jupyter-mcp-server"
    requires = "jupyter-mcp-server==2.2.4"
    without = Ours.without

    @contextmanager
    def running(self, home: Path) -> Iterator[Running]:
        off = tuple(f"--ServerApp.jpserver_extensions={name}=False" for name in self.without)
        server = JupyterProcess(home, arguments=off)
        try:
            with other_server(self._folder, home / "process", server) as endpoint:
                yield Running(server, endpoint.url, endpoint.token, (server.process.pid, endpoint.pid))
        finally:
            server.stop()

    def bare(self, home: Path) -> JupyterProcess:
        off = tuple(f"--ServerApp.jpserver_extensions={name}=False" for name in self.without)
        return JupyterProcess(home, arguments=off)

    def url(self, server: JupyterProcess) -> str:
        raise NotImplementedError("its endpoint is not the Jupyter server's")

    def open(self, notebook: str) -> Call:
        return "use_notebook", {"notebook_name": notebook, "notebook_path": notebook}

    def compute(self, code: str) -> Call:
        return "execute_code", {"code": code}

    def run(self, index: int) -> Call:
        return "execute_cell", {"cell_index": index}

    def insert_and_run(self, source: str) -> Call:
        return "insert_execute_code_cell", {"cell_index": -1, "cell_source": source}

    def read(self, notebook: str, index: int) -> Call:
        return "read_cell", {"notebook_name": notebook, "cell_index": index}

    def edit(self, notebook: str, index: int, old: str, new: str) -> Call:
        change = {"old_string": old, "new_string": new}
        return "edit_cell_source", {"notebook_name": notebook, "cell_index": index, **change}


class Live(Side):
    """Within Jupyter's own process. It shows its tools to a client only through one that runs code."""

    name = "jupyter-mcp-live"
    package = "jupyter-mcp-live"
    requires = "jupyter-mcp-live==0.6.2"
    without = ("jupyter_mcp_live",)
    _TOOLS = ("setup_notebook", "execute_cell", "add_code_cell", "read_cell", "edit_code_cell")

    def arguments(self) -> tuple[str, ...]:
        return tuple(f"--MCPExtensionApp.mcp_tools=jupyter_mcp_live.execution_tools:{tool}" for tool in self._TOOLS)

    def url(self, server: JupyterProcess) -> str:
        return f"{server.url}mcp"

    def open(self, notebook: str) -> Call:
        return self._call("setup_notebook", notebook)

    def run(self, index: int) -> Call:
        return self._call("execute_cell", RUNS, position_index=index)

    def insert_and_run(self, source: str) -> Call:
        return self._call("add_code_cell", RUNS, source=source)

    def read(self, notebook: str, index: int) -> Call:
        return self._call("read_cell", notebook, position_index=index)

    def edit(self, notebook: str, index: int, old: str, new: str) -> Call:
        return self._call("edit_code_cell", notebook, position_index=index, source=new, execute=False)

    def _call(self, tool: str, notebook: str, **arguments: Any) -> Call:
        return "execute", {"code": f"return await call_tool({tool!r}, {dict(notebook_path=notebook, **arguments)!r})"}


class JupyterAI(Side):
    """What jupyter-ai ships: jupyter-server-mcp on a port of its own, with the tools of jupyter-ai-tools."""

    name = "jupyter-ai (jupyter-server-mcp)"
    package = "jupyter-server-mcp"
    requires = "jupyter-ai==3.2.0"
    era = "legacy"
    without = ("jupyter_server_mcp",)

    def __init__(self, environments: Path) -> None:
        super().__init__(environments)
        self._port = 0

    def arguments(self) -> tuple[str, ...]:
        self._port = free_port()
        return (f"--MCPExtensionApp.mcp_port={self._port}",)

    def url(self, server: JupyterProcess) -> str:
        return f"http://127.0.0.1:{self._port}/mcp"

    def open(self, notebook: str) -> None:
        return None

    def run(self, index: int) -> Call:
        return "run_cell", {"file_path": RUNS, "cell_id": cell_id(index), "timeout": 10}

    def insert_and_run(self, source: str) -> None:
        return None

    def read(self, notebook: str, index: int) -> Call:
        return "read_cell", {"file_path": notebook, "cell_id": cell_id(index)}

    def edit(self, notebook: str, index: int, old: str, new: str) -> Call:
        return "edit_cell", {"file_path": notebook, "cell_id": cell_id(index), "content": new}


SIDES: tuple[type[Side], ...] = (Ours, Datalayer, Live, JupyterAI)
