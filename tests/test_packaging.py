"""What stands around the package says what the package says: the entry for the registry of MCP servers."""

from __future__ import annotations

import json
import sys
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from harness import REPOSITORY

from jupyter_mcp_proxy import __version__
from jupyter_mcp_proxy.cli import create_parser

PROJECT: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
ENTRY: dict[str, Any] = json.loads((REPOSITORY / "server.json").read_text(encoding="utf-8"))
(PACKAGE,) = ENTRY["packages"]

# -- the registry of MCP servers ------------------------------------------------------------------------


def test_the_entry_in_the_registry_names_what_is_published_from_this_repository() -> None:
    repository = PROJECT["urls"]["Repository"]
    assert ENTRY["repository"] == {"url": repository, "source": "github"}
    assert ENTRY["name"] == "io.github." + repository.removeprefix("https://github.com/")
    assert ENTRY["version"] == PACKAGE["version"] == __version__
    assert (PACKAGE["registryType"], PACKAGE["identifier"]) == ("pypi", PROJECT["name"])
    assert ENTRY["description"] == PROJECT["description"]
    assert len(ENTRY["description"]) <= 100  # of the registry's schema


def test_the_readme_says_that_the_entry_in_the_registry_is_ours() -> None:
    """The registry looks for this in the description that the package index shows."""
    assert f"<!-- mcp-name: {ENTRY['name']} -->" in README
    assert PROJECT["readme"] == "README.md"


def test_what_the_registry_has_clients_start_is_a_command_of_ours() -> None:
    """`uvx <package> <arguments>`: uvx starts the script that is called as the package is."""
    assert (PACKAGE["runtimeHint"], PACKAGE["transport"]) == ("uvx", {"type": "stdio"})
    assert PACKAGE["identifier"] in PROJECT["scripts"]
    arguments = [argument["value"] for argument in PACKAGE["packageArguments"]]
    assert create_parser().parse_args(arguments).command == PACKAGE["transport"]["type"]
    command = " ".join([PACKAGE["runtimeHint"], PACKAGE["identifier"], *arguments])
    assert f"`{command}`" in (REPOSITORY / "docs" / "connect.md").read_text(encoding="utf-8")
