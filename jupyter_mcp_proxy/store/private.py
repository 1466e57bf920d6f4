"""Files and folders of our own: nobody else reads or writes them, whatever the umask is."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

OURS = "mcp-proxy"
"""The folder below Jupyter's data directory in which all of ours are."""


def private_folder(folder: Path) -> None:
    """Make a folder, with those above it that are missing, which nobody else can enter; and close it where one could.

    `Path.mkdir` gives its mode to the last of them only.
    """
    ours = [folder]
    while OURS in ours[0].parent.parts and ours[0].name != OURS:
        ours.insert(0, ours[0].parent)
    ours[0].parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for each in ours:
        each.mkdir(exist_ok=True, mode=0o700)
        if os.name == "posix" and stat.S_IMODE(each.stat().st_mode) != 0o700:
            with suppress(PermissionError):  # somebody else's, who lets us in
                each.chmod(0o700)


def others_may_write(found: os.stat_result) -> bool:
    """Whether somebody else than its owner may write a file or folder.

    In a pod of Kubernetes the group is the volume's (`fsGroup`), which makes all that is on it writable for the group
    whenever it is mounted; there is nobody else in that group.
    """
    if os.name != "posix":
        return False
    group = 0 if "KUBERNETES_SERVICE_HOST" in os.environ else stat.S_IWGRP
    return bool(found.st_mode & (stat.S_IWOTH | group))
