"""What can go wrong with scoped tokens and sign-ins: a part of the tree of `errors.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ..contract import COMMAND
from ..errors import TILE, Ambiguous, ProxyError


class AmbiguousToken(Ambiguous):
    """A name that tokens of several servers have."""

    def __init__(self, name: str, matches: Sequence[str]) -> None:
        self.name, self.matches = name, list(matches)
        ProxyError.__init__(self, f"Several tokens are named {name!r}: {', '.join(matches)}. Give the id of one.")


class TokenRefused(ProxyError):
    """A scoped token that does not open this endpoint. Only who has the whole token learns more than that."""

    NEW = (
        f"Make a new one with {TILE}, or on the server's machine with `{COMMAND} token new`, and give it to the client."
    )
    SENTENCES: ClassVar = {
        "unknown": "This server does not know this token: it is mistyped, cut off, or made for another server.",
        "expired": "This token has expired.",
        "revoked": "This token was revoked.",
        "elsewhere": "This token was made for another server (another root folder or base URL).",
        "reused": "This token was used before, so the sign-in that it came from was ended.",
        "off": "Signing in is switched off on this server (`MCPProxy.signin`): what a sign-in gave is good no more.",
        "unreadable": "This server cannot read its list of tokens, so it accepts none of them; its log says why.",
    }

    def __init__(self, reason: str) -> None:
        self.reason = reason
        cure = (
            f"Only a person can repair that, on the server's machine; `{COMMAND} token list` says what is wrong."
            if reason == "unreadable"
            else f"{self.NEW} Retrying with this one will not help."
        )
        super().__init__(f"{self.SENTENCES[reason]} {cure}")


class TokensUnreadable(ProxyError):
    """The file of scoped tokens is damaged, or cannot be read or written. It is left as it is."""

    def __init__(self, file: object, reason: str, *, damaged: bool = False) -> None:
        self.file, self.reason, self.damaged = file, reason, damaged
        text = f"{file}, the file of the scoped tokens, cannot be used: {reason}."
        if damaged:
            text += (
                " Nothing was written to it, and no scoped token is accepted. Repair it, or move it away: "
                "then there are no tokens, and new ones can be made."
            )
        else:
            text += " Nothing was changed: mend that (free the disk, or let this user write it) and do it again."
        super().__init__(text)


class SigninsUnreadable(TokensUnreadable):
    """The sign-ins in the file are damaged; the tokens beside them are not."""

    def __init__(self, file: object, reason: str) -> None:
        super().__init__(file, reason, damaged=True)
        self.args = (
            f"The sign-ins in {file} cannot be used: {reason}. No sign-in is accepted, and none can be made; "
            "the tokens that people made hold. Repair that part of the file (`signins`), or take it out.",
        )


class NameTaken(ProxyError):
    """A new scoped token that would have the name of one that still works."""

    def __init__(self, name: str, token_id: str) -> None:
        self.name, self.id = name, token_id
        super().__init__(
            f"There is a token named {name!r} already ({token_id}). Choose another name, or revoke that one first."
        )
