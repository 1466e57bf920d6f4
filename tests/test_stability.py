"""What is public is what the page on stability names: code and page say the same."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from importlib.metadata import entry_points
from pathlib import Path
from typing import get_args

from test_docs import read

import jupyter_mcp_proxy
from jupyter_mcp_proxy.cli import create_parser
from jupyter_mcp_proxy.config import MCPProxy
from jupyter_mcp_proxy.documents.unsaved import Unsaved
from jupyter_mcp_proxy.execution.states import State
from jupyter_mcp_proxy.store.audit import Audit, audit_file, lines
from jupyter_mcp_proxy.store.snapshots import folder_of_all, stored
from jupyter_mcp_proxy.store.tokens import PREFIX, VERSION, Place, ScopedToken, TokenStore, store_file
from jupyter_mcp_proxy.tools.activity import Activity, Outcome
from jupyter_mcp_proxy.tools.prompts import PROMPTS
from jupyter_mcp_proxy.tools.recording import Recorder
from jupyter_mcp_proxy.tools.registry import TOOLS
from jupyter_mcp_proxy.tools.server import CATALOGUE
from jupyter_mcp_proxy.tools.targets import TEMPLATES

PANEL = Path(__file__).parent.parent / "labextension"


def section(heading: str) -> str:
    text = read("stability.md")
    assert f"\n## {heading}\n" in text
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def between(text: str, begin: str, end: str) -> list[str]:
    """What is quoted between two phrases, which have to be there."""
    assert begin in text
    assert end in text.partition(begin)[2]
    return quoted(text.partition(begin)[2].partition(end)[0])


def rows(text: str) -> list[list[str]]:
    """The rows of a table, without its head."""
    found = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    return found[2:]


# -- the page and the code ---------------------------------------------------------------------------


def test_the_settings_are_those_of_the_code() -> None:
    named = quoted(section("Settings").partition("configuration.md")[2])
    assert sorted(named) == sorted(MCPProxy.class_trait_names(config=True))


def test_the_tools_with_tiers_and_parameters_are_those_of_the_code() -> None:
    named = [
        (quoted(tool)[0], tier, re.findall(r"(?:\*\*)?`\w+`(?:\*\*)?", told))
        for tool, tier, told in rows(section("Tools"))
    ]
    there = []
    for name, tool in CATALOGUE.items():
        required = tool.parameters.get("required", [])
        parameters = [f"**`{p}`**" if p in required else f"`{p}`" for p in tool.parameters.get("properties", {})]
        there.append((name, TOOLS[name].tier, parameters))
    assert sorted(named) == sorted(there)


def test_the_states_of_an_execution_are_those_of_the_code() -> None:
    assert between(section("Tools"), "the states", ".") == [state.value for state in State]


def test_the_resources_and_prompts_are_those_of_the_code() -> None:
    text = section("Tools")
    assert between(text, "Resources", "prompts") == [template.uri_template for template in TEMPLATES]
    assert between(text, "prompts", "with their arguments") == list(PROMPTS)


def test_the_form_of_a_token_and_of_its_file_are_those_of_the_code(tmp_path: Path) -> None:
    text = section("Tokens")
    assert f"`{PREFIX}<id>_<secret>`" in text
    assert f"`{PREFIX}`" in text
    made, token = TokenStore(tmp_path / "tokens.json").create(Place("/work", "/"), "agent")
    assert made.startswith(f"{PREFIX}{token.id}_")
    assert list(store_file().parts[-2:]) == ["mcp-proxy", "tokens.json"]
    assert "`mcp-proxy/tokens.json`" in text
    assert f'{{"version": {VERSION}, "tokens"' in text
    assert sorted(between(text, "each with", ".")) == sorted(field.name for field in fields(ScopedToken))


def test_the_fields_of_an_audit_line_are_those_of_the_code(tmp_path: Path) -> None:
    text = section("Audit")
    file = audit_file(tmp_path)
    assert f"`{file.relative_to(tmp_path).as_posix()}`" in text
    audit = Audit(file)
    with Recorder(Activity(), audit, contents=False, root="/work").call(
        "list_kernels", {}, user="ada", client="agent", token=None
    ):
        pass
    audit.close()
    (line,) = lines(file)
    assert sorted(between(text, "JSON object with", "([panel.md]")) == sorted(line)
    assert between(text, "`outcome` is", ".") == list(get_args(Outcome))


def test_the_commands_and_options_are_those_of_the_code() -> None:
    there = {}
    commands = create_parser()._subparsers._group_actions[0].choices  # type: ignore[union-attr]
    for name, parser in commands.items():  # type: ignore[union-attr]
        nested = parser._subparsers._group_actions[0].choices if parser._subparsers else {}
        each = {f"{name} {action}": options for action, options in nested.items()} or {name: parser}
        for command, options in each.items():
            given = [option for action in options._actions for option in action.option_strings]
            there[command] = [option for option in given if option not in ("-h", "--help")]
    named = {quoted(command)[0]: quoted(options) for command, options in rows(section("Command line"))}
    assert named == there


def test_the_names_in_python_are_those_of_the_code() -> None:
    text = section("Python")
    assert jupyter_mcp_proxy.__all__ == ["__version__"]
    (point,) = jupyter_mcp_proxy._jupyter_server_extension_points()
    assert f"the server extension\n`{point['name']}`" in text
    ours = [point for point in entry_points(group="jupyter_serverproxy_servers") if "jupyter_mcp_proxy" in point.value]
    assert [point.name for point in ours] == between(text, "the entry point", "of the group")
    scripts = [point.name for point in entry_points(group="console_scripts") if "jupyter_mcp_proxy" in point.value]
    assert scripts == ["jupyter-mcp-proxy"]
    assert f"`{scripts[0]}`" in section("Command line")


def test_the_commands_and_settings_in_jupyterlab_are_those_of_the_code() -> None:
    text = section("Python")
    source = (PANEL / "src" / "commands.ts").read_text(encoding="utf-8")
    assert between(text, "the commands", "the\nsetting") == re.findall(r"'(jupyter-mcp-proxy:\w+)'", source)
    schema = json.loads((PANEL / "schema" / "panel.json").read_text(encoding="utf-8"))
    assert between(text, "the\nsetting", ".") == list(schema["properties"])


# -- what an older installation has left -------------------------------------------------------------


def test_tokens_of_an_older_installation_are_read(tmp_path: Path) -> None:
    """The form of version 1.0.0, to the letter."""
    file = tmp_path / "tokens.json"
    file.write_text(
        """{
 "version": 1,
 "tokens": [
  {
   "id": "80f6d181",
   "name": "claude",
   "tier": "run",
   "created": "2026-11-20T21:30:05.123+00:00",
   "expires": "2036-11-20T21:30:05.123+00:00",
   "root_dir": "/work",
   "base_url": "/",
   "digest": "d74ff0ee8da3b9806b18c877dbf29bbde50b5bd8e4dad7a3a725000feb82e8f1",
   "revoked": "",
   "maker": "ada"
  }
 ]
}
"""
    )
    assert TokenStore(file).admit("jmp_80f6d181_pass", Place("/work", "/")).name == "claude"


def test_the_audit_of_an_older_installation_is_read(tmp_path: Path) -> None:
    """The form of version 1.0.0, to the letter."""
    file = tmp_path / "audit.jsonl"
    file.write_text(
        '{"time":"2026-11-20T21:30:05.123+00:00","user":"ada","client":"Claude Code","token":"claude",'
        '"tool":"edit_cell","notebook":"a.ipynb","cell":"4f1c09aa","arguments":{"notebook":"a.ipynb","cell":"4f1c09aa"},"outcome":"ok",'
        '"ms":184,"root":"/work"}\n'
    )
    assert [line["tool"] for line in lines(file)] == ["edit_cell"]


def test_snapshots_of_an_older_installation_and_what_waited_beside_them_are_read(tmp_path: Path) -> None:
    """The form of version 1.0.0, to the letter."""
    folder = folder_of_all(tmp_path) / "a.ipynb-0123456789ab"
    folder.mkdir(parents=True)
    (folder / "of.json").write_text('{"root": "/work", "notebook": "a.ipynb"}')
    (folder / "20261120T213000123456.ipynb").write_text(
        '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    )
    (folder / "unsaved.json").write_text(
        '{"order":[],"placed":[],"metadata":{},"metadata_was":{},"of":["a"],"cells":{"a":{"was":[{"cell_type":"code",'
        '"source":"x"}],"added":false,"gone":[],"now":{"source":"y"}}}}'
    )
    assert [(found.time, found.notebook, found.root) for found in stored(tmp_path)] == [
        ("20261120T213000123456", "a.ipynb", "/work")
    ]
    unsaved = Unsaved(folder)
    assert unsaved.claim()
    patch = unsaved.left()
    unsaved.release()
    assert patch is not None
    cell = {"id": "a", "cell_type": "code", "source": "x", "metadata": {}, "outputs": [], "execution_count": None}
    made, refused = patch.applied({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    assert (made["cells"][0]["source"], refused) == ("y", [])
