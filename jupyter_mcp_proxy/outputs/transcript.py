"""All that an execution has printed, as text, however much: read back in pieces."""

from __future__ import annotations

import bisect
import tempfile
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .text import overwrite_line, strip_ansi

SPOOL_IN_MEMORY = 512 * 1024
MARK_EVERY = 64 * 1024
LONGEST_LINE = 64 * 1024


class Block:
    """A part of a transcript that is told as it is now: what a display or a widget shows."""

    def __init__(self, at: int, at_byte: int, show: Callable[[], str]) -> None:
        self.at = at
        """The characters printed before it; in bytes, `at_byte`."""
        self.at_byte = at_byte
        self.show = show
        self.text = ""
        self.version = 0


@dataclass(frozen=True)
class Mark:
    """A place in a transcript, and how it was then: what is told once is not told again."""

    frame: int
    printed: int
    blocks: int
    version: int


START = Mark(0, 0, 0, 0)


class Transcript:
    """All output of an execution as text, without escape sequences and overwritten progress bars.

    What is printed is kept in memory up to 512 kB and in an unnamed temporary file beyond; between it stand blocks that
    can change. Offsets count characters of the whole as it is now.
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
        self._blocks: list[Block] = []
        self._changed: dict[Block, None] = {}
        """Blocks whose text is not as they show any more: it is asked for when somebody reads."""
        self._version = 0

    def __len__(self) -> int:
        return self._chars + self._block_chars() + len(self._shown_line())

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
        self._blocks.clear()
        self._changed.clear()
        self.frame += 1

    def write_block(self, text: str) -> None:
        """Append something that stands on lines of its own, such as a result."""
        self.end_line()
        self.write(text if text.endswith("\n") else text + "\n")

    def open_block(self, show: Callable[[], str]) -> Block:
        """Append a block of lines that `show` tells, again whenever the block has `changed`."""
        self.end_line()
        block = Block(self._chars, self._bytes, show)
        self._blocks.append(block)
        self.change(block)
        return block

    def change(self, block: Block) -> None:
        """A block shows something else now."""
        self._version += 1
        block.version = self._version
        self._changed[block] = None

    def settle(self) -> None:
        """No block changes any more: what it shows now stays."""
        for block in self._shown_blocks():
            block.show = block.text.__str__

    def _shown_blocks(self) -> list[Block]:
        for block in self._changed:
            text = block.show()
            block.text = text if text.endswith("\n") or not text else text + "\n"
        self._changed.clear()
        return self._blocks

    def _block_chars(self) -> int:
        return sum(len(block.text) for block in self._shown_blocks()) if self._blocks else 0

    # -- what was told already ------------------------------------------------------------------------

    def mark(self) -> Mark:
        """Where it ends now; the last line, which may still be overwritten, is behind it."""
        return Mark(self.frame, self._chars, len(self._blocks), self._version)

    def offset(self, mark: Mark) -> int:
        """Where a mark is now; the beginning, where all was cleared since."""
        if mark.frame != self.frame:
            return 0
        return mark.printed + sum(len(block.text) for block in self._shown_blocks()[: mark.blocks])

    def changed(self, mark: Mark) -> str:
        """What stands before a mark and has changed since, as it is now."""
        if mark.frame != self.frame:
            return ""
        return "".join(block.text for block in self._shown_blocks()[: mark.blocks] if block.version > mark.version)

    # -- reading --------------------------------------------------------------------------------------

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
        found: list[str] = []
        passed = printed = 0
        end = offset + limit
        for block in self._shown_blocks():
            if passed >= end:
                break
            found.append(self._printed(printed + max(0, offset - passed), min(block.at, printed + end - passed)))
            passed += block.at - printed
            printed = block.at
            found.append(block.text[max(0, offset - passed) : max(0, end - passed)])
            passed += len(block.text)
        if passed < end:
            found.append(self._printed(printed + max(0, offset - passed), min(self._chars, printed + end - passed)))
            passed += self._chars - printed
            found.append(self._shown_line()[max(0, offset - passed) : max(0, end - passed)])
        return "".join(found)

    def _printed(self, start: int, end: int) -> str:
        """The printed characters from `start` to `end`, without blocks."""
        if start >= end:
            return ""
        mark_chars, mark_bytes = self._marks[bisect.bisect_right(self._marks, (start, self._bytes + 1)) - 1]
        self._file.seek(mark_bytes)
        text = self._file.read(min((end - mark_chars) * 4, self._bytes - mark_bytes)).decode("utf-8", "ignore")
        return text[start - mark_chars : end - mark_chars]

    def lines(self) -> Iterator[str]:
        """Every line, without its end, read piece by piece."""
        start = 0
        for block in self._shown_blocks():
            yield from self._printed_lines(start, block.at_byte)
            start = block.at_byte
            yield from block.text.split("\n")[:-1]  # each ends its last line
        yield from self._printed_lines(start, self._bytes, self._shown_line())

    def _printed_lines(self, position: int, end: int, last: str = "") -> Iterator[str]:
        rest = b""
        while position < end:
            self._file.seek(position)
            data = rest + self._file.read(min(1024 * 1024, end - position))
            position += 1024 * 1024
            *complete, rest = data.split(b"\n")
            for line in complete:
                yield line.decode("utf-8", "replace")
        last = rest.decode("utf-8", "replace") + last
        if last:
            yield last

    def close(self) -> None:
        """Free the spool now, not when the transcript is forgotten."""
        self._close()
