"""`demo`: a JupyterLab of its own that shows each step, and leaves nothing."""

from __future__ import annotations

import io
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness import JupyterProcess, free_port
from harness.machine import MODULE
from mcp_types import ImageContent
from PIL import Image

from jupyter_mcp_proxy.cli import main
from jupyter_mcp_proxy.demo import lab, tour
from jupyter_mcp_proxy.demo.screen import DemoError


def processes_of(folder: Path) -> dict[int, str]:
    """The command lines of all processes whose environment names a folder."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if f"JUPYTER_RUNTIME_DIR={folder}".encode() in (entry / "environ").read_bytes():
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return found


@contextmanager
def demonstration(tmp_path: Path, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    command = [*MODULE, "demo", *arguments]
    with subprocess.Popen(
        command, env=env | {"TMPDIR": str(tmp_path)} | environment, cwd=tmp_path,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def until(process: subprocess.Popen[str], end: str) -> str:
    """What a process prints, until a line begins with `end`."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith(end):
            return "".join(lines)
    raise AssertionError("".join(lines))


def test_demo_shows_each_step_and_leaves_nothing(tmp_path: Path) -> None:
    with demonstration(tmp_path, "--exit", PYTHONIOENCODING="ascii") as process:
        out, _ = process.communicate(timeout=100)
    assert process.returncode == 0, out
    steps = re.findall(r"^ok +(\d+) ms  ([^:]+): (.*)$", out, re.MULTILINE)
    assert [step for _, step, _ in steps] == [
        "start JupyterLab", "ask the MCP endpoint", "connect an MCP client", "list the tools", "use_notebook",
        "insert_execute_code_cell", "look at the file", "execute_ipython",
    ]  # fmt: skip
    said = {step: text for _, step, text in steps}
    assert re.fullmatch(r"\d+ tools", said["list the tools"])
    assert re.search(r"a plot came back, image/\w+, \d+ x \d+, [\d.]+ kB", said["insert_execute_code_cell"])
    assert "has the new cell" in said["look at the file"]
    assert re.fullmatch(r"1\+1 is 2, 5 times: ([\d.]+, ){4}[\d.]+ ms", said["execute_ipython"])
    assert out.isascii()
    assert "Bearer" not in out
    assert list(tmp_path.iterdir()) == []
    assert processes_of(tmp_path) == {}


