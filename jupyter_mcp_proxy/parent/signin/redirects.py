"""Where a client may have a code sent to. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import SplitResult, urlencode, urlsplit, urlunsplit

from ...contract import is_loopback
from .origin import normal

LONGEST = 500
_NETLOC = re.compile(r"[A-Za-z0-9.-]+(?::\d+)?|\[[0-9A-Fa-f:.]+\](?::\d+)?")
"""A host with nothing in it that would mean something else in a header of ours."""


def checked(redirect: object, hosts: Collection[str]) -> str:
    """A redirect that a client may register: on loopback, at a host by https, or a scheme of a program's own.

    Raises ValueError with the reason.
    """
    if not isinstance(redirect, str) or not redirect or len(redirect) > LONGEST:
        raise ValueError(f"a redirect is a URL of at most {LONGEST} characters")
    if not has_characters_of_urls(redirect):
        raise ValueError(f"{redirect!r} has characters that no URL has")
    parts = urlsplit(redirect)  # it raises ValueError for a host or port that can be none
    _ = parts.port
    if parts.fragment or "#" in redirect or parts.username is not None or parts.password is not None:
        raise ValueError(f"{redirect} has a fragment or a name to log in with")
    if parts.scheme in ("http", "https"):
        if not parts.hostname or not _NETLOC.fullmatch(parts.netloc):
            raise ValueError(f"{redirect} has no host that is one")
        if is_loopback(parts.hostname):
            return redirect
        if parts.scheme == "https" and (begins_with_one(redirect, hosts) or _is_at(parts, hosts)):
            return redirect
        raise ValueError(
            f"{parts.scheme}://{parts.netloc} is not where a sign-in is handed to here: programs on the person's own "
            "machine (http://127.0.0.1, http://localhost), and what `MCPProxy.signin_hosts` names"
        )
    if parts.query:  # it would tell the program more than the answer
        raise ValueError(f"{redirect} has a query")
    if parts.scheme and (f"{parts.scheme}:" in hosts or begins_with_one(redirect, hosts)):
        return redirect
    raise ValueError(f"the scheme {parts.scheme}: is not in `MCPProxy.signin_hosts`")


def has_characters_of_urls(text: str) -> bool:
    """Whether a text has only characters that a URL has: `urlsplit` strips some others without a word."""
    return text.isascii() and text.isprintable() and not set(text) & set(" \\\"'<>`{}|^")


def begins_with_one(redirect: str, hosts: Collection[str]) -> bool:
    """Whether a setting has the beginning of a redirect: up to a slash, or the whole."""
    for each in (each for each in hosts if "://" in each):
        if redirect == each or redirect.startswith(each if each.endswith("/") else f"{each}/"):
            return ".." not in redirect and "%" not in redirect
    return False


def _is_at(parts: SplitResult, hosts: Collection[str]) -> bool:
    names = {each.lower() for each in hosts if "://" not in each}
    return parts.port in (None, 443) and ("*" in names or (parts.hostname or "") in names)


def host_is_among(host: str, hosts: Collection[str]) -> bool:
    """Whether a setting has a host, by its name, in a URL, or by `*`."""
    names = {(urlsplit(each).hostname or "") if "://" in each else each.lower() for each in hosts}
    return "*" in names or host.lower() in names


def matching(redirect: str, registered: Collection[str]) -> str | None:
    """The registered redirect that a request's is: the very same, or one on loopback but for its port (RFC 8252)."""
    if redirect in registered:
        return redirect
    if not has_characters_of_urls(redirect):
        return None
    try:
        asked = _without_port(urlsplit(redirect))
        return next((each for each in registered if asked is not None and asked == _without_port(urlsplit(each))), None)
    except ValueError:
        return None


def _without_port(parts: SplitResult) -> str | None:
    """A redirect on loopback but for its port; None for any other."""
    if parts.scheme != "http" or not parts.hostname or not is_loopback(parts.hostname):
        return None
    if not _NETLOC.fullmatch(parts.netloc) or parts.fragment:
        return None
    _ = parts.port
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return urlunsplit((parts.scheme, host, parts.path, parts.query, ""))


def with_parameters(redirect: str, **parameters: str) -> str:
    """A redirect with more parameters; what it has stays."""
    parts = urlsplit(redirect)
    query = "&".join(filter(None, (parts.query, urlencode({k: v for k, v in parameters.items() if v}))))
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


def origin(redirect: str) -> str:
    """The origin of a redirect, as `origin.normal` spells one; empty for a program's own scheme."""
    parts = urlsplit(redirect)
    return normal(parts.scheme, parts.netloc) if parts.scheme in ("http", "https") else ""


def stays_open(redirect: str) -> bool:
    """Whether a program of the person's machine takes the code, so that our page is the last that they see."""
    parts = urlsplit(redirect)
    return parts.scheme not in ("http", "https") or is_loopback(parts.hostname or "")


def shown_host(redirect: str) -> str:
    """Who takes the code, in words."""
    parts = urlsplit(redirect)
    if parts.scheme not in ("http", "https"):
        return f"the program for {parts.scheme}://{parts.netloc} on your computer"
    if is_loopback(parts.hostname or ""):
        return f"a program on your computer ({parts.netloc})"
    return parts.netloc


def form_action(redirect: str) -> str:
    """What a browser must be let go to after the form: Chromium holds `form-action` against redirects too."""
    parts = urlsplit(redirect)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else f"{parts.scheme}:"
