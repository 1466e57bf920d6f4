"""What stands around the package says what the package says: the release, and the entry in the registry."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

import pytest
import yaml
from harness import REPOSITORY

from jupyter_mcp_proxy import __version__
from jupyter_mcp_proxy.cli import create_parser


def read(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


def project(folder: str) -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads(read(f"{folder}/pyproject.toml"))["project"]
    return table


PROJECT, SERVERS_PART = project("."), project("jupyter_mcp_proxy/parent")
README = read("README.md")
ENTRY: dict[str, Any] = json.loads(read("server.json"))
(PACKAGE,) = ENTRY["packages"]
RELEASE: dict[str, Any] = yaml.safe_load(read(".github/workflows/release.yml"))["jobs"]

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
    assert f"`{command}`" in read("docs/connect.md")


# -- the release ----------------------------------------------------------------------------------------


def steps(job: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = RELEASE[job]["steps"]
    return found


def test_a_release_publishes_both_distributions_and_each_is_built_and_tried_before() -> None:
    published = RELEASE["publish"]["strategy"]["matrix"]["include"]
    assert [each["project"] for each in published] == [PROJECT["name"], SERVERS_PART["name"]]
    assert len({each["environment"] for each in published}) == 2  # one publisher that waits, one project
    assert RELEASE["publish"]["needs"] == "build"
    assert ".ci/distributions dist" in [step.get("run") for step in steps("build")]
    script = read(".ci/distributions")
    assert f"for project in {PROJECT['name']} {SERVERS_PART['name']}; do" in script
    assert all(f'--outdir "$out/{each["name"]}" ' in script for each in (PROJECT, SERVERS_PART))


def test_what_is_published_needs_no_secret_and_nothing_is_published_without_a_tag() -> None:
    assert "secrets." not in read(".github/workflows/release.yml")
    assert [job for job, held in RELEASE.items() if held["permissions"].get("id-token") == "write"] == [
        "build", "publish", "registry",
    ]  # fmt: skip
    assert RELEASE["publish"]["if"] == "github.ref_type == 'tag'"
    assert {job: held["needs"] for job, held in RELEASE.items() if job not in ("build", "publish")} == {
        "registry": "publish", "notes": "publish",
    }  # fmt: skip


@pytest.mark.parametrize("script", [each["run"] for job in RELEASE for each in RELEASE[job]["steps"] if "run" in each])
def test_each_script_of_the_release_is_one_that_bash_can_read(script: str) -> None:
    assert subprocess.run(["bash", "-n", "-c", script], capture_output=True, text=True).stderr == ""


def test_every_place_that_has_the_version_has_the_same() -> None:
    assert json.loads(read("labextension/package.json"))["version"] == __version__
    newest = re.search(r"^## (\S+) \(", read("CHANGELOG.md"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == __version__
    assert "version" in PROJECT["dynamic"]
    assert "version" in SERVERS_PART["dynamic"]


def test_the_notes_of_a_release_are_its_part_of_the_changelog() -> None:
    (script,) = (step["run"] for step in steps("notes") if "run" in step)
    awk = script.partition(" \\\n")[0].replace("${GITHUB_REF_NAME#v}", "1.0.0")
    changelog = (
        "# Changelog\n\n## 1.1.0 (later)\n\n- c\n\n## 1.0.0 (2026-12-01)\n\n- a\n- b\n\n## 0.1.0 (before)\n\n- z\n"
    )
    notes = subprocess.run(["bash", "-c", awk], input=changelog, capture_output=True, text=True, check=True).stdout
    assert notes.strip() == "- a\n- b"
