"""Sign-ins: what a person has allowed a client by signing in; each has an access token and a refresh token at a time.

Kept in the file of scoped tokens, as a part that version 1 of it did not have: an older version of this package goes on
with its tokens, and only forgets the sign-ins when it writes. One entry a sign-in, however often its tokens change.
Of every token a hash is kept, as for a scoped one.

An access token is `jmp_<id>_<secret>`, the id beginning with `s`. A refresh token is `jmr_<id>_<family>.<secret>`: the
family stays and the secret changes with each use, so that one used before is known for what it is without being kept.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from ..contract import TIERS, same
from .token_errors import AmbiguousToken, SigninsUnreadable, TokenRefused, TokensUnreadable
from .tokens import NOBODY, PREFIX, REMEMBERED, GoodAtOneServer, Place, ScopedToken, TokenStore, digest_of, stamp

REFRESH_PREFIX = "jmr_"
PART = "signins"
KEY_PART = "registration_key"
MOST = 50
"""Sign-ins of one server that hold at a time; of more, the one longest unused ends."""
MOST_ACCESSES = 4
"""Access tokens of one sign-in that hold at a time: programs that share its refresh token have older ones."""
CLOCKS = timedelta(days=1)
"""How far ahead of now a sign-in may have been made: clocks of machines that share a home differ."""
USED_AFTER = timedelta(minutes=5)
"""How much later a use must be than the one that is noted, to be noted: the file is not written for each call."""


@dataclass(frozen=True)
class Access:
    """An access token without its secret."""

    digest: str = field(repr=False)
    expires: str


@dataclass(frozen=True)
class SignIn(GoodAtOneServer):
    """What a person has allowed a client. Times are ISO 8601 in UTC."""

    id: str
    name: str
    """The client's, as it calls itself."""
    tier: str
    created: str
    expires: str
    root_dir: str
    base_url: str
    maker: str
    """Who signed in, as Jupyter names them."""
    client: str = field(repr=False)
    """A hash of the client's id."""
    family: str = field(repr=False)
    refresh: str = field(repr=False)
    accesses: tuple[Access, ...] = ()
    used: str = ""
    revoked: str = ""

    def state(self, now: datetime) -> str:
        """`active`, `expired` or `revoked`. Made under a clock that was far ahead, it would hold for years."""
        state = super().state(now)
        ahead = now < datetime.fromisoformat(self.created) - CLOCKS
        return "expired" if state == "active" and ahead else state

    @property
    def last_seen(self) -> datetime:
        """When it was made or last used."""
        return datetime.fromisoformat(self.used or self.created)

    @property
    def days(self) -> float:
        """For how many days it was allowed."""
        lasts = datetime.fromisoformat(self.expires) - datetime.fromisoformat(self.created)
        return round(lasts / timedelta(days=1), 6)

    @property
    def label(self) -> str:
        """How lists and the audit name it; a login that is one token for everybody has no name."""
        return f"{self.name}, signed in" + (f" by {self.maker}" if self.maker != "anonymous" else "")

    @cached_property
    def token(self) -> ScopedToken:
        """What a request is admitted with; it ends with the sign-in and not with an access token, so that no call ends
        in the middle. Made once: a sign-in is read once and admits many calls."""
        return ScopedToken(
            self.id, self.label, self.tier, self.created, self.expires, self.root_dir, self.base_url,
            self.family, self.revoked, self.maker,
        )  # fmt: skip

    def described(self, now: datetime) -> dict[str, str]:
        """What a person may see of it."""
        return self.token.described(now) | {"name": self.name, "kind": "signin", "used": self.used}


@dataclass(frozen=True)
class Tokens:
    """What a client is given, which is kept nowhere."""

    access: str
    refresh: str
    lasts: float
    """Seconds of the access token."""
    signin: SignIn


def is_of_a_signin(presented: str) -> bool:
    """Whether an access token has the form of those that a sign-in gives."""
    return presented.startswith(PREFIX + "s")


