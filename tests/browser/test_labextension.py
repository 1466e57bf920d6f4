"""What pip has installed for JupyterLab: there, in step with the package, small."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from harness import REPOSITORY
from jupyter_core.paths import jupyter_path

from jupyter_mcp_proxy import __version__

SOURCES = REPOSITORY / "labextension"
LARGEST, AT_ONCE = 120_000, 90_000
"""Bytes of script and style: all of it, and what is loaded with the page."""


@pytest.fixture
def installed() -> Path:
    """Where JupyterLab finds the extension."""
    for folder in jupyter_path("labextensions"):
        found = Path(folder) / "jupyter-mcp-proxy"
        if (found / "package.json").exists():
            return found
    raise AssertionError(
        'The extension is not installed: run `python -m pip install -e ".[test]"`, where npm can work.'
    )


def test_the_extension_is_prebuilt_and_says_who_has_installed_it(installed: Path) -> None:
    package = json.loads((installed / "package.json").read_text())
    assert package["version"] == __version__
    assert (installed / package["jupyterlab"]["_build"]["load"]).is_file()
    assert json.loads((installed / "install.json").read_text())["packageManager"] == "python"
    assert (installed / "schemas" / "jupyter-mcp-proxy" / "panel.json").is_file()


def test_the_extension_is_small(installed: Path) -> None:
    sizes = {path.name: path.stat().st_size for path in installed.rglob("*") if path.suffix in (".js", ".css")}
    # What shows a difference, the snapshots, and what a file has that the open notebook has not.
    once_asked_for = ("cm-changeGutter", "jp-McpSnapshot-when", "On disk (%1)")
    texts = {name: (installed / "static" / name).read_text() for name in sizes}
    lazily = {name for name, text in texts.items() if any(part in text for part in once_asked_for)}
    assert len(lazily) == len(once_asked_for)
    at_once = sum(size for name, size in sizes.items() if name not in lazily)
    print(f"{sum(sizes.values())} bytes, {at_once} of them with the page: {sizes}")
    assert 0 < at_once < AT_ONCE
    assert sum(sizes.values()) < LARGEST


def test_toasts_are_off_unless_somebody_switches_them_on() -> None:
    schema = json.loads((SOURCES / "schema" / "panel.json").read_text())
    assert schema["properties"]["toasts"]["default"] is False


def test_the_lockfile_names_no_registry() -> None:
    """Who builds the extension takes the packages from the registry that their npm is set to."""
    packages = json.loads((SOURCES / "package-lock.json").read_text())["packages"]
    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert all("integrity" in package for name, package in packages.items() if name)


# -- where npm reaches no registry --------------------------------------------------------------------


def wheel(checkout: Path, **environment: str) -> tuple[bool, str]:
    """Let pip build a wheel with an npm that reaches nothing; whether it did, and what it said or what is in it."""
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", checkout / "wheels", checkout]
    env = os.environ | {"npm_config_registry": "http://127.0.0.1:1/", "npm_config_fetch_retries": "0"} | environment
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        return False, done.stdout
    with zipfile.ZipFile(next((checkout / "wheels").glob("*.whl"))) as made:
        return True, "\n".join(made.namelist())


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """This checkout with the panel as it was built, and without the packages that it was built with."""
    copy = tmp_path / "checkout"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(SOURCES.parent / name, copy)
    for name in ("jupyter_mcp_proxy", "labextension"):
        shutil.copytree(SOURCES.parent / name, copy / name, ignore=shutil.ignore_patterns("node_modules", "lib"))
    (copy / "labextension" / "dist" / "package.json").touch()
    return copy


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_was_built_once_needs_no_npm(checkout: Path) -> None:
    """So it is with an sdist."""
    built, names = wheel(checkout)
    assert built, names
    assert "share/jupyter/labextensions/jupyter-mcp-proxy/package.json" in names
    assert "share/jupyter/labextensions/jupyter-mcp-proxy/static/remoteEntry" in names
    assert "share/jupyter/labextensions/jupyter-mcp-proxy/install.json" in names
    assert "node_modules" not in names


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_where_the_panel_cannot_be_built_pip_says_what_to_do(checkout: Path) -> None:
    """What it says works."""
    shutil.rmtree(checkout / "labextension" / "dist")
    built, said = wheel(checkout)
    assert not built
    assert "The JupyterLab panel could not be built" in said
    assert "HATCH_JUPYTER_BUILDER_SKIP_NPM=1" in said
    built, names = wheel(checkout, HATCH_JUPYTER_BUILDER_SKIP_NPM="1")
    assert built, names
    assert "jupyter_mcp_proxy/parent/relay.py" in names
    assert "jupyter_mcp_proxy/execution/inspection/r.R" in names
    for file in (checkout / "jupyter_mcp_proxy" / "sidecar" / "static").iterdir():
        assert f"jupyter_mcp_proxy/sidecar/static/{file.name}" in names
    assert "labextensions/jupyter-mcp-proxy/package.json" not in names
