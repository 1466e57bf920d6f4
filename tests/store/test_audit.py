"""The audit: a line for each call, without what was written, that nothing can stop a call over."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import Any

import anyio
import pytest
from harness import JupyterProcess, StartJupyter, connect
from harness.audit import audit_line
from mcp.shared.exceptions import MCPError

from jupyter_mcp_proxy.store.audit import Audit, audit_file, lines, older
from jupyter_mcp_proxy.tools.redaction import CONTENTS, NAMES, PATHS, SECRETS, described
from jupyter_mcp_proxy.tools.registry import TOOLS
from jupyter_mcp_proxy.tools.server import CATALOGUE

SECRET = "S3CRET-and-nobody-shall-read-it"


# -- what is kept of arguments ------------------------------------------------------------------------


def texts(schema: Any, name: str) -> list[str]:
    """The parameters of a schema that can be text, those inside of others too."""
    if not isinstance(schema, dict):
        return []
    kinds = schema.get("type")
    found = [name] if "string" in (kinds if isinstance(kinds, list) else [kinds]) and "enum" not in schema else []
    for key in ("anyOf", "oneOf"):
        found += [text for arm in schema.get(key, []) for text in texts(arm, name)]
    found += texts(schema.get("items"), name)
    for each in ("properties", "$defs"):
        for key, part in schema.get(each, {}).items():
            found += texts(part, key)
    return found


@pytest.mark.parametrize("tool", TOOLS)
def test_every_text_that_a_tool_takes_is_known_to_be_structure_or_content(tool: str) -> None:
    """A new parameter has to be put on one of the lists: until then only its length is kept."""
    assert set(texts(CATALOGUE[tool].parameters, "")) <= PATHS | NAMES | CONTENTS | SECRETS
    assert not (PATHS | NAMES) & CONTENTS


def test_structure_stays_and_contents_become_their_length() -> None:
    told = described(
        {
            "notebook": "a/b.ipynb", "cell": "abc-1", "if_hash": "0123", "wait": 4.5, "overwrite": True, "index": -1,
            "cells": [1, "id2", {"source": SECRET, "cell_type": "code"}], "source": SECRET, "search": SECRET,
            "edits": [{"old": SECRET, "new": "", "replace_all": False}], "limit": None,
        }
    )  # fmt: skip
    assert told == {
        "notebook": "a/b.ipynb", "cell": "abc-1", "if_hash": "0123", "wait": 4.5, "overwrite": True, "index": -1,
        "cells": [1, "id2", {"source": {"chars": len(SECRET)}, "cell_type": "code"}],
        "source": {"chars": len(SECRET)}, "search": {"chars": len(SECRET)},
        "edits": [{"old": {"chars": len(SECRET)}, "new": {"chars": 0}, "replace_all": False}], "limit": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        {"made_up": SECRET},
        {f"made up {SECRET}": 1},
        {"cell": f"x = '{SECRET}'"},
        {"kernel": f"a {SECRET}"},
        {"cells": [f"print('{SECRET}')"]},
        {"edits": {"deep": [[[[[[[SECRET]]]]]]]}},
        {"source": {"cell_type": {"code": SECRET}}},
        {"notebook": SECRET * 100},
    ],
)
def test_a_client_that_puts_contents_elsewhere_does_not_get_them_into_the_audit(arguments: dict[str, Any]) -> None:
    assert SECRET not in json.dumps(described(arguments))


@pytest.mark.parametrize("contents", [True, False])
def test_of_answers_only_their_number_is_kept(contents: bool) -> None:
    told = described({"stdin": [SECRET, "b"], "notebook": "a.ipynb"}, contents=contents)
    assert told == {"stdin": {"items": 2}, "notebook": "a.ipynb"}
    assert SECRET not in json.dumps(described({"stdin": SECRET}, contents=contents))


@pytest.mark.parametrize("contents", [True, False])
def test_a_line_is_short_whatever_is_asked(contents: bool) -> None:
    """Any token may call anything; its calls must not push the others' lines out, nor fill the disk."""
    nested: list[Any] = ["x"]
    for _ in range(4):
        nested = [nested] * 100
    assert len(json.dumps(described({"cells": nested, "path": "a"}, contents=contents))) < 20_000