class SignIns:
    """The sign-ins in the file of tokens. Each of its methods may raise TokensUnreadable; it then changed nothing."""

    def __init__(self, store: TokenStore) -> None:
        self.store = store
        self.now = store.now
        self._parsed: tuple[Any, tuple[SignIn, ...]] = (None, ())

    # -- what there is --------------------------------------------------------------------------------

    def read(self) -> list[SignIn]:
        """Every sign-in that is remembered."""
        part = self.store.part(PART)
        known, signins = self._parsed
        if part is not known:
            signins = tuple(self._from(part))
            self._parsed = part, signins
        return list(signins)

    def shown(self, place: Place | None = None) -> list[SignIn]:
        """The sign-ins of one server or of all, without those that were revoked; the oldest first."""
        return [signin for signin in self.read() if not signin.revoked and place in (None, signin.place)]

    def admit(self, presented: str, place: Place) -> SignIn:
        """The sign-in whose access token was presented, if it is good at a server now. Raises TokenRefused."""
        signin_id, _, secret = presented.removeprefix(PREFIX).partition("_")
        found = next((signin for signin in self.read() if signin.id == signin_id), None)
        digest, now = digest_of(secret), self.now()
        held = [access for access in (found.accesses if found else ()) if same(access.digest, digest)]
        if found is None or not held:
            same(digest, NOBODY)
            raise TokenRefused("unknown")
        if found.state(now) != "active":
            raise TokenRefused(found.state(now))
        if found.place != place:
            raise TokenRefused("elsewhere")
        if datetime.fromisoformat(held[0].expires) <= now:
            raise TokenRefused("expired")
        return found

    def last_of(self, name: str, maker: str, place: Place) -> SignIn | None:
        """What a person allowed a client of that name last, whether it still holds or not."""
        sought = (name, maker, place)
        named = [signin for signin in self.read() if (signin.name, signin.maker, signin.place) == sought]
        return max(named, key=lambda signin: signin.created, default=None)

    def has_ended(self, signin_id: str) -> bool:
        """Whether a sign-in that was good is so no more; while the file is unreadable none is."""
        try:
            signins = self.read()
        except TokensUnreadable:
            return False
        return not any(kept.id == signin_id and kept.state(self.now()) == "active" for kept in signins)

    # -- what changes it ------------------------------------------------------------------------------

    def begin(
        self, place: Place, name: str, tier: str, days: float, maker: str, client: str, access_lasts: float
    ) -> Tokens:
        """A new sign-in and its first tokens."""
        now = self.now()
        with self._changing() as signins:
            signin_id = _fresh_id(signins)
            family = secrets.token_urlsafe(32)
            signin = SignIn(
                id=signin_id, name=name, tier=tier, created=stamp(now), expires=stamp(now + timedelta(days=days)),
                root_dir=place.root_dir, base_url=place.base_url, maker=maker, client=digest_of(client),
                family=digest_of(family), refresh="",
            )  # fmt: skip
            tokens = _issued(signin, family, now, access_lasts)
            signins.append(tokens.signin)
        return tokens

    def refreshed(self, presented: str, place: Place, client: str, access_lasts: float) -> Tokens:
        """New tokens for a refresh token, which is good no more. Raises TokenRefused.

        One that was used before ends the sign-in: somebody else has it, or had it first.
        """
        now, refused, tokens = self.now(), "", None
        signin_id, family, secret = _parts_of(presented)
        # Anybody may ask: what is not ours locks and writes nothing.
        if self.of_token(presented) is None:
            raise TokenRefused("unknown")
        with self._changing() as signins:
            found = next((signin for signin in signins if signin.id == signin_id), None)
            if found is None or not same(found.family, digest_of(family)):
                refused = "unknown"
            elif found.state(now) != "active":
                refused = found.state(now)
            elif found.place != place or not same(found.client, digest_of(client)):
                refused = "elsewhere"
            elif not same(found.refresh, digest_of(secret)):
                signins[signins.index(found)] = replace(found, revoked=stamp(now))
                refused = "reused"
            else:
                tokens = _issued(found, family, now, access_lasts)
                signins[signins.index(found)] = tokens.signin
        if tokens is None:
            raise TokenRefused(refused)
        return tokens

    def revoke(self, signin_id: str) -> SignIn | None:
        """End a sign-in with all its tokens; None where there is none to end."""
        ended = None
        with self._changing() as signins:
            for index, signin in enumerate(signins):
                if signin.id == signin_id and not signin.revoked:
                    ended = signins[index] = replace(signin, revoked=stamp(self.now()))
        return ended

    def end(self, name_or_id: str) -> SignIn | None:
        """End a sign-in by its id, or by its name where one has it; None where none is meant. Raises AmbiguousToken."""
        here = [signin for signin in self.read() if signin.state(self.now()) == "active"]
        matches = [signin for signin in here if signin.id == name_or_id]
        matches = matches or [signin for signin in here if signin.name == name_or_id]
        if len(matches) > 1:
            raise AmbiguousToken(name_or_id, [signin.id for signin in matches])
        return self.revoke(matches[0].id) if matches else None

    def of_token(self, presented: str) -> SignIn | None:
        """The sign-in that an access or refresh token belongs to, whether it still holds or not."""
        if presented.startswith(REFRESH_PREFIX):
            signin_id, family, _ = _parts_of(presented)
            return next((s for s in self.read() if s.id == signin_id and same(s.family, digest_of(family))), None)
        signin_id, _, secret = presented.removeprefix(PREFIX).partition("_")
        digest = digest_of(secret)
        return next(
            (s for s in self.read() if s.id == signin_id and any(same(a.digest, digest) for a in s.accesses)), None
        )

    def note_use(self, signin: SignIn) -> None:
        """Remember that a sign-in was used now."""
        with self._changing() as signins:
            for index, kept in enumerate(signins):
                if kept.id == signin.id:
                    signins[index] = replace(kept, used=stamp(self.now()))

    def registration_key(self) -> str:
        """The key that registrations are signed with; made at the first."""
        key = self.store.part(KEY_PART)
        if isinstance(key, str) and key:
            return key
        with self.store.changing_parts() as parts:
            key = parts.get(KEY_PART) or secrets.token_urlsafe(48)
            parts[KEY_PART] = key
        return str(key)

    @contextmanager
    def _changing(self) -> Iterator[list[SignIn]]:
        with self.store.changing_parts() as parts:
            signins = self._from(parts.get(PART))
            yield signins
            parts[PART] = [asdict(signin) for signin in _kept(signins, self.now())]

    def _from(self, part: Any) -> list[SignIn]:
        try:
            return parsed(part)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise SigninsUnreadable(self.store.file, f"they are damaged ({error})") from error


