"""Builds the panel for jupyter-mcp-proxy-server; in the folder of its pyproject.toml hatch finds no module of ours."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parents[1]

PANEL = "share/jupyter/labextensions/jupyter-mcp-proxy"
SETTINGS = "etc/jupyter/jupyter_server_config.d"

NO_SDIST = """
jupyter-mcp-proxy-server has no sdist of its own: that of jupyter-mcp-proxy holds its sources. For its wheel:
  python -m build --wheel jupyter_mcp_proxy/parent
"""


class PanelHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs before the wheel is put together."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the panel if its sources are newer than what is there, and name what goes beside the package.

        Of a folder that is outside its own hatchling (1.27) takes no file as shared data. Nor does an sdist hold
        what lies above the folder of its pyproject.toml: no wheel could be built from it.
        """
        if self.target_name == "sdist":
            raise SystemExit(NO_SDIST)
        sys.path.insert(0, str(ROOT))
        from labextension.build import BUILT, build

        if os.environ.get("HATCH_JUPYTER_BUILDER_SKIP_NPM", "").lower() in ("1", "true"):
            BUILT.mkdir(exist_ok=True)
        else:
            build(self.target_name, version, build_cmd="build:prod", npm=["npm"])
        shared = {Path(self.root, "install.json"): f"{PANEL}/install.json"}
        for folder, target in (
            (BUILT, PANEL),
            (ROOT / "jupyter_mcp_proxy" / "jupyter_server_config.d", SETTINGS),
        ):
            files = (file for file in sorted(folder.rglob("*")) if file.is_file())
            shared |= {file: f"{target}/{file.relative_to(folder).as_posix()}" for file in files}
        build_data["shared_data"] = {str(file): target for file, target in shared.items()}
