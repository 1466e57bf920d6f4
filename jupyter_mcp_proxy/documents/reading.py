"""A notebook is read while nobody writes it.

Jupyter (jupyter-server 2.21) empties a notebook's file and only then makes what it writes: 3 MB take a second. Whoever
reads through Jupyter meanwhile has it put back what was there before: what is being written ends in `a.ipynb.invalid`,
and others find no file, or half of one, for a moment.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from ..errors import InvalidNotebook, ServerError, TooLittleMemory
from .memory import memory_left

if TYPE_CHECKING:
    from ..jupyter.server import JupyterServer

MOST_BYTES: Final = 80_000_000
"""What a notebook may have to be read. Decoding 200 MB holds up every client for many seconds, in Jupyter's process and
in this one."""
SMALL: Final = 5_000_000
"""Bytes of a notebook for which nobody looks how much memory is left."""
AS_FILE: Final = 3
AS_DOCUMENT: Final = 8
"""How many times a notebook's size is taken while it is opened: 3.0 and 8.9 with images, 3.1 and 9.7 with text."""
LONGEST: Final = 20.0
"""Seconds that a write may take; a file that has been empty for longer is an empty file."""
PATIENCE: Final = 5.0
"""Seconds that a read waits for a write."""
EMPTY: Final = "it is empty. use_notebook with create=true makes a notebook of it"
MOMENT: Final = 0.2
"""Seconds between two looks."""


async def read_notebook(
    server: JupyterServer, path: str, *, most: int | None = MOST_BYTES, hash: bool = False, times: int = AS_FILE
) -> dict[str, Any]:
    """A notebook's model with its content. What cannot be read is read once more before that is said.

    Raises InvalidNotebook, unread, for a file that is larger than `most`: nobody shall have to wait for it. And
    TooLittleMemory, unread, for one of which this process could not hold so many `times` as much.
    """
    deadline = time.monotonic() + PATIENCE
    for is_last in (False, True):
        size = await _size(server, path, deadline)
        if most is not None and size > most:
            why = f"more than {most // 1_000_000} MB are not read, for everybody would wait for it"
            raise InvalidNotebook(path, f"it has {size // 1_000_000:,} MB, and {why}")
        left = memory_left() if size > SMALL else None
        if left is not None and size * times > left:
            raise TooLittleMemory(changes=False)
        try:
            return await server.contents(path, type="notebook", hash=int(hash))
        except ServerError as error:
            if is_last and not size and error.status in (400, 500):
                raise InvalidNotebook(path, EMPTY) from error
            if is_last or error.status not in (400, 404, 500):
                raise
            await asyncio.sleep(MOMENT)
    raise AssertionError  # the last time returns or raises


_RAISED = re.compile(r"(?:<\w+: |\w+\()(?P<why>.*)[>)]", re.DOTALL)
"""What was raised, as Python writes it."""


def why_unreadable(path: str, error: ServerError) -> str:
    """Why Jupyter cannot read a notebook, without the file's place on the machine and the name of what it raised."""
    here = path.replace("/", os.sep)  # empty where the root itself was asked for, which is told without it
    why = error.message.partition(here)[2].strip() if here and here in error.message else error.message
    raised = _RAISED.fullmatch(why)
    if raised is None:
        return f"it {why}" if why.startswith("is ") else why
    why = raised["why"]
    if why[:1] not in ("'", '"') or why[-1:] != why[:1]:
        return why
    return why[1:-1].replace("\\'", "'").replace('\\"', '"')


async def _size(server: JupyterServer, path: str, deadline: float) -> int:
    """How large a file is, once nobody seems to write it, or at the deadline."""
    while True:
        model = await server.contents(path, content=False, type="notebook")
        size = int(model.get("size") or 0)
        # An empty script is a notebook of jupytext's.
        if size or not path.endswith(".ipynb") or not _is_new(model) or time.monotonic() > deadline:
            return size
        await asyncio.sleep(MOMENT)


def _is_new(model: dict[str, Any]) -> bool:
    try:
        at = datetime.fromisoformat((model.get("last_modified") or "").replace("Z", "+00:00"))
    except ValueError:
        return False
    return abs(time.time() - at.timestamp()) < LONGEST