def test_the_arguments_of_a_long_line_are_left_out(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "audit.jsonl")
    audit.write({"time": "now", "tool": "write_file", "arguments": {"content": "x" * 200_000}})
    audit.close()
    assert next(lines(tmp_path / "audit.jsonl"))["arguments"] == {"left_out": True}


def test_contents_are_kept_where_that_is_wanted_up_to_a_length() -> None:
    told = described({"source": SECRET, "content": "x" * 20_000}, contents=True)
    assert told["source"] == SECRET
    assert len(told["content"]) < 10_100


# -- the file -----------------------------------------------------------------------------------------


def test_the_file_is_for_its_owner_and_is_moved_aside_with_four_kept(tmp_path: Path) -> None:
    file = audit_file(tmp_path)
    audit, other = Audit(file, largest=1000), Audit(file, largest=1000)
    for number in range(100):
        (audit if number % 2 else other).write(audit_line(ms=number))
    audit.close()
    other.close()
    assert file.stat().st_mode & 0o777 == 0o600
    assert [older(file, number).exists() for number in range(1, 6)] == [True, True, True, True, False]
    kept = [found["ms"] for found in lines(file)]
    assert kept == list(range(kept[0], 100))
    assert all(each.stat().st_size < 1300 for each in file.parent.glob("audit*.jsonl"))


def test_a_folder_that_cannot_be_written_is_said_once_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "mcp-proxy").write_text("a file where the folder should be")
    audit = Audit(audit_file(tmp_path))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            audit.write(audit_line())
        assert len(caplog.records) == 1
        (tmp_path / "mcp-proxy").unlink()
        audit.write(audit_line(ms=7))
    assert [found["ms"] for found in lines(audit_file(tmp_path))] == [7]
    audit.close()


def test_a_full_disk_leaves_no_line_that_spoils_the_next(tmp_path: Path) -> None:
    """`/dev/full` takes nothing; half a line, as a full disk leaves it, is closed before the next one."""
    file = audit_file(tmp_path)
    audit = Audit(file)
    audit.write(audit_line(ms=1))
    file.write_bytes(file.read_bytes() + b'{"time": "half')
    audit._torn = True
    audit.write(audit_line(ms=2))
    audit.close()
    assert [found["ms"] for found in lines(file)] == [1, 2]
    full = tmp_path / "full"
    (full / "mcp-proxy").mkdir(parents=True)
    (full / "mcp-proxy" / "audit.jsonl").symlink_to("/dev/full")
    Audit(audit_file(full)).write(audit_line())


def test_a_line_costs_next_to_nothing(tmp_path: Path) -> None:
    """It is written by the event loop itself, before the result is sent."""
    audit = Audit(audit_file(tmp_path))
    began = time.perf_counter()
    for _ in range(1000):
        audit.write(audit_line(arguments={"notebook": "a.ipynb", "source": {"chars": 5000}}))
    audit.close()
    assert (time.perf_counter() - began) / 1000 < 0.001


# -- on a real server ---------------------------------------------------------------------------------


def written(server: JupyterProcess, client: str) -> list[dict[str, Any]]:
    return [found for found in lines(audit_file(server.data)) if found["client"] == client]


