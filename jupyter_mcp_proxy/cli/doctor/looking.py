"""Looks at an installation: configuration, packages, kernels, folders. What it means is for `installation.py`."""

from __future__ import annotations

import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...contract import module_command
from .installation import OURS, SHARED, SQLITE, STOCK, Extensions, Folder
from .packages import Packages

if TYPE_CHECKING:
    from ...config import MCPProxy

CONFIG = "jupyter_server_config"
GROUP = "jupyter_serverproxy_servers"
IMPORT_TIMEOUT = 60.0
ROUNDS = 3
STORE_OPTION = "--YDocExtension.ystore_class="


@dataclass(frozen=True)
class Configured:
    """Jupyter's configuration, as a server that is started here reads it."""

    error: str = ""
    files: tuple[str, ...] = ()
    settings: MCPProxy | None = None
    """None where the configuration cannot be used."""
    enabled: Mapping[str, bool] = field(default_factory=dict)
    said_by: Mapping[str, list[str]] = field(default_factory=dict)
    collaboration_off: bool = False
    collaboration_store: str = SQLITE


def configured() -> Configured:
    """Read Jupyter's configuration. A file of it may be a program: what it prints is kept off the output."""
    try:
        from jupyter_server.serverapp import ServerApp

        from ...config import MCPProxy

        server = ServerApp()
        with redirect_stdout(io.StringIO()):
            server.load_config_file(suppress_errors=False)
            server.find_server_extensions()
        settings = MCPProxy(config=server.config)
    except Exception as error:  # whatever a person's own file may raise
        return Configured(error=f"{type(error).__name__}: {error}")
    shared = server.config.YDocExtension
    store = shared.get("ystore_class", SQLITE)
    return Configured(
        files=tuple(server.loaded_config_files),
        settings=settings,
        enabled=dict(server.jpserver_extensions),
        said_by={name: turning_off(name, server.config_file_paths) for name in (OURS, STOCK, SHARED)},
        collaboration_off=str(shared.get("disable_rtc", False)).lower() == "true",
        collaboration_store=store.__name__ if isinstance(store, type) else str(store),
    )


def turning_off(name: str, folders: list[str]) -> list[str]:
    """The JSON files of Jupyter's configuration that turn an extension off."""
    files = [
        file
        for folder in map(Path, folders)
        for file in (
            folder / "jupyter_server_config.json",
            *sorted((folder / "jupyter_server_config.d").glob("*.json")),
        )
    ]
    return [str(file) for file in files if _extensions(file).get(name) is False]


def _extensions(file: Path) -> dict[str, Any]:
    try:
        said = json.loads(file.read_text(encoding="utf-8"))["ServerApp"]["jpserver_extensions"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return said if isinstance(said, dict) else {}


def store_of_process(pid: int) -> str | None:
    """The collaboration store that a running server was given on its command line, where that can be seen (Linux)."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return None
    return next((word.removeprefix(STORE_OPTION) for word in words if word.startswith(STORE_OPTION)), None)


def extensions(found: Configured) -> Extensions:
    """What the configuration says about extensions, and whether ours can be imported: in a process of its own."""
    done = _python(sys.executable, f"{OURS}.parent.extension", "_load_jupyter_server_extension")
    return Extensions(found.enabled, found.said_by, done)


def _python(python: str, module: str, name: str) -> str:
    """Import a name in another process: nothing where that works, else the end of what it said."""
    code = f"import sys; sys.path[:] = [p for p in sys.path if p]; from {module} import {name}"
    try:
        done = subprocess.run(  # noqa: S603 - this Python, or that of the settings
            [python, "-c", code], capture_output=True, text=True, errors="replace", timeout=IMPORT_TIMEOUT
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else last_line(done.stderr)


def last_line(text: str) -> str:
    """The last line that says something: of a traceback, the error."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it said nothing")


def packages_of(python: str) -> Packages | str:
    """What another Python has; else why that cannot be told."""
    try:
        done = subprocess.run(  # noqa: S603 - the Python of the settings
            module_command(python, f"{OURS}.cli.doctor.packages"),
            capture_output=True, text=True, errors="replace", timeout=IMPORT_TIMEOUT,
        )  # fmt: skip
        return Packages.parsed(done.stdout) if done.returncode == 0 else last_line(done.stderr)
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError) as error:
        return str(error)


def same_python(one: str, other: str) -> bool:
    """Whether two names are one Python of one environment: links are not followed, a venv is a link to its base."""
    return os.path.abspath(one) == os.path.abspath(other)  # noqa: PTH100 - `resolve` follows links


def served() -> dict[str, str]:
    """The entry points of jupyter-server-proxy."""
    return {point.name: point.value for point in entry_points(group=GROUP)}


def kernels() -> dict[str, str]:
    """Each kernel that is installed, and its program where that is missing."""
    from jupyter_client.kernelspec import KernelSpecManager

    found = {}
    for name, spec in KernelSpecManager().get_all_specs().items():
        program = (spec["spec"].get("argv") or [""])[0]
        found[name] = "" if program and shutil.which(program) else program or "its program"
    return found


def tokens() -> str:
    """Why the file of the scoped tokens cannot be read; nothing where it can."""
    from ...errors import ProxyError
    from ...store.tokens import TokenStore, store_file

    try:
        TokenStore(store_file()).shown()
    except (ProxyError, OSError) as error:
        return str(error)
    return ""


def folder(path: Path) -> Folder:
    """Write a small file in a folder, or in the one above it that is there, and take it away again."""
    place = path
    while not place.exists() and place != place.parent:
        place = place.parent
    times, skew = [], 0.0
    try:
        for _ in range(ROUNDS):
            before, started = time.time(), time.monotonic()
            with tempfile.NamedTemporaryFile(prefix=".mcp-proxy-doctor-", dir=place) as file:
                file.write(bytes(4096))
                file.flush()
                os.fsync(file.fileno())
                times.append(time.monotonic() - started)
                written, after = os.fstat(file.fileno()).st_mtime, time.time()
            skew = max(0.0, written - after) or min(0.0, written - before)
        free = shutil.disk_usage(place).free
    except OSError as error:
        return Folder(str(path), error=error.strerror or str(error))
    return Folder(str(path), kind=file_system(place), seconds=statistics.median(times), free=free, skew=skew)


def file_system(place: Path) -> str:
    """The kind of a file system, where the system has a list of them (Linux)."""
    try:
        lines = Path("/proc/self/mountinfo").read_text(errors="replace").splitlines()
    except OSError:
        return ""
    real, best, kind = os.path.realpath(place), "", ""
    for words in (line.split() for line in lines):
        mounted = words[4].encode().decode("unicode_escape", "replace")  # a space in it is \040
        inside = real == mounted or real.startswith(mounted.rstrip("/") + "/")
        if inside and len(mounted) >= len(best):
            best, kind = mounted, words[words.index("-") + 1]
    return kind
