"""`connect`: what connects an agent, of real servers in every state."""

from __future__ import annotations

import json
import shlex
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from harness import TOKEN, JupyterProcess, StartJupyter, connect, needs

from jupyter_mcp_proxy.cli import main
from jupyter_mcp_proxy.cli.servers import Server, usable
from jupyter_mcp_proxy.clients import CLIENTS, Client, Target, claude_command


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
