"""Paths from the server's root: how one is spelled, and which of them agents may see. Pure.

The settings `allowed_paths` and `refused_paths` decide the second, `read_only_paths` what they may write.

A path is open where it, or a folder above it, fits an allowed glob and none fits a refused one. `*` and `?` match
slashes too. Refused globs are compared without regard to case, as many file systems do. Asked by `JupyterServer`,
through which every path goes; elsewhere only of what another source than its contents names.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePath
from urllib.parse import quote

from ..errors import OutsideRoot, PathReadOnly, PathRefused


def api_path(path: str) -> str:
    """A path from the server's root, quoted for a URL. Raises OutsideRoot where it leads out."""
    return "/".join(quote(part, safe="") for part in _parts(path))


def _parts(path: str) -> list[str]:
    parts: list[str] = []
    for part in path.replace("\\", "/").split("/"):
        if part == "..":
            if not parts:
                raise OutsideRoot(path)
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return parts


def below_root(path: str, root: str) -> str:
    """A path as a caller gives it, from the server's root: an absolute one may name the root, too.

    One that begins with a slash is from the root where it begins with a folder there. Raises OutsideRoot for any other.
    """
    if not PurePath(root).is_absolute() or not PurePath(path).is_absolute():  # of a server elsewhere it is a URL
        return path
    spelled = path.replace("\\", "/")
    for top in (root, os.path.realpath(root)):
        top = top.replace("\\", "/").rstrip("/")
        if f"{spelled.rstrip('/')}/".startswith(f"{top}/"):
            return spelled[len(top) :]
    parts = _parts(path)
    if len(parts) > 1 and not Path(root, parts[0]).is_dir():
        raise OutsideRoot(path, root)
    return path


def hidden(path: str) -> str:
    """What is to be said of a path that is hidden, as Jupyter takes it; empty of any other."""
    is_hidden = any(part.startswith(".") for part in _parts(path))
    return "It is hidden: Jupyter shows hidden files only with ContentsManager.allow_hidden." if is_hidden else ""


def clean_path(path: str) -> str:
    """The one spelling of a path from the server's root: no leading slash, no `.` or `..`. Raises OutsideRoot."""
    return "/".join(_parts(path))


class Paths:
    """What is open to agents, of the files and folders below the server's root."""

    def __init__(
        self, allowed: Sequence[str] = ("*",), refused: Sequence[str] = (), read_only: Sequence[str] = ()
    ) -> None:
        self._allowed = [each for pattern in allowed for each in _anywhere(_plain(pattern).strip("/"))]
        self._refused = [each for pattern in refused for each in _anywhere(_caseless(pattern).strip("/"))]
        self._read_only = [each for pattern in read_only for each in _anywhere(_caseless(pattern).strip("/"))]

    def open(self, path: str) -> bool:
        """Whether a file or notebook is open."""
        return self._fits(_plain(path), self._allowed) and not self._is_refused(path)

    def shows(self, folder: str) -> bool:
        """Whether a folder may be listed: it is open, or something below it may be."""
        if self._is_refused(folder):
            return False
        folder = _plain(folder)
        return self._fits(folder, self._allowed) or any(_may_lead_to(folder, each) for each in self._allowed)

    def lists(self, path: str, kind: str) -> bool:
        """Whether an item of a folder is listed."""
        return self.shows(path) if kind == "directory" else self.open(path)

    def check(self, path: str, kind: str = "file") -> None:
        """Raise PathRefused where agents may not go."""
        if not self.lists(path, kind):
            raise PathRefused(path)

    def check_write(self, path: str, *, folder: bool = False) -> None:
        """Raise PathReadOnly where agents may look and not write. Notebooks are run by nobody unasked."""
        if (folder or not path.endswith(".ipynb")) and self._is_of(path, self._read_only):
            raise PathReadOnly(path)

    def _is_refused(self, path: str) -> bool:
        return self._is_of(path, self._refused)

    def _is_of(self, path: str, patterns: Sequence[str]) -> bool:
        """Whether a path fits one of the patterns, or may on Windows, where a file has other names beside its own."""
        path = _caseless(path)
        if self._fits(path, patterns) or self._fits(_as_windows(path), patterns):
            return True
        shortened = [found for part in path.split("/") if (found := _SHORTENED.match(part))]
        wanted = [part for pattern in patterns for part in pattern.split("/")] if shortened else []
        return any(_may_shorten(short, part) for short in shortened for part in wanted)

    @staticmethod
    def _fits(path: str, patterns: Sequence[str]) -> bool:
        return any(fnmatchcase(each, pattern) for each in _with_folders(path) for pattern in patterns)


_SHORTENED = re.compile(r"(?P<begin>[^.~]{1,6})~\d{1,6}(?:\.(?P<ending>[^.]{1,3}))?\Z")
"""A name as old programs have it, such as `secret~1.txt` for `secret notes.text`."""


def _as_windows(path: str) -> str:
    """A path as Windows reads it: dots and spaces at a name's end are nothing, and `::$DATA` names the file itself."""
    return "/".join(part.partition(":")[0].rstrip(". ") for part in path.split("/"))


def _may_shorten(short: re.Match[str], wanted: str) -> bool:
    """Whether a shortened name may be that of a name that fits a part of a pattern."""
    begin, ending = re.sub(r"[ .]", "", wanted.rpartition(".")[0] or wanted), wanted.rpartition(".")[2][:3]
    literal = re.split(r"[*?\[]", begin, maxsplit=1)[0][:6]
    if not literal:
        return "." in wanted and short["ending"] == ending
    return short["begin"].startswith(literal)


def _plain(path: str) -> str:
    """One spelling: macOS names files in another normal form than people type."""
    return unicodedata.normalize("NFC", path)


def _caseless(path: str) -> str:
    """One spelling, whatever the case. Folding the case takes some characters apart again, such as the Greek ΐ."""
    return _plain(_plain(path).casefold())


def _anywhere(pattern: str) -> tuple[str, ...]:
    """A glob that begins with `**/` means the root too, as it does in a shell and in `.gitignore`."""
    return (pattern, pattern.removeprefix("**/")) if pattern.startswith("**/") else (pattern,)


def _with_folders(path: str) -> Iterator[str]:
    """A path and the folders above it, the root left out."""
    while path:
        yield path
        path = path.rpartition("/")[0]


def _may_lead_to(folder: str, pattern: str) -> bool:
    """Whether something below a folder may fit a pattern, as far as its beginning without wildcards tells."""
    beginning = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
    below = f"{folder}/" if folder else ""
    return below.startswith(beginning) or beginning.startswith(below)
