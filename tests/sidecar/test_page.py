"""What the connect page serves: its own files and nothing else, to whoever is logged in."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Any

import pytest
from harness import REPOSITORY, TOKEN, JupyterProcess, login_cookie, post
from harness.tokens import place_of

from jupyter_mcp_proxy.parent.policy import PATHS
from jupyter_mcp_proxy.sidecar.files import StaticFile, read_modules
from jupyter_mcp_proxy.sidecar.page import FILES, MODULES, SCRIPT, STYLE
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
    assert re.findall(r"<script[^>]*>", html) == [f'<script type="module" src="page.js?v={SCRIPT.version}">']
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", html)
    assert set(re.findall(r'<link rel="(\w+)" href="([^"]+)"', html)) == {
        ("icon", "data:,"),
        ("stylesheet", f"page.css?v={STYLE.version}"),
        *(("modulepreload", f"{module.name}?v={module.version}") for module in MODULES),
    }


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


def test_every_file_of_the_folder_is_one_that_the_page_loads() -> None:
    folder = REPOSITORY / "jupyter_mcp_proxy" / "sidecar" / "static"
    assert {path.name for path in folder.iterdir()} == {file.name for file in FILES}


def test_a_module_names_what_it_imports_by_the_version_that_is_served() -> None:
    links = {f"./{module.name}?v={module.version}" for module in MODULES}
    seen: set[str] = set()
    for module in (*MODULES, SCRIPT):
        code = re.sub(r"/\*.*?\*/", "", module.content.decode(), flags=re.DOTALL)  # types are imported in comments
        seen |= set(re.findall(r"""["'](\./[^"']*)["']""", code))
    assert seen == links


def test_a_change_of_a_module_is_one_of_all_that_import_it(tmp_path: Path) -> None:
    (tmp_path / "first.js").write_text("import {\n  a,\n  b\n} from './second.js';\nimport { c } from './other.js';\n")
    (tmp_path / "second.js").write_text("import { c } from './third.js';\n")
    (tmp_path / "third.js").write_text("export const c = 1;\n")
    (tmp_path / "other.js").write_text("export const c = 1;\n")

    def versions() -> dict[str, str]:
        return {module.name: module.version for module in read_modules(tmp_path / "first.js")}

    before = versions()
    assert list(before) == ["third.js", "second.js", "other.js", "first.js"]
    (tmp_path / "third.js").write_text("export const c = 2;\n")
    after = versions()
    assert {name for name in before if before[name] != after[name]} == {"third.js", "second.js", "first.js"}


@pytest.mark.parametrize("module", [*MODULES, SCRIPT], ids=lambda module: module.name)
def test_a_script_has_no_way_to_make_markup_or_code_of_text(module: StaticFile) -> None:
    assert not re.search(
        rb"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Function\(|createContextualFragment|srcdoc",
        module.content,
    )


def test_the_style_loads_nothing() -> None:
    assert not re.search(rb"url\(|@import|https?:", STYLE.content)
