"""One client at one place: what it printed, and what came of it."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness import own_world
from realclients.installed import command

from signingin.clients import Client
from signingin.person import Person
from signingin.places import Place

LONGEST = 150.0
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
    }
    env.pop("XDG_DATA_DIRS"), env.pop("XDG_CONFIG_DIRS")
    folder = below / client.folder
    given = {"url": place.url, "notebook": notebook, "png": PNG, "folder": str(folder)}

    def filled(text: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda found: given.get(found[1], found[0]), text)

    if client.file:
        path = home / client.file[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(filled(client.file[1]))
    commands = [[filled(word) for word in words] for words in client.commands]
    if client.program:
        given_first = [*command(client, below, place.url, notebook)]
        first = given_first[: len(given_first) - len(client.arguments)]
        commands.insert(0, [*first, PNG, *client.arguments])
    said = ""
    async with person.watching():
        for words in commands:
            said = await run(words, folder if client.program else home, env, person, client.terminal in words)
            if verbose:
                print(f"$ {' '.join(words)[:200]}\n{said}", flush=True)
    call, failed = judged(client, said)
    failed = failed or "; ".join(person.wrong)
    if person.clicks:
        signed_in = f"yes, {person.clicks} click{'s' * (person.clicks > 1)}" if call else "clicked Allow"
    else:
        signed_in = "no"
    return Outcome(client, place.name, signed_in, call or "no", failed)


def judged(client: Client, said: str) -> tuple[str, str]:
    """What a client's last words mean: what it has done, or else the line that says what failed."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    for line in reversed(lines):
        if line.startswith('{"error"'):
            answer = json.loads(line)
            images = [block for block in answer["blocks"] if block["type"] == "image"]
            if images and not answer["error"]:
                return f"yes, an image of {images[0]['bytes']} bytes", ""
            return "", line[:300]
    if client.connected and (found := re.search(client.connected, said)):
        return f"connected: “{' '.join(found[0].split())}”", ""
    telling = [line for line in lines if re.search(r"[Ee]rror|[Ff]ail|[Rr]efused|needs", line)]
    return "", (telling or lines or ["it said nothing"])[-1][:300]


async def run(words: list[str], folder: Path, env: dict[str, str], person: Person, terminal: bool) -> str:
    """Run a command and hand the person what it prints, which may be a page to open; what it printed."""
    reading, writing = pty.openpty() if terminal else os.pipe()
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
    with suppress(asyncio.TimeoutError):
        async with asyncio.timeout(LONGEST):
            while process.returncode is None:
                await person.see(plain(said).rpartition("\n")[0])
                await asyncio.sleep(0.2)
    with suppress(ProcessLookupError):  # with what it has started, which may have the pipe
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.shield(reader), 5)
    return plain(said)


def plain(said: bytearray) -> str:
    return ESCAPES.sub("", bytes(said).decode(errors="replace")).replace("\r", "")
