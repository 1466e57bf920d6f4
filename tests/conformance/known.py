"""What fails, each with its reason. A failure that is not here is a defect; one that is here and passes is no more."""

from __future__ import annotations

NO_LOG = (
    "The server takes a level of logging, and sends no log: what an agent has to know is in results. "
    "The protocol has given logging up since 2026-07-28 (SEP-2577)."
)
KNOWN: dict[str, dict[str, str]] = {
    "2025-11-25": {
        "tools-call-with-logging/tools-call-with-logging": NO_LOG,
    },
    "2026-07-28": {},
}
"""By version: the scenario and the check, and why. The two warnings of server-sse-polling are none: we keep no events,
a run that is left is followed by its id (`wait_execution`)."""


def unexplained(version: str, failed: list[str]) -> tuple[list[str], list[str]]:
    """Failures without a reason, and reasons without a failure."""
    return sorted(set(failed) - set(KNOWN[version])), sorted(set(KNOWN[version]) - set(failed))
