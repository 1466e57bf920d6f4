"""A client's file on the disk: where it is, what is in it, and its replacement as a whole."""

from __future__ import annotations

import os
import re
import secrets
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from ...clients import File
from .entries import NotEditable

LONGEST_LINE = 160
"""Characters of a line that a difference shows: a file without line ends is one line."""

_SECRET = re.compile(
    r"""(Bearer\s+|jmp_\w{8}_|(?:key|token|secret|passw\w*|auth\w*)["']?\s*[:=]\s*["'](?!Bearer))[^\s"',}]+""",
    re.IGNORECASE,
)


def place_of(file: File, root: str, environment: Mapping[str, str] = os.environ) -> Path:
    """Where a client's file is on this machine, for the server in a root folder. Raises NotEditable."""
    home = Path.home()
    folders = {
        "home": str(home),
        "root": root,
        "config": environment.get("XDG_CONFIG_HOME") or str(home / ".config"),
        "support": str(home / "Library" / "Application Support"),
        "appdata": environment.get("APPDATA") or str(home / "AppData" / "Roaming"),
        "claude": environment.get("CLAUDE_CONFIG_DIR") or str(home),
        "codex": environment.get("CODEX_HOME") or str(home / ".codex"),
    }
    own = {"darwin": file.darwin, "win32": file.windows}.get(sys.platform) or file.paths
    paths = [Path(path.format_map(folders)) for path in own]
    if not paths:
        raise NotEditable("say with --file which file it is")
    return next((path for path in paths if path.exists()), paths[0])


@dataclass(frozen=True)
class Found:
    """A file as it was read. A link is followed: what it leads to is read and replaced, and the link stays."""

    path: Path
    content: bytes
    mode: int | None
    """Its permissions; None where there is no file yet."""

    @classmethod
    def at(cls, path: Path) -> Found:
        """The file, or that there is none. Raises NotEditable."""
        real = Path(os.path.realpath(path))
        try:
            content = real.read_bytes()
            return cls(real, content, stat.S_IMODE(real.stat().st_mode))
        except FileNotFoundError:
            return cls(real, b"", None)
        except OSError as error:
            raise NotEditable(f"it cannot be read ({error.strerror})") from error

    @property
    def text(self) -> str:
        """Its text, with whatever line ends and mark it has. Raises NotEditable."""
        try:
            return self.content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise NotEditable("it is not UTF-8") from error

    def replace(self, text: str, *, private: bool) -> None:
        """Put a text in its place, unless it has changed since. Nobody else reads a private one. Raises NotEditable."""
        if Found.at(self.path) != self:
            raise NotEditable("it has changed meanwhile; nothing was written. Try again")
        mode = 0o600 if private else 0o644 if self.mode is None else self.mode
        new = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}.tmp")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
            with os.fdopen(descriptor, "wb") as written:
                written.write(text.encode())
                written.flush()
                os.fsync(written.fileno())
            if mode != 0o600:
                new.chmod(mode)
            new.replace(self.path)
        except OSError as error:
            raise NotEditable(f"it cannot be written ({error.strerror})") from error
        finally:
            new.unlink(missing_ok=True)


def difference(before: str, after: str, name: str) -> str:
    """The lines that differ, and no others, with what may be a secret left out."""
    lines = unified_diff(before.splitlines(), after.splitlines(), name, name, n=0, lineterm="")
    return "\n".join(_shown(line) for line in lines)


def _shown(line: str) -> str:
    line = _SECRET.sub(r"\1…", line)
    return line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + "…"
