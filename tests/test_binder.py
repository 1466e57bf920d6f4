"""What Binder makes of `binder/`: repo2docker's steps in a clean environment, and a server started as BinderHub does.

The steps stand in for repo2docker's Python build pack, which needs Docker and conda: the files that git knows,
`pip install -r binder/requirements.txt` in the repository's top folder, then `binder/postBuild`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from harness import REPOSITORY, TOKEN, connect, free_port

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(900)]

BASE_IMAGE = ("ipywidgets==8.*", "jupyter-resource-usage==1.*", "jupyterhub==5.*", "jupyterlab==4.*", "notebook==7.*")
"""What repo2docker has installed before it looks at the repository (its `environment.py-3.12.yml`)."""


class BinderServer:
    """A server of the built environment, with the arguments and the environment that BinderHub gives it."""

    def __init__(self, repository: Path, binaries: Path, home: Path) -> None:
        self.token = TOKEN
        port, base_url = free_port(), "/user/visitor/"
        self.url = f"http://127.0.0.1:{port}{base_url}"
        self.endpoint = f"{self.url}mcp-proxy/mcp"
        self._log = home / "server.log"
        environment = clean_environment(binaries, home) | {
            "JUPYTERHUB_API_TOKEN": "f" * 32,
            "JUPYTERHUB_API_URL": f"http://127.0.0.1:{free_port()}/hub/api",
            "JUPYTERHUB_SERVICE_PREFIX": base_url,
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    binaries / "jupyter", "lab", "--no-browser", "--allow-root", "--ip=0.0.0.0", f"--port={port}",
                    f"--ServerApp.base_url={base_url}", f"--ServerApp.token={TOKEN}", "--ServerApp.trust_xheaders=True",
                ],
                env=environment, cwd=repository, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def get(self, path: str) -> bytes:
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {TOKEN}"})
        with urllib.request.urlopen(request, timeout=60) as response:
            return bytes(response.read())

    def wait(self) -> BinderServer:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self.log
            try:
                self.get("mcp-proxy/healthz")
                return self
            except urllib.error.HTTPError as error:
                error.close()
            except OSError:
                pass
            time.sleep(0.1)
        raise AssertionError(self.log)

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")[-4000:]

    def stop(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(2)


def clean_environment(binaries: Path, home: Path) -> dict[str, str]:
    """This machine's environment without its Python and Jupyter settings, with the new environment in front."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "PYTHON"))}
    return env | {"PATH": f"{binaries}{os.pathsep}{env['PATH']}", "VIRTUAL_ENV": str(binaries.parent)}


def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def clone(to: Path) -> Path:
    """What a clone would hold once the tree is committed: not what .gitignore names, such as an earlier build."""
    listing = ("git", "-c", f"safe.directory={REPOSITORY}", "ls-files", "-z", "-c", "-o", "--exclude-standard")
    for name in filter(None, run(*listing, cwd=REPOSITORY).split("\0")):
        source, target = REPOSITORY / name, to / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    return to


@pytest.fixture(scope="module")
def binder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BinderServer]:
    folder = tmp_path_factory.mktemp("binder")
    home = folder / "home"
    home.mkdir()
    repository = clone(folder / "repository")
    run(sys.executable, "-m", "venv", folder / "environment", cwd=folder)
    binaries = folder / "environment" / "bin"
    environment = clean_environment(binaries, home)
    run(binaries / "pip", "install", *BASE_IMAGE, cwd=folder, env=environment)
    run(binaries / "pip", "install", "-r", "binder/requirements.txt", cwd=repository, env=environment)
    if (repository / "binder" / "postBuild").exists():
        run("bash", "binder/postBuild", cwd=repository, env=environment)
    run(binaries / "pip", "check", cwd=folder, env=environment)
    server = BinderServer(repository, binaries, home)
    try:
        yield server.wait()
    finally:
        server.stop()


async def test_the_endpoint_is_healthy_and_edits_are_shared(binder: BinderServer) -> None:
    """The endpoint answers, and an agent's edits appear live in JupyterLab."""
    health = json.loads(binder.get("mcp-proxy/healthz"))
    assert (health["status"], health["rtc"], health["relay"]) == ("ok", True, "streaming")


async def test_the_launcher_has_the_tile(binder: BinderServer) -> None:
    """The page loads the extension that draws the tile, and the panel; no other tile is offered beside it."""
    processes = json.loads(binder.get("server-proxy/servers-info"))["server_processes"]
    tile = next(process["launcher_entry"] for process in processes if process["name"] == "mcp-proxy")
    assert (tile["enabled"], tile["title"]) == (False, "Connect an AI agent")
    page = binder.get("lab").decode()
    _, _, rest = page.partition('<script id="jupyter-config-data" type="application/json">')
    config = json.loads(rest.partition("</script>")[0])
    extensions = {extension["name"] for extension in config["federated_extensions"]}
    assert {"@jupyterhub/jupyter-server-proxy", "jupyter-mcp-proxy"} <= extensions


async def test_the_welcome_notebook_opens_and_runs(binder: BinderServer) -> None:
    """The address that Binder leads to is JupyterLab, and an agent can run the notebook that it opens."""
    assert b"JupyterLab" in binder.get("lab/tree/binder/welcome.ipynb")
    async with connect(binder) as agent:  # type: ignore[arg-type]  # it needs a token and an endpoint
        await agent.ok("use_notebook", notebook="binder/welcome.ipynb")
        result = await agent.call("execute_cell", notebook="binder/welcome.ipynb", cell="plot", wait=200)
    assert not result.is_error, result.content
    assert any(block.type == "image" for block in result.content)
