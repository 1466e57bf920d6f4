"""How much memory this process may still have where its group of processes has a limit, as in a container.

Beyond that limit Linux kills a process, often this one, and no call is told why.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")

# Of both versions of Linux's control groups: the limit, what is in use, and what of that are files' contents, which
# Linux drops first.
_VERSIONS = (
    ("", "", "memory.max", "memory.current", r"^(?:in)?active_file (\d+)$"),
    ("memory", "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", r"^total_(?:in)?active_file (\d+)$"),
)


def memory_left() -> int | None:
    """Bytes that are left of the narrowest limit; None where there is none, or nothing tells."""
    left = [each for each in _all_left() if each is not None]
    return min(left, default=None)


def _all_left() -> Iterator[int | None]:
    try:
        own = OWN.read_text()
    except OSError:
        return
    for controller, folder, limit, usage, files in _VERSIONS:
        for _, controllers, path in (line.split(":", 2) for line in own.splitlines()):
            if controller in controllers.split(","):
                # In a container the path may be that of the machine, which is not seen there.
                inside = Path(path.lstrip("/"))
                for group in (inside, *inside.parents):
                    yield _left(GROUPS / folder / group, limit, usage, files)


def _left(group: Path, limit: str, usage: str, files: str) -> int | None:
    with suppress(OSError, ValueError):
        most = int((group / limit).read_text())  # "max" is no number
        dropped = sum(map(int, re.findall(files, (group / "memory.stat").read_text(), re.MULTILINE)))
        return max(0, most - int((group / usage).read_text()) + dropped)
    return None
