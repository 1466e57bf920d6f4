"""The connect page in a real browser."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from harness import INITIALIZE, TOKEN, JupyterProcess, StartJupyter, as_client, connect, post, refused
from harness.browser import chromium, make_token
from harness.connect_page import PAGE, opened
from playwright.async_api import Browser, Page, expect

from jupyter_mcp_proxy.clients import CLIENTS
from jupyter_mcp_proxy.sidecar.page import FILES
from jupyter_mcp_proxy.store.tokens import Place, TokenStore

pytestmark = pytest.mark.anyio
MARKUP = "<img src=x onerror=window.harmed=1>"


@pytest.fixture(scope="module")
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


def place_of(server: JupyterProcess) -> Place:
    return Place.of(str(server.root), server.base_url)


def names(server: JupyterProcess) -> set[str]:
    """The tokens that a server knows."""
    return {token.name for token in TokenStore(server.data / "mcp-proxy" / "tokens.json").shown(place_of(server))}


async def test_a_token_made_in_the_page_connects_a_client_until_it_is_revoked(
    browser: Browser, live: JupyterProcess, name: str, label: str, screenshots: Path
) -> None:
    async with opened(browser, live) as page:
        assert TOKEN not in page.url
        await expect(page.locator("#endpoint")).to_have_text(live.endpoint)
        snippet = page.locator("#snippet-claude-code")
        await expect(snippet).to_have_text(f"claude mcp add --transport http jupyter {live.endpoint}")

        secret = await make_token(page, label, "edit", "7")
        await expect(snippet).to_contain_text(f'{live.endpoint} --header "Authorization: Bearer {secret}"')
        await expect(page.locator("#list li").filter(has_text=label)).to_contain_text("edit, until ")
        await page.screenshot(path=screenshots / "connect-page.png", full_page=True)

        async with connect(live, token=secret) as agent:
            await agent.ok("use_notebook", notebook=name, create=True)
            assert "run" in await agent.fails("execute_ipython", notebook=name, code="1")
            await page.get_by_role("button", name=f"Revoke {label}").click()
            await expect(page.locator("#list-status")).to_have_text(f"Revoked “{label}”.")
            begun = time.monotonic()
            refused(post(live, INITIALIZE, **as_client(secret)), "revoked")
            assert time.monotonic() - begun < 1
        await expect(snippet).to_have_text(f"claude mcp add --transport http jupyter {live.endpoint}")
        assert secret not in await page.content()
        assert label not in names(live)
        assert secret not in live.log


async def test_its_files_are_fetched_once_each_and_then_kept(browser: Browser, live: JupyterProcess) -> None:
    fetched = """() => performance.getEntriesByType("resource").map(one => [new URL(one.name), one.transferSize > 0])
        .filter(([url]) => /[.](js|css)$/.test(url.pathname))
        .map(([url, sent]) => [url.pathname.split("/").at(-1) + url.search, sent])"""
    async with opened(browser, live) as page:
        assert sorted(await page.evaluate(fetched)) == sorted([file.link, True] for file in FILES)
        await page.goto(f"{live.url}{PAGE}")
        await expect(page.get_by_role("tablist")).to_be_visible()
        assert sorted(await page.evaluate(fetched)) == sorted([file.link, False] for file in FILES)


async def test_tabs_work_by_keyboard(browser: Browser, live: JupyterProcess) -> None:
    """As the WAI-ARIA pattern has it: one stop for Tab, arrows that go around, Home and End."""
    async with opened(browser, live) as page:
        tabs = page.get_by_role("tab")
        await expect(tabs).to_have_text([client.label for client in CLIENTS])
        await tabs.first.focus()
        last = len(CLIENTS) - 1
        for key, index in (("ArrowRight", 1), ("End", last), ("ArrowRight", 0), ("ArrowLeft", last), ("Home", 0)):
            await page.keyboard.press(key)
            tab = tabs.nth(index)
            await expect(tab).to_be_focused()
            await expect(tab).to_have_attribute("aria-selected", "true")
            panels = page.get_by_role("tabpanel")
            await expect(panels).to_have_count(1)  # the others are hidden
            await expect(panels).to_have_accessible_name(CLIENTS[index].label)
            assert await page.locator('[role=tab][tabindex="0"]').count() == 1
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("tabpanel")).to_be_focused()

        await page.goto(f"{live.url}{PAGE}#zed")
        await page.reload()
        await expect(page.get_by_role("tab", name="Zed")).to_have_attribute("aria-selected", "true")


async def test_what_is_copied_is_what_is_shown(browser: Browser, live: JupyterProcess, label: str) -> None:
    permissions = ["clipboard-read", "clipboard-write"]
    async with opened(browser, live, permissions=permissions) as page:
        secret = await make_token(page, label, "read")
        for client in CLIENTS:
            await page.get_by_role("tab", name=client.label, exact=True).click()
            what = "command" if client.is_command else "configuration"
            button = page.get_by_role("button", name=f"Copy the {what} for {client.label}", exact=True)
            await button.focus()
            await page.keyboard.press("Enter")
            await expect(button).to_have_text("Copied")
            copied = await page.evaluate("navigator.clipboard.readText()")
            assert copied == await page.locator(f"#snippet-{client.id}").inner_text()
            assert secret in copied
            assert live.endpoint in copied
            if not client.is_command and client.language == "json":
                json.loads(copied)
        await page.get_by_role("button", name="Copy the address").click()
        await expect(page.locator("#copied")).to_have_text("Copied the address.")
        assert await page.evaluate("navigator.clipboard.readText()") == live.endpoint


async def test_without_a_clipboard_the_text_is_copied_all_the_same(browser: Browser, live: JupyterProcess) -> None:
    """A page over plain HTTP on another host than localhost has none."""
    async with opened(browser, live, permissions=["clipboard-read"]) as page:
        await page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('none')) }")
        await page.get_by_role("button", name="Copy the address").click()
        await expect(page.locator("#copied")).to_have_text("Copied the address.")
        assert await page.evaluate("navigator.clipboard.readText()") == live.endpoint


async def links(page: Page) -> list[dict[str, Any]]:
    """What the links of the clients' applications say: URL, and headers where there are some."""
    hrefs = [await link.get_attribute("href") for link in await page.locator(".install").all()]
    cursor, vscode, goose = (href or "" for href in hrefs)
    query = parse_qs(urlsplit(goose).query)
    headers = dict(header.split("=", 1) for header in query.get("header", []))
    told = {"headers": {name: unquote(value) for name, value in headers.items()}} if headers else {}
    return [
        json.loads(base64.b64decode(parse_qs(urlsplit(cursor).query)["config"][0])),
        json.loads(unquote(vscode.partition("?")[2])),
        {"url": query["url"][0], **told},
    ]


