"""The names that open notebooks had before, and who is to be told of the new ones. Pure."""

from __future__ import annotations

from collections import OrderedDict

MOST = 1000


class Names:
    """What each notebook that was renamed is called now."""

    def __init__(self) -> None:
        self._now: OrderedDict[str, str] = OrderedDict()
        self._told: OrderedDict[tuple[str, str, str], bool] = OrderedDict()
        """For each client and two names of one notebook whether it has been told."""
        self._another: set[str] = set()
        """Names that a notebook had, and another has now."""

    def renamed(self, old: str, new: str) -> None:
        """A notebook has another name from now on."""
        self._now.pop(new, None)  # it is back where it was
        self._another -= {old, new}
        self._now[old] = new
        while len(self._now) > MOST:
            self._now.popitem(last=False)

    def forget(self, old: str) -> None:
        """Another notebook has that name now."""
        self._now.pop(old, None)
        self._another.add(old)

    def now(self, path: str) -> str:
        """The name that a notebook has now."""
        seen = {path}
        while (new := self._now.get(path)) is not None and new not in seen:
            seen.add(new)
            path = new
        return path

    def knows(self, client: str, old: str, new: str) -> None:
        """A client need not be told: it has renamed the notebook itself."""
        self._told[client, old, new] = True

    def tell(self, client: str, old: str, new: str) -> None:
        """Have a client told that what it calls by one name has another, unless it has been."""
        self._told.setdefault((client, old, new), False)
        while len(self._told) > MOST:
            self._told.popitem(last=False)

    def _said(self, old: str, new: str) -> str:
        if old in self._another:
            return f"[Note: what was {old} is now {new}; {old} is another notebook]"
        is_it = "is now" if self.now(old) == self.now(new) else "is another name of"
        return f"[Note: {old} {is_it} {new}; use that path]"

    def news(self, client: str) -> list[str]:
        """What a client is to be told of names, once."""
        due = [key for key, told in self._told.items() if key[0] == client and not told]
        for key in due:
            self._told[key] = True
        return [self._said(old, new) for _, old, new in due if not self.now(new) == old == self.now(old)]
