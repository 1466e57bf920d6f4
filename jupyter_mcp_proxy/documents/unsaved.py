"""What is changed in a large file and not written to it yet, kept where a crash does not reach it.

Beside the notebook's snapshots (see `store/snapshots.py`), readable by their owner only: `unsaved.json`, and a lock
that says whose it is.
"""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack
from pathlib import Path

from ..store.filelock import locked
from ..store.private import private_folder
from .patch import Patch

log = logging.getLogger(__name__)

NAME = "unsaved.json"


class Unsaved:
    """The patch of one notebook, in `folder`. Blocks for as long as writing a small file takes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = ExitStack()
        self.claimed = False
        """Whether what is kept is ours: nobody else keeps anything for this notebook meanwhile."""

    @property
    def _file(self) -> Path:
        return self._folder / NAME

    def claim(self) -> bool:
        """Make it ours, for as long as this process lives or until `release`; whether that could be."""
        if not self.claimed:
            try:
                private_folder(self._folder)
                self._lock.enter_context(locked(self._folder / "unsaved.lock", wait=0))
            except OSError:
                return False
            self.claimed = True
        return True

    def move(self, folder: Path) -> None:
        """It is in another folder now; the lock is held wherever its file is."""
        self._folder = folder

    def release(self) -> None:
        """Let somebody else have it."""
        self.claimed = False
        self._lock.close()

    @property
    def there(self) -> bool:
        """Whether something is kept, by whomever."""
        return self._file.exists()

    def left(self) -> Patch | None:
        """What is kept, once it is ours; None where that is nothing, or damaged."""
        try:
            return Patch.from_json(self._file.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("%s cannot be used: %s", self._file, error)
            return None

    def keep(self, patch: Patch) -> None:
        """Keep this in the place of what was kept before. Raises OSError, also where it is not ours."""
        if not self.claimed:
            raise PermissionError("it is another's")
        if not patch:
            self.forget()
            return
        temporary = self._file.with_suffix(".tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(patch.to_json())
        temporary.replace(self._file)

    def forget(self) -> None:
        """Nothing is to be kept any more."""
        if self.claimed:
            self._file.unlink(missing_ok=True)
