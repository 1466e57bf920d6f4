"""What pip has installed for JupyterLab: there, in step with the package, small."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jupyter_core.paths import jupyter_path

from jupyter_mcp_proxy import __version__

SOURCES = Path(__file__).parent.parent / "labextension"
LARGEST = 60_000
"""Bytes of script and style."""


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
    print(f"{sum(sizes.values())} bytes: {sizes}")
    assert 0 < sum(sizes.values()) < LARGEST


def test_toasts_are_off_unless_somebody_switches_them_on() -> None:
    schema = json.loads((SOURCES / "schema" / "panel.json").read_text())
    assert schema["properties"]["toasts"]["default"] is False


def test_the_lockfile_names_no_registry() -> None:
    """Who builds the extension takes the packages from the registry that their npm is set to."""
    packages = json.loads((SOURCES / "package-lock.json").read_text())["packages"]
    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert all("integrity" in package for name, package in packages.items() if name)
