"""Where the demonstration is told, a line a step."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol


class DemoError(Exception):
    """Something did not do what it should; the text says what, and the cure where there is one."""


@dataclass(frozen=True)
class Shown:
    """What a step did, as far as that was seen, and what came back."""

    text: str
    came_back: str = ""


class Screen:
    """Where the demonstration is told, in the characters that it can show."""

    def __init__(self, stream: TextStream) -> None:
        self.stream = stream
        self.done, self.failed = ("✓", "✗") if can_show("✓✗", stream.encoding) else ("ok", "FAILED")

    def line(self, text: str) -> None:
        """Tell something now, though the output may be a pipe."""
        print(text, file=self.stream, flush=True)

    async def step(self, doing: str, step: Callable[[], Awaitable[Shown]]) -> bool:
        """Take a step and tell how it went and how long it took. Whether it worked."""
        started = time.monotonic()
        try:
            shown = await step()
        except DemoError as error:
            self._tell(self.failed, started, f"{doing}: {error}")
            return False
        except Exception as error:  # whatever a step meets is its reason
            self._tell(self.failed, started, f"{doing}: {reason(error)}")
            return False
        self._tell(self.done, started, f"{doing}: {shown.text}", shown.came_back)
        return True

    def _tell(self, mark: str, started: float, text: str, came_back: str = "") -> None:
        milliseconds = (time.monotonic() - started) * 1000
        lines = [f"{mark} {milliseconds:7.0f} ms  {text}"]
        lines += [f"{'':14}| {line}" for line in came_back.strip().splitlines()]
        self.line("\n".join(lines))


class TextStream(Protocol):
    """What `print` needs, and the encoding."""

    @property
    def encoding(self) -> str: ...

    def write(self, text: str, /) -> object: ...

    def flush(self) -> object: ...


def can_show(text: str, encoding: str | None) -> bool:
    """Whether an encoding has these characters."""
    try:
        text.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def reason(error: BaseException) -> str:
    """An unexpected error in one line; of a group, its first."""
    while isinstance(getattr(error, "exceptions", None), tuple):
        error = error.exceptions[0]  # type: ignore[attr-defined]
    return f"{type(error).__name__}: {error}"
