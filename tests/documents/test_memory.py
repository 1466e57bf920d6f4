"""How much memory is left below the limit of a container."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_mcp_proxy.documents import memory


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Linux's control groups, with none in them."""
    monkeypatch.setattr(memory, "GROUPS", tmp_path / "groups")
    monkeypatch.setattr(memory, "OWN", tmp_path / "own")
    return tmp_path / "groups"


def group(folder: Path, **files: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"memory.{name}").write_text(f"{content}\n")


def test_nothing_is_said_where_there_are_no_groups(groups: Path) -> None:
    assert memory.memory_left() is None


def test_nothing_is_said_where_nothing_limits_them(groups: Path) -> None:
    memory.OWN.write_text("0::/\n")
    group(groups, max="max", current=5, stat="inactive_file 1")
    assert memory.memory_left() is None


def test_what_is_in_use_is_taken_from_the_limit_but_for_contents_of_files(groups: Path) -> None:
    memory.OWN.write_text("0::/\n")
    group(groups, max=1000, current=900, stat="anon 500\ninactive_file 100\nactive_file 50\nfile 400")
    assert memory.memory_left() == 250
    group(groups, max=1000, current=2000, stat="anon 500")
    assert memory.memory_left() == 0


def test_the_narrowest_limit_of_the_group_and_those_above_it_counts(groups: Path) -> None:
    memory.OWN.write_text("0::/a/b\n")
    group(groups / "a", max=700, current=300, stat="anon 1")
    group(groups / "a" / "b", max=1000, current=100, stat="anon 1")
    assert memory.memory_left() == 400


def test_the_first_version_says_it_in_other_words_and_may_name_a_path_of_the_machine(groups: Path) -> None:
    memory.OWN.write_text("4:cpu,cpuacct:/x\n3:memory:/docker/0123\n")
    stat = "inactive_file 7\ntotal_inactive_file 100\ntotal_active_file 0"
    group(groups / "memory", limit_in_bytes=1000, usage_in_bytes=800, stat=stat)
    assert memory.memory_left() == 300
