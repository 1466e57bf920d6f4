"""All that an execution has printed, as text, however much: read back in pieces."""

from __future__ import annotations

import bisect
import tempfile
import weakref
from collections.abc import Iterator

from .text import overwrite_line, strip_ansi

SPOOL_IN_MEMORY = 512 * 1024
MARK_EVERY = 64 * 1024
LONGEST_LINE = 64 * 1024


class Transcript:
    """All output of an execution as text, without escape sequences and overwritten progress bars.

    Kept in memory up to 512 kB and in an unnamed temporary file beyond; offsets count characters.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=SPOOL_IN_MEMORY)  # noqa: SIM115 - lives as long as we
        self._close = weakref.finalize(self, self._file.close)
        self._marks: list[tuple[int, int]] = [(0, 0)]
        self._chars = 0
        self._bytes = 0
        self._line = ""
        self.frame = 0
        """How often it was cleared; offsets count within a frame."""

    def __len__(self) -> int:
        return self._chars + len(self._shown_line())

    @property
    def settled(self) -> int:
        """Characters that will not change any more; the last line may still be overwritten."""
        return self._chars

    def write(self, text: str) -> None:
        """Append what was printed."""
        text = self._line + strip_ansi(text).replace("\r\n", "\n")
        *complete, self._line = text.split("\n")
        if complete:
            self._store("".join(overwrite_line(line) + "\n" for line in complete))
        if len(self._line) > LONGEST_LINE:
            self._store(overwrite_line(self._line))
            self._line = ""

    def end_line(self) -> None:
        """What comes next begins a line: it is another output than what came before."""
        if self._line:
            self.write("\n")

    def clear(self) -> None:
        """Forget everything: what is shown now took its place."""
        self._file.seek(0)
        self._file.truncate()
        self._marks = [(0, 0)]
        self._chars = self._bytes = 0
        self._line = ""
        self.frame += 1

    def write_block(self, text: str) -> None:
        """Append something that stands on lines of its own, such as a result."""
        self.end_line()
        self.write(text if text.endswith("\n") else text + "\n")

    def _shown_line(self) -> str:
        return overwrite_line(self._line)

    def _store(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        self._file.seek(0, 2)
        for start in range(0, len(text), MARK_EVERY) if len(text) > MARK_EVERY else (0,):
            piece = data if len(text) <= MARK_EVERY else text[start : start + MARK_EVERY].encode("utf-8", "replace")
            self._file.write(piece)
            self._bytes += len(piece)
            self._chars += len(text) if len(text) <= MARK_EVERY else len(text[start : start + MARK_EVERY])
            if self._chars - self._marks[-1][0] >= MARK_EVERY:
                self._marks.append((self._chars, self._bytes))

    def read(self, offset: int, limit: int) -> str:
        """The `limit` characters from `offset` on."""
        found = ""
        if offset < self._chars:
            mark_chars, mark_bytes = self._marks[bisect.bisect_right(self._marks, (offset, self._bytes + 1)) - 1]
            self._file.seek(mark_bytes)
            wanted = min(offset + limit, self._chars)
            text = self._file.read(min((wanted - mark_chars) * 4, self._bytes - mark_bytes)).decode("utf-8", "ignore")
            found = text[offset - mark_chars : wanted - mark_chars]
        missing = limit - len(found)
        if missing > 0 and offset + limit > self._chars:
            line = self._shown_line()
            found += line[max(0, offset - self._chars) :][:missing]
        return found

    def lines(self) -> Iterator[str]:
        """Every line, without its end, read piece by piece."""
        self._file.seek(0)
        rest = b""
        position = 0
        while position < self._bytes:
            self._file.seek(position)
            data = rest + self._file.read(1024 * 1024)
            position += 1024 * 1024
            *complete, rest = data.split(b"\n")
            for line in complete:
                yield line.decode("utf-8", "replace")
        last = rest.decode("utf-8", "replace") + self._shown_line()
        if last:
            yield last

    def close(self) -> None:
        """Free the spool now, not when the transcript is forgotten."""
        self._close()