@pytest.mark.anyio
async def test_each_call_is_a_line_without_its_contents(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "1")
    cell = server.read_notebook(name)["cells"][0]["id"]
    me = f"auditor {server.guarantee} <b>"
    async with connect(server, name=me) as agent:
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source=f"x = '{SECRET}'")
        await agent.ok("edit_cell", notebook=name, cell=0, edits=[{"old": SECRET, "new": SECRET.lower()}])
        await agent.ok("list_cells", notebook=name, search=SECRET)
        await agent.fails("read_cell", notebook=name, cell=SECRET + " is nowhere")
        await agent.ok("write_file", path=f"{name}.txt", content=SECRET)
        await agent.ok("execute_ipython", notebook=name, code=f"print('{SECRET}'); 1/0")
        with pytest.raises(MCPError, match="There is no tool"):
            await agent.call("no_such_tool", code=SECRET)
    found = written(server, me)
    assert [(each["tool"], each["outcome"]) for each in found] == [
        ("overwrite_cell_source", "ok"),
        ("edit_cell", "ok"),
        ("list_cells", "ok"),
        ("read_cell", "error"),
        ("write_file", "ok"),
        ("execute_ipython", "error"),
        ("no_such_tool", "error"),
    ]
    first = found[0]
    assert list(first)[:10] == [
        "time", "user", "client", "token", "tool", "notebook", "cell", "arguments", "outcome", "ms",
    ]  # fmt: skip
    assert first["notebook"] == name
    assert first["cell"] == cell
    assert first["arguments"]["source"] == {"chars": len(SECRET) + 6}
    assert first["ms"] >= 0
    everything = audit_file(server.data).read_text()
    assert SECRET not in everything
    assert SECRET.lower() not in everything
    assert "test-token" not in everything
    assert audit_file(server.data).stat().st_mode & 0o777 == 0o600


@pytest.mark.anyio
async def test_a_cancelled_call_has_its_line_too(live: JupyterProcess, name: str) -> None:
    live.write_notebook(name, "import time; time.sleep(60)")
    async with connect(live, name="impatient") as agent:
        with anyio.move_on_after(1.5):
            await agent.call("execute_cell", notebook=name, cell=0)
        with anyio.fail_after(10):
            while not written(live, "impatient"):
                await anyio.sleep(0.05)
    assert [each["outcome"] for each in written(live, "impatient")] == ["cancelled"]


@pytest.mark.anyio
async def test_reading_a_resource_is_shown_and_kept_like_a_call(start_jupyter: StartJupyter) -> None:
    server = start_jupyter(rtc=False, arguments=("--MCPProxy.refused_paths=private*",))
    server.write_notebook("a.ipynb", f"x = '{SECRET}'")
    server.write_notebook("private.ipynb", "y = 1")
    async with connect(server, name="reader") as agent:
        content = (await agent.client.read_resource("notebook://a.ipynb")).contents[0]
        assert SECRET in getattr(content, "text", "")
        await agent.client.read_resource("notebook://a.ipynb/cells/0")
        for missing in ("gone.ipynb", "private.ipynb", "../x.ipynb"):
            with pytest.raises(MCPError):
                await agent.client.read_resource(f"notebook://{missing}")
    found = written(server, "reader")
    assert [(each["tool"], each["arguments"], each["outcome"]) for each in found] == [
        ("resources/read", {"notebook": "a.ipynb"}, "ok"),
        ("resources/read", {"notebook": "a.ipynb", "cell": "0"}, "ok"),
        ("resources/read", {"notebook": "gone.ipynb"}, "error"),
        ("resources/read", {"notebook": "private.ipynb"}, "refused"),
        ("resources/read", {"uri": {"chars": 21}}, "error"),
    ]
    assert SECRET not in audit_file(server.data).read_text()


@pytest.mark.anyio
async def test_the_settings_switch_it_off_and_contents_on(start_jupyter: StartJupyter) -> None:
    off = start_jupyter(rtc=False, environment={"JUPYTER_MCP_PROXY_AUDIT": "false"})
    full = start_jupyter(rtc=False, arguments=("--MCPProxy.audit_contents=True",))
    for server in (off, full):
        async with connect(server) as agent:
            await agent.ok("write_file", path="a.txt", content=SECRET)
    assert not audit_file(off.data).exists()
    assert SECRET in audit_file(full.data).read_text()


@pytest.mark.anyio
async def test_calls_go_on_where_the_audit_cannot_be_written(start_jupyter: StartJupyter) -> None:
    server = start_jupyter(rtc=False)
    audit = audit_file(server.data)
    audit.parent.mkdir(parents=True, exist_ok=True)
    audit.symlink_to("/dev/full")
    async with connect(server) as agent:
        await agent.ok("list_files")
        await agent.ok("list_files")
    with anyio.fail_after(5):
        while "cannot be written" not in server.log:
            await anyio.sleep(0.05)
    assert server.log.count("cannot be written") == 1
