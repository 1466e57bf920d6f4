"""What can be set or called is documented."""

from __future__ import annotations

import re

import pytest
from harness import REPOSITORY

from jupyter_mcp_proxy.cli import create_parser
from jupyter_mcp_proxy.clients import CLIENTS
from jupyter_mcp_proxy.config import MCPProxy
from jupyter_mcp_proxy.contract import ENV_PREFIX
from jupyter_mcp_proxy.tools.reference import catalogue_tokens, markdown
from jupyter_mcp_proxy.tools.server import CATALOGUE, INSTRUCTIONS

DOCS = REPOSITORY / "docs"


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", MCPProxy.class_trait_names(config=True))
def test_every_setting_has_a_section_with_its_configuration_line_and_environment_variable(name: str) -> None:
    _, _, rest = read("configuration.md").partition(f"\n## {name}\n")
    section = rest.partition("\n## ")[0]
    assert f"`c.MCPProxy.{name} = " in section
    assert f"`{ENV_PREFIX}{name.upper()}=" in section
    assert "- Default: " in section


def test_no_setting_is_documented_that_is_not_there() -> None:
    headings = [line[3:] for line in read("configuration.md").splitlines() if line.startswith("## ")]
    assert sorted(headings) == sorted(MCPProxy.class_trait_names(config=True))


def test_the_reference_of_the_tools_is_what_the_code_says() -> None:
    """`python -m jupyter_mcp_proxy.tools.reference > docs/tools.md` writes it anew."""
    assert read("tools.md") == markdown()


def test_the_catalogue_is_cheap() -> None:
    """Its cost is paid in every conversation."""
    assert catalogue_tokens() <= 4950
    assert len(INSTRUCTIONS) <= 2000


def test_no_schema_has_what_models_apis_refuse() -> None:
    """Anthropic's and OpenAI's take no alternatives at the top of a schema: all of a session's calls would fail."""
    alternatives = {"oneOf", "anyOf", "allOf", "not", "if", "$ref"}
    assert [name for name, tool in CATALOGUE.items() if alternatives & set(tool.parameters)] == []


def test_a_tool_is_destructive_if_it_may_take_something_away_and_open_if_it_runs_code() -> None:
    hints = {name: tool.annotations for name, tool in CATALOGUE.items() if tool.annotations is not None}
    assert len(hints) == len(CATALOGUE)
    adding = ["insert_cell", "move_cell", "split_cell", "copy_file", "use_notebook", "interrupt_kernel"]
    assert sorted(n for n, h in hints.items() if not h.read_only_hint and not h.destructive_hint) == sorted(adding)
    running = ["execute_cell", "insert_execute_code_cell", "execute_ipython", "run_cells"]
    assert sorted(n for n, h in hints.items() if h.open_world_hint) == sorted(running)


def test_a_tool_that_can_return_an_image_has_no_output_schema() -> None:
    """Clients would show their model JSON in place of the picture."""
    assert [name for name, tool in CATALOGUE.items() if tool.output_schema is not None] == []


def test_every_command_and_option_is_documented() -> None:
    text = read("cli.md")
    commands = create_parser()._subparsers._group_actions[0].choices  # type: ignore[union-attr]
    for name, parser in commands.items():  # type: ignore[union-attr]
        assert f"\n## {name}\n" in text
        section = text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        nested = parser._subparsers._group_actions[0].choices if parser._subparsers else {}
        for action in nested:
            assert f"jupyter mcp-proxy {name} {action}" in section
        for options in (parser, *nested.values()):
            for action in options._actions:
                assert all(option in section for option in action.option_strings if option not in ("-h", "--help"))


def test_every_client_is_documented() -> None:
    rows = read("connect.md").splitlines()
    for client in CLIENTS:
        row = next(row for row in rows if row.startswith("|") and f"| `{client.id}` |" in row)
        assert client.label in row or client.id == "json"
        assert ("link" in row) == (client.link is not None)
        assert f"`{client.id}`" in read("cli.md")


def test_every_attack_that_is_listed_names_tests_that_are_there() -> None:
    section = (
        (REPOSITORY / "SECURITY.md").read_text(encoding="utf-8").partition("## What shows it")[2].partition("\n## ")[0]
    )
    rows = [line for line in section.splitlines() if line.startswith("| ") and line != "| | |"]
    assert len(rows) > 20
    for row in rows:
        named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", row)
        assert named, row
        for file, test in named:
            assert f"def {test}(" in (REPOSITORY / "tests" / file).read_text(encoding="utf-8"), (file, test)
