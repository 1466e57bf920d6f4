"""`stdio --url` without a token: a person allows it in a browser, once, whichever of its processes waits for that."""

from __future__ import annotations

import json
import os
import re
import stat
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from harness import JupyterProcess, StartJupyter
from harness.piped import Piped, world
from harness.signing_in import Browser, refresh, went_to

from jupyter_mcp_proxy.cli.signin import oauth, way
from jupyter_mcp_proxy.stdio.http import Address
from jupyter_mcp_proxy.stdio.ways import Unreachable
from jupyter_mcp_proxy.store.grants import Grant, Grants

HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "lines", "version": "1"},
}
PAGE = re.compile(r"https?://\S+/mcp-proxy/oauth/authorize\?\S+")


class Person:
    """The user of one machine: their clients, their browser, and what is kept below their folder."""

    def __init__(self, server: JupyterProcess, home: Path, stack: ExitStack) -> None:
        self.server = server
        self.data = home / "data"
        self.opened = home / "opened"
        self._stack = stack
        browser = home / "browser"
        browser.write_text(f'#!/bin/sh\nprintf "%s\\n" "$1" >> {self.opened}\n')
        browser.chmod(0o755)
        self.environment = world(server) | {"JUPYTER_DATA_DIR": str(self.data), "BROWSER": str(browser)}

    def client(self, *arguments: str, hello: bool = True) -> Piped:
        """A client starts us, and greets."""
        program = Piped(self.environment, self.server.root, "--url", self.server.endpoint, *arguments)
        self._stack.callback(left, program)
        if hello:
            program.say("initialize", HELLO, id=1)
        return program

    def pages(self, count: int = 1, seconds: float = 20) -> list[str]:
        """What was opened in the browser, once that is so much."""
        deadline = time.monotonic() + seconds
        while len(found := PAGE.findall(self.opened.read_text() if self.opened.exists() else "")) < count:
            assert time.monotonic() < deadline, found
            time.sleep(0.05)
        return found

    def answer(self, page: str, answer: str = "allow", **chosen: str) -> tuple[int, str]:
        """Click in the page; what the browser is shown then."""
        browser = Browser(self.server)
        status, _, text = browser.open(page)
        assert status == 200, text
        return seen_at(went_to(browser.send(browser.form(text) | {"answer": answer} | chosen)))

    @property
    def file(self) -> Path:
        (file,) = (self.data / "mcp-proxy" / "stdio").glob("*.json")
        return file

    @property
    def grant(self) -> dict[str, Any]:
        return dict(json.loads(self.file.read_text())["grant"])

    def keep(self, **changes: Any) -> None:
        said = json.loads(self.file.read_text())
        said["grant"] |= changes
        self.file.write_text(json.dumps(said))


def left(program: Piped) -> None:
    if program.process.stderr is not None and not program.process.stderr.closed:
        program.leave()


