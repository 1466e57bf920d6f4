"""What two sides of a comparison cost, step by step, as a table with verdicts. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

CALLS_TARGET = 0.5
BYTES_TARGET = 0.25


@dataclass
class Cost:
    """What a step took: calls of tools, and bytes of bodies and of heads on the wire."""

    calls: int = 0
    sent: int = 0
    received: int = 0
    headers: int = 0

    @property
    def bytes(self) -> int:
        """The bodies, both ways."""
        return self.sent + self.received

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.calls + other.calls,
            self.sent + other.sent,
            self.received + other.received,
            self.headers + other.headers,
        )


@dataclass
class Step:
    """A step of the session on one side: its cost, and for each of its goals whether it was reached."""

    name: str
    cost: Cost
    goals: dict[str, bool] = field(default_factory=dict)

    @property
    def reached(self) -> bool:
        """Whether every goal was."""
        return all(self.goals.values())


@dataclass
class Run:
    """A whole session on one side; what it took before the session is apart."""

    side: str
    connecting: Cost
    catalogue: Cost
    steps: list[Step]

    @property
    def total(self) -> Cost:
        """All steps together."""
        return sum((step.cost for step in self.steps), Cost())


def table(ours: Run, theirs: Run) -> str:
    """Both sides, a line a step, the totals, and what is counted apart."""
    head = f"{'':24}{'calls':>13}{'sent':>19}{'received':>23}{'both':>23}  reached"
    sides = f"{'':24}" + f"{'ours':>7}{'other':>6}" + f"{'ours':>11}{'other':>8}" + f"{'ours':>12}{'other':>11}" * 2
    lines = [f"Bytes are bodies; ours is {ours.side}, other is {theirs.side}.", "", head, f"{sides}  ours other"]
    for one, other in zip(ours.steps, theirs.steps, strict=True):
        lines.append(f"{_row(one.name, one.cost, other.cost)}  {_yes(one.reached):5}{_yes(other.reached)}".rstrip())
    lines += [_row("total", ours.total, theirs.total), ""]
    for title, one_cost, other_cost in (
        ("apart: connecting", ours.connecting, theirs.connecting),
        ("apart: tools/list", ours.catalogue, theirs.catalogue),
    ):
        lines.append(_row(title, one_cost, other_cost))
    lines.append(f"apart: heads of all steps' requests and replies {ours.total.headers:,} and {theirs.total.headers:,}")
    return "\n".join(lines)


def _row(name: str, one: Cost, other: Cost) -> str:
    return (
        f"{name:24}{one.calls:7}{other.calls:6}{one.sent:11,}{other.sent:8,}"
        f"{one.received:12,}{other.received:11,}{one.bytes:12,}{other.bytes:11,}"
    )


def _yes(reached: bool) -> str:
    return "yes" if reached else "NO"


def missed(run: Run) -> list[str]:
    """A line for each goal that a side did not reach."""
    return [
        f"NOT reached by {run.side}, {step.name}: {goal}"
        for step in run.steps
        for goal, reached in step.goals.items()
        if not reached
    ]


def verdicts(ours: Run, theirs: Run, *, aimed: bool = True) -> list[str]:
    """The ratios of the whole session, against the targets where these are `aimed` at it.

    Who missed a goal has not done the session: then ours meets no target, and of the other the line says so.
    """
    done = all(step.reached for step in ours.steps)
    less = "" if all(step.reached for step in theirs.steps) else "; the other did not reach all goals"
    lines = []
    for what, mine, other, limit in (
        ("calls", ours.total.calls, theirs.total.calls, CALLS_TARGET),
        ("bytes", ours.total.bytes, theirs.total.bytes, BYTES_TARGET),
    ):
        word = "" if not aimed else "met" if done and mine <= limit * other else "NOT met"
        target = f" (target: at most {limit:g})" if aimed else " (no target)"
        lines.append(f"{word:8} {what}: {mine:,} of {other:,}, {mine / other:.3f} of the other's{target}{less}")
    return lines
