"""Which files, notebooks and folders agents may see: refused alike to every tool, resource, completion and listing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from harness import ERAS, JupyterProcess, StartJupyter, connect
from mcp.shared.exceptions import MCPError
from mcp_types import PromptReference, ResourceTemplateReference

from jupyter_mcp_proxy.config import MCPProxy
from jupyter_mcp_proxy.contract import ENV_PREFIX
from jupyter_mcp_proxy.errors import PathReadOnly
from jupyter_mcp_proxy.jupyter.paths import Paths
from jupyter_mcp_proxy.jupyter.server import JupyterServer

REFUSED = "is not open to agents on this server"


@pytest.mark.parametrize(
    ("allowed", "refused", "path", "is_open"),
    [
        (["*"], [], "a/b.txt", True),
        (["*"], ["private"], "private/deep/x.txt", False),
        (["*"], ["private"], "PRIVATE/x.txt", False),
        (["*"], ["private"], "not-private/x.txt", True),
        (["*"], ["*.pem"], "a/b/key.PEM", False),
        (["*"], ["*.pem"], "a/key.pem.txt", True),
        (["*"], ["a/*.csv"], "a/b/c.csv", False),
        (["*"], ["a/*.csv"], "b/c.csv", True),
        (["*"], ["caf\u00e9"], "cafe\u0301/x", False),
        (["*"], ["Μαΐου"], "Μαΐου/x.txt", False),
        (["*"], ["Μαΐου"], "ΜΑΪ́ΟΥ/x.txt", False),
        (["*"], ["**/.env"], ".env", False),
        (["*"], ["**/.env"], "a/b/.env", False),
        (["*"], ["/private/"], "private/x", False),
        (["reports"], [], "reports/q3/a.ipynb", True),
        (["reports"], [], "reports2/a.ipynb", False),
        (["reports"], ["reports/private"], "reports/private/a", False),
        (["data/*.csv"], [], "data/x.csv", True),
        (["data/*.csv"], [], "data/x.txt", False),
        ([], [], "a", False),
        # the other names that Windows has for a file
        (["*"], ["private"], "private./x.txt", False),
        (["*"], ["private"], "private /x.txt", False),
        (["*"], ["*.pem"], "a/key.pem::$DATA", False),
        (["*"], ["private"], "Private:$i30:$INDEX_ALLOCATION/x", False),
        (["*"], ["private notes"], "PRIVAT~1/x.txt", False),
        (["*"], ["*.pem"], "a/KEY~2.PEM", False),
        (["*"], ["private"], "priv~1.txt", True),
        (["*"], ["*.pem"], "a/KEY~2.TXT", True),
        (["*"], [], "PRIVAT~1/x.txt", True),
        (["*"], ["private"], "not: private", True),
    ],
)
def test_a_path_is_open_where_it_is_allowed_and_not_refused(
    allowed: list[str], refused: list[str], path: str, is_open: bool
) -> None:
    assert Paths(allowed, refused).open(path) is is_open


@pytest.mark.parametrize(
    ("allowed", "refused", "folder", "shown"),
    [
        (["reports/q3/*"], [], "", True),
        (["reports/q3/*"], [], "reports", True),
        (["reports/q3/*"], [], "reports/q3/deep", True),
        (["reports/q3/*"], [], "reports/q2", False),
        (["reports/q3/*"], [], "rep", False),
        (["*.ipynb"], [], "any/where", True),
        (["*"], ["private"], "private", False),
        (["private/a"], ["private"], "private", False),
    ],
)
def test_a_folder_is_shown_where_something_in_it_may_be_open(
    allowed: list[str], refused: list[str], folder: str, shown: bool
) -> None:
    assert Paths(allowed, refused).shows(folder) is shown


@pytest.mark.parametrize("path", ["kernel.json.", "a/kernel.json::$DATA", "a/KERNEL~1.JSO", "a/Kernel.JSON"])
def test_what_is_read_only_is_so_by_each_of_its_names(path: str) -> None:
    paths = Paths(read_only=["**/kernel.json"])
    paths.check(path)
    with pytest.raises(PathReadOnly):
        paths.check_write(path)


def test_lists_come_from_the_environment_and_go_to_the_sidecar(monkeypatch: pytest.MonkeyPatch) -> None:
    given = ["a b/*", "quote\"'", "caf\u00e9"]
    monkeypatch.setenv(f"{ENV_PREFIX}REFUSED_PATHS", json.dumps(given, ensure_ascii=False))
    settings = MCPProxy()
    assert settings.refused_paths == given
    assert json.loads(settings.environment()[f"{ENV_PREFIX}REFUSED_PATHS"]) == given


@pytest.mark.parametrize(
    "value",
    ["private", "{", "[1]", '["./private"]', '["a/../private"]', '["~/private"]', '[""]', '["[\\"private\\"]"]'],
)
def test_a_list_that_would_refuse_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(f"{ENV_PREFIX}REFUSED_PATHS", value)
    with pytest.raises(ValueError, match=f"{ENV_PREFIX}REFUSED_PATHS"):
        MCPProxy()


@pytest.mark.anyio
@pytest.mark.parametrize("rtc", [True, False], ids=["live", "file"])
async def test_what_is_refused_is_refused_everywhere_and_listed_nowhere(start_jupyter: StartJupyter, rtc: bool) -> None:
    server: JupyterProcess = start_jupyter(
        rtc=rtc, environment={"JUPYTER_MCP_PROXY_REFUSED_PATHS": '["secret", "*.key"]'}
    )
    (server.root / "secret").mkdir()
    (server.root / "Secret").mkdir()
    server.write_notebook("secret/hidden.ipynb", "1")
    server.write_notebook("open.ipynb", "1")
    (server.root / "secret" / "x.txt").write_text("hush")
    (server.root / "my.key").write_text("hush")
    before = {path: path.read_bytes() for path in server.root.rglob("*") if path.is_file()}
    async with JupyterServer(server.url, server.token) as person:
        await person.start_session("secret/hidden.ipynb", {"name": "python3"})
    hidden: dict[str, Any] = {"notebook": "secret/hidden.ipynb"}
    attempts: list[tuple[str, dict[str, Any]]] = [
        ("read_file", {"path": "my.key"}),
        ("read_file", {"path": "secret/x.txt"}),
        ("read_file", {"path": "./secret//x.txt"}),
        ("read_file", {"path": "secret\\x.txt"}),
        ("read_file", {"path": "SECRET/x.txt"}),
        ("read_file", {"path": "secret/not-there.txt"}),
        ("list_files", {"path": "secret"}),
        ("write_file", {"path": "new.key", "content": "x"}),
        ("write_file", {"path": "secret/new/deep.txt", "content": "x"}),
        ("write_file", {"path": "my.key", "content": "x", "overwrite": True}),
        ("use_notebook", hidden),
        ("use_notebook", {"notebook": "secret/new.ipynb", "create": True}),
        ("list_cells", hidden),
        ("read_cell", {**hidden, "cell": 0}),
        ("insert_cell", {**hidden, "source": "x"}),
        ("execute_cell", {**hidden, "cell": 0}),
        ("execute_ipython", {**hidden, "code": "1"}),
        ("restart_notebook", hidden),
        ("interrupt_kernel", hidden),
        ("assign_kernel_to_notebook", {**hidden, "kernel": "python3"}),
        ("list_variables", hidden),
        ("notebook_changes", hidden),
        ("undo_changes", hidden),
    ]
    for era in ERAS:
        async with connect(server, era) as agent:
            for tool, arguments in attempts:
                assert REFUSED in await agent.fails(tool, **arguments), (tool, arguments)
            everything = await agent.ok("list_files", depth=8)
            assert "open.ipynb" in everything
            assert "secret" not in everything.lower()
            assert ".key" not in everything
            for uri in ("notebook://secret/hidden.ipynb", "notebook://secret/hidden.ipynb/cells/0"):
                with pytest.raises(MCPError, match=REFUSED):
                    await agent.client.read_resource(uri)
            for reference, argument in (
                (PromptReference(name="explain_notebook"), "notebook"),
                (ResourceTemplateReference(uri="notebook://{path}"), "path"),
            ):
                for typed in ("sec", "secret/", "secret/hid"):
                    completed = await agent.client.complete(reference, {"name": argument, "value": typed})
                    assert completed.completion.values == []
            await agent.ok("execute_ipython", notebook="open.ipynb", code="1")
            for tool in ("list_notebooks", "list_kernels"):
                assert "secret" not in await agent.ok(tool)
            assert "no notebook" in await agent.ok("list_kernels")
            assert [resource.name for resource in (await agent.client.list_resources()).resources] == ["open.ipynb"]
    after = {path: path.read_bytes() for path in server.root.rglob("*") if path.is_file()}
    made = [path for path in after if (path not in before and "secret" in str(path).lower()) or path.name == "new.key"]
    assert not made
    assert all(after[path] == content for path, content in before.items() if path.name != "open.ipynb")


@pytest.mark.anyio
async def test_only_what_is_allowed_is_there_for_agents(start_jupyter: StartJupyter) -> None:
    server = start_jupyter(rtc=False, arguments=("--MCPProxy.allowed_paths=work/*.ipynb",))
    (server.root / "work").mkdir()
    server.write_notebook("work/a.ipynb", "1")
    server.write_notebook("other.ipynb", "1")
    (server.root / "work" / "x.txt").write_text("x")
    async with connect(server) as agent:
        listed = await agent.ok("list_files", depth=3)
        assert "work/a.ipynb" in listed
        assert "x.txt" not in listed
        assert "other" not in listed
        await agent.ok("overwrite_cell_source", notebook="work/a.ipynb", cell=0, source="2")
        assert REFUSED in await agent.fails("read_cell", notebook="other.ipynb", cell=0)
        assert REFUSED in await agent.fails("write_file", path="work/y.txt", content="y")
    assert not (server.root / "work" / "y.txt").exists()
