"""A session's id says what it was opened with, to nobody but the process that has its secret."""

from __future__ import annotations

import pytest

from jupyter_mcp_proxy.sidecar.session_ids import LONGEST, sealed, unsealed

CLIENT = {"name": "é", "version": "1"}
HELLO = {"protocolVersion": "2025-06-18", "capabilities": {"elicitation": {}}, "clientInfo": CLIENT}


def seal(secret: str = "secret", caller: str = "me") -> str:
    id = sealed(secret, caller, HELLO)
    assert id is not None
    return id


def test_what_was_sealed_is_there_again_and_two_ids_differ() -> None:
    assert unsealed("secret", "me", seal()) == HELLO
    assert seal() != seal()
    assert seal().isascii()
    assert seal().isprintable()


def test_it_opens_nothing_for_another_caller_or_server() -> None:
    assert unsealed("secret", "somebody else", seal()) is None
    assert unsealed("another", "me", seal()) is None


@pytest.mark.parametrize("id", ["", ".", "none", "a.b", "é.ü", "b5f1f6b5c3d94b0a8f0f6f3d3a1f6f7e"])
def test_what_we_have_not_made_opens_nothing(id: str) -> None:
    assert unsealed("secret", "me", id) is None


@pytest.mark.parametrize("place", [0, 20, -1])
def test_one_character_changed_opens_nothing(place: int) -> None:
    id = seal()
    changed = "A" if id[place] != "A" else "B"
    assert unsealed("secret", "me", id[:place] + changed + id[place % len(id) + 1 :]) is None


def test_parameters_that_no_header_could_hold_are_not_sealed() -> None:
    assert sealed("secret", "me", {"capabilities": {"x": "y" * LONGEST}}) is None
