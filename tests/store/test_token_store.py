"""Scoped tokens without a server: what is kept of them, who is let in, and what may be in the file."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from jupyter_mcp_proxy.errors import BadValue, Unknown
from jupyter_mcp_proxy.store import filelock
from jupyter_mcp_proxy.store.token_errors import AmbiguousToken, NameTaken, TokenRefused, TokensUnreadable
from jupyter_mcp_proxy.store.tokens import Place, TokenStore, admit, parse, unparse

HERE = Place("/home/ada/work", "/")
NOON = datetime(2026, 11, 21, 12, tzinfo=timezone.utc)


class Clock:
    """A time that a test moves on."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> TokenStore:
    return TokenStore(tmp_path / "mcp-proxy" / "tokens.json", clock)


def reason(store: TokenStore, presented: str, place: Place = HERE) -> str:
    with pytest.raises(TokenRefused) as refused:
        store.admit(presented, place)
    return refused.value.reason


def test_a_token_is_kept_as_a_hash_in_a_file_for_its_owner_only(store: TokenStore) -> None:
    secret, token = store.create(HERE, "claude")
    assert secret.startswith(f"jmp_{token.id}_")
    assert len(secret.split("_", 2)[2]) >= 43
    text = store.file.read_text()
    assert secret.split("_", 2)[2] not in text
    assert token.digest in text
    assert token.digest not in repr(token)
    assert stat.S_IMODE(store.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.file.parent.stat().st_mode) == 0o700
    assert {path.name for path in store.file.parent.iterdir()} == {"tokens.json", "tokens.lock"}
    assert store.admit(secret, HERE) == token


def test_a_file_that_others_could_read_is_closed_by_the_next_write(store: TokenStore) -> None:
    store.create(HERE, "one")
    store.file.chmod(0o644)
    store.create(HERE, "two")
    assert stat.S_IMODE(store.file.stat().st_mode) == 0o600


def test_thirty_days_and_everything_unless_said_otherwise(store: TokenStore, clock: Clock) -> None:
    secret, token = store.create(HERE, "claude")
    assert token.tier == "run"
    clock.time = NOON + timedelta(days=30, milliseconds=-1)
    store.admit(secret, HERE)
    clock.time = NOON + timedelta(days=30)
    assert reason(store, secret) == "expired"
    assert [shown.described(clock())["state"] for shown in store.shown()] == ["expired"]


def test_a_revoked_token_is_told_so_and_shown_no_more(store: TokenStore) -> None:
    secret, token = store.create(HERE, "claude")
    assert not store.has_ended(token)
    assert store.revoke("claude").id == token.id
    assert reason(store, secret) == "revoked"
    assert store.shown() == []
    assert store.has_ended(token)
    with pytest.raises(Unknown):
        store.revoke("claude")


@pytest.mark.parametrize(
    "place", [Place("/home/ada/work", "/user/ada/"), Place("/home/ada", "/"), Place("/home/ada/work/", "/")]
)
def test_a_token_belongs_to_one_root_folder_and_base_url(store: TokenStore, place: Place) -> None:
    secret, _ = store.create(HERE, "claude")
    assert reason(store, secret, place) == "elsewhere"
    assert store.shown(place) == []
    with pytest.raises(Unknown):
        store.revoke("claude", place)


