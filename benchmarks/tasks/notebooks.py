"""What the tasks start from: their notebooks and their CSV."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.parts import JupyterProcess

FAILED = "KeyError: 'regoin'"
ACCURACY = "0.8731"

DIRTY = """region,amount,day
north,100,2026-01-01
South,"1,200",2026-01-01
 south ,300,2026-01-02
north,n/a,2026-01-02
NORTH,250,2026-01-03
NORTH,250,2026-01-03
west,,2026-01-04
west,40,2026-01-04
"""
TOTALS = "north=350 south=1500 west=40"
"""Without the line that is there twice, and without amounts that are none."""

BUGS = [
    "import math\nvalues = [3, 1, 2]",
    "def mean(xs):\n    return sum(xs) / len(x)\nassert mean(values) == 2",
    "def last(xs):\n    return xs[len(xs)]\nassert last(values) == 2",
    "def top(xs):\n    return sorted(xs)[0]\nassert top(values) == 3, top(values)",
    "label = 'n=' + len(values)\nassert label == 'n=3'",
    "root = math.sqroot(9)\nassert root == 3",
    "def even(n):\n    return n % 2 == 1\nassert [even(n) for n in values] == [False, False, True], 'even is wrong'",
    "print('all right', mean(values), last(values), top(values), label, root, even(2))",
]

FUNCTION = "recalc_0, recalc_1 = 0, 1\n\n\ndef calc(x):\n    return x * 2"
LONG = "# load\nraw = list(range(5))\n# compute\ndoubled = [calc(x) for x in raw]\n# report\nprint('sum', sum(doubled))"
RENAMED = [FUNCTION, *(f"r{n} = calc({n}) + recalc_{n % 2}" for n in range(10)), LONG]

LOOP = """import time
rate, loss = 3.0, 1.0
for epoch in range({seconds}):
    loss *= abs(1 - rate)
    print(f"epoch {{epoch}} loss {{loss:.4g}}", flush=True)
    time.sleep({pause})
print("trained" if loss < 0.01 else "diverged")"""

SHARED = ["base = 10", "step = 1", "scratch = 'of no use'", "total = base + step", "print('total', total)"]


def explored() -> list[str]:
    """Forty cells' sources: eight chapters of five."""
    sources = []
    for chapter in range(8):
        sources += [
            f"chapter_{chapter} = {chapter}",
            f"rows_{chapter} = [{{'region': 'north', 'n': i}} for i in range({chapter + 3})]",
            f"def clean_{chapter}(rows):\n    # drops rows without a count\n    return [r for r in rows if r['n']]",
            f"kept_{chapter} = clean_{chapter}(rows_{chapter})",
            f"print('kept', len(kept_{chapter}))",
        ]
    sources[23] = "by_region = [r['regoin'] for r in rows_4]"
    sources[37] = "right, asked = 8731, 10000\nprint('accuracy', right / asked)"
    return sources


def write(server: JupyterProcess, pause: float) -> None:
    """Put down all of them, in a server's root."""
    path = server.write_notebook("explore.ipynb", *explored())
    _with_outputs(path)
    (server.root / "sales.csv").write_text(DIRTY)
    server.write_notebook("bugs.ipynb", *BUGS)
    server.write_notebook("rename.ipynb", *RENAMED)
    server.write_notebook("train.ipynb", LOOP.format(seconds=90, pause=pause))
    server.write_notebook("shared.ipynb", *SHARED)


def _with_outputs(path: Path) -> None:
    """As somebody left it: run, with a cell that failed."""
    notebook = json.loads(path.read_text())
    for count, cell in enumerate(notebook["cells"], 1):
        cell["execution_count"] = count
    failed, told = notebook["cells"][23], notebook["cells"][37]
    name, _, value = FAILED.partition(": ")
    failed["outputs"] = [{"output_type": "error", "ename": name, "evalue": value, "traceback": [FAILED]}]
    told["outputs"] = [{"output_type": "stream", "name": "stdout", "text": f"accuracy {ACCURACY}\n"}]
    path.write_text(json.dumps(notebook))
