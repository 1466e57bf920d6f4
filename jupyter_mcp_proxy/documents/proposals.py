"""What agents propose to change while a person reviews their edits first, and whose edits those are.

It is kept in a file of Jupyter's runtime directory that is named after the run, as the pause is: a sidecar that comes
after a crash finds it, a restarted Jupyter does not.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ..contract import proposals_name
from ..store.processes import alive

log = logging.getLogger(__name__)

Who = tuple[str, str]
"""A client as people know it: its name and that of its token. It outlives the client's sessions."""

MOST_OUTCOMES = 100
"""What became of proposals that a client can be told of a notebook."""
MOST_BACK = 20
"""Calls of a client in a notebook whose proposals it can take back one by one."""


@dataclass
class Proposal:
    """What an agent would change in one cell, all of its calls together."""

    id: str
    """Another with each change of it: a person accepts what they have seen."""
    cell: str
    time: float
    key: str
    """Of the author who has changed it last."""
    index: int = 0
    """Where it was in the draft then."""
    adds: bool = False
    deletes: bool = False
    base: str | None = None
    """The cell's source to which the new one was made, or at which it is deleted; None where that is not touched."""
    source: str | None = None
    """The new source; None where that is not touched."""
    base_type: str = ""
    type: str = ""
    """Its new type; empty where that is not touched."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """What is set in its metadata; None takes a name out."""
    clears: bool = False
    """Whether its outputs go."""
    behind: list[str] | None = None
    """The cells before it, where it is added or moved, the nearest last; None where it stays."""
    tie: str = ""
    """Proposals with the same tie are accepted and rejected together: the parts of a cell that is split."""

    @property
    def does_nothing(self) -> bool:
        """Whether nothing would be other than it is."""
        rest = self.type or self.metadata or self.clears or self.behind is not None or self.adds or self.deletes
        return not rest and self.source == self.base


@dataclass(frozen=True)
class Outcome:
    """What a person has done with a proposal."""

    time: float
    verdict: str
    """accepted, or rejected."""
    cell: str


Cells = dict[str, Proposal]
V = TypeVar("V")


class Proposals:
    """The proposals of all clients in all notebooks, and which clients propose."""

    def __init__(self, runtime_dir: str, run_id: str, owner: int, *, default: bool) -> None:
        """`owner` is the process id of the Jupyter server, with which all this ends."""
        self._file = Path(runtime_dir) / proposals_name(run_id)
        self._owner = owner
        self.default = default
        """Whether a client of which nothing was said is reviewed."""
        self.everyone = False
        """Whether all clients are."""
        self._clients: dict[Who, bool] = {}
        self._waiting: dict[tuple[str, Who], Cells] = {}
        self._before: dict[tuple[str, Who], deque[Cells]] = {}
        self._outcomes: dict[tuple[str, Who], deque[Outcome]] = {}
        self._untold: dict[tuple[str, Who], list[Outcome]] = {}
        self.announce: Callable[[], None] = lambda: None
        """Called when there are other proposals, or others propose."""
        self.deciding = asyncio.Lock()
        """Held while proposals are made, accepted or rejected: two clicks accept one once."""
        self._remove_left_over()
        self._load()

    # -- whose edits are reviewed ---------------------------------------------------------------------

    def reviews(self, who: Who) -> bool:
        """Whether a client's edits wait for a person."""
        return self.everyone or self._clients.get(who, self.default)

    def set(self, on: bool, who: Who | None = None) -> None:
        """Review the edits of a client, or of all, from now on, or no longer."""
        if who is None:
            self.everyone = on
        else:
            self._clients[who] = on
        self._changed()

    # -- what waits -----------------------------------------------------------------------------------

    def of(self, path: str, who: Who) -> Cells:
        """What a client proposes in a notebook, by the cells' ids; not to be changed."""
        return self._waiting.get((path, who), {})

    @property
    def waiting(self) -> list[tuple[str, Who, Proposal]]:
        """All proposals, each with its notebook's path and its client; the oldest first."""
        every = [(path, who, each) for (path, who), cells in self._waiting.items() for each in cells.values()]
        return sorted(every, key=lambda one: one[2].time)

    def propose(self, path: str, who: Who, cells: Cells) -> None:
        """What a client proposes in a notebook from now on, in place of what it did."""
        self._before.setdefault((path, who), deque(maxlen=MOST_BACK)).append(self.of(path, who))
        self._put(path, who, cells)
        self._changed()

    def take_back(self, path: str, who: Who) -> bool:
        """Take back what a client's last call has proposed, where nobody has decided about any since."""
        before = self._before.get((path, who))
        if not before:
            return False
        self._put(path, who, before.pop())
        self._changed()
        return True

    def decided(self, path: str, who: Who, done: Iterable[Proposal], verdict: str) -> None:
        """A person has accepted or rejected some."""
        left = dict(self.of(path, who))
        made = [Outcome(time.time(), verdict, each.cell) for each in done if left.pop(each.cell, None) is not None]
        self._before.pop((path, who), None)  # what stands on it is not what it was
        self._put(path, who, left)
        self._untold.setdefault((path, who), []).extend(made)
        self._outcomes.setdefault((path, who), deque(maxlen=MOST_OUTCOMES)).extend(made)
        self._changed()

    def moved(self, old: str, new: str) -> None:
        """A notebook has another path."""
        if not any(path == old for table in (self._waiting, self._outcomes, self._untold) for path, _ in table):
            return
        _rename(self._waiting, old, new)
        _rename(self._before, old, new)
        _rename(self._outcomes, old, new)
        _rename(self._untold, old, new)
        self._changed()

    def _put(self, path: str, who: Who, cells: Cells) -> None:
        if cells:
            self._waiting[path, who] = cells
        else:
            self._waiting.pop((path, who), None)

    # -- what the agent is told -----------------------------------------------------------------------

    def news(self, who: Who) -> list[str]:
        """What became of a client's proposals since it was last told, a line for each notebook."""
        lines = []
        for path, of in [key for key in self._untold if key[1] == who]:
            outcomes = self._untold.pop((path, of))
            for verdict in dict.fromkeys(each.verdict for each in outcomes):
                cells = [each.cell[:8] for each in outcomes if each.verdict == verdict]
                more = f" and {len(cells) - 20} more" if len(cells) > 20 else ""
                lines.append(f"in {path} a person {verdict} what you proposed for {', '.join(cells[:20])}{more}")
        if lines:
            self._keep()
        return lines

    def outcomes(self, path: str, who: Who) -> list[Outcome]:
        """What became of a client's proposals in a notebook, the oldest first."""
        return list(self._outcomes.get((path, who), ()))

    # -- the file -------------------------------------------------------------------------------------

    def _changed(self) -> None:
        self._keep()
        self.announce()

    def _keep(self) -> None:
        kept = {
            "owner": self._owner,
            "everyone": self.everyone,
            "clients": [[*who, on] for who, on in self._clients.items()],
            "waiting": [
                [p, *who, [asdict(each) for each in cells.values()]] for (p, who), cells in self._waiting.items()
            ],
            "untold": [[p, *who, [asdict(each) for each in made]] for (p, who), made in self._untold.items()],
        }
        try:
            new = self._file.with_suffix(".new")
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogatepass") as file:
                json.dump(kept, file)
            new.replace(self._file)
        except OSError as error:
            log.warning("what agents propose is not kept over a crash of the sidecar: %s", error)

    def _load(self) -> None:
        try:
            kept = json.loads(self._file.read_text("utf-8"))
            self.everyone = bool(kept["everyone"])
            self._clients = {(name, token): on for name, token, on in kept["clients"]}
            for path, name, token, cells in kept["waiting"]:
                self._waiting[path, (name, token)] = {each["cell"]: Proposal(**each) for each in cells}
            for path, name, token, made in kept["untold"]:
                self._untold[path, (name, token)] = [Outcome(**each) for each in made]
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("what agents proposed before the sidecar ended is lost: %s", error)
            self.everyone = True  # nobody knows whom a person had reviewed

    def _remove_left_over(self) -> None:
        """Remove the files of servers that are no more."""
        for file in self._file.parent.glob(proposals_name("*")):
            with suppress(OSError, ValueError, KeyError, TypeError):
                if not alive(int(json.loads(file.read_text("utf-8"))["owner"])):
                    file.unlink(missing_ok=True)


def _rename(table: dict[tuple[str, Who], V], old: str, new: str) -> None:
    for path, who in [key for key in table if key[0] == old]:
        table[new, who] = table.pop((path, who))