def test_a_root_folder_is_the_same_however_it_is_spelled(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert Place.of(f"{tmp_path}/link/", "/") == Place.of(f"{tmp_path}/x/../real", "/")


def test_who_lacks_a_part_of_the_token_learns_nothing_about_it(store: TokenStore, clock: Clock) -> None:
    """An expired, a revoked or another server's token is told to be that only where its secret is right."""
    secret, token = store.create(HERE, "claude")
    other = store.create(HERE, "other")[0]
    key, others = secret.split("_", 2)[2], other.split("_", 2)[2]
    wrong = [secret[:-1], secret + "x", secret[:20], secret.upper(), "jmp_", "jmp", "jmp__", "jmp_ü_\ud800"]
    wrong += [f"jmp_{token.id}_{guess}" for guess in ("", token.digest, others)] + [f"jmp_00000000_{key}"]
    for moment in (NOON, NOON + timedelta(days=31)):
        clock.time = moment
        assert {reason(store, presented) for presented in wrong} == {"unknown"}
    store.revoke("claude")
    assert {reason(store, presented) for presented in wrong} == {"unknown"}
    assert {reason(store, presented, Place("/x", "/")) for presented in wrong} == {"unknown"}


@pytest.mark.parametrize("why", TokenRefused.SENTENCES)
def test_each_refusal_names_the_cure(why: str) -> None:
    assert "python -m jupyter_mcp_proxy token" in str(TokenRefused(why))


@pytest.mark.parametrize(
    "name", ["", "  ", "x" * 65, "two\nlines", "\x1b[31mred", "a\u202eb", "\ud800", None, 3, ["x"]]
)
def test_a_name_must_be_one_that_can_be_shown(store: TokenStore, name: object) -> None:
    with pytest.raises(BadValue):
        store.create(HERE, name)
    assert not store.file.exists()


@pytest.mark.parametrize("days", [0, -1, 366, float("inf"), float("nan"), True, "30", None])
def test_days_must_be_a_number_of_days(store: TokenStore, days: object) -> None:
    with pytest.raises(BadValue):
        store.create(HERE, "claude", days=days)


@pytest.mark.parametrize("tier", ["look", "", "RUN", None, 1, ["run"]])
def test_a_tier_must_be_one(store: TokenStore, tier: object) -> None:
    with pytest.raises(BadValue):
        store.create(HERE, "claude", tier)


def test_one_name_for_one_token_that_works(store: TokenStore, clock: Clock) -> None:
    store.create(HERE, "claude", days=1)
    with pytest.raises(NameTaken, match="claude"):
        store.create(HERE, " claude ")
    elsewhere = store.create(Place("/x", "/"), "claude")[1]
    with pytest.raises(AmbiguousToken, match=elsewhere.id):
        store.revoke("claude")
    store.revoke(elsewhere.id)
    clock.time += timedelta(days=2)
    again = store.create(HERE, "claude")[1]
    assert store.revoke("claude").id == again.id, "the one that works is meant, not the expired one"
    store.create(HERE, "claude")


def test_what_has_ended_is_forgotten_a_month_later(store: TokenStore, clock: Clock) -> None:
    expired = store.create(HERE, "expired", days=1)[0]
    revoked = store.create(HERE, "revoked", days=300)[0]
    store.revoke("revoked")
    clock.time += timedelta(days=20)
    store.create(HERE, "new", days=300)
    assert (reason(store, expired), reason(store, revoked)) == ("expired", "revoked")
    clock.time += timedelta(days=20)
    store.create(HERE, "newer")
    assert (reason(store, expired), reason(store, revoked)) == ("unknown", "unknown")
    assert [token.name for token in store.read()] == ["new", "newer"]


def test_a_clock_that_jumps_gives_nobody_back_what_was_revoked(store: TokenStore, clock: Clock) -> None:
    """A token's end is told by the clock as it is; a revocation holds whatever the clock says."""
    good, revoked = store.create(HERE, "good", days=1)[0], store.create(HERE, "revoked", days=300)[0]
    store.revoke("revoked")
    for days in (-3650, -1, 0.5, 29):
        clock.time = NOON + timedelta(days=days)
        assert reason(store, revoked) == "revoked"
    assert reason(store, good) == "expired"
    clock.time = NOON
    assert store.admit(good, HERE).name == "good", "the clock was wrong for a while"
    clock.time = NOON + timedelta(days=3650)
    store.create(HERE, "made in the far future")
    clock.time = NOON
    assert reason(store, revoked) == reason(store, good) == "unknown", "what was forgotten then is not good again"


def test_summer_time_and_the_zone_of_the_machine_change_nothing(
    store: TokenStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On 25 October 2026 the hour from 02:00 comes twice in Berlin: times are kept in UTC."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        clock.time = datetime(2026, 10, 25, 0, 30, tzinfo=timezone.utc)
        presented, token = store.create(HERE, "autumn", days=1 / 24)
        assert token.expires == "2026-10-25T01:30:00.000+00:00"
        clock.time += timedelta(minutes=59)
        store.admit(presented, HERE)
        clock.time += timedelta(minutes=2)
        assert reason(store, presented) == "expired"
    finally:
        monkeypatch.undo()
        time.tzset()


DAMAGED = {
    "empty": "",
    "cut": '{"version": 1, "tokens": [{"id": "a"',
    "no object": "[]",
    "another version": '{"version": 2, "tokens": []}',
    "no list": '{"version": 1}',
    "no tokens in it": '{"version": 1, "tokens": [1]}',
    "a field too few": '{"version": 1, "tokens": [{"id": "a"}]}',
    "deep": "[" * 100_000,
    "not text": b"\xff\xfe\x00",
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_file_lets_nobody_in_and_is_left_as_it_is(store: TokenStore, content: str | bytes) -> None:
    data = content.encode() if isinstance(content, str) else content
    store.file.parent.mkdir()
    store.file.write_bytes(data)
    for attempt in (
        lambda: store.admit("jmp_a_b", HERE), store.shown, lambda: store.create(HERE, "x"), lambda: store.revoke("x"),
    ):  # fmt: skip
        with pytest.raises(TokensUnreadable) as refused:
            attempt()
        assert refused.value.damaged
        assert str(store.file) in str(refused.value)
    assert store.file.read_bytes() == data


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tier", "root"), ("expires", ""), ("expires", "soon"), ("expires", "2099-01-01T00:00:00"), ("digest", ""),
        ("digest", None), ("name", 3), ("revoked", False), ("surplus", "x"),
    ],
)  # fmt: skip
def test_a_value_that_we_did_not_write_is_damage(store: TokenStore, field: str, value: object) -> None:
    store.create(HERE, "claude")
    content = json.loads(store.file.read_text())
    content["tokens"][0][field] = value
    with pytest.raises((ValueError, TypeError)):
        parse(json.dumps(content))


def test_what_is_written_is_what_is_read(store: TokenStore) -> None:
    for number in range(3):
        store.create(HERE, f"<b>näme {number}", "edit", 0.5, "ada")
    assert parse(unparse(store.read())) == store.read()
    assert len({token.id for token in store.read()}) == 3
    with pytest.raises(TokenRefused):
        admit("jmp_x_y", store.read(), HERE, NOON)


def test_a_writer_that_is_interrupted_leaves_the_old_file(store: TokenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.create(HERE, "one")
    before = store.file.read_bytes()
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(TokensUnreadable, match="No space left"):
        store.create(HERE, "two")
    assert store.file.read_bytes() == before
    assert {path.name for path in store.file.parent.iterdir()} == {"tokens.json", "tokens.lock"}


def test_a_writer_that_never_ends_does_not_hang_the_next(store: TokenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.create(HERE, "one")
    monkeypatch.setattr(filelock, "WAIT", 0.1)
    with (
        filelock.locked(store.file.with_suffix(".lock")),
        pytest.raises(TokensUnreadable, match="another process has been writing"),
    ):
        store.create(HERE, "two")
    store.create(HERE, "two")


def test_processes_that_write_at_once_lose_nothing(store: TokenStore) -> None:
    code = (
        "import sys; from pathlib import Path; from jupyter_mcp_proxy.store.tokens import Place, TokenStore\n"
        "store = TokenStore(Path(sys.argv[1])); sys.stdin.read()\n"
        "for n in range(15):\n"
        "    store.create(Place('/', '/'), f'{sys.argv[2]}-{n}')\n"
        "    if n % 3 == 0: store.revoke(f'{sys.argv[2]}-{n}')\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(store.file), f"w{n}"], stdin=subprocess.PIPE)
        for n in range(4)
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.close()
    assert [writer.wait(60) for writer in writers] == [0] * 4
    left = {f"w{w}-{n}" for w in range(4) for n in range(15) if n % 3}
    assert {token.name for token in store.shown()} == left
    assert len(store.read()) == 60
