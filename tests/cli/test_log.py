"""`log`: the audit in a terminal, filtered and followed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness.audit import audit_line

from jupyter_mcp_proxy.cli import main
from jupyter_mcp_proxy.store.audit import Audit, audit_file, older

HOSTILE = "\x1b[31mred\x1b]0;owned\x07\u202e<b>\nname"


@pytest.fixture
def audited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with some calls, where the command looks for it."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    file = audit_file(tmp_path)
    audit = Audit(file)
    for each in (
        audit_line(),
        audit_line(tool="execute_cell", outcome="error", client="Cursor", ms=12_345),
        audit_line(
            time="2026-11-21T10:00:00.000+00:00", tool="write_file", notebook=None, arguments={"path": "data/x.csv"}
        ),
        audit_line(time="2026-11-21T11:00:00.000+00:00", client=HOSTILE, notebook=HOSTILE, cell=HOSTILE, token=HOSTILE),
    ):
        audit.write(each)
    audit.close()
    return file


@pytest.mark.parametrize(
    ("arguments", "tools"),
    [
        ([], ["read_cell", "execute_cell", "write_file", "read_cell"]),
        (["--tool", "execute_*"], ["execute_cell"]),
        (["--tool", "execute_cell", "--tool", "write_file"], ["execute_cell", "write_file"]),
        (["--client", "Cursor"], ["execute_cell"]),
        (["--notebook", "data/*"], ["write_file"]),
        (["--outcome", "error"], ["execute_cell"]),
        (["--since", "2026-11-21T10:00:00Z"], ["write_file", "read_cell"]),
        (["--last", "1"], ["read_cell"]),
        (["--client", "nobody"], []),
    ],
)
@pytest.mark.usefixtures("audited")
def test_the_log_is_filtered(arguments: list[str], tools: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["log", *arguments, "--json"]) == 0
    assert [json.loads(each)["tool"] for each in capsys.readouterr().out.splitlines()] == tools
    assert main(["log", *arguments]) == 0
    assert [tool in row for tool, row in zip(tools, capsys.readouterr().out.splitlines(), strict=True)] == [True] * len(
        tools
    )


@pytest.mark.usefixtures("audited")
def test_names_do_nothing_to_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    for more in ([], ["--json"]):
        assert main(["log", *more]) == 0
        shown = capsys.readouterr().out
        assert len(shown.splitlines()) == 4
        assert shown.replace("\n", "").isprintable()
        assert "<b>" in shown


def test_where_there_is_no_audit_it_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    assert main(["log"]) == 1
    assert "MCPProxy.audit" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main(["log", "--since", "yesterday"])
    assert ended.value.code == 2


def test_following_shows_what_comes_through_a_change_of_files(audited: Path) -> None:
    environment = os.environ | {"JUPYTER_DATA_DIR": str(audited.parent.parent)}
    command = [sys.executable, "-m", "jupyter_mcp_proxy", "log", "--follow", "--json", "--tool", "list_files"]
    audit = Audit(audited, largest=2000)
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for number in range(30):
            audit.write(audit_line(tool="list_files", ms=number))
            assert json.loads(process.stdout.readline())["ms"] == number
        process.terminate()
    audit.close()
    assert older(audited, 1).exists()
