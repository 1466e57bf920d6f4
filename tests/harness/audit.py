"""A line of the audit, as the sidecar writes it."""

from __future__ import annotations

from typing import Any


def audit_line(**fields: Any) -> dict[str, Any]:
    known = {
        "time": "2026-11-20T10:00:00.000+00:00", "user": "u", "client": "Claude", "token": None, "tool": "read_cell",
        "notebook": "a.ipynb", "cell": "abc", "arguments": {}, "outcome": "ok", "ms": 5,
    }  # fmt: skip
    return {**known, **fields}
