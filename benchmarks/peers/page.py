"""The page of the documentation and its chart. Pure but for the chart's file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.timing import Series

from .lines import Line

_WITHIN = (
    "it runs within Jupyter's own process, where the document is; ours asks the room of another process and waits "
    "until it has the change"
)
REASONS: dict[str, str] = {
    "list tools": "a request passes the relay, which proves who asks, and 37 tools are told, more than anybody else's",
    "edit a cell of 10": _WITHIN,
    "edit a cell of 100": _WITHIN,
    "read a cell of 10": "it runs within Jupyter's own process, without a relay",
    "read a cell of 100": "it runs within Jupyter's own process, without a relay",
    "bytes of its answer": "both cut at 8,000 characters; ours says how to read the rest",
    "memory added to the server": "ours is a process of its own, with an interpreter and libraries of its own, so that "
    "it can end, be upgraded and have other versions without touching Jupyter, in whose process theirs runs",
}
"""Why we are behind on a line, by the line's name."""
LONGEST = 60
"""Characters of what a side answered where it could not do a thing."""

HEAD = """# Beside the nearest peers

Four servers do the same things on notebooks of the same kind, in turn, in one run: `python -m benchmarks.peers` makes
this page and its chart. Milliseconds of two runs are not to be compared, the machine is noisy; the ratios of one are.

{versions}

{table}

Medians; in brackets, times ours. **Bold** is the best of a line.

![Times ours, line by line](peers.png)
"""

METHOD = """
## How it is measured

- Each side has a Jupyter server of its own with jupyter-server {server} and jupyter-collaboration {collaboration}, in
  an environment of its own. Its notebooks are open in collaboration rooms, as in somebody's JupyterLab, and the client
  is the MCP Python SDK's.
- `jupyter-mcp-live` shows its tools to clients only through one that runs code. `jupyter-ai`'s runs cells through a
  JupyterLab that is open in a browser, and there is none here. What a side answered where it could not do a thing
  stands in its place.
- A cell counts as edited when the person in the room sees it, which is waited for outside of the clock.
- Cancel: the client gives up a call of a cell that sleeps; the clock stops when Jupyter calls the kernel idle, and at
  {idle:.0f} s in any case.
- Death: the cell kills its kernel; an answer counts that says so.
- Cold start: from the start of Jupyter's process until the first `tools/list`; `jupyter-mcp-server`'s own process
  starts with it.
- Memory: what belongs to no other process (USS) of Jupyter, all that it started and the side's own process, before any
  kernel, less the same of the same Jupyter server without the side.
"""


def value(samples: Series, unit: str) -> str:
    """A median, as the table has it."""
    number = samples.p50
    if unit == "ms" and number >= 1000:
        return f"{number / 1000:.1f} s"
    digits = 0 if number >= 100 else 1
    return f"{number:,.{digits}f} {unit}"


def table(lines: Sequence[Line], names: Sequence[str]) -> str:
    """A row a line; the first name is ours."""
    rows = [f"| | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for line in lines:
        measured = {name: told for name, told in line.outcomes.items() if isinstance(told, Series)}
        best = min(measured, key=lambda name: measured[name].p50, default="")
        cells = [_cell(line, name, measured, best, names[0]) for name in names]
        rows.append(f"| {line.name} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _cell(line: Line, name: str, measured: Mapping[str, Series], best: str, ours: str) -> str:
    if name not in measured:
        said = str(line.outcomes.get(name, "–")).replace("|", "/")
        return said if len(said) <= LONGEST else f"{said[:LONGEST].rstrip()}…"
    told = value(measured[name], line.unit)
    told = f"**{told}**" if name == best else told
    if name == ours or ours not in measured:
        return told
    times = ratio(line, name, ours)
    return f"{told} ({times:.0f})" if times >= 10 else f"{told} ({times:.2g})"


def ratio(line: Line, name: str, ours: str) -> float:
    """How many times ours a side took."""
    mine, theirs = line.outcomes[ours], line.outcomes[name]
    assert isinstance(mine, Series) and isinstance(theirs, Series)
    return theirs.p50 / mine.p50


def behind(lines: Sequence[Line], ours: str) -> list[str]:
    """The lines on which somebody is ahead of us, beyond what two runs differ by, and the reason of each."""
    told = []
    for line in lines:
        peers = [name for name, each in line.outcomes.items() if name != ours and isinstance(each, Series)]
        if isinstance(line.outcomes.get(ours), Series):
            ahead = [name for name in peers if ratio(line, name, ours) < 0.95]
            if ahead:
                told.append(f"- **{line.name}** ({', '.join(ahead)}): {REASONS.get(line.name, 'not explained yet')}")
    return told


def page(lines: Sequence[Line], versions: Mapping[str, str], facts: Mapping[str, object]) -> str:
    """The whole of it."""
    names = list(versions)
    listed = "\n".join(f"- {name} {version}" for name, version in versions.items())
    ahead = behind(lines, names[0])
    told = "\n## Where we are behind\n\n" + "\n".join(ahead) + "\n" if ahead else ""
    return HEAD.format(versions=listed, table=table(lines, names)) + told + METHOD.format(**facts)


def chart(lines: Sequence[Line], names: Sequence[str], file: Path) -> None:
    """Dots on a line for each row: how many times ours a peer took, on a logarithmic scale."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    ours, *peers = names
    figure, axes = pyplot.subplots(figsize=(8, 0.36 * len(lines) + 1.4), layout="constrained")
    axes.axvline(1, color="#555", linewidth=1)
    for peer, marker, color in zip(peers, "osD", ("#d1495b", "#2e86ab", "#8f6bb3"), strict=False):
        points = [
            (ratio(line, peer, ours), row)
            for row, line in enumerate(lines)
            if isinstance(line.outcomes.get(peer), Series) and isinstance(line.outcomes.get(ours), Series)
        ]
        if points:
            axes.scatter(*zip(*points, strict=True), marker=marker, color=color, label=peer, zorder=3)
    for row, line in enumerate(lines):
        if not any(isinstance(line.outcomes.get(peer), Series) for peer in peers):
            axes.text(1.1, row, "nobody else does it", va="center", color="#555", fontsize=8)
    axes.set_xscale("log")
    axes.set_yticks(range(len(lines)), [line.name.replace("`", "") for line in lines])
    axes.invert_yaxis()
    axes.grid(axis="y", alpha=0.3)
    axes.set_xlabel(f"times {ours}'s (to the right of 1: more than ours)")
    figure.legend(loc="outside upper center", ncols=len(peers), frameon=False)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110, metadata={"Software": None})
    pyplot.close(figure)
