"""What connects each client: files that parse, commands that a shell reads rightly, links that decode."""

from __future__ import annotations

import base64
import json
import shlex
import subprocess
import sys
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import yaml

from jupyter_mcp_proxy.clients import BY_ID, CLIENTS, Client, Target

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

URLS = (
    "http://127.0.0.1:8888/mcp-proxy/mcp",
    "https://hub.example/user/ada%40x.org/mcp-proxy/mcp",
    'http://[::1]:8888/o\'brien & "co"/$HOME/mcp-proxy/mcp',
)
TOKENS = (
    "jmp_0123abcd_aB-_09",
    'a"quote',
    "a'quote",
    "a$HOME`x`",
    "back\\slash",
    "equals=sign%41",
    "don't!",
    "x: y #z",
)
PARSERS = {"json": json.loads, "toml": tomllib.loads, "yaml": yaml.safe_load}

by_id = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.id)
odd = pytest.mark.parametrize(("url", "token"), [(url, token) for url in URLS for token in TOKENS])


def headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def entry_of(client: Client, content: Any, name: str = "jupyter") -> Any:
    """The endpoint's entry in a client's file."""
    paths = {
        "vscode": ("servers",),
        "codex": ("mcp_servers",),
        "zed": ("context_servers",),
        "goose": ("extensions",),
        "opencode": ("mcp", "servers"),
    }
    for key in (*paths.get(client.id, ("mcpServers",)), name):
        content = content[key]
    return content


@by_id
@odd
def test_url_and_token_arrive_whatever_characters_they_have(client: Client, url: str, token: str) -> None:
    text = client.render([Target(url, token)])
    if client.is_command:
        assert shlex.split(text)[-4:] == ["jupyter", url, "--header", f"Authorization: Bearer {token}"]
        return
    entry = entry_of(client, PARSERS[client.language](text))
    if client.id == "claude-desktop":
        assert entry["command"] == "npx"
        assert entry["args"][:3] == ["-y", "mcp-remote", url]
        header = entry["args"][entry["args"].index("--header") + 1]
        assert " " not in header
        assert header.replace("${AUTH_HEADER}", entry["env"]["AUTH_HEADER"]) == f"Authorization:Bearer {token}"
        return
    keys = {"codex": ("url", "http_headers"), "goose": ("uri", "headers")}.get(client.id, ("url", "headers"))
    assert [entry[key] for key in keys] == [url, headers(token)]


@pytest.mark.parametrize("client", [client for client in CLIENTS if client.is_command], ids=lambda client: client.id)
@odd
def test_a_shell_runs_a_command_as_it_is_meant(client: Client, url: str, token: str) -> None:
    text = client.render([Target(url, token)])
    shown = subprocess.run(
        ["sh", "-c", text.replace(client.id.partition("-")[0], "printf '%s\\n'", 1)],
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    assert shown[-4:] == ["jupyter", url, "--header", f"Authorization: Bearer {token}"]


@by_id
def test_without_a_token_there_is_no_header(client: Client) -> None:
    """For a server that has authentication switched off."""
    target = Target(URLS[0])
    texts = [client.render([target]), client.link(target).href if client.link else ""]
    for text in texts:
        assert "Authorization" not in text
        assert "AUTH_HEADER" not in text
        assert "Bearer" not in text
    assert URLS[0] in texts[0]
    if not client.is_command:
        PARSERS[client.language](texts[0])


@by_id
def test_several_servers_are_one_text(client: Client) -> None:
    targets = [Target(f"http://127.0.0.1:{port}/mcp-proxy/mcp", "t", name) for port, name in ((1, "one"), (2, "two"))]
    text = client.render(targets)
    if client.is_command:
        assert len(text.splitlines()) == 2
        return
    content = PARSERS[client.language](text)
    for target in targets:
        assert target.url in str(entry_of(client, content, target.name))


def test_what_runs_over_plain_http_elsewhere_is_allowed_to_the_bridge() -> None:
    """mcp-remote refuses plain HTTP but on localhost and 127.0.0.1, unless it is told."""
    for url, expected in (
        ("http://127.0.0.1:8888/mcp-proxy/mcp", False),
        ("http://localhost:8888/mcp-proxy/mcp", False),
        ("https://hub.example/user/ada/mcp-proxy/mcp", False),
        ("http://10.1.2.3:8888/mcp-proxy/mcp", True),
        ("http://[::1]:8888/mcp-proxy/mcp", True),
    ):
        entry = entry_of(BY_ID["claude-desktop"], json.loads(BY_ID["claude-desktop"].render([Target(url, "t")])))
        assert ("--allow-http" in entry["args"]) is expected, url


def link(client_id: str, url: str, token: str) -> str:
    make = BY_ID[client_id].link
    assert make is not None
    return make(Target(url, token)).href


@odd
def test_install_links_carry_url_and_token(url: str, token: str) -> None:
    expected = {"url": url, "headers": headers(token)}

    cursor = urlsplit(link("cursor", url, token))
    assert (cursor.scheme, cursor.netloc, cursor.path) == ("cursor", "anysphere.cursor-deeplink", "/mcp/install")
    query = parse_qs(cursor.query, strict_parsing=True)
    assert query["name"] == ["jupyter"]
    assert json.loads(base64.b64decode(query["config"][0])) == expected

    vscode = link("vscode", url, token)
    scheme, _, config = vscode.partition("?")
    assert scheme == "vscode:mcp/install"
    assert json.loads(unquote(config)) == {"name": "jupyter", "type": "http", **expected}

    goose = urlsplit(link("goose", url, token))
    assert (goose.scheme, goose.netloc) == ("goose", "extension")
    query = parse_qs(goose.query, strict_parsing=True)
    assert query["type"] == ["streamable_http"]
    assert query["url"] == [url]
    name, value = query["header"][0].split("=")  # as goose does it: what follows a second `=` would be lost
    assert {name: unquote(value)} == headers(token)


@by_id
def test_each_client_says_where_and_is_documented_by_its_maker(client: Client) -> None:
    assert client.where
    assert client.docs.startswith("https://")
    assert BY_ID[client.id] is client
