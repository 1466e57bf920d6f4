"""Whether another process lives."""

from __future__ import annotations

import os


def alive(pid: int) -> bool:
    """Whether a process with this id lives, as far as can be known."""
    if os.name == "nt":  # os.kill would end it there
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
