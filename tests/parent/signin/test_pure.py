"""The rules of signing in, without a server: addresses, redirects, clients, codes."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp_proxy.config import SIGNIN_HOSTS
from jupyter_mcp_proxy.parent.policy import Refused
from jupyter_mcp_proxy.parent.signin import clients, redirects
from jupyter_mcp_proxy.parent.signin.clients import Client, Invalid
from jupyter_mcp_proxy.parent.signin.documents import PublicResolver, is_public
from jupyter_mcp_proxy.parent.signin.flow import CODE_LASTS, MOST_CODES, Codes, Grant, Replayed, challenge_of
from jupyter_mcp_proxy.parent.signin.origin import Names, origin_of, same_resource, seen_scheme
from jupyter_mcp_proxy.parent.signin.scopes import highest_asked, included, scope_of
from jupyter_mcp_proxy.store.tokens import Place

PLACE = Place("/work", "/")
ENDPOINT = "http://localhost:8888/mcp-proxy/mcp"

# -- addresses ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("protocol", "host", "names", "origin"),
    [
        ("http", "localhost:8888", Names(), "http://localhost:8888"),
        ("http", "127.0.0.1:80", Names(), "http://127.0.0.1"),
        ("https", "LOCALHOST:443", Names(), "https://localhost"),
        ("http", "[::1]:8888", Names(), "http://[::1]:8888"),
        ("https", "hub.example.org", Names(any=True), "https://hub.example.org"),
        ("http", "mine.example.org:8888", Names(local=["mine.example.org"]), "http://mine.example.org:8888"),
        ("http", "anything at all", Names("https://lab.example.org:443/user/ann/"), "https://lab.example.org"),
    ],
)
def test_an_origin_is_what_the_sender_sees(protocol: str, host: str, names: Names, origin: str) -> None:
    assert origin_of(protocol, host, names) == origin


@pytest.mark.parametrize(
    "host",
    [
        "", "evil.example", "localhost.evil.example", "evil.example:8888", "localhost@evil.example", "localhost/evil",
        'localhost"', "localhost:", "localhost:99999999", "[::1", "1.2.3.4", "0.0.0.0", "loc\talhost",
        "localhost, evil",
        "localhost\r\nX: y", "lócalhost", "user:pw@localhost", "[::1]evil", "127.0.0.1.evil.example", "2130706433",
    ],
)  # fmt: skip
def test_a_name_that_is_not_the_servers_chooses_no_issuer(host: str) -> None:
    with pytest.raises(Refused):
        origin_of("http", host, Names())


@pytest.mark.parametrize(
    ("headers", "trusts", "scheme"),
    [
        ({}, True, "http"),
        ({"X-Forwarded-Proto": "https"}, True, "https"),
        ({"X-Forwarded-Proto": "https"}, False, "http"),
        ({"X-Forwarded-Proto": "https,http"}, True, "https"),
        ({"X-Forwarded-Proto": " HTTPS , http"}, True, "https"),
        ({"X-Forwarded-Proto": "http,https"}, True, "http"),
        ({"X-Scheme": "https", "X-Forwarded-Proto": "http"}, True, "https"),
        ({"X-Forwarded-Proto": "javascript"}, True, "http"),
        ({"X-Forwarded-Proto": ""}, True, "http"),
    ],
)
def test_a_scheme_is_what_the_outermost_proxy_saw(headers: dict[str, str], trusts: bool, scheme: str) -> None:
    assert seen_scheme("http", headers, trusts) == scheme


@given(st.text(max_size=40))
def test_no_host_breaks_out_of_the_challenge(host: str) -> None:
    """Also where Jupyter takes every name."""
    try:
        origin = origin_of("https", host, Names(any=True))
    except Refused:
        return
    assert origin.isascii()
    assert origin.isprintable()
    assert not set(origin) & set("\"'<>\\ @/?#,;") - {"/"}
    assert origin.count("/") == 2


def test_one_endpoint_is_known_however_it_is_spelled() -> None:
    for other in (ENDPOINT + "/", "HTTP://LOCALHOST:8888/mcp-proxy/mcp"):
        assert same_resource(other, ENDPOINT)
    for other in (
        "",
        ENDPOINT + "?a",
        ENDPOINT + "#a",
        ENDPOINT.upper(),
        "http://localhost/mcp-proxy/mcp",
        "http://[",
        "x",
    ):
        assert not same_resource(other, ENDPOINT)
    assert same_resource("https://a.b:443/x/mcp", "https://a.b/x/mcp")


# -- redirects and clients ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "redirect",
    [
        "http://127.0.0.1:1/cb", "http://localhost/cb", "http://[::1]:9/cb", "https://claude.ai/api/mcp/auth_callback",
        "cursor://anysphere.cursor-mcp/oauth/callback", "https://vscode.dev/redirect",
        "https://chatgpt.com/connector/oauth/abc",
    ],
)  # fmt: skip
def test_these_redirects_are_taken(redirect: str) -> None:
    assert redirects.checked(redirect, SIGNIN_HOSTS) == redirect


@pytest.mark.parametrize(
    "redirect",
    [
        "https://claude.ai/anything?next=https://evil.example/", "https://claude.ai/api/mcp/auth_callback_",
        "https://vscode.dev:8443/redirect", "https://vscode.dev/redirect/../x", "https://vscode.dev/redirect/%2e%2e/x",
        "https://goose-docs.ai/x", "vscode://evil.ext/cb", "cursor://evil.ext/cb", "cursor://anysphere.cursor-mcp/a?b=c",
        "windsurf:x",
    ],
)  # fmt: skip
def test_these_redirects_are_not_taken(redirect: str) -> None:
    """A host of a good name may show what it was sent, or send it on; a scheme reaches every extension of a program."""
    with pytest.raises(ValueError, match=r"."):
        redirects.checked(redirect, SIGNIN_HOSTS)


@given(st.text(max_size=60))
def test_what_is_taken_goes_to_this_machine_or_to_a_named_place(redirect: str) -> None:
    try:
        redirects.checked(redirect, ("a.example", "mine:"))
    except ValueError:
        return
    assert redirect.lower().startswith(("http://localhost", "http://127.", "http://[::1]", "https://", "mine:"))


@pytest.mark.parametrize("hosts", [(), ("a.example",), ("*",)])
def test_the_setting_says_which_hosts(hosts: tuple[str, ...]) -> None:
    def taken(redirect: str) -> bool:
        try:
            return bool(redirects.checked(redirect, hosts))
        except ValueError:
            return False

    assert taken("http://127.0.0.1/cb")
    assert taken("https://a.example/cb") == bool(hosts)
    assert taken("https://b.a.example/cb") == ("*" in hosts)
    assert not taken("http://a.example/cb")
    assert not taken("mine:/cb")
    assert not taken("javascript:alert(1)")


def test_a_registration_comes_back_as_it_went() -> None:
    client = Client("", "Mein Agent 🐍", ("http://127.0.0.1/cb", "cursor://anysphere.cursor-mcp/y"))
    client_id = clients.registered(client, "key", PLACE)
    read = clients.read_registration(client_id, "key", PLACE, SIGNIN_HOSTS)
    assert (read.name, read.redirects, read.source) == (client.name, client.redirects, "")
    assert clients.registered(client, "key", PLACE) != client_id
    assert clients.read_registration(client_id, "key", Place("/other", PLACE.base_url), SIGNIN_HOSTS) == read
    for key, place in (("another", PLACE), ("key", Place("/work", "/a/"))):
        with pytest.raises(Invalid):
            clients.read_registration(client_id, key, place, SIGNIN_HOSTS)
    with pytest.raises(Invalid, match="signin_hosts"):
        clients.read_registration(client_id, "key", PLACE, ())


def test_a_registration_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    client_id = clients.registered(Client("", "a", ("http://127.0.0.1/cb",)), "key", PLACE)
    monkeypatch.setattr("jupyter_mcp_proxy.parent.signin.clients.LASTS", -1)
    with pytest.raises(Invalid):
        clients.read_registration(client_id, "key", PLACE, SIGNIN_HOSTS)


@given(st.text(max_size=200))
def test_no_text_is_a_registration(text: str) -> None:
    with pytest.raises(Invalid):
        clients.read_registration(text, "key", PLACE, SIGNIN_HOSTS)
    with pytest.raises(Invalid):
        clients.read_registration(f"jmc_{text}", "key", PLACE, SIGNIN_HOSTS)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_no_metadata_fail_otherwise_than_by_an_error(content: Any) -> None:
    for given_ in (content, {"redirect_uris": content}, {"redirect_uris": [content], "client_name": content}):
        with pytest.raises(Invalid):
            clients.from_metadata("", given_, SIGNIN_HOSTS)
    client = clients.from_metadata("", {"redirect_uris": ["http://127.0.0.1/"], "client_name": content}, SIGNIN_HOSTS)
    assert 0 < len(client.name) <= 64
    assert client.name.isprintable()


DOCUMENT = "https://vscode.dev/client.json"


@pytest.mark.parametrize(
    "url",
    [
        "https://", "https://vscode.dev", "https://vscode.dev/", "https://a@vscode.dev/x", "https://vscode.dev:8443/x",
        "https://vscode.dev/../x", "https://vscode.dev/x#y", "https://vscode.dev/x?y", "https://evil.example/x",
        "https://[::1]/x", "https://127.0.0.1/x", "https://vscode.dev\\@evil.example/x", "https://vscode.dev/\n",
        "https://vscode.dev:x/", "https://vscode.dev/" + "x" * 5000, "https://ｖscode.dev/x",
    ],
)  # fmt: skip
def test_no_document_is_fetched_from_elsewhere(url: str) -> None:
    with pytest.raises(Invalid):
        clients.document_host(url, SIGNIN_HOSTS)


def test_a_document_is_about_its_own_url() -> None:
    content = {
        "client_id": DOCUMENT,
        "client_name": "VS Code",
        "redirect_uris": ["http://127.0.0.1/", "https://evil.example/"],
    }
    client = clients.from_document(DOCUMENT, content, "vscode.dev", SIGNIN_HOSTS)
    assert (client.name, client.redirects, client.source) == ("VS Code", ("http://127.0.0.1/",), "vscode.dev")
    for wrong in (
        {"client_id": "https://x/y"},
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"redirect_uris": []},
    ):
        with pytest.raises(Invalid):
            clients.from_document(DOCUMENT, content | wrong, "vscode.dev", SIGNIN_HOSTS)
    for nonsense in (None, [], "x", 7):
        with pytest.raises(Invalid):
            clients.from_document(DOCUMENT, nonsense, "vscode.dev", SIGNIN_HOSTS)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
        "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::", "2001:0:1::", "198.18.0.1",
        "192.0.2.1", "240.0.0.1", "::127.0.0.1", "::ffff:0:127.0.0.1", "fec0::1", "192.88.99.1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_not_asked(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111"])
def test_public_addresses_are(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "0x7f.1", "2130706433", "127.1", "169.254.169.254"])
def test_a_name_for_a_private_address_does_not_resolve(host: str) -> None:
    with pytest.raises(OSError):
        asyncio.run(PublicResolver().resolve(host, 443))


# -- scopes and codes -----------------------------------------------------------------------------------


def test_scopes_are_the_tiers() -> None:
    assert scope_of(["run", "read", "edit"]) == "look edit run"
    assert [highest_asked(scope) for scope in ("look", "edit look", "run", "", "openid", "look openid")] == [
        "read", "edit", "run", "run", "run", "read",
    ]  # fmt: skip
    assert included("edit") == ("read", "edit")


class Clock:
    time = 0.0

    def __call__(self) -> float:
        return self.time


GRANT = Grant("client", "name", "http://127.0.0.1/cb", challenge_of("v" * 43), ENDPOINT, "run", 30, "ann")
SAID = {"client_id": "client", "redirect_uri": GRANT.redirect, "code_verifier": "v" * 43, "resource": ENDPOINT}


def test_a_code_lasts_a_minute() -> None:
    codes = Codes(clock := Clock())
    code, late = codes.give(GRANT), codes.give(GRANT)
    clock.time = CODE_LASTS - 1
    assert codes.take(code, SAID, ENDPOINT) == GRANT
    clock.time = CODE_LASTS + 1
    with pytest.raises(Invalid, match="expired"):
        codes.take(late, SAID, ENDPOINT)


def test_a_code_that_is_used_again_while_its_tokens_are_made_gives_none() -> None:
    codes = Codes()
    code = codes.give(GRANT)
    codes.take(code, SAID, ENDPOINT)
    with pytest.raises(Replayed):
        codes.take(code, SAID, ENDPOINT)
    assert not codes.became(code, "s1")


def test_a_used_code_is_remembered_for_what_came_of_it_and_codes_do_not_pile_up() -> None:
    codes = Codes(clock := Clock())
    code = codes.give(GRANT)
    codes.take(code, SAID, ENDPOINT)
    assert codes.became(code, "s1")
    with pytest.raises(Replayed) as error:
        codes.take(code, SAID, ENDPOINT)
    assert error.value.signin == "s1"
    for _ in range(3 * MOST_CODES):
        codes.give(GRANT)
    assert len(codes._kept) <= MOST_CODES
    clock.time = 10_000
    codes.give(GRANT)
    assert len(codes._kept) == 1


def test_pkce_is_the_one_of_its_rfc() -> None:
    """RFC 7636, appendix B."""
    assert challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_the_copies_of_documents_are_good_clients() -> None:
    for url, content in clients.PINNED.items():
        host = clients.document_host(url, SIGNIN_HOSTS)
        assert clients.from_metadata(url, json.loads(json.dumps(content)), SIGNIN_HOSTS, host).source == host
