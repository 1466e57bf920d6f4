"""A server that is run by a plain user, not by root, whom read-only files and folders do not stop."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness import JupyterProcess, write_notebook

NOBODY = 65534
SWITCH = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
READING = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
"""Where this Python is in a folder of root's own, the user may look into all folders. It writes no more for that."""

STARTS_ANOTHER = (
    "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import jupyter_mcp_proxy'], check=True)"
)
"""What setpriv itself starts is started with root's rights: what that starts is what has the user's alone."""


def _switched() -> list[str]:
    """What runs this Python as a plain user; skips where nothing does."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("another user is switched to by root, with setpriv (Linux)")
    tried = None
    for command in (SWITCH, [*SWITCH, *READING]):
        tried = subprocess.run([*command, sys.executable, "-c", STARTS_ANOTHER], capture_output=True)
        if tried.returncode == 0:
            return command
    assert tried is not None
    pytest.skip(f"a plain user cannot run this Python: {tried.stderr.decode()[-200:]}")


class PlainServer(JupyterProcess):
    """It is below a folder that everybody may enter; all of it is the user's."""

    def made(self, path: Path, mode: int) -> Path:
        """Something in the root, now the user's, with these rights."""
        os.chown(path, NOBODY, NOBODY)
        path.chmod(mode)
        return path

    def notebook(self, name: str, mode: int = 0o644) -> Path:
        return self.made(write_notebook(self.root / name, "a = 1", "print('out')"), mode)

    def text(self, name: str, mode: int = 0o644) -> Path:
        (self.root / name).write_text("text\n")
        return self.made(self.root / name, mode)

    def tree(self) -> dict[str, bytes | None]:
        """All that is in the root, with what it says; without what Jupyter keeps there for itself."""
        found = [path for path in self.root.rglob("*") if not path.relative_to(self.root).as_posix().startswith(".")]
        below = [path for path in found if ".ipynb_checkpoints" not in path.parts]
        return {path.relative_to(self.root).as_posix(): path.read_bytes() if path.is_file() else None for path in below}


@contextmanager
def plain_server(*, rtc: bool) -> Iterator[PlainServer]:
    command = _switched()
    home = Path(tempfile.mkdtemp())  # pytest's folders are open to their owner alone
    home.chmod(0o755)
    python = home / "python"
    switch = " ".join(command)
    python.write_text(f'#!/bin/sh\nchown -R {NOBODY}:{NOBODY} {home}\nexec {switch} {sys.executable} "$@"\n')
    python.chmod(0o755)
    server = PlainServer(home / "server", rtc=rtc, python=str(python))
    try:
        server.wait()
        yield server
    finally:
        server.stop()
        shutil.rmtree(home)
