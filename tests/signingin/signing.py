"""One client at one place: what it printed, and what came of it."""

from __future__ import annotations

import asyncio
import base64
import fcntl
import json
import os
import pty
import re
import signal
import struct
import termios
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from harness import own_world
from realclients.installed import command

from signingin.clients import Client
from signingin.person import Person
from signingin.places import Place

LONGEST = 120.0
"""Seconds that a command of a client may take, with the page in it."""
PNG = "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAFklEQVR4nGNQSDhAEmIY1TCqYfhqAAB/t0AQz57WYAAAAABJRU5ErkJggg=="
"""16 × 16 pixels of one blue."""
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")


@dataclass(frozen=True)
class Outcome:
    """A line of the table."""

    client: Client
    place: str
    signed_in: str
    call: str
    failed: str

    @property
    def unexpected(self) -> bool:
        return bool(self.failed) and self.place != self.client.cannot

    @property
    def line(self) -> str:
        cells = (f"{self.client.name} {self.client.version}", self.place, self.signed_in, self.call, self.failed)
        return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


async def sign_in(client: Client, place: Place, below: Path, home: Path, verbose: bool = False) -> Outcome:
    """Give a client the URL, and be the person at their browser."""
    person = Person(place.browser, home)
    notebook = place.notebook(f"{home.name}.ipynb")
    env = own_world(home) | {
        "PATH": f"{person.programs}{os.pathsep}{os.environ['PATH']}",
        "BROWSER": str(person.programs / "xdg-open"),
        "DISPLAY": ":0",  # where there is none some clients open no browser
        **dict(client.environment),
    }
    folder = below / client.folder
    source = f'import base64, IPython.display as d\nd.display(d.Image(base64.b64decode("{PNG}")))'
    call = json.dumps({"notebook": notebook, "source": source})
    given = {"call": call, "url": place.url, "notebook": notebook, "png": PNG, "folder": str(folder)}

    def filled(text: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda found: given.get(found[1], found[0]), text)

    if client.file:
        path = home / client.file[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(filled(client.file[1]))
    commands = [[filled(word) for word in words] for words in client.commands]
    if client.program:
        commands = [[*command(replace(client, arguments=()), below, place.url, notebook), PNG, *client.arguments]]
    said = ""
    async with person.watching():
        for words in commands:
            at = folder if client.program else home
            if client.terminal in words:
                said = await run(words, at, env, person, True, client.done, client.typed)
            else:
                said = await run(words, at, env, person)
            if verbose:
                print(f"$ {' '.join(words)[:200]}\n{said}", flush=True)
    can, failed = judged(client, said)
    failed = failed or "; ".join(person.wrong)
    if person.clicks:
        signed_in = f"yes, {person.clicks} click{'s' * (person.clicks > 1)}" if can else "clicked Allow"
    else:
        signed_in = "no"
    return Outcome(client, place.name, signed_in, can or "no", failed)


def judged(client: Client, said: str) -> tuple[str, str]:
    """What a client's last words mean: what it has done, or else the line that says what failed."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    for line in reversed(lines):
        if (size := image_in(line)) is not None:
            return f"yes, an image of {size} bytes", ""
    if client.connected and (found := re.search(client.connected, said)):
        return f"connected: “{' '.join(found[0].split())}”", ""
    telling = [line for line in lines if re.search(r"[Ee]rror|[Ff]ail|[Rr]efused|needs", line)]
    return "", (telling or lines or ["it said nothing"])[-1][:300]


def image_in(line: str) -> int | None:
    """The size of the image in the result of a call, which some client prints as JSON; None where there is none."""
    try:
        result = json.loads(line)
        result = result.get("result", result)  # the Inspector's
        images = [block for block in result["content"] if block["type"] == "image"]
        return None if result.get("isError") else len(base64.b64decode(images[0]["data"]))
    except (ValueError, LookupError, TypeError, AttributeError):  # a line that is something else
        return None


async def run(
    words: list[str],
    folder: Path,
    env: dict[str, str],
    person: Person,
    terminal: bool = False,
    done: str = "",
    typed: Sequence[tuple[str, str]] = (),
) -> str:
    """Run a command and hand the person what it prints, which may be a page to open; what it printed."""
    reading, writing = pty.openpty() if terminal else os.pipe()
    if terminal:
        fcntl.ioctl(writing, termios.TIOCSWINSZ, struct.pack("4H", 50, 250, 0, 0))
    process = await asyncio.create_subprocess_exec(
        *words, cwd=folder, env=env, stdin=writing if terminal else asyncio.subprocess.DEVNULL, stdout=writing,
        stderr=writing, start_new_session=True,
    )  # fmt: skip
    os.close(writing)
    said = bytearray()

    def read() -> None:
        with suppress(OSError):  # a terminal that nobody has any more
            while got := os.read(reading, 65536):
                said.extend(got)

    reader = asyncio.create_task(asyncio.to_thread(read))
    began = time.monotonic()
    typing = list(typed)
    while process.returncode is None and time.monotonic() < began + LONGEST:
        await person.read(plain(said).rpartition("\n")[0])
        if typing and re.search(typing[0][0], plain(said)):
            await asyncio.sleep(1)
            os.write(reading, typing.pop(0)[1].encode())
        elif done and re.search(done, plain(said)):
            break
        await asyncio.sleep(0.2)
    with suppress(ProcessLookupError):  # with what it has started, which may have the pipe
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.shield(reader), 5)
    return plain(said)


def plain(said: bytearray) -> str:
    return ESCAPES.sub("", bytes(said).decode(errors="replace")).replace("\r", "")
