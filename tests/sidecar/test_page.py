"""What the connect page serves: its own files and nothing else, to whoever is logged in."""

from __future__ import annotations

import re
import secrets
from typing import Any

import pytest
from harness import TOKEN, JupyterProcess, login_cookie, post
from harness.tokens import place_of

from jupyter_mcp_proxy.parent.policy import PATHS
from jupyter_mcp_proxy.sidecar.page import FILES, SCRIPT, STYLE
from jupyter_mcp_proxy.store.tokens import TokenStore

pytestmark = pytest.mark.anyio

PAGE = "mcp-proxy/"


async def test_the_page_loads_its_own_files_and_nothing_else(server: JupyterProcess) -> None:
    status, headers, body = post(server, path=PAGE, method="GET", Cookie=login_cookie(server))
    assert status == 200
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'self' data:",
        "frame-ancestors": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    html = body.decode()
    assert re.findall(r"<script[^>]*>", html) == [f'<script src="page.js?v={SCRIPT.version}" defer>']
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", html)
    assert set(re.findall(r'<link rel="\w+" href="([^"]+)"', html)) == {"data:,", f"page.css?v={STYLE.version}"}


async def test_no_credential_is_in_the_page_or_its_files(server: JupyterProcess) -> None:
    cookie = login_cookie(server)
    TokenStore(server.data / "mcp-proxy" / "tokens.json").create(place_of(server), f"seen {secrets.token_hex(4)}")
    for path in (PAGE, *(PAGE + file.name for file in FILES), f"{PAGE}?token={TOKEN}"):
        _, headers, body = post(server, path=path, method="GET", Cookie=cookie)
        text = body.decode() + str(headers)
        assert TOKEN not in text
        assert "jmp_" not in text
        assert not any(part.partition("=")[2] in body.decode() for part in cookie.split("; "))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
async def test_a_file_is_kept_by_browsers_as_long_as_it_is_the_same(live: JupyterProcess, file: Any) -> None:
    cookie = login_cookie(live)
    for version, keeps in ((file.version, "immutable"), ("0" * 12, "no-cache")):
        status, headers, body = post(live, path=f"{PAGE}{file.name}?v={version}", method="GET", Cookie=cookie)
        assert (status, body) == (200, file.content)
        assert keeps in headers["cache-control"]
        assert "private" in headers["cache-control"] or keeps == "no-cache"
        assert headers["content-type"].startswith(file.media_type)
        assert headers["x-content-type-options"] == "nosniff"


async def test_only_who_is_logged_in_gets_the_files(live: JupyterProcess) -> None:
    for name in ("", *(file.name for file in FILES)):
        assert post(live, path=PAGE + name, method="GET")[0] == 302
    assert post(live, path=f"{PAGE}static/page.js", method="GET", Cookie=login_cookie(live))[0] == 404


def test_the_relay_forwards_all_that_the_page_loads_and_nothing_else_of_its_kind() -> None:
    assert {path.name for path in PATHS.values() if path.kind == "page"} == {"", *(file.name for file in FILES)}


def test_the_script_has_no_way_to_make_markup_or_code_of_text() -> None:
    assert not re.search(
        rb"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Function\(|createContextualFragment|srcdoc",
        SCRIPT.content,
    )
    assert not re.search(rb"url\(|@import|https?:", STYLE.content)
