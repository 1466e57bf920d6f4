"""What we keep is for its owner alone, whatever the umask is and whoever has made the folder before."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_mcp_proxy.documents.unsaved import Unsaved
from jupyter_mcp_proxy.store.audit import Audit
from jupyter_mcp_proxy.store.private import private_folder
from jupyter_mcp_proxy.store.snapshots import Snapshots, folder_of_all
from jupyter_mcp_proxy.store.token_errors import TokensUnreadable
from jupyter_mcp_proxy.store.tokens import Place, TokenStore

HERE = Place("/home/me", "/")


@pytest.fixture(params=[0o000, 0o002, 0o022, 0o277])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}


def test_all_that_is_kept_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    asyncio.run(Snapshots(folder_of_all(tmp_path), "/home/me").take("a.ipynb", {"cells": []}))
    TokenStore(tmp_path / "mcp-proxy" / "tokens.json").create(HERE, "agent")
    Audit(tmp_path / "mcp-proxy" / "audit.jsonl").write({"tool": "x"})
    unsaved = Unsaved(tmp_path / "mcp-proxy" / "snapshots" / "other")
    assert unsaved.claim()
    unsaved.release()
    found = modes(tmp_path)
    assert {mode for name, mode in found.items() if (tmp_path / name).is_dir()} == {0o700}, found
    assert {mode & 0o177 for name, mode in found.items() if (tmp_path / name).is_file()} == {0}, found
    assert len(found) >= 9


def test_a_folder_of_ours_that_others_could_enter_is_closed_and_no_other(tmp_path: Path) -> None:
    """One above ours may have our name too."""
    above = tmp_path / "mcp-proxy" / "data"
    folder = above / "mcp-proxy" / "snapshots" / "a.ipynb-1"
    folder.mkdir(parents=True)
    for each in (above, *folder.parents[:2], folder):
        each.chmod(0o777)
    private_folder(folder)
    assert modes(above) == {"mcp-proxy": 0o700, "mcp-proxy/snapshots": 0o700, "mcp-proxy/snapshots/a.ipynb-1": 0o700}
    assert stat.S_IMODE(above.stat().st_mode) == 0o777


@pytest.mark.parametrize("mode", [0o666, 0o606, 0o620, 0o602])
def test_a_token_file_that_others_may_write_is_refused_with_the_cure(
    tmp_path: Path, mode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They could have put a token of their own into it."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    store = TokenStore(tmp_path / "mcp-proxy" / "tokens.json")
    secret, token = store.create(HERE, "agent")
    store.file.chmod(mode)
    for attempt in (lambda: store.admit(secret, HERE), lambda: store.create(HERE, "two"), store.shown):
        with pytest.raises(TokensUnreadable, match="chmod 600"):
            attempt()
    store.file.chmod(0o600)
    assert store.admit(secret, HERE) == token


def test_in_a_pod_the_group_is_the_volumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes makes what is on a volume writable for its group at each start of the pod."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    store = TokenStore(tmp_path / "mcp-proxy" / "tokens.json")
    secret, token = store.create(HERE, "agent")
    store.file.chmod(0o660)
    assert store.admit(secret, HERE) == token
    store.file.chmod(0o662)
    with pytest.raises(TokensUnreadable):
        store.admit(secret, HERE)