def test_demo_stays_up_until_ctrl_c_and_shows_its_token_in_no_argument_list(tmp_path: Path) -> None:
    port = free_port()
    with demonstration(tmp_path, "--port", str(port), PYTHONIOENCODING="utf-8") as process:
        out = until(process, "(`claude mcp remove")
        assert out.count("✓") == 8
        (token,) = re.findall(r"^Token: +(\S+)$", out, re.MULTILINE)
        assert f"http://127.0.0.1:{port}/lab/tree/demo.ipynb\n" in out
        assert f'jupyter-demo http://127.0.0.1:{port}/mcp-proxy/mcp --header "Authorization: Bearer {token}"\n' in out
        running = processes_of(tmp_path)
        assert any("jupyterlab" in command for command in running.values())
        assert any("jupyter_mcp_proxy.sidecar" in command for command in running.values())
        assert any("ipykernel" in command for command in running.values())
        every = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
        assert not any(token.encode() in command for command in every)
        (folder,) = tmp_path.iterdir()
        assert folder.stat().st_mode & 0o077 == 0
        assert token not in (folder / "server.log").read_text()

        asked = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        assert process.returncode == 0
        assert time.monotonic() - asked < 10
    assert processes_of(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


def test_demo_ends_in_time_though_its_server_hangs(tmp_path: Path) -> None:
    with demonstration(tmp_path, PYTHONIOENCODING="utf-8") as process:
        until(process, "(`claude mcp remove")
        (server,) = (pid for pid, command in processes_of(tmp_path).items() if " -m jupyterlab " in command)
        os.kill(server, signal.SIGSTOP)
        asked = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        assert process.returncode == 0
        assert 3 <= time.monotonic() - asked < 10
    assert processes_of(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_during_the_steps_ends_the_server_and_keeps_the_folder_if_asked(tmp_path: Path) -> None:
    with demonstration(tmp_path, "--exit", "--keep", PYTHONIOENCODING="utf-8") as process:
        until(process, "✓")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    (folder,) = tmp_path.iterdir()
    assert f"Kept: {folder}\n" in out
    assert (folder / "server.log").is_file()
    assert processes_of(tmp_path) == {}


def test_demo_fails_where_a_step_did_not_do_what_it_says(tmp_path: Path) -> None:
    code = (
        "import sys; from jupyter_mcp_proxy import cli; from jupyter_mcp_proxy.demo import tour;"
        "tour.PLOT = 'print(6 * 7)'; sys.exit(cli.main(['demo', '--exit']))"
    )
    env = os.environ | {"TMPDIR": str(tmp_path), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 1
    assert re.search(r"^FAILED +\d+ ms  insert_execute_code_cell: no image came back:$", done.stdout, re.MULTILINE)
    assert "\n42\n" in done.stdout
    assert "execute_ipython:" not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_demo_shows_the_log_of_a_server_that_does_not_start(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "notebook_shim.py").write_text("raise ImportError('broken for the test')")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with demonstration(temporary, "--exit", PYTHONPATH=str(broken)) as process:
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "JupyterLab ended with code" in out
    assert "broken for the test" in out
    assert list(temporary.iterdir()) == []


def test_a_port_is_none_that_the_system_gives_to_others_meanwhile() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        assert max(lab.free_port() for _ in range(50)) < 32_000 < other.getsockname()[1]


def test_demo_refuses_a_port_that_is_taken(
    file: JupyterProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert main(["demo", "--exit", "--port", str(file.port)]) == 1
    assert f"Port {file.port} cannot be used" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_demo_names_what_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(lab, "REQUIRED", (*lab.REQUIRED, "no_such_module"))
    assert main(["demo"]) == 1
    err = capsys.readouterr().err
    assert "needs no_such_module, not installed" in err
    assert 'pip install "jupyter-mcp-proxy[demo]"' in err


def test_the_demos_server_is_told_its_token_by_the_environment_alone_and_nothing_of_the_users_jupyter(
    tmp_path: Path,
) -> None:
    inherited = {"HOME": "/home/ada", "JUPYTER_CONFIG_DIR": "/home/ada/.jupyter", "JUPYTER_MCP_PROXY_TIER": "read"}
    environment = lab.environment(tmp_path, "secret-token", inherited)
    assert environment["JUPYTER_TOKEN"] == "secret-token"
    assert environment["HOME"] == "/home/ada"
    assert "JUPYTER_MCP_PROXY_TIER" not in environment
    for name in ("CONFIG", "DATA", "RUNTIME"):
        assert Path(environment[f"JUPYTER_{name}_DIR"]).is_relative_to(tmp_path)
    assert not any("secret-token" in part for part in lab.command(8888, tmp_path))


def image(picture: Image.Image) -> ImageContent:
    import base64

    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return ImageContent(type="image", data=base64.b64encode(buffer.getvalue()).decode(), mime_type="image/png")


def test_a_blank_or_broken_image_is_not_taken_for_a_plot() -> None:
    drawn = Image.new("RGB", (30, 20), "white")
    drawn.putpixel((3, 3), (0, 0, 0))
    assert tour.picture(image(drawn)).startswith("image/png, 30 x 20, ")
    with pytest.raises(DemoError, match="blank"):
        tour.picture(image(Image.new("RGB", (30, 20), "white")))
    with pytest.raises(DemoError, match="decoded"):
        tour.picture(ImageContent(type="image", data="bm90IGFuIGltYWdl", mime_type="image/png"))
