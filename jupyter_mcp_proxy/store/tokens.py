"""Scoped tokens: made for one agent, with a name, a tier and an end, good for one server's endpoint and nothing else.

Kept as hashes below Jupyter's data directory, in `mcp-proxy/tokens.json`, readable by their owner only. The
command line and every server of that directory share the file. It is read anew for each request, so that a
revocation holds at once (a stat alone may be seconds old on NFS), and replaced as a whole under a lock.
A token belongs to a server as a person knows it: its root folder and its base URL, so it survives a restart.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from ..contract import TIERS, same
from ..errors import BadValue, Unknown
from .filelock import locked
from .private import others_may_write, private_folder
from .replacing import replacing
from .token_errors import AmbiguousToken, NameTaken, TokenRefused, TokensUnreadable

PREFIX = "jmp_"
"""What every token begins with: `jmp_<id>_<secret>`."""
DEFAULT_DAYS = 30
LONGEST_DAYS = 365
LONGEST_NAME = 64
REMEMBERED = timedelta(days=30)
"""How long a token that has ended is remembered, so that its user is told why it is refused."""
VERSION = 1
NOBODY = hashlib.sha256(secrets.token_bytes(32)).hexdigest()
"""What the secret of an unknown token is compared with, so that it takes as long as that of a known one."""


@dataclass(frozen=True)
class Place:
    """A server as a token knows it; the same after a restart on another port."""

    root_dir: str
    base_url: str

    @classmethod
    def of(cls, root_dir: str, base_url: str) -> Place:
        """The place of a server, however its root folder is spelled."""
        return cls(os.path.realpath(root_dir), base_url)


class GoodAtOneServer:
    """What a person has given to an agent: good at one server until it ends or is revoked."""

    created: str
    expires: str
    root_dir: str
    base_url: str
    revoked: str

    @property
    def place(self) -> Place:
        """The server that it is good for."""
        return Place(self.root_dir, self.base_url)

    def state(self, now: datetime) -> str:
        """`active`, `expired` or `revoked`."""
        if self.revoked:
            return "revoked"
        return "active" if now < datetime.fromisoformat(self.expires) else "expired"


@dataclass(frozen=True)
class ScopedToken(GoodAtOneServer):
    """A token without its secret. Times are ISO 8601 in UTC."""

    id: str
    name: str
    tier: str
    created: str
    expires: str
    root_dir: str
    base_url: str
    digest: str = field(repr=False)
    revoked: str = ""
    maker: str = ""
    """Who made it, as Jupyter names them; empty for the command line."""

    def ended_before(self, time: datetime) -> bool:
        """Whether it was no longer good at a time."""
        return datetime.fromisoformat(self.revoked or self.expires) < time

    def described(self, now: datetime) -> dict[str, str]:
        """What a person may see of it."""
        return {
            name: getattr(self, name) for name in ("id", "name", "tier", "created", "expires", "maker")
        } | {"state": self.state(now), "kind": "token", "used": ""}  # fmt: skip


def admit(presented: str, tokens: Iterable[ScopedToken], place: Place, now: datetime) -> ScopedToken:
    """The token that was presented, if it is good here and now. Raises TokenRefused.

    Why a token is refused is told only to who has the whole of it.
    """
    token_id, _, secret = presented.removeprefix(PREFIX).partition("_")
    found = next((token for token in tokens if token.id == token_id), None)
    if not same(digest_of(secret), found.digest if found else NOBODY) or found is None:
        raise TokenRefused("unknown")
    state = found.state(now)
    if state != "active":
        raise TokenRefused(state)
    if found.place != place:
        raise TokenRefused("elsewhere")
    return found


def digest_of(secret: str) -> str:
    """The hash under which a secret is kept. It has 256 random bits, so a slow hash would protect nothing more."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def checked_name(name: object) -> str:
    """A token's name, if it can be one. Raises BadValue."""
    text = name.strip() if isinstance(name, str) else ""
    if not text or len(text) > LONGEST_NAME or not text.isprintable():
        raise BadValue("name", name, f"1 to {LONGEST_NAME} printable characters that say whose token it is")
    return text


def checked_tier(tier: object) -> str:
    """A tier, if it is one. Raises BadValue."""
    if tier not in TIERS:
        raise BadValue("tier", tier, f"one of {', '.join(TIERS)}")
    return str(tier)


