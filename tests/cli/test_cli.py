"""The command line, on real servers and real clients."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from harness import TOKEN, JupyterProcess, StartJupyter, connect, free_port, needs
from mcp_types import ImageContent
from PIL import Image

from jupyter_mcp_proxy import __version__
from jupyter_mcp_proxy.cli import main
from jupyter_mcp_proxy.cli.servers import Server, usable
from jupyter_mcp_proxy.clients import CLIENTS, Client, Target, claude_command
from jupyter_mcp_proxy.config import MCPProxy
from jupyter_mcp_proxy.contract import ENV_PREFIX
from jupyter_mcp_proxy.demo import lab, tour
from jupyter_mcp_proxy.demo.screen import DemoError

COMMANDS = ("demo", "connect", "token", "log", "config", "snapshots")
MODULE = (sys.executable, "-m", "jupyter_mcp_proxy")
SCRIPTS = Path(sys.executable).parent


# -- help ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [(), *((command,) for command in COMMANDS)], ids=["all", *COMMANDS])
def test_help_has_examples_and_exit_codes_in_plain_ascii(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--help"])
    text = capsys.readouterr().out
    assert ended.value.code == 0
    assert "examples:" in text
    assert "exit codes:" in text.lower()
    assert text.isascii()


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert all(f"jupyter mcp-proxy {command}" in text for command in COMMANDS)


def test_without_a_command_the_help_is_shown_and_the_exit_code_is_that_of_wrong_usage(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([]) == 2
    assert "examples:" in capsys.readouterr().err


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, jupyter_mcp_proxy.cli as cli; cli.create_parser().format_help();"
        "print({'mcp', 'jupyter_server', 'httpx', 'httpx2', 'tornado', 'traitlets', 'nbformat'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.mark.parametrize(
    "command",
    [[str(SCRIPTS / "jupyter"), "mcp-proxy"], [str(SCRIPTS / "jupyter-mcp-proxy")], list(MODULE)],
    ids=["jupyter", "script", "module"],
)
def test_three_ways_lead_to_the_command(command: list[str]) -> None:
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"jupyter-mcp-proxy {__version__}\n"


# -- connect ------------------------------------------------------------------------------------------


def use_runtime(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(folder))
    monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX", raising=False)


def test_connect_prints_the_endpoint_and_a_line_with_the_token(
    file: JupyterProcess, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_runtime(monkeypatch, file.runtime)
    assert main(["connect"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        f"{file.endpoint}  (notebooks in {file.root})",
        f'  claude mcp add --transport http jupyter {file.endpoint} --header "Authorization: Bearer {TOKEN}"',
    ]
    assert "jupyter mcp-proxy token new --name" in err, "a token for one agent is the better choice"
    assert TOKEN not in err


@pytest.mark.anyio
async def test_connect_prints_json_with_which_a_client_connects(
    file: JupyterProcess, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_runtime(monkeypatch, file.runtime)
    assert main(["connect", "--client", "json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["mcpServers"].values()
    assert entry["type"] == "http"
    assert entry["url"] == file.endpoint
    scheme, _, token = entry["headers"]["Authorization"].partition(" ")
    assert scheme == "Bearer"
    async with connect(file, token=token) as agent:
        assert await agent.ok("list_files")


@pytest.mark.parametrize("client", [client for client in CLIENTS if not client.is_command], ids=lambda c: c.id)
def test_connect_prints_a_file_for_a_client_and_says_where_it_goes(
    client: Client, file: JupyterProcess, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_runtime(monkeypatch, file.runtime)
    assert main(["connect", "--client", client.id]) == 0
    out, err = capsys.readouterr()
    assert out == client.render([Target(file.endpoint, TOKEN)]) + "\n"
    assert client.where in err
    assert client.docs in err
    assert TOKEN not in err


@pytest.mark.parametrize("client", ["claude-code", "json"])
def test_url_only_prints_no_token(
    client: str, file: JupyterProcess, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_runtime(monkeypatch, file.runtime)
    assert main(["connect", "--url-only", "--client", client]) == 0
    out, err = capsys.readouterr()
    assert out == f"{file.endpoint}\n"
    assert TOKEN not in out + err


def test_two_servers_get_two_names(
    file: JupyterProcess,
    live: JupyterProcess,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for server in (file, live):
        (info,) = server.runtime.glob("jpserver-*.json")
        (tmp_path / info.name).write_text(info.read_text())
    use_runtime(monkeypatch, tmp_path)
    assert main(["connect", "--client", "json"]) == 0
    servers = json.loads(capsys.readouterr().out)["mcpServers"]
    assert set(servers) == {"jupyter", "jupyter-2"}
    assert {entry["url"] for entry in servers.values()} == {file.endpoint, live.endpoint}


def test_connect_without_a_server_fails_with_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_runtime(monkeypatch, tmp_path / "nothing-here")
    assert main(["connect"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "jupyter lab" in err
    assert "jupyter mcp-proxy demo" in err


def wait_for_status(server: JupyterProcess) -> JupyterProcess:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.process.poll() is None, server.log
        try:
            if server.get("api/status")[0] == 200:
                return server
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError(server.log)


def without(*extensions: str) -> tuple[str, ...]:
    return tuple(f"--ServerApp.jpserver_extensions={name}=False" for name in extensions)


def test_connect_tells_how_to_install_where_a_server_lacks_the_package(
    start_jupyter: StartJupyter, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    disabled = without("jupyter_mcp_proxy", "jupyter_server_proxy", "jupyter_server_ydoc")
    server = wait_for_status(start_jupyter(wait=False, arguments=disabled))
    use_runtime(monkeypatch, server.runtime)
    assert main(["connect"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert server.url in err
    assert "pip install jupyter-mcp-proxy" in err
    assert "jupyter server extension enable jupyter_mcp_proxy" in err


def test_connect_remarks_that_the_extension_is_not_enabled(
    start_jupyter: StartJupyter, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = start_jupyter(rtc=False, arguments=without("jupyter_mcp_proxy"))
    use_runtime(monkeypatch, server.runtime)
    assert main(["connect", "--url-only"]) == 0
    out, err = capsys.readouterr()
    assert out == f"{server.endpoint}\n"
    assert "jupyter server extension enable jupyter_mcp_proxy" in err


def test_connect_asks_a_server_with_a_self_signed_certificate(
    start_jupyter: StartJupyter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    needs("openssl")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    trusting = ssl._create_unverified_context()
    arguments = (f"--ServerApp.certfile={certificate}", f"--ServerApp.keyfile={key}")
    server = start_jupyter(rtc=False, scheme="https", host="localhost", context=trusting, arguments=arguments)
    use_runtime(monkeypatch, server.runtime)
    assert main(["connect", "--url-only"]) == 0
    out, err = capsys.readouterr()
    assert out == f"{server.endpoint}\n"
    assert "NODE_EXTRA_CA_CERTS" in err


def test_connect_reaches_a_server_with_a_password(
    start_jupyter: StartJupyter, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from jupyter_server.auth.security import passwd

    hashed = passwd("correct horse", algorithm="sha1")
    server = start_jupyter(
        wait=False, rtc=False, token="", arguments=(f"--PasswordIdentityProvider.hashed_password={hashed}",)
    )
    server.token = wait_for_info(server)["token"]
    use_runtime(monkeypatch, wait_for_status(server).runtime)
    assert main(["connect"]) == 0
    assert f"Bearer {server.token}" in capsys.readouterr().out


def wait_for_info(server: JupyterProcess) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for path in server.runtime.glob("jpserver-*.json"):
            try:
                return dict(json.loads(path.read_text()))
            except ValueError:
                pass
        time.sleep(0.05)
    raise AssertionError(server.log)


def test_a_server_on_a_unix_socket_is_named_and_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert usable({"sock": "/run/jupyter.sock"}) is None
    assert "Unix socket" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("info", "url", "on_loopback"),
    [
        ({"hostname": "localhost"}, "http://127.0.0.1:8888/", True),
        ({"hostname": "0.0.0.0"}, "http://127.0.0.1:8888/", True),
        ({"hostname": "::"}, "http://[::1]:8888/", True),
        ({"hostname": "localhost", "secure": True}, "https://localhost:8888/", True),
        ({"hostname": "10.1.2.3", "secure": True}, "https://10.1.2.3:8888/", False),
        ({"hostname": "10.1.2.3", "base_url": "/user/ada/"}, "http://10.1.2.3:8888/user/ada/", False),
    ],
)
def test_where_a_server_is_reached_from_its_own_machine(info: dict[str, Any], url: str, on_loopback: bool) -> None:
    server = Server.of({"port": 8888, **info})
    assert server.url == url
    assert server.on_loopback is on_loopback


@pytest.mark.parametrize("token", ["plain-0123", "a$HOME", 'quote"quote', "back`tick", "don't!"])
def test_a_shell_gives_claude_the_header_whatever_the_token(token: str) -> None:
    command = claude_command(Target("http://127.0.0.1:8888/mcp-proxy/mcp", token))
    words = shlex.split(command)
    assert words[-2:] == ["--header", f"Authorization: Bearer {token}"]
    shown = subprocess.run(
        ["sh", "-c", command.replace("claude", "echo", 1)],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert shown.endswith(f"Authorization: Bearer {token}\n")


# -- config -------------------------------------------------------------------------------------------


def test_config_lists_every_setting(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_MCP_PROXY_TIER", "read")
    assert main(["config"]) == 0
    out = capsys.readouterr().out
    for name, trait in MCPProxy.class_traits(config=True).items():
        section = re.search(rf"^{name}\n((?:  .*\n)+)", out, re.MULTILINE)
        assert section, name
        text = " ".join(section.group(1).split())
        assert " ".join(trait.help.split()) in text
        assert f"default {trait.default()!r}" in text
        assert f"environment {ENV_PREFIX}{name.upper()}" in text
    assert "'read'  (from JUPYTER_MCP_PROXY_TIER)" in out


def test_config_names_the_variable_that_a_setting_cannot_take(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_MCP_PROXY_WAIT", "soon")
    assert main(["config"]) == 1
    assert "JUPYTER_MCP_PROXY_WAIT='soon'" in capsys.readouterr().err


# -- demo ---------------------------------------------------------------------------------------------


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
