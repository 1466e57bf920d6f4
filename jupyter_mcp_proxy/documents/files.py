"""Plain files through the Contents API: what is there, and writing so that nothing unread is lost."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from ..errors import BadValue, NotSaved, ServerError, StaleFile, Unknown
from ..jupyter.paths import api_path, clean_path, hidden
from .line_ends import like

if TYPE_CHECKING:  # the tools load this while the sidecar starts
    from ..jupyter.server import JupyterServer

Json = dict[str, Any]

DIGITS = 12
"""Of a file's hash that are shown, as many as of a cell's."""

MARK = "\ufeff"
"""The byte order mark, with which some programs on Windows begin a text in UTF-8, and know it by."""

LONGEST_LINK = 4096
"""Bytes of a link, which is as long as the path that it says. What is no file has none."""


@dataclass(frozen=True)
class Content:
    """What is in a file."""

    raw: bytes
    text: str | None
    """None where it is no text."""
    kind: str
    """Its media type, as the server guesses it from the name; empty where it does not."""

    @classmethod
    def of(cls, model: Json) -> Content:
        """The content in a model of Jupyter's."""
        text = model["content"] if model["format"] == "text" else None
        raw = base64.b64decode(model["content"]) if text is None else text.encode()
        return cls(raw, None if text is None or "\0" in text else text, model.get("mimetype") or "")

    @property
    def digest(self) -> str:
        """What tells it from another content."""
        return _digest(self.raw)


@dataclass(frozen=True)
class Written:
    """What writing a file has done."""

    size: int
    digest: str
    folders: list[str]
    """Those that were made for it, the innermost last."""
    before: Json | None
    """The model of what it replaced; None where there was nothing."""
    kept: list[str]
    """What the text was given of the file's own that `read_file` does not show, in words."""


