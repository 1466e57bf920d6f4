"""What is known of one life of a kernel's process."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Life:
    """One life of a kernel's process, as far as we have listened to it: each counts its executions from 1."""

    kernel_id: str
    ran: dict[int, str]
    """The code that it ran under each execution count, whoever sent it."""
    since: float
    """When it began, or we to listen, by a clock that nobody sets."""
