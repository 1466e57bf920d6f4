"""What a process of ours may use that works on what comes from elsewhere."""

from __future__ import annotations

import sys


def limit(seconds: int, memory: int) -> None:
    """End this process after so many seconds of computing, and let it have no more than so many bytes."""
    try:
        import resource
    except ImportError:  # Windows has no such limits; whoever starts us waits only so long
        return
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":  # elsewhere it counts what is only reserved, too
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
