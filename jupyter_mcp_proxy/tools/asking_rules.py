"""Whose code a person is asked about before it runs. Pure."""

from __future__ import annotations

import json
from typing import NamedTuple


class Who(NamedTuple):
    """A client as people see it: its name and the name of its token, None for Jupyter's own."""

    client: str
    token: str | None


class AskingRules:
    """A switch for all, one for each client that differs from it, and the notebooks in which a client may run all."""

    def __init__(self, everyone: bool) -> None:
        self.everyone = everyone
        self._single: set[Who] = set()
        """Those for whom the opposite holds."""
        self._allowed: set[tuple[Who, str]] = set()

    def asks_of(self, who: Who) -> bool:
        """Whether the switch is on for a client."""
        return self.everyone != (who in self._single)

    def asks(self, who: Who, notebook: str) -> bool:
        """Whether a person is to be asked before this client runs code in a notebook."""
        return self.asks_of(who) and (who, notebook) not in self._allowed

    def set_everyone(self, on: bool) -> None:
        """Switch it for all, whatever single ones had and were allowed."""
        self.everyone = on
        self._single.clear()
        self._allowed.clear()

    def set_single(self, who: Who, on: bool) -> None:
        """Switch it for one client, which then has leave for no notebook."""
        self._allowed = {each for each in self._allowed if each[0] != who}
        if on == self.everyone:
            self._single.discard(who)
        else:
            self._single.add(who)

    def allow(self, who: Who, notebook: str) -> None:
        """Let a client run all that it wants in a notebook, until the switch is used again."""
        self._allowed.add((who, notebook))

    def as_text(self) -> str:
        """The switches; what was allowed is not kept, so that a person is rather asked once more."""
        return json.dumps({"everyone": self.everyone, "single": sorted(map(list, self._single), key=repr)})

    @classmethod
    def of(cls, text: str) -> AskingRules:
        """The rules that a text holds; one that cannot be read asks about everything."""
        rules = cls(everyone=True)
        try:
            kept = json.loads(text)
            rules._single = {
                Who(str(client), None if token is None else str(token)) for client, token in kept["single"]
            }
            rules.everyone = bool(kept["everyone"])
        except (ValueError, TypeError, KeyError):
            return cls(everyone=True)
        return rules
