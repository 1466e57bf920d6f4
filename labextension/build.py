"""What hatch calls to build the panel: npm, and a clear word where npm cannot do it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from hatch_jupyter_builder import npm_builder
from hatch_jupyter_builder.utils import compare_recursive_mtime

HERE = Path(__file__).parent
BUILT = HERE / "dist"
SOURCES = ("src", "style", "schema", "package.json", "package-lock.json", "tsconfig.json", "webpack.config.js")

FAILED = """

The JupyterLab panel could not be built.
npm says above why: it has to reach its package registry. Where it cannot, there are two ways:
  - install a wheel, which holds the panel ready-made;
  - set HATCH_JUPYTER_BUILDER_SKIP_NPM=1 to install everything but the panel.
"""


def build(target: str, version: str, **options: Any) -> None:
    """Build the panel if its sources are newer than what is there, as in an sdist they are not."""
    BUILT.mkdir(exist_ok=True)  # hatch puts it into the wheel, and insists that it is there
    if not stale():
        return
    try:
        npm_builder(target, version, path=str(HERE), **options)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        raise SystemExit(FAILED) from error


def stale() -> bool:
    """Whether a source is newer than the build."""
    built = BUILT / "package.json"
    return not built.exists() or any(compare_recursive_mtime(HERE / name, built.stat().st_mtime) for name in SOURCES)