async def test_install_links_have_the_address_of_the_browser_and_the_token_that_was_made(
    browser: Browser, live: JupyterProcess, label: str
) -> None:
    async with opened(browser, live) as page:
        for found in await links(page):
            assert found["url"] == live.endpoint
            assert "headers" not in found
        secret = await make_token(page, label)
        for found in await links(page):
            assert found["headers"] == {"Authorization": f"Bearer {secret}"}
            assert found["url"] == live.endpoint


async def test_where_nobody_signs_in_the_token_is_not_folded_away(
    browser: Browser, start_jupyter: StartJupyter, label: str
) -> None:
    server = start_jupyter(rtc=False, environment={"JUPYTER_MCP_PROXY_SIGNIN": "False"})
    async with opened(browser, server) as page:
        await expect(page.get_by_role("button", name="Make the token and copy the command")).to_be_visible()
        await expect(page.get_by_text("click Allow")).to_have_count(0)
        for found in await links(page):
            assert found["headers"] == {"Authorization": "Bearer <token>"}
        await page.get_by_role("tab", name="Cursor").click()
        await expect(page.get_by_text("make a token first").filter(visible=True)).to_have_count(1)
        secret = await make_token(page, label)
        await expect(page.get_by_text("make a token first").filter(visible=True)).to_have_count(0)
        await expect(page.locator("#arrived")).to_have_text("Waiting for your agent…")
        async with connect(server, name="Visitor", token=secret) as agent:
            await agent.ok("list_notebooks")
            await expect(page.locator("#arrived")).to_have_text("✓ Visitor is connected (run).")


