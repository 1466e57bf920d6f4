"""What admitting a call costs: every call of who has signed in passes here."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_mcp_proxy.config import MCPProxy
from jupyter_mcp_proxy.parent.signin.desk import Desk
from jupyter_mcp_proxy.store.tokens import Place, TokenStore

pytestmark = pytest.mark.anyio


class Counting:
    """Settings that count how often each is read."""

    def __init__(self) -> None:
        self.config = MCPProxy()
        self.reads: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        self.reads[name] += 1
        return getattr(self.config, name)


async def test_a_call_reads_each_setting_once_and_is_admitted_with_what_was_made_once(tmp_path: Path) -> None:
    place = Place.of(str(tmp_path), "/")
    settings: Any = Counting()
    server: Any = SimpleNamespace(identity_provider=SimpleNamespace(auth_enabled=True))
    desk = Desk(server, settings, TokenStore(tmp_path / "own" / "tokens.json"), place)
    tokens = desk.signins.begin(place, "Claude", "run", 1, "ann", "client", 3600)
    desk.signins.note_use(tokens.signin)  # so that the calls write nothing
    first = desk.admit(tokens.access)
    settings.reads.clear()
    assert desk.admit(tokens.access) is first
    assert settings.reads
    assert set(settings.reads.values()) == {1}


async def test_what_is_on_offer_now_narrows_what_was_allowed(tmp_path: Path) -> None:
    place, config = Place.of(str(tmp_path), "/"), MCPProxy()
    server: Any = SimpleNamespace(identity_provider=SimpleNamespace(auth_enabled=True))
    desk = Desk(server, config, TokenStore(tmp_path / "own" / "tokens.json"), place)
    tokens = desk.signins.begin(place, "Claude", "run", 1, "ann", "client", 3600)
    desk.signins.note_use(tokens.signin)
    for tier in ("run", "edit", "run"):
        config.tier = tier
        assert desk.admit(tokens.access).tier == tier
