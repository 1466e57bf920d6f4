"""The table and the verdicts."""

from __future__ import annotations

from dataclasses import dataclass

from .calls import BARE, BARE_SLOW, CLIENTS, ERAS, SCOPED, SIGNED_IN, cell, execution, no_op
from .startup import IMPORTED, LISTED, PROOF
from .timing import Series

EXECUTION_TARGET = 2.0
CELL_TARGET = 1.25
RELAY_TARGETS = {"new": 1.5, "old": 2.5}
START_TARGET = 1.3
SIGNED_IN_TARGET = 1.05
HEAD = f"{'':66} {'n':>5} {'p50 ms':>9} {'p95 ms':>9} {'ratio':>7}"


@dataclass(frozen=True)
class Verdict:
    """A target and what came of it."""

    text: str
    measured: float
    limit: float
    unit: str

    def __str__(self) -> str:
        word = "met" if self.measured <= self.limit else "NOT met"
        return f"{word:8} {self.text}: {self.measured:.2f} {self.unit} (target: at most {self.limit:g})"


def table(series: dict[str, Series]) -> str:
    """p50 and p95 of all variants, each with its ratio to what it is compared with."""
    lines = [HEAD]
    for title, reference, names in _groups():
        lines += ["", title]
        lines += [row(series[name], series[reference]) for name in names]
    return "\n".join(lines)


def row(one: Series, reference: Series) -> str:
    """The line of one variant."""
    ratio = one.p50 / reference.p50
    return f"  {one.name:64} {len(one.samples):5} {one.p50:9.2f} {one.p95:9.2f} {ratio:7.2f}"


def _groups() -> list[tuple[str, str, list[str]]]:
    proxied = [execution(era, client) for client in CLIENTS for era in ERAS]
    groups = [("1+1 in a kernel (ratio to the bare round trip with TCP_QUICKACK)", BARE, [BARE, BARE_SLOW, *proxied])]
    for client in CLIENTS:
        for era in ERAS:
            names = [execution(era, client), cell(era, client)]
            groups.append(
                (f"A cell with 1+1, {era} era, {client} client (ratio to code without a cell)", names[0], names)
            )
    for client in CLIENTS:
        for era in ERAS:
            names = [no_op(way, era, client) for way in ("direct", "our relay", "stock jupyter-server-proxy")]
            groups.append((f"A tool that does nothing, {era} era, {client} client (ratio to direct)", names[0], names))
    names = [no_op(way, "new", "lean") for way in (SCOPED, SIGNED_IN)]
    groups.append(("Who calls, new era, lean client (ratio to a scoped token)", names[0], names))
    groups.append(("Start of a sidecar (ratio to the import)", IMPORTED, [IMPORTED, PROOF, LISTED]))
    return groups


def verdicts(series: dict[str, Series]) -> list[Verdict]:
    """The targets. Those measured with the lean client count; the SDK's client is told beside it."""
    found = []
    for client in CLIENTS:
        ratio = series[execution("new", client)].p50 / series[BARE].p50
        found.append(
            Verdict(f"execution through the proxy, new era, {client} client", ratio, EXECUTION_TARGET, "× bare")
        )
    for client in CLIENTS:
        ratio = series[cell("new", client)].p50 / series[execution("new", client)].p50
        found.append(Verdict(f"a cell, new era, {client} client", ratio, CELL_TARGET, "× code without a cell"))
    for client in CLIENTS:
        for era, limit in RELAY_TARGETS.items():
            over = series[no_op("our relay", era, client)].p50 - series[no_op("direct", era, client)].p50
            found.append(Verdict(f"relay's overhead over direct, {era} era, {client} client", over, limit, "ms"))
    ratio = series[no_op(SIGNED_IN, "new", "lean")].p50 / series[no_op(SCOPED, "new", "lean")].p50
    found.append(Verdict("a call of who has signed in, lean client", ratio, SIGNED_IN_TARGET, "× a scoped token's"))
    for text, name in (("ready (/proof)", PROOF), ("ready (first tools/list)", LISTED)):
        found.append(Verdict(text, series[name].p50 / series[IMPORTED].p50, START_TARGET, "× import"))
    return found