def parsed(part: Any) -> list[SignIn]:
    """The sign-ins in a part of the file. Raises one of Python's errors of values for what is not ours."""
    names = {kept.name for kept in fields(SignIn)}
    signins = []
    for entry in part or []:
        accesses = tuple(Access(each["digest"], each["expires"]) for each in entry["accesses"])
        # What a later version may add is left out.
        signin = SignIn(**{name: value for name, value in entry.items() if name in names} | {"accesses": accesses})
        if not all(isinstance(getattr(signin, name), str) for name in names - {"accesses"}):
            raise ValueError(f"sign-in {signin.id!r} has a value that is not text")
        times = (signin.created, signin.expires, signin.used, signin.revoked, *(access.expires for access in accesses))
        if any(datetime.fromisoformat(time).tzinfo is None for time in times if time):
            raise ValueError(f"sign-in {signin.id!r} has a time without a zone")
        if signin.tier not in TIERS or not signin.expires or not signin.family or not signin.refresh:
            raise ValueError(f"sign-in {signin.id!r} is incomplete")
        signins.append(signin)
    return signins


def _issued(signin: SignIn, family: str, now: datetime, lasts: float) -> Tokens:
    """The next tokens of a sign-in; no access token outlives it."""
    access, refresh = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    ends = min(now + timedelta(seconds=lasts), datetime.fromisoformat(signin.expires))
    held = [each for each in signin.accesses if datetime.fromisoformat(each.expires) > now]
    changed = replace(
        signin,
        refresh=digest_of(refresh),
        accesses=(*held[1 - MOST_ACCESSES :], Access(digest_of(access), stamp(ends))),
    )
    return Tokens(
        f"{PREFIX}{signin.id}_{access}",
        f"{REFRESH_PREFIX}{signin.id}_{family}.{refresh}",
        (ends - now).total_seconds(),
        changed,
    )


def _parts_of(presented: str) -> tuple[str, str, str]:
    """Id, family and secret of a refresh token."""
    signin_id, _, rest = presented.removeprefix(REFRESH_PREFIX).partition("_")
    family, _, secret = rest.partition(".")
    return signin_id, family, secret


def _kept(signins: Iterable[SignIn], now: datetime) -> list[SignIn]:
    """What is written: all that holds, up to `MOST` a server, and what has ended of late."""
    kept = [signin for signin in signins if datetime.fromisoformat(signin.revoked or signin.expires) > now - REMEMBERED]
    for place in {signin.place for signin in kept}:
        here = sorted((signin for signin in kept if signin.place == place), key=lambda signin: signin.last_seen)
        active = [signin for signin in here if signin.state(now) == "active"]
        for signin in active[:-MOST]:
            kept[kept.index(signin)] = replace(signin, revoked=stamp(now))
        ended = [signin for signin in kept if signin.place == place and signin.state(now) != "active"]
        for signin in sorted(ended, key=lambda signin: signin.last_seen)[:-MOST]:
            kept.remove(signin)
    return kept


def _fresh_id(signins: Iterable[SignIn]) -> str:
    taken = {signin.id for signin in signins}
    while (made := f"s{secrets.token_hex(4)}") in taken:
        pass
    return made
