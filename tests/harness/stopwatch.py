"""A person with a stopwatch: their browser itself counts what they click, type and paste, each step has its time."""

from __future__ import annotations

import time
from dataclasses import dataclass

from playwright.async_api import BrowserContext, Page

COUNTING = """
for (const [kind, event] of [['clicks', 'click'], ['pastes', 'paste'], ['keys', 'beforeinput']]) {
  addEventListener(event, e => {
    if (e.isTrusted && (kind !== 'keys' || e.inputType === 'insertText')) window.stopwatch(kind);
  }, true);
}
"""
"""What only a person can cause is counted, before the page's own script sees it."""
TERMINAL = "data:text/html,<title>A terminal</title><textarea aria-label='Command'></textarea>"


@dataclass
class Step:
    """One step of the way: what the person did, and how long the machine took for it."""

    name: str
    clicks: int = 0
    pastes: int = 0
    keys: int = 0
    seconds: float = 0.0

    @property
    def line(self) -> str:
        return f"| {self.name} | {self.clicks} | {self.pastes} | {self.keys} | {self.seconds:.1f} |"


class Stopwatch:
    """The whole way of one person, step by step."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.steps: list[Step] = []
        self._began = 0.0

    async def counts_in(self, context: BrowserContext) -> None:
        """Count in every page that is opened from now on."""

        def count(kind: str) -> None:
            step = self.steps[-1]
            setattr(step, kind, getattr(step, kind) + 1)

        await context.expose_function("stopwatch", count)
        await context.add_init_script(COUNTING)

    def begins(self, name: str) -> None:
        """The next step begins, and the one before has ended."""
        self.ends()
        self.steps.append(Step(name))

    def ends(self) -> None:
        """The last step has ended."""
        now = time.monotonic()
        if self.steps:
            self.steps[-1].seconds = now - self._began
        self._began = now

    @property
    def whole(self) -> Step:
        every = self.steps
        return Step(
            "the whole way",
            sum(step.clicks for step in every),
            sum(step.pastes for step in every),
            sum(step.keys for step in every),
            sum(step.seconds for step in every),
        )

    @property
    def table(self) -> str:
        head = f"| {self.title} | clicks | pastes | keys | seconds |\n|---|---|---|---|---|"
        return "\n".join((head, *(step.line for step in (*self.steps, self.whole))))


async def pasted(page: Page) -> str:
    """Paste what was copied into a terminal; what stands there then."""
    await page.goto(TERMINAL)
    line = page.get_by_label("Command")
    await line.focus()
    await page.keyboard.press("Control+V")
    return await line.input_value()
