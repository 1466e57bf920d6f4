"""`python -m benchmarks.soak`: a notebook that grows by a cell with an image each second, and what grows with it."""

from __future__ import annotations

import argparse
import re
import signal
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from .lean import NEW_ERA, LeanClient
from .parts import JupyterProcess, jupyter

NOTEBOOK = "soak.ipynb"
SIDE = 130
"""Pixels of an image's side: as noise it has 51 kB, so the notebook 60 MB after 15 minutes."""
NOISE = f"""\
import os, struct, zlib
from IPython.display import Image
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
def noise(side={SIDE}):
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    rows = b"".join(b"\\0" + os.urandom(3 * side) for _ in range(side))
    return Image(b"\\x89PNG\\r\\n\\x1a\\n" + head + chunk(b"IDAT", zlib.compress(rows, 0)) + chunk(b"IEND", b""))
"""
HEAD = f"{'':8} {'cells':>6} {'notebook':>10} {'sidecar':>10} {'a cell':>10} {'1+1':>10} {'list_cells':>10}"


def main() -> None:
    """Grow and print a line a minute: medians of the minute's calls, and sizes at its end."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    arguments.add_argument("--minutes", type=int, default=15, help="how long (default %(default)s)")
    options = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    print(HEAD)
    with (
        TemporaryDirectory(prefix="mcp-proxy-benchmarks-", ignore_cleanup_errors=True) as folder,
        jupyter(Path(folder)) as server,
    ):
        sizes = list(grow(server, options.minutes))
    (notebook, sidecar), (last_notebook, last_sidecar) = sizes[0], sizes[-1]
    if last_notebook > notebook:
        ratio = (last_sidecar - sidecar) / (last_notebook - notebook)
        print(f"\nSince the first minute the sidecar has grown by {ratio:.2f} times what the notebook has.")


def grow(server: JupyterProcess, minutes: int) -> Iterator[tuple[float, float]]:
    """The sizes of the notebook's file and of the sidecar, in MB, after each minute."""
    client = LeanClient(server.endpoint, NEW_ERA, {"Authorization": f"Bearer {server.token}"})
    client.call("use_notebook", {"notebook": NOTEBOOK, "create": True})
    client.call("execute_ipython", {"notebook": NOTEBOOK, "code": NOISE})
    cells = 0
    for minute in range(1, minutes + 1):
        end = time.monotonic() + 60
        growing, computing, listing = [], [], []
        while (began := time.monotonic()) < end:
            body, seconds = client.call("insert_execute_code_cell", {"notebook": NOTEBOOK, "source": "noise()"})
            assert b'"image"' in body, body[:500]
            growing.append(seconds)
            computing.append(client.call("execute_ipython", {"notebook": NOTEBOOK, "code": "1+1"})[1])
            listing.append(client.call("list_cells", {"notebook": NOTEBOOK, "limit": 10})[1])
            cells += 1
            time.sleep(max(0.0, began + 1 - time.monotonic()))
        notebook = (server.root / NOTEBOOK).stat().st_size / 1e6
        sidecar = resident(server.sidecar_pid())
        times = " ".join(f"{statistics.median(each) * 1000:7.1f} ms" for each in (growing, computing, listing))
        print(f"{minute:3} min  {cells:6} {notebook:7.1f} MB {sidecar:7.1f} MB {times}", flush=True)
        yield notebook, sidecar
    client.close()


def resident(pid: int) -> float:
    """A process's resident memory in MB, as Linux tells it."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) * 1024 / 1e6


if __name__ == "__main__":
    main()
