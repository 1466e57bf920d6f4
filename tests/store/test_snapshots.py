"""Snapshots are whole files, whoever takes them at the same moment."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from jupyter_mcp_proxy.store.replacing import replacing
from jupyter_mcp_proxy.store.snapshots import KEPT, Snapshots, stored


def test_snapshots_that_are_taken_at_the_same_moment_are_all_kept(tmp_path: Path) -> None:
    together = Barrier(KEPT)
    snapshots = Snapshots(tmp_path / "mcp-proxy" / "snapshots", "root")

    def take(number: int) -> Path:
        together.wait()
        return snapshots._write("a.ipynb", {"cells": [number], "metadata": {}})

    with ThreadPoolExecutor(KEPT) as threads:
        taken = list(threads.map(take, range(KEPT)))
    assert [json.loads(file.read_text())["cells"] for file in taken] == [[number] for number in range(KEPT)]
    folder = snapshots.folder("a.ipynb")
    assert sorted(folder.iterdir()) == sorted([*taken, folder / "of.json"])
    assert {snapshot.notebook for snapshot in stored(tmp_path)} == {"a.ipynb"}


def test_a_file_that_cannot_be_written_whole_is_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "of.json"
    file.write_text("before")
    with pytest.raises(OSError), replacing(file) as new:
        new.write("half of it")
        raise OSError("the disk is full")
    assert [each.name for each in tmp_path.iterdir()] == ["of.json"]
    assert file.read_text() == "before"


def test_a_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    with replacing(tmp_path / "of.json", durable=True) as new:
        new.write("half a pair: \ud83d")
    assert (tmp_path / "of.json").read_text() == "half a pair: ?"
    assert (tmp_path / "of.json").stat().st_mode & 0o777 == 0o600
