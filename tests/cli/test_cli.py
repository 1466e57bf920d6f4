"""The command line as a whole: help, the three ways to it, and `config`."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest
from harness.machine import MODULE

from jupyter_mcp_proxy import __version__
from jupyter_mcp_proxy.cli import main
from jupyter_mcp_proxy.config import MCPProxy
from jupyter_mcp_proxy.contract import ENV_PREFIX
from jupyter_mcp_proxy.store.snapshots import Snapshots, folder_of_all

COMMANDS = ("demo", "connect", "doctor", "token", "log", "config", "snapshots")
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


# -- snapshots ----------------------------------------------------------------------------------------


def test_names_of_notebooks_are_no_commands_for_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An agent chooses them: they could clear the screen, or write over what stands there."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    name = "a\x1b[2J\x1b]0;title\x07\u202eb\n20990101T000000000000  forged.ipynb"
    asyncio.run(Snapshots(folder_of_all(tmp_path), "/home/me\x1b[1A").take(name, {"cells": []}))
    assert main(["snapshots"]) == 0
    told = capsys.readouterr().out
    assert len(told.splitlines()) == 1
    assert r"a\x1b[2J\x1b]0;title\x07\u202eb\n2099" in told
    assert r"/home/me\x1b[1A" in told
    time = told.split()[0]
    assert main(["snapshots", "--restore", time, "--to", str(tmp_path / "restored.ipynb")]) == 0
    assert "\x1b" not in capsys.readouterr().out
