"""How the suite's results are read, and failures told from those that have a reason."""

from __future__ import annotations

import json
from pathlib import Path

from conformance.known import KNOWN, unexplained
from conformance.suite import Check, read, table


def test_checks_are_read_with_the_scenario_that_their_folder_names(tmp_path: Path) -> None:
    file = tmp_path / "server-tools-list-2026-11-28T20-11-01-123Z" / "checks.json"
    file.parent.mkdir()
    file.write_text(json.dumps([{"id": "a", "status": "FAILURE", "errorMessage": "no"}, {"id": "b", "status": "INFO"}]))
    checks = read(file)
    assert checks == [Check("tools-list", "a", "FAILURE", "no"), Check("tools-list", "b", "INFO", "")]
    assert checks[0].id == "tools-list/a"
    assert table("1", checks).startswith("1: 1 info, 1 failure\n  tools-list ")


def test_a_failure_without_a_reason_is_told_and_a_reason_without_a_failure() -> None:
    known = list(KNOWN["2025-11-25"])
    assert unexplained("2025-11-25", known) == ([], [])
    assert unexplained("2025-11-25", ["new/one", *known[1:]]) == (["new/one"], known[:1])
