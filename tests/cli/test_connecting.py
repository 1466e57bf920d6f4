"""`connect <client>`: the client's own file gets a server's entry, after a look at what changes."""

from __future__ import annotations

import io
import json
import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness import TOKEN, JupyterProcess, StartJupyter, connect
from harness.tokens import store_of

from jupyter_mcp_proxy.cli import main
from jupyter_mcp_proxy.cli.files import jsonc
from jupyter_mcp_proxy.cli.files.disk import place_of
from jupyter_mcp_proxy.cli.writes import CLIENTS
from jupyter_mcp_proxy.clients import Client, Target


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with nothing in it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    return tmp_path


class Terminal(io.StringIO):
    """Where a person types."""

    def isatty(self) -> bool:
        return True


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


@pytest.mark.parametrize("client", CLIENTS.values(), ids=lambda client: client.id)
def test_every_client_gets_its_entry_and_loses_it(
    client: Client, file: JupyterProcess, use: Any, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    use(file)
    given = ["--file", str(home / "x.json")] if client.id == "json" else []
    assert main(["connect", client.id, "--yes", *given]) == 0
    out, err = capsys.readouterr()
    assert "+" in out
    assert TOKEN not in out + err
    assert client.file is not None
    path = home / "x.json" if given else place_of(client.file, str(file.root))
    content = path.read_text()
    assert path.is_relative_to(file.root if client.id == "jupyter-ai" else home)
    if client.id == "claude-desktop":
        assert '"stdio"' in content
    else:
        assert file.endpoint in content
        assert ("Bearer jmp_" in content) == (not client.signs_in)
    assert main(["connect", client.id, "--yes", *given]) == 0
    assert main(["connect", client.id, "--remove", "--yes", *given]) == 0
    for id in set(re.findall(r"token revoke (\w+)` ends it", capsys.readouterr().err)):
        store_of(file).revoke(id)
    assert file.endpoint not in path.read_text()
    path.unlink()


@pytest.mark.parametrize("client", CLIENTS.values(), ids=lambda client: client.id)
def test_what_is_written_for_a_client_is_what_the_page_prints_for_it(client: Client) -> None:
    assert client.file is not None
    for token in ("", "jmp_0123abcd_secret"):
        target = Target("http://127.0.0.1:8888/mcp-proxy/mcp", token)
        entry = client.file.entry(target)
        text = client.render([target])
        if client.is_command:
            assert target.url in text
        elif client.language == "json":
            content: Any = json.loads(text)
            for key in client.file.keys:
                content = content[key]
            assert (content[0] if client.file.listed else content["jupyter"]) == entry
        elif client.language == "yaml":
            assert yaml.safe_load(text)["extensions"]["jupyter"] == entry
        else:
            assert all(json.dumps(value) in text for value in entry.values() if isinstance(value, str))


@pytest.mark.anyio
async def test_a_token_is_written_where_nobody_else_reads_it_and_is_not_shown(
    file: JupyterProcess, use: Any, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    use(file)
    settings = home / ".cursor" / "mcp.json"
    settings.parent.mkdir()
    settings.write_text('{"mcpServers": {}}')
    settings.chmod(0o644)
    assert main(["connect", "cursor", "--with-token", "--tier", "read", "--yes"]) == 0
    out, err = capsys.readouterr()
    token = json.loads(settings.read_text())["mcpServers"]["jupyter"]["headers"]["Authorization"].removeprefix(
        "Bearer "
    )
    assert token not in out + err
    assert token.split("_", 2)[2] not in out + err
    assert mode(settings) == 0o600
    async with connect(file, token=token) as agent:
        await agent.ok("list_files")
        await agent.fails("execute_ipython", code="1")
    assert main(["connect", "cursor", "--yes"]) == 0
    id = token.split("_")[1]
    assert f"token revoke {id}" in capsys.readouterr().err, "the token that stood there still works"
    assert token not in settings.read_text()
    store_of(file).revoke(id)


def test_without_a_yes_nothing_is_written_and_no_token_is_left(
    file: JupyterProcess, use: Any, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use(file)
    there = {token.id for token in store_of(file).shown()}
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert main(["connect", "zed"]) == 1
    assert "--yes" in capsys.readouterr().err, "nobody is at a terminal"
    for answer in ("", "\n", "n\n", "nay\n"):
        monkeypatch.setattr("sys.stdin", Terminal(answer))
        assert main(["connect", "zed", "--with-token"]) == 1
    assert list(home.rglob("*.json")) == []
    assert {token.id for token in store_of(file).shown()} == there
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert main(["connect", "zed"]) == 0
    assert (home / ".config" / "zed" / "settings.json").exists()


def test_print_writes_nothing(file: JupyterProcess, use: Any, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    use(file)
    assert main(["connect", "opencode", "--print"]) == 0
    out, _ = capsys.readouterr()
    assert json.loads(out)["mcp"]["servers"]["jupyter"] == {"type": "remote", "url": file.endpoint}
    assert list(home.rglob("*.json")) == []


def test_a_link_stays_a_link_and_permissions_stay(
    file: JupyterProcess, use: Any, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    use(file)
    dotfiles = home / "dotfiles"
    dotfiles.mkdir()
    real = dotfiles / "settings.json"
    real.write_bytes(b'\xef\xbb\xbf// mine\r\n{\r\n  "theme": "One",\r\n}\r\n')
    real.chmod(0o640)
    link = home / ".config" / "zed" / "settings.json"
    link.parent.mkdir(parents=True)
    link.symlink_to(os.path.relpath(real, link.parent))
    assert main(["connect", "zed", "--yes"]) == 0
    assert link.is_symlink()
    assert mode(real) == 0o640
    content = real.read_bytes()
    assert content.startswith(b'\xef\xbb\xbf// mine\r\n{\r\n  "theme": "One",\r\n  "context_servers": {\r\n')
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert jsonc.read(content.decode("utf-8-sig"))["context_servers"]["jupyter"] == {"url": file.endpoint}
    assert list(dotfiles.iterdir()) == [real]


@pytest.mark.parametrize("content", [b"[1]", b"{,}", b"\xff\xfe{}", b"// a comment\n{}"])
def test_a_file_that_is_not_understood_stays_as_it_is_and_the_cure_is_told(
    content: bytes, file: JupyterProcess, use: Any, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    use(file)
    (home / ".claude.json").write_bytes(content)
    there = {token.id for token in store_of(file).shown()}
    assert main(["connect", "claude-code", "--yes", "--with-token"]) == 1
    assert {token.id for token in store_of(file).shown()} == there
    assert "--print" in capsys.readouterr().err
    assert (home / ".claude.json").read_bytes() == content


def test_a_folder_that_is_none_is_told(
    file: JupyterProcess, use: Any, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    use(file)
    (home / ".codex").write_text("a file")
    assert main(["connect", "codex", "--yes"]) == 1
    assert "cannot be" in capsys.readouterr().err


def test_a_server_elsewhere_is_written_by_its_url(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = "https://hub.example.org/user/ada/"
    assert main(["connect", "codex", "--url", url, "--name", "hub", "--yes"]) == 0
    assert f'[mcp_servers.hub]\nurl = "{url}mcp-proxy/mcp"\n' == (home / ".codex" / "config.toml").read_text()
    assert "codex mcp login hub" in capsys.readouterr().err
    assert main(["connect", "jupyter-ai", "--url", url, "--yes"]) == 1
    assert main(["connect", "codex", "--url", "https://h/?token=x", "--yes"]) == 1


@pytest.mark.parametrize("arguments", [["--server", "x"], ["--yes"], ["--remove"], ["codex", "--name", "a.b"]])
def test_options_that_make_no_sense_are_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["connect", *arguments]) == 2
    assert capsys.readouterr().err


def test_where_signing_in_is_off_a_token_is_written(
    start_jupyter: StartJupyter, use: Any, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = start_jupyter(rtc=False, arguments=("--MCPProxy.signin=False",))
    use(server)
    assert main(["connect", "cursor", "--yes"]) == 0
    entry = json.loads((home / ".cursor" / "mcp.json").read_text())["mcpServers"]["jupyter"]
    assert entry["headers"]["Authorization"].startswith("Bearer jmp_")


def test_a_client_that_starts_programs_gets_one_that_signs_in_at_a_server_elsewhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "claude_desktop_config.json"
    words = ["connect", "claude-desktop", "--url", "https://hub.example.org/user/ada/lab", "--file", str(file), "--yes"]
    assert main(words) == 0, capsys.readouterr().err
    (server,) = json.loads(file.read_text())["mcpServers"].values()
    assert server["args"][-3:] == ["stdio", "--url", "https://hub.example.org/user/ada/mcp-proxy/mcp"]
    assert "env" not in server
