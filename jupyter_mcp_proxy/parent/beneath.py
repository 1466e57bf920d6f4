"""What of Python and Jupyter lies beneath the server's root, where an agent that may edit can write."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from glob import escape
from pathlib import Path

from jupyter_core.paths import jupyter_config_path, jupyter_path, jupyter_runtime_dir

PACKAGE = Path(__file__).parents[1]


def python_path(given: str, root: str) -> str:
    """PYTHONPATH for the sidecar: without entries that are relative, and without those in the root.

    An entry stays from which this very package comes: there is no sidecar without it.
    """
    kept = [
        entry
        for entry in given.split(os.pathsep)
        if Path(entry).is_absolute() and (not _is_in(entry, root) or PACKAGE.parent == Path(entry).resolve())
    ]
    return os.pathsep.join(kept)


def environment_globs(root: str) -> list[str]:
    """Globs of the folders beneath the root that this Python and this Jupyter take code from, such as a `.venv`."""
    folders = {sys.prefix, sys.base_prefix, *jupyter_config_path(), *jupyter_path(), jupyter_runtime_dir()}
    return sorted({escape(path) for folder in folders for path in _beneath(folder, root)})


def _beneath(folder: str, root: str) -> Iterator[str]:
    """A folder's paths from the root, as it is named and as links lead to it; none where it is not beneath."""
    for path in _spellings(folder):
        for top in _spellings(root):
            if path != top and path.is_relative_to(top):
                yield path.relative_to(top).as_posix()


def _spellings(folder: str) -> tuple[Path, Path]:
    return Path(folder).absolute(), Path(folder).resolve()


def _is_in(path: str, folder: str) -> bool:
    """Whether a path leads into a folder, or is it."""
    return Path(path).resolve().is_relative_to(Path(folder).resolve())
