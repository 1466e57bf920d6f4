"""Our processes run no file of the folder that a person works in; agents write no file that others would run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness import REPOSITORY, JupyterProcess, StartJupyter, connect, until

from jupyter_mcp_proxy.contract import module_command
from jupyter_mcp_proxy.parent import beneath
from jupyter_mcp_proxy.parent.beneath import environment_globs, python_path

DEGRADED = "--ServerApp.jpserver_extensions=jupyter_mcp_proxy=False"
TRAPS = ("regex", "mcp", "jinja2", "uvicorn", "pydantic", "json", "runpy", "argparse", "resvg_py", "sitecustomize")
TRAP = """
with open('/proc/self/cmdline') as command, open({marker!r}, 'a') as marker:
    marker.write(__file__ + ' in ' + command.read().replace(chr(0), ' ') + chr(10))
raise SystemExit(9)
"""


def set_traps(folder: Path, marker: Path) -> None:
    """Modules that say that they were run, in the place of those that we import."""
    folder.mkdir(exist_ok=True)
    for name in TRAPS:
        (folder / f"{name}.py").write_text(TRAP.format(marker=str(marker)))


@pytest.mark.anyio
@pytest.mark.parametrize("degraded", [False, True], ids=["our relay", "plain entry point"])
async def test_the_sidecar_runs_nothing_of_the_folders_that_a_person_works_in(
    start_jupyter: StartJupyter, tmp_path: Path, degraded: bool
) -> None:
    """Neither of the one that the server was started in, nor of the root, nor of what PYTHONPATH says from there."""
    home = tmp_path / "server0"
    path = os.pathsep.join(["lib", "", str(home / "root" / "lib"), os.environ.get("PYTHONPATH", "")])
    server = start_jupyter(
        rtc=False,
        wait=False,
        arguments=("--MCPProxy.warm_start=False", *([DEGRADED] if degraded else [])),
        environment={"PYTHONPATH": path},
    )
    await until(lambda: answers(server), 60)
    marker = tmp_path / "marker"
    for folder in (home, home / "lib", server.root, server.root / "lib"):  # the server itself has loaded what it needs
        set_traps(folder, marker)
    server.wait()
    async with connect(server) as agent:
        assert "regex.py" in await agent.ok("list_files")
    assert json.loads(server.get("mcp-proxy/healthz")[1])["relay"] == ("buffered" if degraded else "streaming")
    assert ran_by_us(marker) == []


def ran_by_us(marker: Path) -> list[str]:
    """Which traps our processes ran; the server's other extensions start programs as well."""
    lines = marker.read_text().splitlines() if marker.exists() else []
    return [line for line in lines if "jupyter_mcp_proxy" in line]


def answers(server: JupyterProcess) -> bool:
    assert server.process.poll() is None, server.log
    try:
        return server.get("api")[0] == 200
    except OSError:
        return False