async def test_one_click_makes_the_token_and_copies_the_command(
    browser: Browser, live: JupyterProcess, screenshots: Path
) -> None:
    """For the client that was chosen, under a name that is free."""
    permissions = ["clipboard-read", "clipboard-write"]
    async with opened(browser, live, permissions=permissions) as page:
        await page.get_by_role("tab", name="Cursor").click()
        await page.get_by_text("With a token instead").click()
        await expect(page.get_by_label("Name", exact=True)).to_be_hidden()
        for name in ("Cursor", "Cursor 2"):
            await page.get_by_role("button", name="Make the token and copy the configuration").click()
            await expect(page.locator("#make-status")).to_have_text(
                "Made, and the configuration for Cursor is copied: paste it now."
            )
            await expect(page.locator("#made-heading")).to_have_text(f"The token “{name}”")
            copied = json.loads(await page.evaluate("navigator.clipboard.readText()"))
            assert await page.locator("#secret").inner_text() in json.dumps(copied)
        await expect(page.locator("#arrived")).to_have_text("Waiting for your agent…")
        await page.screenshot(path=screenshots / "connect-page-made.png", full_page=True)
        for name in ("Cursor 2", "Cursor"):
            await page.get_by_role("button", name=f"Revoke {name}", exact=True).click()
            await expect(page.locator("#list-status")).to_have_text(f"Revoked “{name}”.")


async def test_in_german_all_of_it_is_german(
    browser: Browser, live: JupyterProcess, label: str, screenshots: Path
) -> None:
    """But for names, commands and what the server itself says."""
    async with opened(browser, live, locale="de-DE", viewport={"width": 360, "height": 800}) as page:
        await expect(page.get_by_role("heading", level=1)).to_have_text("Einen KI-Agenten verbinden")
        await expect(page.locator("#list-status")).not_to_have_text("Wird geladen …")
        await page.locator("summary").filter(has_text="Stattdessen mit einem Token").click()
        await page.locator("#choices > summary").click()
        await page.locator("#name").fill(label)
        await page.get_by_role("button", name="Token erstellen und Befehl kopieren").click()
        await expect(page.locator("#made-heading")).to_have_text(f"Das Token „{label}“")
        await expect(page.locator("#list li").filter(has_text=label)).to_contain_text("ausführen, bis ")
        await page.get_by_role("button", name="Verbindung testen").click()
        await expect(page.locator("#test-status")).to_contain_text("Es funktioniert: jupyter-mcp-proxy ")
        await page.get_by_role("button", name=f"{label} widerrufen").click()
        await expect(page.locator("#list-status")).to_have_text(f"„{label}“ ist widerrufen.")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360
        await page.screenshot(path=screenshots / "connect-page-german.png", full_page=True)


HARD_WORDS = re.compile(r"sidecar|relay|endpoint|OAuth|bearer|transport|\bclients?\b|\bprox(y|ies)\b", re.IGNORECASE)


async def test_it_has_no_word_that_a_data_scientist_does_not_know(browser: Browser, live: JupyterProcess) -> None:
    """But for what is copied, and what is folded away or in the documentation."""
    async with opened(browser, live) as page:
        await expect(page.locator("#list-status")).not_to_have_text("Loading…")
        said = await page.evaluate(
            "() => { for (const one of document.querySelectorAll('pre, code, #list, .unseen')) one.remove();"
            " return document.body.innerText; }"
        )
        assert HARD_WORDS.findall(said) == []
        assert "Choose your agent" in said


async def test_the_test_button_is_a_clients_round_trip(
    browser: Browser, live: JupyterProcess, label: str, screenshots: Path
) -> None:
    async with opened(browser, live) as page:
        before = names(live)
        button, status = page.get_by_role("button", name="Test the connection"), page.locator("#test-status")
        works = re.compile(r"^It works: jupyter-mcp-proxy \S+ answered in \d+ ms, with (.+)\. It has \d\d tools\.$")
        await button.click()
        await expect(status).to_have_text(works)
        await expect(status).to_contain_text("with a token for this test")
        await expect(button).to_be_enabled()
        assert names(live) == before  # that token is gone

        await make_token(page, label, "read")
        await button.click()
        await expect(status).to_contain_text(f"with the token “{label}”")
        await expect(status).to_have_text(works)

        TokenStore(live.data / "mcp-proxy" / "tokens.json").revoke(label)
        await button.click()
        await expect(status).to_contain_text("It does not work: ")
        await expect(status).to_contain_text("revoked")
        await expect(page.locator("#sidecar")).to_contain_text("works, version")
        await page.screenshot(path=screenshots / "connect-page-refused.png", full_page=True)


