"""What shall be done to a file, for every format alike. Pure."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class NotEditable(Exception):
    """A file that is left alone, since it is not understood well enough; the text says what about it."""


@dataclass(frozen=True)
class Entry:
    """A server's entry: where it is in a file, by the keys that lead there, and what it is (None: it is not there)."""

    keys: tuple[str, ...]
    name: str
    value: Any
    listed: bool = False
    """Whether the servers are a list of objects with a `name`, and not an object by names."""

    def put_into(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """What a file with this content holds afterwards. Raises NotEditable."""
        made: dict[str, Any] = copy.deepcopy(dict(content))
        parent: Any = made
        for key in self.keys[:-1]:
            parent = parent.setdefault(key, {}) if self.value is not None else parent.get(key, {})
            if not isinstance(parent, dict):
                raise NotEditable(f"{key!r} in it is no object")
        last = self.keys[-1]
        servers: Any = parent.get(last)
        if servers is None:
            if self.value is None:
                return made
            nothing: Any = [] if self.listed else {}
            servers = nothing
        if type(servers) is not (list if self.listed else dict):
            raise NotEditable(f"{last!r} in it is not what holds the servers")
        parent[last] = servers
        if self.listed:
            at = next((index for index, each in enumerate(servers) if self.is_named(each)), len(servers))
            parent[last] = [each for each in servers if not self.is_named(each)]
            if self.value is not None:
                parent[last].insert(at, self.value)
        elif self.value is not None:
            parent[last][self.name] = self.value
        else:
            parent[last].pop(self.name, None)
        return made

    def found_in(self, content: Mapping[str, Any]) -> Any:
        """The entry that a file has under the name; None for none."""
        servers: Any = content
        for key in self.keys:
            servers = servers.get(key) if isinstance(servers, Mapping) else None
        if self.listed:
            return next((each for each in servers or () if self.is_named(each)), None)
        return servers.get(self.name) if isinstance(servers, Mapping) else None

    def is_named(self, listed: Any) -> bool:
        """Whether one of a list is the entry."""
        return isinstance(listed, Mapping) and listed.get("name") == self.name


def changed(
    text: str, entry: Entry, read: Callable[[str], Mapping[str, Any]], edit: Callable[[str, Entry], str]
) -> str:
    """A file's text with the entry as it shall be. Raises NotEditable."""
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    text = text.removeprefix(mark)
    before = read(text)
    wanted = entry.put_into(before)
    if _same(entry.found_in(before), entry.value):
        return mark + text
    after = edit(text, entry)
    try:
        made = read(after)
    except NotEditable as error:  # what is wrong with it is our doing
        raise NotEditable("it is written in a way that an entry cannot be added to") from error
    if not _same(_filled(made, entry.keys), _filled(wanted, entry.keys)):
        raise NotEditable("it is written in a way that is not understood")
    return mark + after


def _same(left: Any, right: Any) -> bool:
    """Whether two contents are one; True is not 1."""
    return bool(left == right and repr(left) == repr(right))


def _filled(content: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """A content in which nothing is held by what holds the servers, whether that is there and empty or not there."""
    made = copy.deepcopy(dict(content))
    if len(keys) > 1:
        inner = made.get(keys[0])
        if inner is None or isinstance(inner, Mapping):
            made[keys[0]] = _filled(inner or {}, keys[1:])
    elif not made.get(keys[0]):
        made.pop(keys[0], None)
    # The order of the keys is the text's; a parser's is not compared.
    return _sorted(made)  # type: ignore[no-any-return]


def _sorted(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {key: _sorted(content[key]) for key in sorted(content, key=str)}
    return [_sorted(each) for each in content] if isinstance(content, list) else content


def newline_of(text: str) -> str:
    """The line end that a text has."""
    return "\r\n" if "\r\n" in text else "\n"
