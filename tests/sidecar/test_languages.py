"""The languages of the connect page and of signing in: which is taken, and that each text has its German and French."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from harness import REPOSITORY, JupyterProcess, login_cookie, post

from jupyter_mcp_proxy.clients import CLIENTS
from jupyter_mcp_proxy.language import FOLDERS, language, wanted
from jupyter_mcp_proxy.parent.signin.consent import TITLES, WORDS

SIDECAR = REPOSITORY / "jupyter_mcp_proxy" / "sidecar"
SIGNIN = REPOSITORY / "jupyter_mcp_proxy" / "parent" / "signin"
TEXT = re.compile(r"\b__?\(\s*'((?:[^'\\]|\\.)*)'")


def texts() -> Iterator[str]:
    """All that the pages say: in their templates, in the script, of each client, and of what is allowed."""
    templates = [*(SIDECAR / "templates").glob("*.html"), *(SIGNIN / "templates").glob("*.html")]
    for file in (*templates, *(SIDECAR / "static").glob("*.js")):
        yield from (text for text in TEXT.findall(file.read_text(encoding="utf-8")) if text != "…")
    for client in CLIENTS:
        yield from filter(None, (client.where, client.note, client.signs_in))
    yield from (text for words in WORDS.values() for text in words)
    yield from TITLES


@pytest.mark.parametrize("code", FOLDERS)
def test_a_language_has_each_text_of_the_page_and_none_that_is_gone(code: str) -> None:
    said = language(code).texts
    assert set(said) == set(texts())
    for text, translated in said.items():
        assert translated
        assert sorted(re.findall(r"%\d", translated)) == sorted(re.findall(r"%\d", text))


def test_what_the_template_says_goes_through_its_translator() -> None:
    """What stands in it without markup and without `_` is nothing that a person reads."""
    files = [*(SIDECAR / "templates").glob("*.html"), *(SIGNIN / "templates").glob("*.html")]
    template = "\n".join(file.read_text(encoding="utf-8") for file in files)
    bare = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<[^>]*>", "\n", template, flags=re.DOTALL)
    found = {line.strip() for line in bare.splitlines() if re.search(r"[^\W\d_]", line)}
    commands = {"export NODE_EXTRA_CA_CERTS=", "# Claude Code, Cursor, VS Code, Gemini CLI", "export SSL_CERT_FILE="}
    assert found == commands


@pytest.mark.parametrize(
    ("accepted", "code"),
    [
        ("", "en"),
        ("*", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("en-GB,en;q=0.9,de;q=0.8", "en"),
        ("it-IT,it;q=0.9,fr-CH;q=0.8,en;q=0.7", "fr"),
        ("en;q=0.5, FR;q=0.6", "fr"),
        ("de;q=0,en", "en"),
        ("nl,ja;q=0.9", "en"),
        ("de;q=9.9.9,<script>", "en"),
    ],
)
def test_the_language_is_the_one_that_the_browser_would_rather_have(accepted: str, code: str) -> None:
    assert wanted(accepted).code == code


def test_the_page_comes_in_that_language(live: JupyterProcess) -> None:
    cookie = {"Cookie": login_cookie(live), "Accept-Language": "fr-CA,en;q=0.5"}
    _, headers, body = post(live, path="mcp-proxy/", method="GET", **cookie)
    assert headers["content-language"] == "fr"
    assert headers["vary"] == "Accept-Language"
    page = body.decode()
    assert '<html lang="fr">' in page
    assert "<h1>Connecter un agent IA</h1>" in page
    assert "claude mcp add --transport http jupyter" in page