def checked_days(days: object) -> float:
    """A number of days that a token may last. Raises BadValue."""
    if isinstance(days, bool) or not isinstance(days, (int, float)) or not 0 < days <= LONGEST_DAYS:
        raise BadValue("days", days, f"a number of days above 0, at most {LONGEST_DAYS}")
    return days


def store_file() -> Path:
    """Where this user's scoped tokens are kept."""
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "mcp-proxy" / "tokens.json"


def utc_now() -> datetime:
    """The time."""
    return datetime.now(timezone.utc)


class TokenStore:
    """The file of scoped tokens. Each of its methods may raise TokensUnreadable; it then changed nothing."""

    def __init__(self, file: Path, now: Callable[[], datetime] = utc_now) -> None:
        self.file = file
        self.now = now
        self._parsed: tuple[str, tuple[ScopedToken, ...], dict[str, Any]] = ("", (), {})
        """The text that was read last and what is in it: reading it anew is cheap, parsing it is not."""

    def admit(self, presented: str, place: Place) -> ScopedToken:
        """The token that was presented, if it is good at a server now. Raises TokenRefused."""
        return admit(presented, self.read(), place, self.now())

    def has_ended(self, token: ScopedToken) -> bool:
        """Whether a token that was good has expired or been revoked; while the file is unreadable nobody is revoked."""
        try:
            tokens = self.read()
        except TokensUnreadable:
            tokens = [token]
        return not any(kept.id == token.id and kept.state(self.now()) == "active" for kept in tokens)

    def why_ended(self, token: ScopedToken) -> str:
        """The reason, as `TokenRefused` takes it, why a token that was good holds no more."""
        return "expired" if token.state(self.now()) == "expired" else "revoked"

    def shown(self, place: Place | None = None) -> list[ScopedToken]:
        """The tokens of one server or of all, without those that were revoked; the oldest first."""
        return [token for token in self.read() if not token.revoked and place in (None, token.place)]

    def create(
        self, place: Place, name: object, tier: object = "run", days: object = DEFAULT_DAYS, maker: str = ""
    ) -> tuple[str, ScopedToken]:
        """Make a token: what to give to the client, which is kept nowhere, and what is kept of it.

        Raises BadValue and NameTaken.
        """
        label, permitted, span = checked_name(name), checked_tier(tier), checked_days(days)
        with self._changing() as tokens:
            now = self.now()
            for token in tokens:
                if (token.name, token.place, token.state(now)) == (label, place, "active"):
                    raise NameTaken(label, token.id)
            token_id, secret = fresh_id(tokens), secrets.token_urlsafe(32)
            token = ScopedToken(
                id=token_id,
                name=label,
                tier=permitted,
                created=stamp(now),
                expires=stamp(now + timedelta(days=span)),
                root_dir=place.root_dir,
                base_url=place.base_url,
                digest=digest_of(secret),
                maker=maker,
            )
            tokens.append(token)
        return f"{PREFIX}{token_id}_{secret}", token

    def revoke(self, name_or_id: str, place: Place | None = None) -> ScopedToken:
        """End a token of a server, or of any, by its id or its name. Raises Unknown and Ambiguous."""
        with self._changing() as tokens:
            here = [token for token in tokens if not token.revoked and place in (None, token.place)]
            matches = [token for token in here if token.id == name_or_id]
            matches = matches or [token for token in here if token.name == name_or_id]
            active = [token for token in matches if token.state(self.now()) == "active"]
            matches = active or matches[-1:]
            if not matches:
                raise Unknown("token", name_or_id, hint="`jupyter mcp-proxy token list` shows those there are.")
            if len(matches) > 1:
                raise AmbiguousToken(name_or_id, [token.id for token in matches])
            (token,) = matches
            ended = replace(token, revoked=stamp(self.now()))
            tokens[tokens.index(token)] = ended
        return ended

    def read(self) -> list[ScopedToken]:
        """Every token that is remembered, in the order in which they were made; none where there is no file."""
        return list(self._contents()[0])

    def part(self, name: str) -> Any:
        """What else the file has under a name, such as the sign-ins; None for nothing."""
        return self._contents()[1].get(name)

    @contextmanager
    def changing_parts(self) -> Iterator[dict[str, Any]]:
        """All that the file has besides the tokens, to be changed by putting new values in."""
        with self._changing_all() as (_, parts):
            yield parts

    def _contents(self) -> tuple[tuple[ScopedToken, ...], dict[str, Any]]:
        try:
            with self.file.open(encoding="utf-8") as file:
                if others_may_write(os.fstat(file.fileno())):
                    raise TokensUnreadable(
                        self.file,
                        "others than its owner may write it, so that the tokens in it may be theirs. Look at them, or "
                        f"move it away; then `chmod 600 {self.file}`",
                    )
                text = file.read()
        except FileNotFoundError:
            return (), {}
        except UnicodeDecodeError as error:
            raise TokensUnreadable(self.file, "it is not text", damaged=True) from error
        except OSError as error:
            raise TokensUnreadable(self.file, error.strerror or str(error)) from error
        known, tokens, parts = self._parsed
        if text and text == known:
            return tokens, parts
        try:
            tokens, parts = tuple(parse(text)), other_parts(text)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise TokensUnreadable(self.file, f"it is damaged ({error})", damaged=True) from error
        self._parsed = text, tokens, parts
        return tokens, parts

    @contextmanager
    def _changing(self) -> Iterator[list[ScopedToken]]:
        with self._changing_all() as (tokens, _):
            yield tokens

    @contextmanager
    def _changing_all(self) -> Iterator[tuple[list[ScopedToken], dict[str, Any]]]:
        """Tokens and the rest, to be changed in place: written when the block ends well, while nobody else writes."""
        try:
            private_folder(self.file.parent)
            with locked(self.file.with_suffix(".lock")):
                kept, others = self._contents()
                tokens, parts = list(kept), dict(others)
                yield tokens, parts
                limit = self.now() - REMEMBERED
                self._write(unparse((token for token in tokens if not token.ended_before(limit)), parts))
        except OSError as error:
            raise TokensUnreadable(self.file, error.strerror or str(error)) from error

    def _write(self, text: str) -> None:
        """Replace the file as a whole: a reader sees the old one or the new one."""
        with replacing(self.file, durable=True) as file:
            file.write(text)


