"""The flow's rules: what a request to authorize must have, what a code is good for. Pure, but for the codes' memory."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ...contract import same
from ...store.tokens import digest_of
from .clients import Client, Invalid
from .origin import same_resource
from .redirects import matching

CODE_LASTS = 60.0
USED_REMEMBERED = 600.0
"""Seconds for which a used code is remembered, so that who uses it again ends what came of it."""
MOST_CODES = 200
LONGEST_STATE = 2000

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


@dataclass(frozen=True)
class Asked:
    """A request to authorize that may be shown to a person."""

    client: Client
    redirect: str
    challenge: str
    scope: str
    state: str
    resource: str


def redirect_of(client: Client, parameters: Mapping[str, str]) -> str:
    """Where the answer goes. Raises Invalid, which is then told to the person and to nobody else."""
    redirect = parameters.get("redirect_uri", "")
    if not redirect and len(client.redirects) == 1:
        redirect = client.redirects[0]
    if matching(redirect, client.redirects) is None:
        raise Invalid("invalid_request", "The client asks for an answer at an address that it has not registered.")
    return redirect


def checked(client: Client, redirect: str, parameters: Mapping[str, str], endpoint: str) -> Asked:
    """What a client asks for. Raises Invalid, which goes to where its answers go."""
    if parameters.get("response_type") != "code":
        raise Invalid("unsupported_response_type", "Only response_type=code is known here.")
    if parameters.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(
        parameters.get("code_challenge", "")
    ):
        raise Invalid("invalid_request", "PKCE with code_challenge_method=S256 is needed.")
    resource = parameters.get("resource", endpoint)
    if not same_resource(resource, endpoint):
        raise Invalid("invalid_target", f"Signing in is for {endpoint} and nothing else: give the client that URL.")
    state = parameters.get("state", "")
    if len(state) > LONGEST_STATE:
        raise Invalid("invalid_request", f"A state has at most {LONGEST_STATE} characters.")
    return Asked(client, redirect, parameters["code_challenge"], parameters.get("scope", ""), state, endpoint)


@dataclass(frozen=True)
class Grant:
    """What a person has allowed."""

    client: str
    name: str
    redirect: str
    challenge: str
    resource: str
    tier: str
    days: float
    maker: str


@dataclass
class _Kept:
    grant: Grant
    made: float
    used: bool = False
    signin: str = ""
    replayed: bool = False


@dataclass
class Codes:
    """The codes that were given and not yet forgotten, by their hashes. Only who is logged in makes one."""

    clock: Callable[[], float] = time.monotonic
    _kept: dict[str, _Kept] = field(default_factory=dict)

    def give(self, grant: Grant) -> str:
        """A code for what was allowed."""
        self._forget()
        code = secrets.token_urlsafe(32)
        self._kept[digest_of(code)] = _Kept(grant, self.clock())
        return code

    def take(self, code: str, parameters: Mapping[str, str], endpoint: str) -> Grant:
        """What a code is good for; after that it is good no more. Raises Invalid; Replayed where it was used."""
        self._forget()
        kept = self._kept.get(digest_of(code))
        if kept is None:
            raise _bad("This code is not known here; it lasts for a minute.")
        if kept.used:
            kept.replayed = True
            raise Replayed(kept.signin)
        kept.used = True
        grant = kept.grant
        if self.clock() - kept.made > CODE_LASTS:
            raise _bad("This code has expired.")
        if not same(parameters.get("client_id", ""), grant.client):
            raise _bad("This code was given to another client.")
        if parameters.get("redirect_uri", grant.redirect) != grant.redirect:
            raise _bad("This code was sent to another address.")
        if not same_resource(parameters.get("resource", endpoint), grant.resource):
            raise Invalid("invalid_target", "This code is for another resource.")
        verifier = parameters.get("code_verifier", "")
        if not _VERIFIER.fullmatch(verifier) or not same(challenge_of(verifier), grant.challenge):
            raise _bad("The code_verifier does not fit.")
        return grant

    def became(self, code: str, signin: str) -> bool:
        """Remember what came of a code; False where it was used again meanwhile, so that nothing may come of it."""
        kept = self._kept.get(digest_of(code))
        if kept is None or kept.replayed:
            return False
        kept.signin = signin
        return True

    def _forget(self) -> None:
        limit = self.clock() - USED_REMEMBERED
        for digest in [digest for digest, kept in self._kept.items() if kept.made < limit]:
            del self._kept[digest]
        for digest in list(self._kept)[: -MOST_CODES + 1]:
            del self._kept[digest]


class Replayed(Invalid):
    """A code that was used before, and the sign-in that came of it."""

    def __init__(self, signin: str) -> None:
        super().__init__("invalid_grant", "This code was used before; what came of it has ended.")
        self.signin = signin


def challenge_of(verifier: str) -> str:
    """PKCE's S256 (RFC 7636)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).decode().rstrip("=")


def _bad(description: str) -> Invalid:
    return Invalid("invalid_grant", description)