def seen_at(url: str) -> tuple[int, str]:
    """What a browser shows; where nobody listens, who sits before it loads the page again."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + 30
    while True:
        try:
            with opener.open(url, timeout=20) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except urllib.error.URLError:
            assert time.monotonic() < deadline, f"nobody listens at {url}"
            time.sleep(0.1)


@pytest.fixture
def person(file: JupyterProcess, tmp_path: Path) -> Iterator[Person]:
    with ExitStack() as stack:
        yield Person(file, tmp_path, stack)


def works(program: Piped, id: int = 2) -> bool:
    program.say("notifications/initialized")
    program.say("tools/list", {}, id=id)
    return "tools" in program.answer(id).get("result", {})


def test_the_first_message_opens_the_page_and_one_click_lets_the_client_in(person: Person) -> None:
    program = person.client()
    (page,) = person.pages()
    asked = parse_qs(urlsplit(page).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"][0].startswith("http://127.0.0.1:")
    status, shown = person.answer(page)
    assert (status, "You are signed in" in shown) == (200, True)
    assert "result" in program.answer(1)
    assert works(program)
    took, said = program.end()
    assert took < 2
    assert page in said
    grant = person.grant
    for secret in (grant["access"], grant["refresh"]):
        assert secret
        assert secret not in said
    assert stat.S_IMODE(person.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(person.file.parent.stat().st_mode) == 0o700


def test_who_is_started_next_needs_nobody(person: Person) -> None:
    program = person.client()
    person.answer(person.pages()[0])
    program.answer(1)
    program.end()
    another = person.client()
    assert "result" in another.answer(1)
    assert works(another)
    assert len(person.pages()) == 1


def test_a_client_that_gives_up_loses_nothing_and_is_gone_at_once(person: Person) -> None:
    first = person.client()
    (page,) = person.pages()
    took, _ = first.end()
    assert took < 2
    second = person.client()
    assert person.answer(page)[0] == 200
    assert "result" in second.answer(1)
    assert len(person.pages()) == 1


def test_two_that_ask_at_the_same_moment_share_one_page(person: Person) -> None:
    both = [person.client(), person.client()]
    (page,) = person.pages()
    person.answer(page)
    for program in both:
        assert "result" in program.answer(1)
    assert len(person.pages()) == 1


def test_a_cancelled_call_does_not_end_the_sign_in_and_many_do_not_delay_the_end(person: Person) -> None:
    program = person.client()
    (page,) = person.pages()
    for id in range(10, 40):
        program.say("tools/list", {}, id=id)
        program.say("notifications/cancelled", {"requestId": id})
    time.sleep(0.5)
    assert program.end()[0] < 2
    again = person.client()
    assert person.answer(page)[0] == 200
    assert "result" in again.answer(1)


def test_an_answer_that_was_not_asked_for_changes_nothing(person: Person) -> None:
    program = person.client()
    (page,) = person.pages()
    redirect = parse_qs(urlsplit(page).query)["redirect_uri"][0]
    state = parse_qs(urlsplit(page).query)["state"][0]
    for query in ("code=x&state=another", "error=access_denied&state=another", f"state={state}", ""):
        assert seen_at(f"{redirect}?{query}")[0] == 400, query
    assert seen_at(f"{redirect}?code=x&state={state}&iss=https://elsewhere.example.org")[0] == 400
    assert seen_at(redirect.replace("/callback", "/favicon.ico"))[0] == 404
    assert person.answer(page)[0] == 200
    assert "result" in program.answer(1)


def test_who_is_refused_is_told_so_and_opens_no_second_page(person: Person) -> None:
    program = person.client()
    status, shown = person.answer(person.pages()[0], "deny")
    assert (status, "Not signed in" in shown) == (200, True)
    assert "was refused" in program.answer(1)["error"]["message"]
    program.say("initialize", HELLO, id=2)
    assert "Start this program again" in program.answer(2)["error"]["message"]
    assert len(person.pages()) == 1
    person.client()
    person.pages(2)


def test_all_who_wait_for_the_person_are_told_that_they_said_no(person: Person) -> None:
    both = [person.client(), person.client()]
    person.answer(person.pages()[0], "deny")
    for program in both:
        assert "refused" in program.answer(1)["error"]["message"]
    assert len(person.pages()) == 1


def test_nobody_is_waited_for_without_end(
    file: JupyterProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(way, "WAIT", 0.5)
    signed_in = way.SignedIn(file.endpoint, browser=False, grants=Grants(file.endpoint, tmp_path / "mcp-proxy"))
    assert signed_in.refused(signed_in.find(), 401)
    with pytest.raises(Unreachable, match="Nobody has signed in") as unreachable:
        signed_in.find()
    assert unreachable.value.lasting
    assert PAGE.search(str(unreachable.value))
    # It is the same page that the next one waits for.
    again = way.SignedIn(file.endpoint, browser=False, grants=Grants(file.endpoint, tmp_path / "mcp-proxy"))
    assert again.refused(again.find(), 401)
    with pytest.raises(Unreachable) as second:
        again.find()
    assert PAGE.findall(str(second.value)) == PAGE.findall(str(unreachable.value))


def test_a_refusal_that_is_none_of_signing_in_asks_nobody(tmp_path: Path) -> None:
    """A JupyterHub answers 403 in the stead of a server that it has stopped."""
    signed_in = way.SignedIn(
        "https://hub.example.org/user/ada/mcp-proxy/mcp", grants=Grants("x", tmp_path / "mcp-proxy")
    )
    assert not signed_in.refused(signed_in.find(), 403)


def test_a_code_that_has_ended_is_told_and_the_next_request_gets_a_new_page(person: Person) -> None:
    program = person.client()
    (page,) = person.pages()
    asked = parse_qs(urlsplit(page).query)
    status, shown = seen_at(f"{asked['redirect_uri'][0]}?code=ended&state={asked['state'][0]}")
    assert (status, "Not signed in" in shown) == (502, True)
    assert "has failed" in program.answer(1)["error"]["message"]
    program.say("initialize", HELLO, id=2)
    assert person.answer(person.pages(2)[1])[0] == 200
    assert "result" in program.answer(2)


def test_what_another_process_has_got_is_tried_and_renewed_where_it_has_ended_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "https://hub.example.org/user/ada/mcp-proxy/mcp"
    grants = Grants(url, tmp_path / "mcp-proxy")
    signed_in = way.SignedIn(url, grants=grants)
    monkeypatch.setattr(oauth, "renewed", lambda *_: oauth.Tokens("third", "next"))
    grants.write(Grant("second", "refresh", "client", "https://hub.example.org/token"))
    assert signed_in.refused(Address(url, "first"), 401)
    assert signed_in.find().token == "second"
    assert signed_in.refused(Address(url, "second"), 401)
    assert signed_in.find().token == "third"
    assert grants.read().refresh == "next"
    # What was just given and is refused at once is no reason to go on for ever.
    assert not signed_in.refused(Address(url, "third"), 401)


def test_without_a_browser_the_address_alone_is_printed(person: Person) -> None:
    program = person.client("--no-browser")
    deadline = time.monotonic() + 20
    while not (list((person.data / "mcp-proxy" / "stdio").glob("*.json")) and person.grant["pending"]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    person.answer(person.grant["pending"]["page"])
    assert "result" in program.answer(1)
    assert not person.opened.exists()
    assert PAGE.search(program.end()[1])


def test_what_has_expired_is_renewed_and_two_renew_it_once(person: Person) -> None:
    program = person.client()
    person.answer(person.pages()[0])
    program.answer(1)
    program.end()
    before = person.grant
    person.keep(access="")  # as an access token that has ended: the endpoint asks to sign in
    both = [person.client(), person.client()]
    for each in both:
        assert "result" in each.answer(1)
        assert works(each)
    after = person.grant
    assert after["access"] not in ("", before["access"])
    assert len(person.pages()) == 1
    # What they hold is the only one that is good: the sign-in was not taken for a stolen one.
    assert refresh(person.server, after["client"], after["refresh"])[0] == 200


def test_a_sign_in_that_was_revoked_asks_the_person_again_while_the_client_works_on(person: Person) -> None:
    program = person.client()
    person.answer(person.pages()[0])
    program.answer(1)
    assert works(program)
    form = f"token={person.grant['refresh']}".encode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.open(f"{person.server.url}mcp-proxy/oauth/revoke", form, timeout=20).close()
    program.say("tools/list", {}, id=3)
    person.answer(person.pages(2)[1])
    assert "tools" in program.answer(3)["result"]


def test_where_nobody_can_sign_in_it_says_what_to_do(start_jupyter: StartJupyter, tmp_path: Path) -> None:
    server = start_jupyter(rtc=False, arguments=("--MCPProxy.signin=False",))
    with ExitStack() as stack:
        person = Person(server, tmp_path, stack)
        said = person.client().answer(1)["error"]["message"]
    assert "JUPYTER_MCP_PROXY_TOKEN" in said
    assert not person.opened.exists()


def test_a_file_that_is_damaged_costs_a_click(person: Person) -> None:
    program = person.client()
    person.answer(person.pages()[0])
    program.answer(1)
    program.end()
    person.file.write_text("{")
    again = person.client()
    person.answer(person.pages(2)[1])
    assert "result" in again.answer(1)
    assert os.path.getsize(person.file) > 10
