"""The page on which a person allows a client in."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from harness import INITIALIZE, TOKEN, JupyterProcess, StartJupyter, as_client, login_cookie, post
from harness.signing_in import CALLBACK, Browser, authorize_url, client_id, exchange, password_cookie, sign_in, went_to
from jupyter_server.auth import passwd

CLAUDE_CODE = "https://claude.ai/oauth/claude-code-client-metadata"
CODEX = "https://chatgpt.com/oauth/codex/client.json"


def test_it_says_who_asks_for_what_and_where_the_answer_goes(live: JupyterProcess) -> None:
    _, _, page = Browser(live).open(authorize_url(live, client_id(live, client_name="My\nagent\u202e")))
    for words in (
        "“My agent”", "unverified", "a program on your computer (127.0.0.1:7357)", live.url, str(live.root),
        "See your notebooks, files", "change your notebooks and files", "run code, which can do anything that you can",
        ">30 days</option>", ">1 day</option>", ">Allow</button>", ">Deny</button>", 'lang="en"',
    ):  # fmt: skip
        assert words in page, words
    assert TOKEN not in page


def test_the_answer_carries_the_state_and_the_issuer(live: JupyterProcess) -> None:
    told = Browser(live).allow(authorize_url(live, client_id(live), state="a b&c=d#e\"'"))
    assert (told["state"], told["iss"]) == ("a b&c=d#e\"'", f"{live.url}mcp-proxy/oauth")


def test_a_redirect_keeps_its_own_query(live: JupyterProcess) -> None:
    redirect = f"{CALLBACK}?session=1"
    client = client_id(live, redirect_uris=[redirect])
    told = Browser(live).allow(authorize_url(live, client, redirect_uri=redirect))
    assert told["session"] == "1"
    assert exchange(live, client, told["code"], redirect_uri=redirect)[0] == 200


@pytest.mark.parametrize(
    ("asked", "chosen"), [("look", "read"), ("look edit", "edit"), ("", "run"), ("openid x", "run")]
)
def test_what_is_asked_for_is_chosen_already(live: JupyterProcess, asked: str, chosen: str) -> None:
    browser = Browser(live)
    form = browser.form(browser.open(authorize_url(live, client_id(live), scope=asked or None))[2])
    assert form["tier"] == chosen


def test_what_a_person_chose_last_for_a_client_of_that_name_is_chosen_already(live: JupyterProcess) -> None:
    browser, name = Browser(live), "Chosen once"

    def shown(**asked: str) -> tuple[str, str]:
        form = browser.form(browser.open(authorize_url(live, client_id(live, client_name=name), **asked))[2])
        return form["tier"], form["days"]

    assert shown() == ("run", "30")
    client = client_id(live, client_name=name)
    told = browser.allow(authorize_url(live, client), tier="edit", days="7")
    assert exchange(live, client, told["code"])[0] == 200
    assert shown() == ("edit", "7")
    assert shown(scope="look") == ("read", "7"), "never more than it asks for"


@pytest.mark.parametrize(("tier", "scope"), [("read", "look"), ("edit", "look edit"), ("run", "look edit run")])
def test_a_person_may_allow_less_than_was_asked(live: JupyterProcess, tier: str, scope: str) -> None:
    _, tokens = sign_in(live, tier=tier, days="1")
    assert tokens["scope"] == scope
    assert tokens["expires_in"] <= 3600
    assert tokens["token_type"] == "Bearer"


def test_denied_the_client_is_told_so(live: JupyterProcess) -> None:
    browser = Browser(live)
    form = browser.form(browser.open(authorize_url(live, client_id(live)))[2])
    answer = browser.send(form | {"answer": "deny"})
    told = dict(parse_qsl(urlsplit(went_to(answer)).query))
    assert (told["error"], told["state"]) == ("access_denied", form["state"])
    assert "You can close this window" in answer[2]


def test_it_is_in_the_language_that_the_browser_asks_for(live: JupyterProcess) -> None:
    asked = authorize_url(live, client_id(live, client_name="<b>"))
    cookie = {"Cookie": login_cookie(live), "Accept-Language": "de"}
    _, headers, body = post(live, path=asked.removeprefix(live.url), method="GET", **cookie)
    assert headers["content-language"] == "de"
    page = body.decode()
    assert '<html lang="de">' in page
    assert "„&lt;b&gt;“ erlauben, in Ihrem Jupyter-Server zu arbeiten?" in page
    assert '<button type="submit" name="answer" value="allow" class="primary">Erlauben</button>' in page


def test_afterwards_the_window_can_be_closed(live: JupyterProcess) -> None:
    browser = Browser(live)
    form = browser.form(browser.open(authorize_url(live, client_id(live)))[2])
    _, _, page = browser.send(form | {"answer": "allow", "tier": "edit"})
    assert "You can close this window" in page
    assert "change your notebooks and files" in page


def test_a_program_behind_a_scheme_of_its_own_is_given_the_answer(live: JupyterProcess) -> None:
    redirect = "cursor://anysphere.cursor-mcp/oauth/callback"
    browser, client = Browser(live), client_id(live, redirect_uris=[redirect])
    _, headers, page = browser.open(authorize_url(live, client, redirect_uri=redirect))
    assert "form-action 'self' cursor:" in headers["content-security-policy"]
    assert "the program for cursor:" in page
    answer = browser.send(browser.form(page) | {"answer": "allow"})
    assert went_to(answer).startswith(f"{redirect}?")
    assert answer[0] == 200


def test_a_client_on_the_web_is_sent_back_to_its_host(live: JupyterProcess) -> None:
    redirect = "https://claude.ai/api/mcp/auth_callback"
    browser, client = Browser(live), client_id(live, redirect_uris=[redirect])
    url = authorize_url(live, client, redirect_uri=redirect)
    _, headers, page = browser.open(url)
    assert "form-action 'self' https://claude.ai" in headers["content-security-policy"]
    assert headers["cross-origin-opener-policy"] == "unsafe-none", "its own window may wait for what comes back"
    assert '<strong id="host">claude.ai</strong>' in page
    status, headers, _ = browser.send(browser.form(page) | {"answer": "allow"})
    assert status == 303
    assert headers["location"].startswith(f"{redirect}?")
    wrong = browser.open(authorize_url(live, client, redirect_uri=redirect, code_challenge=None))
    assert wrong[0] == 400, "nobody is sent to another site without having been asked"


@pytest.mark.parametrize(
    ("document", "redirect", "name"),
    [
        (CLAUDE_CODE, "http://localhost:5001/callback", "Claude Code"),
        (CODEX, "http://127.0.0.1:5002/callback", "Codex"),
    ],
)
def test_well_known_clients_need_neither_registration_nor_a_way_out(
    live: JupyterProcess, document: str, redirect: str, name: str
) -> None:
    browser = Browser(live)
    url = authorize_url(live, document, redirect_uri=redirect)
    page = browser.open(url)[2]
    assert f"“{name}”" in page
    assert f"as {urlsplit(document).hostname} describes it" in page
    status, tokens = exchange(live, document, browser.allow(url)["code"], redirect_uri=redirect)
    assert status == 200
    assert post(live, INITIALIZE, **as_client(tokens["access_token"]))[0] == 200
    assert browser.open(authorize_url(live, document, redirect_uri="https://claude.ai/x"))[0] == 400


def test_the_settings_say_what_may_be_allowed_and_for_how_long(start_jupyter: StartJupyter) -> None:
    arguments = (
        "--MCPProxy.tier=edit", "--MCPProxy.signin_tiers=edit", "--MCPProxy.signin_tiers=run",
        "--MCPProxy.signin_days=3", "--MCPProxy.signin_minutes=5", "--MCPProxy.signin_hosts=agents.example.org",
    )  # fmt: skip
    server = start_jupyter(rtc=False, arguments=arguments)
    challenge = post(server, INITIALIZE, **as_client(None))[1]["www-authenticate"]
    assert challenge.endswith('scope="edit"')
    browser = Browser(server)
    page = browser.open(authorize_url(server, client_id(server)))[2]
    assert 'value="edit" checked' in page
    for absent in ('value="read"', 'value="run"', ">7 days<"):
        assert absent not in page
    assert ">3 days</option>" in page
    _, tokens = sign_in(server)
    assert (tokens["scope"], tokens["expires_in"]) == ("look edit", 300)
    client_id(server, redirect_uris=["https://agents.example.org/cb"])
    refused = browser.open(authorize_url(server, CLAUDE_CODE, redirect_uri="http://localhost:1/callback"))
    assert refused[0] == 400
    assert "MCPProxy.signin_hosts" in refused[2]


def test_on_a_server_with_a_password_only(start_jupyter: StartJupyter) -> None:
    server = start_jupyter(
        rtc=False, token="", wait=False,
        arguments=(f"--PasswordIdentityProvider.hashed_password={passwd('a word')}",),
    )  # fmt: skip
    server.wait(path="login")
    browser = Browser(server, password_cookie(server, "a word"))
    _, tokens = sign_in(server, browser)
    assert post(server, INITIALIZE, **as_client(tokens["access_token"]))[0] == 200