def fresh_id(tokens: Iterable[ScopedToken]) -> str:
    """An id that none of these has."""
    taken = {token.id for token in tokens}
    while (made := secrets.token_hex(4)) in taken:
        pass
    return made


def stamp(time: datetime) -> str:
    """A time as it is kept: ISO 8601 in UTC, to the millisecond."""
    return time.astimezone(timezone.utc).isoformat(timespec="milliseconds")


def unparse(tokens: Iterable[ScopedToken], parts: Mapping[str, Any] | None = None) -> str:
    """The text of the file. What it has besides the tokens is kept, so that a later version finds it again."""
    content = {"version": VERSION, "tokens": [asdict(token) for token in tokens], **(parts or {})}
    return json.dumps(content, indent=1) + "\n"


def other_parts(text: str) -> dict[str, Any]:
    """What the text of the file has besides the tokens."""
    return {name: part for name, part in json.loads(text).items() if name not in ("version", "tokens")}


def parse(text: str) -> list[ScopedToken]:
    """The tokens in the text of the file. Raises ValueError, TypeError or KeyError for what we did not write."""
    content: Any = json.loads(text)
    if not isinstance(content, dict) or content.get("version") != VERSION:
        raise ValueError(f"not of version {VERSION}")
    tokens = [ScopedToken(**entry) for entry in content["tokens"]]
    for token in tokens:
        if not all(isinstance(getattr(token, kept.name), str) for kept in fields(token)):
            raise ValueError(f"token {token.id!r} has a value that is not text")
        for time in filter(None, (token.created, token.expires, token.revoked)):
            if datetime.fromisoformat(time).tzinfo is None:
                raise ValueError(f"token {token.id!r} has a time without a zone")
        if token.tier not in TIERS or len(token.digest) != len(NOBODY) or not token.expires:
            raise ValueError(f"token {token.id!r} is incomplete")
    if len({token.id for token in tokens}) != len(tokens):
        raise ValueError("two tokens have one id")
    return tokens
