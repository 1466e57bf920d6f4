"""The journal of what runs: what a process that is killed leaves to the next one."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from jupyter_mcp_proxy.execution.journal import MOST_LINES, Entry, Journal
from jupyter_mcp_proxy.jupyter.messages import new_message


def entry(number: int) -> Entry:
    return Entry(f"x{number}", "a.ipynb", "kernel", f"cell-{number}", f"request-{number}", "agent", number)


def journal(folder: Path) -> Journal:
    return Journal(str(folder), "run")


def test_what_has_not_ended_is_there_after_a_kill(tmp_path: Path) -> None:
    killed = journal(tmp_path)
    for number in range(3):
        killed.add(entry(number))
    killed.remove("x1")
    assert journal(tmp_path).recover() == [entry(0), entry(2)]
    assert [file.stat().st_mode & 0o77 for file in tmp_path.iterdir()] == [0]


def test_what_is_taken_over_and_ended_is_gone(tmp_path: Path) -> None:
    journal(tmp_path).add(entry(1))
    second = journal(tmp_path)
    second.recover()
    second.remove("x1")
    assert journal(tmp_path).recover() == []
    second.close()
    assert not list(tmp_path.iterdir())


def test_a_process_that_ends_in_order_leaves_what_still_runs(tmp_path: Path) -> None:
    first = journal(tmp_path)
    first.add(entry(1))
    first.close()
    assert journal(tmp_path).recover() == [entry(1)]


def test_a_line_that_a_kill_or_a_full_disk_has_cut_off_hurts_no_other(tmp_path: Path) -> None:
    first = journal(tmp_path)
    first.add(entry(1))
    (file,) = tmp_path.iterdir()
    with file.open("ab") as list_of_all:
        list_of_all.write(b'\n{"id": "x2", "noteb')
    first.add(entry(3))
    assert journal(tmp_path).recover() == [entry(1), entry(3)]


def test_a_full_disk_is_an_error_before_the_request_leaves(tmp_path: Path) -> None:
    (tmp_path / "mcp-proxy-run.json").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        journal(tmp_path).add(entry(1))


def test_what_ends_on_a_full_disk_leaves_no_record_and_no_descriptor(tmp_path: Path) -> None:
    first = journal(tmp_path)
    first.add(entry(1))
    first.record("x1", new_message("iopub", "stream", {"text": "a"}, "session"), from_server=False)
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    (tmp_path / "mcp-proxy-run.json").unlink()
    (tmp_path / "mcp-proxy-run.json").symlink_to("/dev/full")
    again = journal(tmp_path)
    with pytest.raises(OSError, match="No space left"):
        again.add(entry(2))
    first.remove("x1")
    assert not list(tmp_path.glob("*.jsonl"))
    assert len(list(Path("/proc/self/fd").iterdir())) <= open_before


def test_what_runs_in_a_renamed_notebook_is_found_there(tmp_path: Path) -> None:
    first = journal(tmp_path)
    first.add(entry(1))
    first.moved("other.ipynb", "nowhere.ipynb")
    first.moved("a.ipynb", "b.ipynb")
    assert journal(tmp_path).recover() == [replace(entry(1), notebook="b.ipynb")]


def test_the_list_does_not_grow_with_what_has_ended(tmp_path: Path) -> None:
    first = journal(tmp_path)
    first.add(entry(0))
    for number in range(1, 2 * MOST_LINES):
        first.add(entry(number))
        first.remove(f"x{number}")
    (file,) = tmp_path.iterdir()
    assert len(file.read_bytes().split()) < 30 * MOST_LINES
    assert journal(tmp_path).recover() == [entry(0)]


def test_the_list_of_an_earlier_release_is_read(tmp_path: Path) -> None:
    """It was one JSON array, without the counts; after an upgrade a sidecar may find it."""
    old = {name: value for name, value in asdict(entry(1)).items() if name != "count_before"}
    (tmp_path / "mcp-proxy-run.json").write_text(json.dumps([old, {**old, "id": "x2"}]))
    message = new_message("iopub", "stream", {"name": "stdout", "text": "so far"}, "session")
    line = json.dumps([message.type, message.content, False, "id", 0, False])
    (tmp_path / "mcp-proxy-run-x1.jsonl").write_text(line + "\n")
    second = journal(tmp_path)
    assert [each.id for each in second.recover()] == ["x1", "x2"]
    assert [said.content["text"] for said, _ in second.recorded("x1")] == ["so far"]
    second.remove("x1")
    assert [each.id for each in journal(tmp_path).recover()] == ["x2"]


def test_messages_are_kept_until_their_execution_has_ended(tmp_path: Path) -> None:
    first = journal(tmp_path)
    first.add(entry(1))
    for number in range(2):
        first.record("x1", new_message("iopub", "stream", {"text": f"{number}"}, "session"), from_server=False)
    first.record("x9", new_message("iopub", "stream", {"text": "of nobody"}, "session"), from_server=False)
    second = journal(tmp_path)
    second.recover()
    assert [said.content["text"] for said, _ in second.recorded("x1")] == ["0", "1"]
    second.remove("x1")
    assert list(second.recorded("x1")) == []
