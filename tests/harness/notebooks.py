"""Notebooks as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat.v4


def write_notebook(path: Path, *sources: str, ids: Sequence[str] | None = None, **metadata: Any) -> Path:
    """Write a notebook of code cells, and return its path."""
    named = [{}] * len(sources) if ids is None else [{"id": cell} for cell in ids]
    cells = [nbformat.v4.new_code_cell(source, **id) for source, id in zip(sources, named, strict=True)]
    path.write_text(nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata=metadata)))
    return path
