"""Writing a file as a whole: a reader sees what was there before or all of what is new, whoever writes beside us."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def replacing(file: Path, *, durable: bool = False) -> Iterator[TextIO]:
    """A text file, readable by its owner only, that takes the place of `file` when the block ends well.

    Each has a name of its own: of several that are written at the same moment the last one stays. Half a pair of
    surrogates becomes a question mark. With `durable` the text is on the disk before the file is replaced.
    """
    new = file.with_name(f".{file.name}.{secrets.token_hex(4)}.tmp")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as written:
            yield written
            if durable:
                written.flush()
                os.fsync(written.fileno())
        new.replace(file)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
