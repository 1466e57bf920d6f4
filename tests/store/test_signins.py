"""What is kept of sign-ins: small, in the file of tokens, and never the secrets."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_proxy.store.signins import MOST, MOST_ACCESSES, SignIns, Tokens, is_of_a_signin
from jupyter_mcp_proxy.store.token_errors import AmbiguousToken, TokenRefused, TokensUnreadable
from jupyter_mcp_proxy.store.tokens import Place, TokenStore

PLACE, ELSEWHERE = Place("/work", "/"), Place("/other", "/")


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 11, 28, 12, tzinfo=timezone.utc)

    def __call__(self) -> datetime:
        return self.time

    def passes(self, **span: float) -> None:
        self.time += timedelta(**span)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def signins(tmp_path: Path, clock: Clock) -> SignIns:
    return SignIns(TokenStore(tmp_path / "mcp-proxy" / "tokens.json", clock))


def begin(signins: SignIns, name: str = "Claude Code", place: Place = PLACE, days: float = 30) -> Tokens:
    return signins.begin(place, name, "run", days, "ann", "client", 3600)


def refused(signins: SignIns, token: str, reason: str, place: Place = PLACE) -> None:
    with pytest.raises(TokenRefused) as error:
        signins.admit(token, place)
    assert error.value.reason == reason


def test_an_access_token_is_good_for_an_hour_at_one_server(signins: SignIns, clock: Clock) -> None:
    tokens = begin(signins)
    assert is_of_a_signin(tokens.access)
    assert signins.admit(tokens.access, PLACE).name == "Claude Code"
    refused(signins, tokens.access, "elsewhere", ELSEWHERE)
    refused(signins, tokens.access + "x", "unknown")
    refused(signins, tokens.refresh, "unknown")
    clock.passes(minutes=59.9)
    signins.admit(tokens.access, PLACE)
    clock.passes(minutes=0.1)
    refused(signins, tokens.access, "expired")


def test_no_secret_is_kept(signins: SignIns) -> None:
    tokens = begin(signins)
    text = signins.store.file.read_text()
    for token in (tokens.access, tokens.refresh):
        for secret in token.split("_", 2)[2].split("."):
            assert secret not in text
    assert signins.store.file.stat().st_mode & 0o777 == 0o600
    assert tokens.access not in repr(tokens.signin)
    for shown in (repr(tokens.signin), json.dumps(tokens.signin.described(signins.now()))):
        assert tokens.signin.family not in shown
        assert tokens.signin.refresh not in shown


def test_a_refresh_gives_new_tokens_and_the_sign_in_ends_when_it_was_to_end(signins: SignIns, clock: Clock) -> None:
    tokens = begin(signins, days=1)
    for _ in range(23):
        clock.passes(hours=1)
        new = signins.refreshed(tokens.refresh, PLACE, "client", 3600)
        assert new.signin.id == tokens.signin.id
        assert new.signin.expires == tokens.signin.expires
        signins.admit(new.access, PLACE)
        tokens = new
    clock.passes(minutes=30)
    tokens = signins.refreshed(tokens.refresh, PLACE, "client", 3600)
    assert tokens.lasts == 1800
    clock.passes(minutes=30)
    refused(signins, tokens.access, "expired")
    with pytest.raises(TokenRefused):
        signins.refreshed(tokens.refresh, PLACE, "client", 3600)


def test_a_refresh_token_from_any_time_before_ends_the_sign_in(signins: SignIns, clock: Clock) -> None:
    first = begin(signins)
    second = signins.refreshed(first.refresh, PLACE, "client", 3600)
    third = signins.refreshed(second.refresh, PLACE, "client", 3600)
    clock.passes(minutes=1)
    with pytest.raises(TokenRefused) as error:
        signins.refreshed(first.refresh, PLACE, "client", 3600)
    assert error.value.reason == "reused"
    refused(signins, third.access, "revoked")
    assert signins.has_ended(first.signin.id)


def test_a_guess_ends_nothing(signins: SignIns) -> None:
    """The id of a sign-in is no secret: it is in lists and logs."""
    tokens = begin(signins)
    for guess in (
        f"jmr_{tokens.signin.id}_x.y",
        f"jmr_{tokens.signin.id}_",
        "jmr_",
        tokens.access,
        "",
        "jmr_x_\udcff.y",
    ):
        with pytest.raises(TokenRefused):
            signins.refreshed(guess, PLACE, "client", 3600)
    for place, client in ((ELSEWHERE, "client"), (PLACE, "another"), (PLACE, "")):
        with pytest.raises(TokenRefused):
            signins.refreshed(tokens.refresh, place, client, 3600)
    signins.admit(tokens.access, PLACE)
    signins.refreshed(tokens.refresh, PLACE, "client", 3600)


def test_the_file_does_not_grow_with_time(signins: SignIns, clock: Clock) -> None:
    """A month of refreshing each hour, and clients that sign in anew each time."""
    tokens = begin(signins)
    for _ in range(24 * 29):
        clock.passes(hours=1)
        tokens = signins.refreshed(tokens.refresh, PLACE, "client", 3600)
    assert len(signins.read()) == 1
    assert len(signins.read()[0].accesses) <= MOST_ACCESSES
    assert signins.store.file.stat().st_size < 2_000
    for _ in range(10):
        tokens = signins.refreshed(tokens.refresh, PLACE, "client", 3600)
    assert len(signins.read()[0].accesses) == MOST_ACCESSES
    for _ in range(3 * MOST):
        clock.passes(minutes=1)
        begin(signins, "forgetful")
        begin(signins, "elsewhere", ELSEWHERE)
    assert len(signins.read()) <= 4 * MOST
    active = [signin for signin in signins.shown(PLACE) if signin.state(clock()) == "active"]
    assert len(active) == MOST
    clock.passes(days=61)
    begin(signins)
    assert len(signins.read()) == 1


def test_of_too_many_the_one_longest_unused_makes_room(signins: SignIns, clock: Clock) -> None:
    first = begin(signins, "first")
    for _ in range(MOST - 1):
        clock.passes(minutes=1)
        begin(signins, "another")
    signins.note_use(first.signin)
    begin(signins, "one more")
    signins.admit(first.access, PLACE)


def test_programs_that_share_a_refresh_token_keep_their_access_tokens_for_a_while(signins: SignIns) -> None:
    first = begin(signins)
    second = signins.refreshed(first.refresh, PLACE, "client", 3600)
    signins.admit(first.access, PLACE)
    signins.admit(second.access, PLACE)


def test_it_is_ended_by_its_id_or_by_a_name_that_one_has(signins: SignIns) -> None:
    one, two, other = begin(signins, "a"), begin(signins, "a"), begin(signins, "b")
    with pytest.raises(AmbiguousToken):
        signins.end("a")
    assert signins.end("nobody") is None
    for name in (one.signin.id, "b"):
        assert signins.end(name) is not None
    for tokens, reason in ((one, "revoked"), (other, "revoked")):
        refused(signins, tokens.access, reason)
    signins.admit(two.access, PLACE)
    assert signins.end("a") is not None
    assert signins.revoke(two.signin.id) is None
    assert signins.shown() == []


def test_tokens_and_sign_ins_do_not_disturb_each_other(signins: SignIns, clock: Clock) -> None:
    signed = begin(signins)
    secret, _ = signins.store.create(PLACE, "scoped")
    key = signins.registration_key()
    signins.store.revoke("scoped")
    assert signins.registration_key() == key
    signins.admit(signed.access, PLACE)
    assert [token.name for token in signins.store.read()] == ["scoped"]
    with pytest.raises(TokenRefused):
        signins.store.admit(signed.access, PLACE)
    refused(signins, secret, "unknown")


def test_an_older_version_goes_on_with_its_tokens(signins: SignIns) -> None:
    """It knows `version` and `tokens` and nothing else, and writes those two."""
    begin(signins)
    secret, token = signins.store.create(PLACE, "scoped")
    content = json.loads(signins.store.file.read_text())
    assert content["version"] == 1
    known = {
        "id", "name", "tier", "created", "expires", "root_dir", "base_url", "digest", "revoked", "maker",
    }  # fmt: skip
    assert [set(entry) for entry in content["tokens"]] == [known]
    signins.store.file.write_text(json.dumps({"version": 1, "tokens": content["tokens"]}))
    assert signins.read() == []
    assert signins.store.admit(secret, PLACE).id == token.id
    begin(signins)


def test_what_a_later_version_adds_is_kept(signins: SignIns) -> None:
    begin(signins)
    content = json.loads(signins.store.file.read_text())
    content["later"] = {"a": 1}
    content["signins"][0]["later"] = "x"
    signins.store.file.write_text(json.dumps(content))
    begin(signins)
    assert json.loads(signins.store.file.read_text())["later"] == {"a": 1}
    assert len(signins.read()) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"tier": "root"}, {"expires": "2026-01-01T00:00:00"}, {"expires": ""}, {"accesses": None}, {"accesses": [{}]},
        {"name": 7}, {"family": ""}, {"used": "yesterday"}, {"accesses": [{"digest": "x", "expires": "x"}]},
    ],
)  # fmt: skip
def test_damaged_sign_ins_admit_nobody_and_leave_the_tokens_alone(signins: SignIns, change: dict[str, Any]) -> None:
    tokens = begin(signins)
    secret, _ = signins.store.create(PLACE, "scoped")
    content = json.loads(signins.store.file.read_text())
    content["signins"][0] |= change
    text = json.dumps(content)
    signins.store.file.write_text(text)
    with pytest.raises(TokensUnreadable):
        signins.admit(tokens.access, PLACE)
    with pytest.raises(TokensUnreadable):
        begin(signins)
    assert signins.store.file.read_text() == text
    assert signins.store.admit(secret, PLACE).name == "scoped"
