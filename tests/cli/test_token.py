"""`token`: making, listing and revoking scoped tokens in a terminal."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from harness import (
    INITIALIZE,
    JupyterProcess,
    StartJupyter,
    as_client,
    connect,
    post,
)
from harness.tokens import store_of

from jupyter_mcp_proxy.cli import main

pytestmark = pytest.mark.anyio


async def test_the_command_makes_a_token_and_the_line_for_claude(
    file: JupyterProcess, label: str, use: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    use(file)
    assert main(["token", "new", "--name", label, "--tier", "read", "--days", "0.5"]) == 0
    out, err = capsys.readouterr()
    token, _, line = out.splitlines()
    assert line == f'claude mcp add --transport http jupyter {file.endpoint} --header "Authorization: Bearer {token}"'
    assert token not in err
    assert "not shown again" in err
    async with connect(file, token=token) as agent:
        await agent.ok("list_files")
    made = next(kept for kept in store_of(file).shown() if kept.name == label)
    assert (made.tier, made.maker) == ("read", "")
    assert main(["token", "new", "--name", label]) == 1
    assert "Choose another name" in capsys.readouterr().err
    assert main(["token", "list"]) == 0
    out = capsys.readouterr().out
    (row,) = [row for row in out.splitlines() if made.id in row]
    assert re.search(rf"^{made.id}  read  until \S+ UTC  {re.escape(label)}  \(.*, /\)$", row)
    assert token.split("_", 2)[2] not in out
    assert main(["token", "revoke", made.id]) == 0
    assert main(["token", "revoke", made.id]) == 1
    assert "There is no token" in capsys.readouterr().err


def test_the_command_prints_json_for_other_clients(
    file: JupyterProcess, label: str, use: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    use(file)
    assert main(["token", "new", "--name", label, "--client", "json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["mcpServers"].values()
    token = entry["headers"]["Authorization"].removeprefix("Bearer ")
    assert post(file, INITIALIZE, **as_client(token))[0] == 200


def test_of_several_servers_one_is_named(
    file: JupyterProcess, live: JupyterProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, label: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for server in (file, live):
        (info,) = server.runtime.glob("jpserver-*.json")
        (tmp_path / info.name).write_text(info.read_text())
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(live.data))
    assert main(["token", "new", "--name", label]) == 1
    err = capsys.readouterr().err
    assert f"--server {file.url}" in err
    assert f"--server {live.url}" in err
    assert main(["token", "new", "--name", label, "--server", "1"]) == 1
    assert "No running server has" in capsys.readouterr().err
    for number, which in enumerate((live.url, live.url[:-1], live.endpoint, str(live.port), str(live.root))):
        assert main(["token", "new", "--name", f"{label} {number}", "--server", which]) == 0, which
        assert live.endpoint in capsys.readouterr().out
    # That server keeps its data elsewhere: a token that it would never know is not left behind.
    before = [token.id for token in store_of(live).shown()]
    assert main(["token", "new", "--name", label, "--server", file.url]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "JUPYTER_DATA_DIR" in err
    assert [token.id for token in store_of(live).shown()] == before


def test_without_a_server_or_a_token_the_command_says_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    assert main(["token", "new", "--name", "x"]) == 1
    assert "jupyter lab" in capsys.readouterr().err
    assert main(["token", "list"]) == 0
    assert "token new" in capsys.readouterr().err
    assert main(["token", "revoke", "x"]) == 1
    assert not (tmp_path / "data" / "mcp-proxy" / "tokens.json").exists() or os.listdir(tmp_path / "data")
    for wrong in (["token"], ["token", "new"], ["token", "new", "--name", "x", "--tier", "root"]):
        with pytest.raises(SystemExit) as ended:
            main(wrong)
        assert ended.value.code == 2


def test_a_server_without_the_package_is_named(
    start_jupyter: StartJupyter, use: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    server = start_jupyter(rtc=False, arguments=("--ServerApp.jpserver_extensions=jupyter_mcp_proxy=False",))
    use(server)
    assert main(["token", "new", "--name", "x"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "jupyter server extension enable jupyter_mcp_proxy" in err
    assert not store_of(server).file.exists()


def test_the_secret_is_in_no_argument_list(file: JupyterProcess, label: str) -> None:
    """Not even in that of the command which makes it: another user of the machine could read it there."""
    environment = os.environ | {"JUPYTER_RUNTIME_DIR": str(file.runtime), "JUPYTER_DATA_DIR": str(file.data)}
    done = subprocess.run(
        [sys.executable, "-m", "jupyter_mcp_proxy", "token", "new", "--name", label],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    token = done.stdout.splitlines()[0]
    every = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not any(token.encode() in command for command in every)