def test_the_command_line_runs_nothing_of_the_folder_that_it_is_called_in(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    set_traps(tmp_path, marker)
    (tmp_path / "runpy.py").unlink()  # `python -m` itself loads that, before anything of ours
    done = subprocess.run(
        [sys.executable, "-m", "jupyter_mcp_proxy", "--version"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert ran_by_us(marker) == []


def test_what_a_user_has_installed_for_themselves_is_found(tmp_path: Path) -> None:
    """So the sidecar's Python is not an isolated one."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONNOUSERSITE"}
    environment |= {"PYTHONUSERBASE": str(tmp_path), "PYTHONPATH": str(REPOSITORY)}
    find = [sys.executable, "-c", "import site; print(site.getusersitepackages())"]
    folder = Path(subprocess.check_output(find, env=environment, text=True).strip())
    folder.mkdir(parents=True)
    (folder / "of_a_user.py").write_text("def main():\n    print('found')\n")
    command = module_command(sys.executable, "of_a_user")
    enabled = subprocess.check_output([sys.executable, "-c", "import site; print(site.ENABLE_USER_SITE)"], text=True)
    if enabled.strip() != "True":  # within a virtual environment nobody has such a folder
        environment["PYTHONPATH"] += os.pathsep + str(folder)
    assert subprocess.check_output(command, env=environment, cwd=tmp_path, text=True) == "found\n"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("", ""),
        ("lib", ""),
        (os.pathsep.join(["", "lib", ".", "/opt/lib", ""]), "/opt/lib"),
        ("{root}", ""),
        (os.pathsep.join(["{root}/lib", "/opt/lib"]), "/opt/lib"),
        ("{root}/../beside", "{root}/../beside"),
        ("{link}", ""),
    ],
)
def test_the_sidecars_pythonpath_has_absolute_folders_outside_of_the_root(
    tmp_path: Path, given: str, kept: str
) -> None:
    root, link = tmp_path / "root", tmp_path / "link"
    root.mkdir()
    link.symlink_to(root)
    assert python_path(given.format(root=root, link=link), str(root)) == kept.format(root=root)


def test_the_folder_from_which_this_package_comes_stays_in_pythonpath() -> None:
    """A checkout in the root, say: there is no sidecar without it."""
    assert python_path(str(REPOSITORY), str(REPOSITORY)) == str(REPOSITORY)


def test_the_folders_of_this_python_and_this_jupyter_are_read_only_where_they_are_in_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beneath.sys, "prefix", str(tmp_path / "env[1]"))
    monkeypatch.setattr(beneath.sys, "base_prefix", "/usr")
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter" / "data"))
    found = environment_globs(str(tmp_path))
    assert {"env[[]1]", "jupyter/data"} <= set(found)
    assert all(not glob.startswith(("/", "..")) for glob in found)
    assert environment_globs(str(tmp_path / "env[1]" / "work")) == [], "a root within them stays open"


@pytest.mark.anyio
async def test_an_agent_writes_nothing_that_is_run_unasked(start_jupyter: StartJupyter) -> None:
    server = start_jupyter(rtc=False, arguments=("--ContentsManager.allow_hidden=True",))
    (server.root / "jupyter_server_config.py").write_text("c = get_config()")
    async with connect(server) as agent:
        for path in (
            "share/jupyter/kernels/mine/kernel.json",
            "kernels/python3/kernel.json",
            "jupyter_server_config.py",
            "sub/Jupyter_Lab_Config.json",
            "jupyter_server_config.d/x.json",
            ".ipython/profile_default/startup/0.py",
            "profile_default/startup/0.py",
            "sitecustomize.py",
            "usercustomize/__init__.py",
            "venv/lib/python3.12/site-packages/x.pth",
            "venv/lib/python3.12/json/__init__.py",
            "venv/bin/python",
            ".bashrc",
            "sub/.git/hooks/pre-commit",
        ):
            told = await agent.fails("write_file", path=path, content="x", overwrite=True)
            assert "MCPProxy.read_only_paths" in told, path
            assert "Nothing was changed" in told
        assert "get_config" in await agent.ok("read_file", path="jupyter_server_config.py")
        for path in ("kernels/matmul.py", "bin/run.sh", "config.json", "lib/plot.py", "weights.pth"):
            await agent.ok("write_file", path=path, content="x")
    assert (server.root / "jupyter_server_config.py").read_text() == "c = get_config()"
    assert not (server.root / "share").exists()


@pytest.mark.anyio
@pytest.mark.parametrize("degraded", [False, True], ids=["our relay", "plain entry point"])
async def test_a_deep_folder_for_temporary_files_does_not_keep_the_sidecar_from_its_socket(
    start_jupyter: StartJupyter, tmp_path: Path, degraded: bool
) -> None:
    """The path of a Unix socket has 108 bytes on Linux, fewer elsewhere."""
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    server = start_jupyter(
        rtc=False,
        arguments=("--MCPProxy.unix_socket=True", *([DEGRADED] if degraded else [])),
        environment={"TMPDIR": str(deep)},
    )
    async with connect(server) as agent:
        await agent.ok("list_files")
    command = Path(f"/proc/{server.sidecar_pid()}/cmdline").read_bytes().split(b"\0")
    assert len(command[command.index(b"--unix-socket") + 1]) < 104
