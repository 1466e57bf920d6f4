"""Patterns that callers give: however they are made, they hold up nobody else and take no memory of ours."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Iterable
from fnmatch import translate
from tempfile import TemporaryFile
from typing import Any

from ..contract import module_command
from ..errors import BadValue
from .matcher import MOST_SECONDS, Found, found_in

LONGEST_PATTERN = 1000
LONGEST_GLOB = 200
PATIENCE = 20.0
"""Seconds that we wait for a process which may compute for `MOST_SECONDS`, on a machine that does much else."""

_LITERAL = re.compile(r"[\w \-=,:;\"'/<>@#%&~`!|]*")
"""Words, and alternatives of words: found without a process, whose start takes longer than the search."""
_AT_ONCE = asyncio.Semaphore(2)


async def found_lines(parameter: str, pattern: str, lines: Iterable[str], budget: int | None = None) -> Found:
    """The lines in which a regular expression is found. Raises BadValue where it is none, or takes too much."""
    if len(pattern) > LONGEST_PATTERN:
        raise BadValue(parameter, pattern, f"a regular expression of at most {LONGEST_PATTERN:,} characters")
    if _LITERAL.fullmatch(pattern):
        words = pattern.split("|")
        return found_in(lines, lambda line: min((at for at in map(line.find, words) if at >= 0), default=-1), budget)
    shown, total = await _asked(parameter, pattern, {"budget": budget}, lines)
    return [(number, piece) for number, piece in shown], total


async def first_lines(parameter: str, pattern: str, texts: Iterable[str]) -> dict[int, str]:
    """The first line of each text in which a regular expression is found, by the text's number from 0."""
    lines, owners = [], []
    for owner, text in enumerate(texts):
        for line in text.split("\n"):
            lines.append(line)
            owners.append(owner)
    first: dict[int, str] = {}
    for number, _ in (await found_lines(parameter, pattern, lines))[0]:
        first.setdefault(owners[number - 1], lines[number - 1])
    return first


async def replacements(name: str, old: str, new: str, texts: Iterable[str]) -> list[list[tuple[int, int, str]]]:
    """For each text where an expression is, and what `new`, with its groups, makes of it there; `name` is an edit's."""
    if len(old) > LONGEST_PATTERN:
        raise BadValue(f"{name}.old", old, f"a regular expression of at most {LONGEST_PATTERN:,} characters")
    said = await _asked(f"{name}.old", old, {"new": new}, map(json.dumps, texts))
    if isinstance(said, dict):
        raise BadValue(f"{name}.new", new, f"a text with the groups of `old` ({said['new']})")
    return [[(start, end, made) for start, end, made in found] for found in said]


def check_glob(parameter: str, pattern: str) -> None:
    """Raise BadValue for a glob that is too long: translating one takes time with the square of its length."""
    if len(pattern) > LONGEST_GLOB:
        raise BadValue(parameter, pattern, f"a glob of at most {LONGEST_GLOB} characters")
    try:
        re.compile(translate(pattern))
    except re.error as error:  # a range such as [z-a], before Python 3.11
        raise BadValue(parameter, pattern, f"a glob ({error})") from error


async def _asked(parameter: str, pattern: str, more: dict[str, Any], lines: Iterable[str]) -> Any:
    """What the process finds. Raises BadValue where the expression is wrong, or takes too much."""
    async with _AT_ONCE:
        try:
            process = await _started({"pattern": pattern, **more}, lines)
        except OSError as error:
            how = f"words without special characters, as no process could be started for it ({error.strerror})"
            raise BadValue(parameter, pattern, how) from error
        try:
            answer, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
        except asyncio.TimeoutError:
            answer = b""
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    if process.returncode or not answer:
        raise BadValue(
            parameter, pattern, f"a simpler expression; this one takes more than {MOST_SECONDS} s, or too much memory"
        )
    said = json.loads(answer)
    if isinstance(said, str):
        raise BadValue(parameter, pattern, f"a regular expression ({said})")
    return said


async def _started(request: dict[str, Any], lines: Iterable[str]) -> asyncio.subprocess.Process:
    """The process that searches. A file, not a pipe: the lines are written in one go, while nobody adds to them."""
    with TemporaryFile() as asked:
        asked.write(json.dumps(request).encode() + b"\n")
        asked.writelines(line.encode("utf-8", "surrogatepass") + b"\n" for line in lines)
        asked.seek(0)
        return await asyncio.create_subprocess_exec(
            *module_command(sys.executable, f"{__package__}.matcher"),
            stdin=asked,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