class Files:
    """All files and folders of a server. Paths are clean."""

    def __init__(self, server: JupyterServer) -> None:
        self._server = server
        self.changing = asyncio.Lock()
        """Held while a file is made, or a folder looked through and moved: what was looked at is what moves."""

    async def folder(self, path: str) -> Json:
        """The model of a folder with what is in it, or of the file that has its name. Raises Unknown."""
        try:
            return await self._server.contents(path)
        except ServerError as error:
            if error.status != 404:
                raise
            raise Unknown(
                "folder", path, await self._near(path), "list_files without a path shows the root."
            ) from error

    async def look(self, path: str) -> Json:
        """The model of a file without its content. Raises Unknown with near matches, and for a folder BadValue."""
        model = await self.find(path)
        if model["type"] == "directory":
            raise BadValue("path", path, f"a file; this is a folder, which list_files(path={path!r}) lists")
        return model

    async def find(self, path: str) -> Json:
        """The model of a file or folder without its content. Raises Unknown with near matches."""
        try:
            return await self._server.contents(path, content=False)
        except ServerError as error:
            await self._missing_folders(path)
            if error.status != 404:
                raise
            hint = "list_files shows what there is."
            raise Unknown("file", path, await self._near(path), f"{hint} {hidden(path)}".rstrip()) from error

    async def free(self, path: str, to: str) -> str:
        """Where something goes that shall be moved or copied `to` there.

        Into a folder that is there, under its own name. Raises BadValue where something has that path already.
        """
        target = clean_path(to)
        into = not target or to.endswith(("/", "\\"))
        found = None if into else await self._there(target)
        if into or (found is not None and found["type"] == "directory" and target != path):
            target = f"{target}/{path.rpartition('/')[2]}".lstrip("/")
            found = await self._there(target)
        # A disk that does not tell cases apart finds the file itself; Jupyter looks whether it is.
        if found is not None and (target == path or target.casefold() != path.casefold()):
            raise BadValue("to", to, f"a path that nothing has; {target!r} exists. Nothing was done")
        return target

    async def _there(self, path: str) -> Json | None:
        try:
            return await self._server.contents(path, content=False)
        except ServerError as error:
            if error.status != 404:
                raise
            return None

    async def is_notebook(self, path: str) -> bool:
        """Whether a file has cells."""
        try:
            content = (await self._server.contents(path, type="notebook")).get("content")
        except ServerError as error:
            if error.status in (400, 500):
                return False
            raise
        return isinstance(content, dict) and isinstance(content.get("cells"), list)

    async def is_empty(self, path: str) -> bool:
        """Whether a file has nothing in it. Raises BadValue for what is no file."""
        model = await self._there(path)
        nothing = model is not None and model["type"] != "directory" and model.get("size") == 0
        return nothing and await self._digest_of_file(path) == _digest(b"")

    async def read(self, path: str) -> Content:
        """The content of a file."""
        try:
            return Content.of(await self._server.contents(path, type="file"))
        except ServerError as error:
            if error.status == 403 and error.message.startswith("Permission denied"):
                raise BadValue("path", path, f"a file that the server may read ({error.message})") from error
            raise

    async def write(self, path: str, text: str, *, if_hash: str | None, overwrite: bool) -> Written:
        """Write a whole text file, and see that it is there. One that exists needs its hash, or `overwrite`.

        Raises BadValue, StaleFile, NotSaved where nothing was written, and ServerError where it is something else.
        """
        async with self.changing:
            return await self._write(path, text, if_hash, overwrite)

    async def _write(self, path: str, text: str, if_hash: str | None, overwrite: bool) -> Written:
        self._server.paths.check(path)
        self._server.paths.check_write(path)
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise BadValue("content", text[error.start : error.end], "text that UTF-8 can hold") from error
        before = await self._replaceable(path, if_hash, overwrite)
        folders = await self.make_folders(path) if before is None else []
        text, kept = (text, []) if before is None else await self._like_the_file(path, text)
        raw = text.encode()
        try:
            await self._server.save_contents(path, {"type": "file", "format": "text", "content": text})
        except ServerError as error:
            reason = error.message
            if before is None:
                await self._remove_remains(path, raw)
                if "/.~" in reason:  # Jupyter looks for the old content to put back, and reports that there is none
                    reason = "the server could not write all of it; a disk or a quota may be full"
            raise NotSaved(path, reason) from error
        found = await self._current_digest(path)
        if found != _digest(raw):
            raise ServerError(
                f"Writing {path!r}",
                200,
                f"it took the text, but what is on disk now is something else (hash {found}): a save hook or somebody "
                "else changed it. Look at it with read_file before you write again",
            )
        return Written(len(raw), found, folders, before, kept)

    async def _like_the_file(self, path: str, text: str) -> tuple[str, list[str]]:
        """A text with the byte order mark and the line ends of the file that it replaces, and which of them it lacked.

        `read_file` shows neither, and agents write neither (MoonshotAI/kimi-code#3825).
        """
        old = ""
        with suppress(ServerError, BadValue):  # it may be no text
            old = (await self.read(path)).text or ""
        kept = []
        if old.startswith(MARK) and text and not text.startswith(MARK):
            text = MARK + text
            kept.append("byte order mark")
        ended = like(old, text)
        if ended != text:
            kept.append("line ends (CRLF)" if "\r\n" in ended else "line ends (CR)")
        return ended, kept

    async def _replaceable(self, path: str, if_hash: str | None, overwrite: bool) -> Json | None:
        """The model of what a write replaces, None where there is nothing. Raises where it must not be replaced."""
        if if_hash is not None and not if_hash.strip():
            raise BadValue("if_hash", if_hash, "the hash that read_file showed, or nothing")
        try:
            model = await self._server.contents(path, content=False)
        except ServerError as error:
            await self._missing_folders(path)
            if error.status != 404:
                raise
            if if_hash is not None:
                raise StaleFile(path, "") from error
            return None
        if model["type"] == "directory":
            raise BadValue("path", path, "the path of a file; this is a folder")
        size = model.get("size")
        current = ""
        if if_hash is not None or (size is not None and size <= LONGEST_LINK):
            current = await self._digest_of_file(path)
        if if_hash is not None:
            if current != if_hash.strip().lower():
                raise StaleFile(path, current)
        elif not overwrite:
            raise BadValue(
                "overwrite",
                overwrite,
                f"if_hash or overwrite=true, as {path!r} exists ({size_text(model.get('size'))}). Nothing was written; "
                "read_file shows it with its hash",
            )
        return model

    async def _digest_of_file(self, path: str) -> str:
        """The hash of what is there. Raises BadValue for a pipe or a device, or what leads to one.

        Whoever opens a pipe to write waits for a reader, and the server would answer nobody
        (pydantic/pydantic-ai-harness#613).
        """
        try:
            return await self._current_digest(path)
        except ServerError as error:
            if error.status != 400:
                raise
            raise BadValue("path", path, f"a file that can be read ({error.message}). Nothing was written") from error

    async def _missing_folders(self, path: str) -> list[str]:
        """The folders above a path that are not there, the innermost last. Raises BadValue where one is a file."""
        parts = path.split("/")[:-1]
        for depth in range(len(parts)):
            folder = "/".join(parts[: depth + 1])
            try:
                model = await self._server.contents(folder, content=False)
            except ServerError as error:
                if error.status != 404:
                    raise
                return ["/".join(parts[: end + 1]) for end in range(depth, len(parts))]
            if model["type"] != "directory":
                raise BadValue("path", path, f"a path in folders; {folder!r} is a file")
        return []

    async def make_folders(self, path: str) -> list[str]:
        """Make the folders above a path that are missing; those that were made, the innermost last."""
        missing = await self._missing_folders(path)
        for folder in missing:
            try:
                await self._server.save_contents(folder, {"type": "directory"})
            except ServerError as error:
                raise NotSaved(path, f"its folder {folder!r} could not be made ({error.message})") from error
        return missing

    async def _remove_remains(self, path: str, raw: bytes) -> None:
        """Take away the beginning of a new file that a failed write has left behind."""
        with suppress(ServerError):
            left = Content.of(await self._server.contents(path, type="file"))
            if raw.startswith(left.raw):
                what = f"Removing the remains of {path!r}"
                await self._server.request("DELETE", f"api/contents/{api_path(path)}", what)

    async def _current_digest(self, path: str) -> str:
        model = await self._server.contents(path, content=False, type="file", hash=1)
        if model.get("hash_algorithm") == "sha256" and model.get("hash"):
            return str(model["hash"])[:DIGITS]
        return (await self.read(path)).digest

    async def _near(self, path: str) -> list[str]:
        try:
            model = await self._server.contents(path.rpartition("/")[0])
        except ServerError:
            return []
        siblings = [item["path"] for item in model.get("content") or []]
        return get_close_matches(path, siblings, n=3, cutoff=0.5)


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:DIGITS]


def size_text(size: int | None) -> str:
    """A number of bytes as a reader is told it; empty where it is not known."""
    if size is None:
        return ""
    if size < 1000:
        return f"{size} B"
    return f"{size / 1000:.1f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"