async def test_what_cannot_be_made_is_told(browser: Browser, live: JupyterProcess, label: str) -> None:
    async with opened(browser, live) as page:
        await make_token(page, label)
        await page.get_by_label("Name", exact=True).fill(label)
        await page.get_by_role("button", name="Make the token").click()
        await expect(page.locator("#make-status")).to_contain_text("Not made: ")
        await expect(page.locator("#make-status")).to_contain_text(label)
        await expect(page.get_by_role("button", name="Make the token")).to_be_enabled()


async def test_markup_in_a_name_does_no_harm(browser: Browser, live: JupyterProcess, label: str) -> None:
    """A token's name is text, in the page that made it and in every later one."""
    marked = f"{MARKUP}{label[-8:]}"
    async with opened(browser, live) as page:
        await make_token(page, marked)
        await page.reload()
        await expect(page.locator("#list li").filter(has_text=marked)).to_be_visible()
        await expect(page.locator("#list img")).to_have_count(0)
        await page.get_by_role("button", name=f"Revoke {marked}").click()
        await expect(page.locator("#list-status")).to_have_text(f"Revoked “{marked}”.")


async def test_below_a_base_url_it_is_the_same(browser: Browser, start_jupyter: StartJupyter, label: str) -> None:
    """As on a JupyterHub or Binder, where the server is below a user's path; here only look and edit are permitted."""
    server = start_jupyter(base_url="/user/ada%40x.org/", environment={"JUPYTER_MCP_PROXY_TIER": "edit"})
    async with opened(browser, server) as page:
        await expect(page.locator("#endpoint")).to_have_text(server.endpoint)
        await expect(page.locator("#tier option[value=run]")).to_have_attribute("disabled", "")
        await expect(page.get_by_label("It may", exact=True)).to_have_value("edit")
        secret = await make_token(page, label, "edit")
        async with connect(server, token=secret) as agent:
            await agent.ok("list_notebooks")
        await page.get_by_role("button", name="Test the connection").click()
        await expect(page.locator("#test-status")).to_contain_text("It works: ")


async def test_a_server_without_authentication_needs_no_token(browser: Browser, start_jupyter: StartJupyter) -> None:
    arguments = ("--IdentityProvider.token=", "--PasswordIdentityProvider.hashed_password=")
    server = start_jupyter(rtc=False, token="", arguments=arguments)
    async with opened(browser, server) as page:
        await expect(page.get_by_text("authentication switched off")).to_be_visible()
        await expect(page.get_by_role("button", name="Make the token")).to_have_count(0)
        await expect(page.locator("#snippet-claude-code")).not_to_contain_text("Authorization")
        await page.get_by_role("button", name="Test the connection").click()
        await expect(page.locator("#test-status")).to_contain_text("without a token. It has ")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
async def test_it_is_accessible(
    browser: Browser, live: JupyterProcess, label: str, screenshots: Path, scheme: str, width: int
) -> None:
    """axe-core finds nothing serious, with a token and with each client's tab open, and nothing is cut off."""
    axe = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    look: dict[str, Any] = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    # axe looks at the page by making elements of markup, which the page's policy forbids.
    async with opened(browser, live, bypass_csp=True, **look) as page:
        await page.evaluate(axe)
        await make_token(page, f"{label} {'long' * 10}", "read")
        await page.get_by_role("button", name="Test the connection").click()
        await expect(page.locator("#test-status")).to_contain_text("It works")
        for client in CLIENTS:
            await page.get_by_role("tab", name=client.label, exact=True).click()
            found = await page.evaluate("axe.run().then((result) => result.violations)")
            told = [(v["id"], v["impact"], [node["html"] for node in v["nodes"]]) for v in found]
            assert [one for one in told if one[1] in ("serious", "critical")] == []
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await page.screenshot(path=screenshots / f"connect-page-{scheme}-{width}.png", full_page=True)
