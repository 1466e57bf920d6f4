"""How fast the panel's log stays with many calls of many clients.

The real server would need minutes for as many calls, so that here, and only here, a stand-in tells of them: a server
that streams the same events. Everything else is real.
"""

from __future__ import annotations

import asyncio
import json
import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from harness import JupyterProcess
from harness.browser import KERNELSPEC, chromium, lab
from playwright.async_api import expect

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

CALLS, CLIENTS = 5000, 10

SCROLL = """async () => {
  const log = document.querySelector('.jp-McpLog');
  const frames = [];
  let last = performance.now();
  for (let step = 0; step <= 100; step++) {
    log.scrollTop = (log.scrollHeight - log.clientHeight) * step / 100;
    await new Promise(requestAnimationFrame);
    frames.push(performance.now() - last);
    last = performance.now();
  }
  return frames;
}"""
"""Go through the whole log in a hundred steps; the milliseconds that each took."""


class StandIn:
    """Streams events to whoever asks for whatever."""

    def __init__(self) -> None:
        self.url = ""
        self._streams: list[asyncio.StreamWriter] = []
        self._last = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        clients = [self._client(number) for number in range(CLIENTS)]
        self._streams.append(writer)
        await self._event("state", {"paused": False, "tier": "run", "clients": clients, "calls": []})

    async def calls(self, count: int) -> None:
        """Tell of calls, each when it begins and again when it ends."""
        for _ in range(count):
            self._last += 1
            call = {
                "id": self._last, "time": f"2026-01-01T00:00:00.{self._last:06}+00:00", "user": "u",
                "client": f"client {self._last % CLIENTS}", "token": None, "tool": "execute_cell",
                "notebook": "folder/analysis.ipynb", "cell": f"cell{self._last}", "outcome": "running", "ms": None,
            }  # fmt: skip
            await self._event("call", call)
            await self._event("call", {**call, "outcome": "ok", "ms": 12})

    def close(self) -> None:
        for writer in self._streams:
            writer.close()

    async def _event(self, name: str, data: object) -> None:
        for writer in self._streams:
            writer.write(f"event: {name}\ndata: {json.dumps(data)}\n\n".encode())
            await writer.drain()

    @staticmethod
    def _client(number: int) -> dict[str, object]:
        return {"name": f"client {number}", "token": None, "since": "", "last": "", "doing": None}


@asynccontextmanager
async def stand_in() -> AsyncIterator[StandIn]:
    standing = StandIn()
    server = await asyncio.start_server(standing.answer, "127.0.0.1", 0)
    standing.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    yield standing
    standing.close()
    server.close()


async def test_the_log_stays_responsive_with_ten_clients_and_five_thousand_lines(
    live: JupyterProcess, name: str
) -> None:
    live.write_notebook(name, "1", kernelspec=KERNELSPEC)
    async with chromium() as browser, stand_in() as source:

        async def instead(route: object) -> None:
            await route.continue_(url=source.url)  # type: ignore[attr-defined]

        async with lab(browser, live, name, {"**/mcp-proxy/api/activity": instead}) as window:
            await expect(window.clients).to_have_count(CLIENTS)
            begun = asyncio.get_running_loop().time()
            await source.calls(CALLS)
            newest = window.page.locator('.jp-McpLog-item[aria-posinset="1"]')
            await expect(newest).to_have_attribute("aria-setsize", str(CALLS))
            await expect(newest.locator(".jp-McpLog-line")).to_have_attribute("data-outcome", "ok")
            filled = asyncio.get_running_loop().time() - begun

            frames = await window.page.evaluate(SCROLL)
            oldest = window.page.locator(f'.jp-McpLog-item[aria-posinset="{CALLS}"]')
            await expect(oldest).to_be_in_viewport()
            elements = await window.page.locator(".jp-McpLog-item").count()
            await window.clients.filter(has_text="client 3").locator("button").click()
            await expect(window.page.locator('.jp-McpLog-item[aria-posinset="1"]')).to_have_attribute(
                "aria-setsize", str(CALLS // CLIENTS)
            )
    median, worst = statistics.median(frames), max(frames)
    print(
        f"{CALLS} calls of {CLIENTS} clients in {filled:.2f} s; {elements} elements; "
        f"a step of scrolling {median:.1f} ms in the median, {worst:.1f} ms at worst"
    )
    assert elements < 80
    assert filled < 20
    assert median < 100
