"""Regular expressions that edits are made with: found apart, since some take for ever, and put in all at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from ..documents.line_ends import plain, put_all
from ..documents.replacing import Found, stands_alone
from ..errors import BadValue, Conflict
from .matching import replacements

if TYPE_CHECKING:
    from ..documents.editor import Editor

T = TypeVar("T")


class Expressions:
    """What expressions find in sources. What is not known yet is noted, and looked up for all sources together."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], list[Found]] = {}
        self._asked: dict[str, tuple[str, str]] = {}
        self._missing: dict[str, dict[str, None]] = {}

    def find(self, name: str, old: str, new: str, *, word: bool = False) -> Callable[[str], list[Found]]:
        """What finds an expression and what `new` makes of it; `name` says of which edit."""
        self._asked[name] = old, new
        as_it_is = "\r" in old or r"\r" in old

        def find(source: str) -> list[Found]:
            searched = source if as_it_is else plain(source)
            found = self._found.get((name, searched))
            if found is None:
                self._missing.setdefault(name, {})[searched] = None
                return []
            if searched != source:
                found = put_all(source, found)
            return [each for each in found if not word or stands_alone(source, each[0], each[1])]

        return find

    async def looked_up(
        self, read: Callable[[Callable[[Editor], T]], Awaitable[T]], edited: Callable[[Editor], T]
    ) -> T:
        """What edits come to now. One after another finds something in what the one before it makes."""
        while True:
            self._missing.clear()
            try:
                result = await read(edited)
            except BadValue:
                if not self._missing:
                    raise
            else:
                if not self._missing:
                    return result
            for name, sources in self._missing.items():
                old, new = self._asked[name]
                found = await replacements(name, old, new, list(sources))
                self._found.update(((name, source), each) for source, each in zip(sources, found, strict=True))

    def known(self, edited: Callable[[], T]) -> T:
        """What edits come to, of what has been looked up. Raises Conflict where somebody has written meanwhile."""
        self._missing.clear()
        try:
            result = edited()
        except BadValue:
            if not self._missing:
                raise
            raise Conflict("the notebook") from None
        if self._missing:
            raise Conflict("the notebook")
        return result
