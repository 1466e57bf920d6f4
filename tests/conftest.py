"""Fixtures: servers that tests share, servers of a test's own, names that do not clash."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import JupyterProcess, StartJupyter
from harness.kernels import end_kernels
from harness.large import write_large

from jupyter_mcp_proxy.store.snapshots import Snapshots


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first: begun late, one would keep a worker busy long after the other has ended."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def _own_jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What runs in the tests' own process has a Jupyter of its own, too, with nothing in it and no setting of ours."""
    folder = tmp_path_factory.mktemp("jupyter")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("JUPYTER")]:
            patch.delenv(name)
        for kind in ("CONFIG", "DATA", "RUNTIME"):
            patch.setenv(f"JUPYTER_{kind}_DIR", str(folder / kind.lower()))
        yield


@pytest.fixture
def start_jupyter(tmp_path: Path) -> Iterator[StartJupyter]:
    """Start servers with options of a test's own; they end with the test."""
    started: list[JupyterProcess] = []

    def start(*, context: Any = None, wait: bool = True, **options: Any) -> JupyterProcess:
        server = JupyterProcess(tmp_path / f"server{len(started)}", **options)
        started.append(server)
        return server.wait(context) if wait else server

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def _servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, JupyterProcess]]:
    servers: dict[str, JupyterProcess] = {}
    yield servers
    for server in servers.values():
        server.stop()


@pytest.fixture(scope="module", autouse=True)
def _kernels_end(_servers: dict[str, JupyterProcess]) -> Iterator[None]:
    """With each file of tests: the hundreds of kernels of all of them take more memory than machines have."""
    yield
    for server in _servers.values():
        end_kernels(server)


def _shared(servers: dict[str, JupyterProcess], factory: pytest.TempPathFactory, kind: str) -> JupyterProcess:
    if kind not in servers:
        servers[kind] = JupyterProcess(factory.mktemp(kind), rtc=kind == "live").wait()
    return servers[kind]


@pytest.fixture
def live(_servers: dict[str, JupyterProcess], tmp_path_factory: pytest.TempPathFactory) -> JupyterProcess:
    """A server with jupyter-collaboration, shared by all tests: use notebooks of your own in it."""
    return _shared(_servers, tmp_path_factory, "live")


@pytest.fixture
def file(_servers: dict[str, JupyterProcess], tmp_path_factory: pytest.TempPathFactory) -> JupyterProcess:
    """A server without jupyter-collaboration, shared by all tests."""
    return _shared(_servers, tmp_path_factory, "file")


@pytest.fixture(params=["live", "file"])
def server(
    request: pytest.FixtureRequest,
    _servers: dict[str, JupyterProcess],
    tmp_path_factory: pytest.TempPathFactory,
) -> JupyterProcess:
    """Each kind of server in turn: what is true of one must be true of the other."""
    return _shared(_servers, tmp_path_factory, request.param)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A notebook's name that no other test uses."""
    safe = "".join(c if c.isalnum() else "-" for c in request.node.name)
    return f"{safe}.ipynb"


@pytest.fixture
def large(file: JupyterProcess, name: str) -> Path:
    """A notebook of three cells that is large enough to be written late."""
    return write_large(file, name)


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    return Snapshots(tmp_path / "snapshots", "test")


@pytest.fixture
def label() -> str:
    """A token's name that no other test uses."""
    return f"agent {secrets.token_hex(4)}"


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[JupyterProcess], None]:
    """Let the command line find a server."""

    def use(server: JupyterProcess) -> None:
        monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(server.runtime))
        monkeypatch.setenv("JUPYTER_DATA_DIR", str(server.data))
        monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX", raising=False)

    return use


@pytest.fixture
def screenshots(tmp_path: Path) -> Path:
    """Where pictures go: the folder that SCREENSHOTS names, or one that goes with the test."""
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
