"""Paths as agents give them: absolute, with dots, hidden, in folders that are not there yet."""

from __future__ import annotations

import pytest
from harness import JupyterProcess, connect

from jupyter_mcp_proxy.errors import OutsideRoot
from jupyter_mcp_proxy.jupyter.paths import below_root, clean_path


@pytest.mark.parametrize(
    ("given", "meant"),
    [("sub/../x.ipynb", "x.ipynb"), ("./a//b.ipynb", "a/b.ipynb"), ("a/b/../../c", "c"), ("a\\..\\x", "x")],
)
def test_a_path_has_one_spelling(given: str, meant: str) -> None:
    assert clean_path(given) == meant


@pytest.mark.parametrize("given", ["../x", "a/../../x", "..\\x", "a/../../a/x"])
def test_a_path_that_leads_out_is_refused(given: str) -> None:
    with pytest.raises(OutsideRoot):
        clean_path(given)


def test_an_absolute_path_is_taken_below_the_root_and_refused_elsewhere(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    root = tmp_path_factory.mktemp("root")
    (root / "sub").mkdir()
    assert clean_path(below_root(f"{root}/sub/a.ipynb", str(root))) == "sub/a.ipynb"
    assert clean_path(below_root(str(root), str(root))) == ""
    assert clean_path(below_root("/sub/a.ipynb", str(root))) == "sub/a.ipynb", "from the root, as it shows in a URL"
    assert below_root("sub/a.ipynb", str(root)) == "sub/a.ipynb"
    for path in (f"{root}-other/a.ipynb", "/etc/passwd"):
        with pytest.raises(OutsideRoot, match=root.name):
            below_root(path, str(root))
    with pytest.raises(OutsideRoot):
        clean_path(below_root(f"{root}/../a.ipynb", str(root)))


@pytest.mark.anyio
async def test_a_notebook_is_found_by_its_absolute_path_and_made_with_its_folders(
    server: JupyterProcess, name: str
) -> None:
    folder = name[:-6]
    async with connect(server) as agent:
        told = await agent.ok("use_notebook", notebook=f"{folder}/deep/a.ipynb", create=True)
        assert told.startswith(f"Made the folder {folder}/deep. Created {folder}/deep/a.ipynb")
        told = await agent.ok("use_notebook", notebook=f"{server.root}/{folder}/deep/a.ipynb")
        assert told.startswith(f"Opened {folder}/deep/a.ipynb")
        assert (await agent.ok("list_cells", notebook=f"{folder}/x/../deep/a.ipynb")).startswith(
            f"{folder}/deep/a.ipynb"
        )
        assert str(server.root) in await agent.fails("use_notebook", notebook="/etc/a.ipynb", create=True)
        assert str(server.root) in await agent.fails("write_file", path="/etc/a.txt", content="x")
        assert not (server.root / "etc").exists()


@pytest.mark.anyio
async def test_what_is_hidden_is_said_to_be_hidden(server: JupyterProcess, name: str) -> None:
    server.write_notebook(f".{name}", "pass")
    async with connect(server) as agent:
        assert "It is hidden" in await agent.fails("use_notebook", notebook=f".{name}")
        assert "It is hidden" in await agent.fails("use_notebook", notebook=f".new-{name}", create=True)
        assert "It is hidden" in await agent.fails("read_file", path=f".{name}")
    assert not (server.root / f".new-{name}").exists()
