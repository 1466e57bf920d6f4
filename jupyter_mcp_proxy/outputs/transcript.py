"""All that an execution has printed, as text, up to 256 MB: read back in pieces."""

from __future__ import annotations

import bisect
import errno
import os
import tempfile
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .terminal import Terminal, moves, overwrite_line, overwritten, strip_ansi

SPOOL_IN_MEMORY = 512 * 1024
MARK_EVERY = 64 * 1024
LONGEST_LINE = 64 * 1024
LONGEST_TAKEN_BACK = 8 * 1024
"""Bytes of a line to which a cursor can go back."""
MOST_CUTS = 1000
MOST_KEPT = 256 * 1024 * 1024
"""Bytes that are kept: `while True: print()` must not fill the disk, which is everybody's."""
FOR_BLOCKS = 1024 * 1024
"""Bytes beyond, for what stands by itself: the error with which it ends is told though all else is not."""
NO_ROOM = "\n[mcp-proxy] What is printed from here on is not kept: {reason}.\n"
FULL = "\n[mcp-proxy] What is printed from here on is not kept: it was too much.\n"


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
    """All output of an execution as text, as a terminal shows it in the end: without what was overwritten.

    What is printed is kept in memory up to 512 kB and in an unnamed temporary file beyond; between it stand blocks that
    can change. Offsets count characters of the whole as it is now.
    """

    def __init__(self) -> None:
        # Without a buffer: what a full disk has not taken would stay in it, and fail again whenever it is read.
        self._file = tempfile.SpooledTemporaryFile(max_size=SPOOL_IN_MEMORY, buffering=0)  # noqa: SIM115 - as long as we
        self._close = weakref.finalize(self, self._file.close)
        self._marks: list[tuple[int, int]] = [(0, 0)]
        self._chars = 0
        self._bytes = 0
        self._line = ""
        self._below: list[str] = []
        """Lines below the one that is written now: the cursor went up."""
        self._floor = 0
        """The byte above which no cursor goes: what stands there is of another output."""
        self._cuts: list[tuple[int, int]] = []
        """Where lines were taken back, with the version of that; of both the earlier is the smaller."""
        self.frame = 0
        """How often it was cleared; offsets count within a frame."""
        self._blocks: list[Block] = []
        self._changed: dict[Block, None] = {}
        """Blocks whose text is not as they show any more: it is asked for when somebody reads."""
        self._version = 0
        self._most = MOST_KEPT
        self._is_full = False
        self._instead = ""
        """What is told in place of what the disk did not take: why, and what stands by itself."""

    def __len__(self) -> int:
        return self._chars + self._block_chars() + len(self._shown_end())

    def write(self, text: str) -> None:
        """Append what was printed."""
        if self._below or moves(text):
            self._write_moving(text)
            return
        text = self._line + strip_ansi(text).replace("\r\n", "\n")
        *complete, self._line = text.split("\n")
        if complete:
            self._store("".join(overwrite_line(line) + "\n" for line in complete))
        self._break_long_line()

    def _break_long_line(self) -> None:
        if len(self._line) > LONGEST_LINE and not self._below:
            self._store(overwrite_line(self._line))
            self._line = ""

    def _write_moving(self, text: str) -> None:
        """Append what moves the cursor to other lines: those above it are taken back for as long as it is there."""
        line, column = overwritten(self._line)
        terminal = Terminal([line, *self._below], column, self._take_back)
        terminal.write(text)
        shown, row = terminal.shown, terminal.row
        if row:
            self._store("".join(f"{line}\n" for line in shown[:row]))
        behind = len(shown[row]) - terminal.column
        self._line = shown[row] + "\b" * behind + " " * -behind
        self._below = shown[row + 1 :]
        self._break_long_line()

    def _take_back(self) -> str | None:
        """The last complete line, which is stored no more; None where no cursor reaches it."""
        start = max(self._floor, self._bytes - LONGEST_TAKEN_BACK)
        self._file.seek(start)
        data = self._file.read(self._bytes - start)
        begin = data.rfind(b"\n", 0, -1) + 1
        if not data.endswith(b"\n") or (begin == 0 and start > self._floor):
            return None
        line = data[begin:-1].decode("utf-8", "replace")
        self._bytes = start + begin
        self._chars -= len(line) + 1
        self._file.truncate(self._bytes)
        while self._marks[-1][1] > self._bytes:
            self._marks.pop()
        self._cut()
        return line

    def _cut(self) -> None:
        """What is behind the end now was told, perhaps, and will be told as it is then."""
        self._version += 1
        while self._cuts and self._cuts[-1][1] >= self._chars:
            self._cuts.pop()
        self._cuts.append((self._version, self._chars))
        if len(self._cuts) > MOST_CUTS:  # the two oldest become one that has more told, not less
            self._cuts[:2] = [(self._cuts[1][0], self._cuts[0][1])]

    def end_line(self) -> None:
        """What comes next begins a line: it is another output than what came before."""
        if self._line or self._below:
            self._store(f"{self._open_lines()}\n")
            self._line = ""
            self._below = []
        self._floor = self._bytes

    def clear(self) -> None:
        """Forget everything: what is shown now took its place."""
        self._file.seek(0)
        self._file.truncate()
        self._marks = [(0, 0)]
        self._chars = self._bytes = self._floor = 0
        self._is_full = False
        self._instead = ""
        self._line = ""
        self._below = []
        self._cuts.clear()
        self._blocks.clear()
        self._changed.clear()
        self.frame += 1

    def write_block(self, text: str) -> None:
        """Append something that stands on lines of its own, such as a result."""
        self.end_line()
        self._most = MOST_KEPT + FOR_BLOCKS
        self.write(text if text.endswith("\n") else text + "\n")
        self._most = MOST_KEPT
        self._floor = self._bytes

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
        cut = bisect.bisect_right(self._cuts, (mark.version, self._bytes))
        printed = min(mark.printed, self._cuts[cut][1]) if cut < len(self._cuts) else mark.printed
        return printed + sum(len(block.text) for block in self._shown_blocks()[: mark.blocks])

    def changed(self, mark: Mark) -> str:
        """What stands before a mark and has changed since, as it is now."""
        if mark.frame != self.frame:
            return ""
        return "".join(block.text for block in self._shown_blocks()[: mark.blocks] if block.version > mark.version)

    # -- reading --------------------------------------------------------------------------------------

    def _shown_end(self) -> str:
        """What is not in the file: the lines that are not complete, after what the disk did not take."""
        return self._instead + self._open_lines()

    def _open_lines(self) -> str:
        """What is not complete yet: the line that is written now, and those below it."""
        return "\n".join([overwrite_line(self._line), *self._below])

    def _store(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        if self._instead:
            if self._most > MOST_KEPT and len(self._instead) < FOR_BLOCKS:
                self._instead += text
            return
        if self._bytes + len(data) > self._most:
            if self._is_full:
                return
            self._is_full = True
            text = FULL
            data = text.encode()
        try:
            self._file.seek(0, 2)
            self._append(text, data)
        except OSError as error:  # a full disk must not take what the notebook keeps along
            self._instead = NO_ROOM.format(reason=error.strerror or error)

    def _append(self, text: str, data: bytes) -> None:
        for start in range(0, len(text), MARK_EVERY) if len(text) > MARK_EVERY else (0,):
            piece = data if len(text) <= MARK_EVERY else text[start : start + MARK_EVERY].encode("utf-8", "replace")
            if self._file.write(piece) < len(piece):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
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
            found.append(self._shown_end()[max(0, offset - passed) : max(0, end - passed)])
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
        yield from self._printed_lines(start, self._bytes, self._shown_end())

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
            yield from last.split("\n")

    def close(self) -> None:
        """Free the spool now, not when the transcript is forgotten."""
        self._close()
