"""What the connect page says where something is wrong, in a real browser."""

from __future__ import annotations

import json
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from harness import JupyterProcess, StartJupyter, connect, needs
from harness.browser import chromium
from harness.connect_page import PAGE, opened
from playwright.async_api import Browser, Route, expect

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest.mark.parametrize(
    ("status", "kind", "said", "step"),
    [
        (403, "application/json", "You are no longer logged in to this server. Log in again.", "Log in again"),
        (424, "text/html", "Your server is not running. Start your server. Trying again…", "Start your server"),
        (503, "text/html", "Your server is not running. Start your server. Trying again…", "Start your server"),
        (503, "application/json", "What serves agents is being started again. Trying again…", ""),
        (0, "", "The server does not answer: it has been stopped, or there is no network. Start it again if it was "
         "stopped. Trying again…", ""),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_said_with_the_next_step_until_it_is_right_again(
    browser: Browser, live: JupyterProcess, status: int, kind: str, said: str, step: str
) -> None:
    """Answers as Jupyter, a JupyterHub (6) and a server that is gone give them. The page comes back by itself."""
    message = {"message": "Log in to this server, or send its own token."}

    async def refuse(route: Route) -> None:
        if status:
            await route.fulfill(status=status, content_type=kind, body=json.dumps(message))
        else:
            await route.abort("connectionrefused")

    async with opened(browser, live, expected=("status of", "ERR_CONNECTION_REFUSED")) as page:
        trouble = page.locator("#trouble")
        await expect(trouble).to_be_hidden()
        await page.route("**/mcp-proxy/api/**", refuse)
        await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # it asks anew
        await expect(trouble).to_have_text(said)
        link = trouble.get_by_role("link")
        await expect(link).to_have_count(1 if step else 0)
        if step:
            await expect(link).to_have_text(step)
            await expect(link).to_have_attribute("href", f"{live.url}{PAGE}")
        await page.unroute("**/mcp-proxy/api/**")
        await expect(trouble).to_be_hidden(timeout=30_000)


async def test_it_comes_back_by_itself_when_what_serves_agents_has_died(
    browser: Browser, start_jupyter: StartJupyter
) -> None:
    server = start_jupyter(rtc=False)
    async with opened(browser, server, expected=("ERR_", "status of 503")) as page:
        await expect(page.locator("#list-status")).not_to_have_text("Loading…")
        server.kill_sidecar()
        async with connect(server, name="Visitor") as agent:
            await agent.ok("list_notebooks")
        await expect(page.locator("#arrived")).to_have_text("✓ Visitor is connected (run).", timeout=40_000)
        await expect(page.locator("#trouble")).to_be_hidden()


async def test_a_certificate_that_agents_refuse_is_told_of_with_what_mends_it(
    browser: Browser, start_jupyter: StartJupyter, tmp_path: Path, screenshots: Path
) -> None:
    """The browser's own test of the connection passes there."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run(
        [needs("openssl"), *command[1:], "-keyout", key, "-out", certificate], check=True, capture_output=True
    )
    arguments = (f"--ServerApp.certfile={certificate}", f"--ServerApp.keyfile={key}")
    trusting = ssl._create_unverified_context()
    server = start_jupyter(rtc=False, scheme="https", host="localhost", context=trusting, arguments=arguments)
    async with opened(browser, server, ignore_https_errors=True) as page:
        told = page.locator("#certificate")
        await expect(told).to_contain_text(f"NODE_EXTRA_CA_CERTS={certificate}")
        await expect(told).to_contain_text(f"SSL_CERT_FILE={certificate}")
        await page.get_by_role("button", name="Test the connection").click()
        await expect(page.locator("#test-status")).to_contain_text("It works: ")
        await page.screenshot(path=screenshots / "connect-page-certificate.png", full_page=True)
