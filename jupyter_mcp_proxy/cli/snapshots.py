"""`jupyter mcp-proxy snapshots`: notebooks as they were before an agent first wrote to them."""

from __future__ import annotations

import argparse

from .output import PROGRAM, printable, remark

DESCRIPTION = """\
List the notebooks as they were before an agent first wrote to them since the server's start, newest
first, or write one of them to a file. The last ten of each notebook are kept."""

EXAMPLES = """\
examples:
  jupyter mcp-proxy snapshots
  jupyter mcp-proxy snapshots --restore 20261120T213000123456 --to before.ipynb

exit codes: 0 listed or restored, 1 there is no such snapshot, or the file is there already."""


def declare(command: argparse.ArgumentParser) -> None:
    """The options."""
    command.add_argument("--restore", metavar="TIME", help="the snapshot to write to a file, as it is listed")
    command.add_argument("--to", metavar="FILE", help="the file to write; it must not be there yet")


def run(options: argparse.Namespace) -> int:
    """List the snapshots, or write one to a file."""
    return snapshots(options.restore, options.to)


def snapshots(restore: str | None, to: str | None) -> int:
    """List the snapshots, or write one to a file that is not there yet."""
    from ..store.snapshots import stored

    found = stored()
    if restore is None:
        for snapshot in found:
            size = f"{snapshot.file.stat().st_size:>10,} bytes"
            print(printable(f"{snapshot.time}  {size}  {snapshot.notebook}  ({snapshot.root})"))
        if not found:
            remark("There are no snapshots: no agent has written to a notebook here.")
        return 0
    chosen = next((snapshot for snapshot in found if snapshot.time == restore), None)
    if chosen is None:
        remark(f"There is no snapshot {restore}. `{PROGRAM} snapshots` lists them.")
        return 1
    if to is None:
        remark("Name the file to write with --to.")
        return 1
    try:
        with open(to, "x", encoding="utf-8") as file:  # noqa: PTH123 - named by the person, as any path
            file.write(chosen.file.read_text(encoding="utf-8"))
    except OSError as error:
        remark(f"{to} could not be written: {error.strerror}.")
        return 1
    print(printable(f"Wrote {chosen.notebook} as it was at {chosen.time} to {to}."))
    return 0
