"""Notebooks as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat.v4


def write_notebook(path: Path, *sources: str, **metadata: Any) -> Path:
    """Write a notebook of code cells, and return its path."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    path.write_text(nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata=metadata)))
    return path
