"""`jupyter mcp-proxy log`: what agents did, from the audit."""

from __future__ import annotations

import argparse
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, BinaryIO

from .output import PROGRAM, printable, remark

DESCRIPTION = """\
Show the tool calls that agents made on your servers: when, who, which tool, in which notebook and
cell, how it ended and how long it took. Without what was written: of source code, file content and
search texts only the length is kept (unless MCPProxy.audit_contents is set).

The file is mcp-proxy/audit.jsonl below Jupyter's data directory, readable by you only; it is moved
aside at 5 MB, and four older ones are kept."""

EXAMPLES = """\
examples:
  jupyter mcp-proxy log                                the last 50 calls
  jupyter mcp-proxy log --follow                       and those that come
  jupyter mcp-proxy log --since 2h --outcome error --outcome refused
  jupyter mcp-proxy log --notebook "reports/*" --tool execute_cell --last 500
  jupyter mcp-proxy log --json --since 2026-11-20 > calls.jsonl

exit codes: 0 shown, 1 there is no audit or it cannot be read, 2 wrong usage."""

OUTCOMES = ("running", "waiting", "ok", "error", "refused", "cancelled")
LAST = 50
POLL = 0.3
SPAN = re.compile(r"(\d{1,6})([smhd])\Z")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def declare(command: argparse.ArgumentParser) -> None:
    """The options."""
    command.add_argument("--tool", action="append", metavar="GLOB", help="only calls of this tool; may be repeated")
    command.add_argument(
        "--client", action="append", metavar="GLOB", help="only of this client, or of this token's name"
    )
    command.add_argument("--notebook", action="append", metavar="GLOB", help="only in this notebook or file")
    command.add_argument("--outcome", action="append", choices=OUTCOMES, help="only with this outcome; may be repeated")
    command.add_argument("--since", type=moment, metavar="WHEN", help="only since 30s, 10m, 2h, 7d ago, or a date")
    command.add_argument(
        "--last",
        type=count,
        default=None,
        metavar="N",
        help=f"at most so many (default: {LAST}; with --json or --since all)",
    )
    command.add_argument("--follow", action="store_true", help="go on with the calls that come, until Ctrl-C")
    command.add_argument("--json", action="store_true", help="each call as its JSON line, arguments included")


def moment(text: str) -> datetime:
    """A time from the command line: so long ago, or ISO 8601; without a zone it is local time."""
    span = SPAN.match(text)
    try:
        if span:
            return datetime.now(timezone.utc) - timedelta(**{UNITS[span[2]]: int(span[1])})
        given = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return given if given.tzinfo else given.astimezone()
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time: 30s, 10m, 2h or 7d ago, or such as 2026-11-20T09:30"
        ) from None


def count(text: str) -> int:
    """How many lines."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def run(options: argparse.Namespace) -> int:
    """Show the calls that are asked for."""
    from ..store.audit import audit_file, lines

    file = audit_file()
    wanted = chooser(options)
    show: Callable[[dict[str, Any]], str] = as_json if options.json else as_text
    last = options.last or (None if options.json or options.since else LAST)
    end = file.stat().st_size if file.exists() else 0
    try:
        found = [line for line in lines(file, end) if wanted(line)]
        for line in found[-last:] if last else found:
            print(show(line))
        if options.follow:
            for line in appended(file, end):
                if wanted(line):
                    print(show(line), flush=True)
        elif not found:
            remark(f"No call in {file} fits." if file.exists() else nothing(file))
            return 0 if file.exists() else 1
    except OSError as error:
        remark(f"{error.filename or file} cannot be read: {error.strerror}.")
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def nothing(file: Path) -> str:
    """Why there may be no audit."""
    return (
        f"There is no {file}: no agent has called a tool yet, MCPProxy.audit is off, or the server has another data "
        f"directory (JUPYTER_DATA_DIR). `{PROGRAM} config` shows the settings."
    )


def chooser(options: argparse.Namespace) -> Callable[[dict[str, Any]], bool]:
    """Which lines are asked for."""

    def fits(patterns: list[str] | None, *values: Any) -> bool:
        return not patterns or any(fnmatchcase(str(value), p) for value in values if value for p in patterns)

    def wanted(line: dict[str, Any]) -> bool:
        arguments = line.get("arguments")
        path = arguments.get("path") if isinstance(arguments, dict) else None
        return (
            fits(options.tool, line["tool"])
            and fits(options.client, line.get("client"), line.get("token"))
            and fits(options.notebook, line.get("notebook"), path if isinstance(path, str) else None)
            and (not options.outcome or line.get("outcome") in options.outcome)
            and (options.since is None or at_or_after(line["time"], options.since))
        )

    return wanted


def at_or_after(time_of: Any, since: datetime) -> bool:
    """Whether a line is not older than that."""
    try:
        return datetime.fromisoformat(str(time_of)) >= since
    except (ValueError, TypeError):
        return False


def as_json(line: dict[str, Any]) -> str:
    """A line as it is; JSON in ASCII has no control characters."""
    return json.dumps(line)


def as_text(line: dict[str, Any]) -> str:
    """A call as a line for people. What clients and notebooks are called cannot do anything to a terminal."""
    where = line.get("notebook") or ""
    arguments = line.get("arguments")
    if not where and isinstance(arguments, dict) and isinstance(arguments.get("path"), str):
        where = arguments["path"]
    if line.get("cell"):
        where += f" cell {str(line['cell'])[:8]}"
    who = str(line.get("client"))
    if line.get("token"):
        who += f" (token {line['token']})"
    ms = line.get("ms")
    took = "" if not isinstance(ms, int) else f"{ms} ms" if ms < 10_000 else f"{ms / 1000:.0f} s"
    parts = [
        str(line["time"])[:19],
        f"{line.get('outcome')!s:9}",
        f"{took:>8}",
        f"{line['tool']!s:24}",
        str(where),
        "by",
        who,
    ]
    return printable("  ".join(part for part in parts if part))


def appended(file: Path, start: int) -> Iterator[dict[str, Any]]:
    """What is appended after `start`, through changes of files too, as it comes."""
    from ..store.audit import parsed

    source: BinaryIO | None = None
    rest = b""
    while True:
        data = source.read() if source is not None else b""
        *whole, rest = (rest + data).split(b"\n")
        for line in map(parsed, whole):
            if line is not None:
                yield line
        if data:
            continue
        following = newer(file, source)
        if following is not None:
            following.seek(start)
            source, rest, start = following, b"", 0
        else:
            time.sleep(POLL)


def newer(file: Path, source: BinaryIO | None) -> BinaryIO | None:
    """The file, where it is there and another than the one that is read, which is closed then."""
    try:
        if source is not None and os.path.samestat(file.stat(), os.fstat(source.fileno())):
            return None
        found = file.open("rb")
    except FileNotFoundError:
        return None
    if source is not None:
        source.close()
    return found
