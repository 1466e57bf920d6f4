"""Looking into a notebook's kernel: variables, objects, completions. Starts no kernel and leaves no trace in one."""

from __future__ import annotations

from .answers import Completions, Variable
from .inspector import Inspector

__all__ = ["Completions", "Inspector", "Variable"]
