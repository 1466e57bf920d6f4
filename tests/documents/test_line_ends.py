"""A text keeps the line ends that it has."""

from __future__ import annotations

import pytest
from harness import JupyterProcess, connect, until

from jupyter_mcp_proxy.documents.line_ends import joined, like, occurrences, put_all
from jupyter_mcp_proxy.documents.replacing import Replacement, literal
from jupyter_mcp_proxy.documents.replacing import replaced as replaced_in


def replaced(source: str, old: str, new: str, everywhere: bool = False) -> str:
    return replaced_in({"a": source}, [(Replacement(old, literal(old, new), everywhere), ["a"])])[0]["a"]


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ("a\r\nb", "x\ny\nz\n", "x\r\ny\r\nz\r\n"),
        ("a\rb", "x\ny", "x\ry"),
        ("a\nb", "x\ny", "x\ny"),
        ("", "x\ny", "x\ny"),
        ("a\r\nb", "one line", "one line"),
        ("a\nb", "x\r\ny", "x\r\ny"),
        ("a\r\nb\nc\r\nd", "new\na\nb\nc\nd", "new\r\na\r\nb\nc\r\nd"),
    ],
)
def test_a_new_text_has_the_line_ends_of_the_old_one_unless_it_has_its_own(old: str, new: str, kept: str) -> None:
    assert like(old, new) == kept


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("asked", ["\n", "\r\n"])
def test_a_text_is_found_and_replaced_across_line_ends_whatever_those_are(end: str, asked: str) -> None:
    source = f"a = 1{end}b = 2{end}c = 3"
    new = asked.join(["x = 1", "y = 2", "b = 3", ""])
    expected = end.join(["x = 1", "y = 2", "b = 3", "c = 3"])
    assert replaced(source, f"a = 1{asked}b = 2{asked}", new) == expected


def test_what_is_put_into_one_line_has_the_ends_of_the_others() -> None:
    assert replaced("a\r\nb\r\n", "a", "x\ny") == "x\r\ny\r\nb\r\n"
    assert replaced("a\nb\n", "a", "x\ny") == "x\ny\nb\n"
    assert replaced("a\nb", "a", "x\r") == "x\r\nb", "carriage returns that were asked for stay"


def test_a_text_is_counted_as_it_is_replaced() -> None:
    assert occurrences("a\r\na\na\r", "a\n") == [(0, 3), (3, 5), (5, 7)]
    assert occurrences("aaaa", "aa") == [(0, 2), (2, 4)]
    assert replaced("a.b a.b axb", "a.b", r"\1", True) == r"\1 \1 axb"


def test_what_an_expression_finds_is_put_in_with_the_line_ends_of_its_place() -> None:
    source = "a\r\nb\rc\nd"
    assert put_all(source, [(0, 3, "x\ny"), (5, 7, "z\n")]) == [(0, 4, "x\r\ny"), (6, 8, "z\n")]
    assert put_all("a\nb", [(1, 2, "\n\n")]) == [(1, 2, "\n\n")]


def test_sources_are_joined_as_their_lines_end() -> None:
    assert joined(["a\r\nb\r\n", "\r\n", "c"]) == "a\r\nb\r\n\r\nc"
    assert joined(["a\n", "", "c\nd\n"]) == "a\n\nc\nd"
    assert joined(["a", "b"]) == "a\n\nb"


@pytest.mark.anyio
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
async def test_an_expression_finds_line_ends_whatever_those_are_and_leaves_them_so(
    server: JupyterProcess, name: str, end: str
) -> None:
    source = end.join(["a = 1", "b = 2", "c = 3"])
    server.write_notebook(name, source)
    async with connect(server) as agent:
        for old, new in ((r"\n", "\n# next\n"), (r"(?m)^([bc]) = (\d)$", r"\1 = \2 + 1")):
            edit = {"old": old, "new": new, "regex": True, "replace_all": True}
            await agent.ok("edit_cell", notebook=name, cell=0, edits=[edit])
        wanted = end.join(["a = 1", "# next", "b = 2 + 1", "# next", "c = 3 + 1"])
        await until(lambda: "".join(server.read_notebook(name)["cells"][0]["source"]) == wanted)


@pytest.mark.anyio
async def test_carriage_returns_that_an_expression_names_are_found(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a\r\nb\r\nc")
    async with connect(server) as agent:
        edit = {"old": r"\r\n", "new": "\n", "regex": True, "replace_all": True}
        await agent.ok("edit_cell", notebook=name, cell=0, edits=[edit])
        await until(lambda: "".join(server.read_notebook(name)["cells"][0]["source"]) == "a\nb\nc")


@pytest.mark.anyio
async def test_a_cell_with_crlf_is_split_and_merged_without_half_a_line_end(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a\r\nb\r\n\r\nc\r\nd")

    def sources() -> list[str]:
        return ["".join(cell["source"]) for cell in server.read_notebook(name)["cells"]]

    async with connect(server) as agent:
        await agent.ok("split_cell", notebook=name, cell=0, at=[4])
        await until(lambda: sources() == ["a\r\nb", "c\r\nd"])
        await agent.ok("merge_cells", notebook=name, cells=[0, 1])
        await until(lambda: sources() == ["a\r\nb\r\n\r\nc\r\nd"])
        await agent.ok("undo_changes", notebook=name)
        await until(lambda: sources() == ["a\r\nb", "c\r\nd"])
        await agent.ok("undo_changes", notebook=name)
        await until(lambda: sources() == ["a\r\nb\r\n\r\nc\r\nd"])


@pytest.mark.anyio
async def test_a_cell_with_crlf_keeps_it(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "a = 1\r\nb = 2\r\nc = 3", "a = 1\nb = 2")

    def sources() -> list[str]:
        return ["".join(cell["source"]) for cell in server.read_notebook(name)["cells"]]

    async with connect(server) as agent:
        edits = [{"old": "a = 1\nb = 2", "new": "a = 1\nb = 3"}]
        await agent.ok("edit_cell", notebook=name, cell=0, edits=edits)
        await agent.ok("edit_cell", notebook=name, cell=1, edits=edits)
        await until(lambda: sources() == ["a = 1\r\nb = 3\r\nc = 3", "a = 1\nb = 3"])
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="a = 1\nb = 3\nd = 4")
        await until(lambda: sources()[0] == "a = 1\r\nb = 3\r\nd = 4")


@pytest.mark.anyio
async def test_a_file_with_crlf_keeps_it(server: JupyterProcess, name: str) -> None:
    file = server.root / f"{name}.txt"
    file.write_bytes(b"a\r\nb\r\n")
    async with connect(server) as agent:
        told = await agent.ok("write_file", path=file.name, content="a\nc\n", overwrite=True)
        assert "CRLF" in told
        assert file.read_bytes() == b"a\r\nc\r\n"
        await agent.ok("write_file", path=file.name, content="a\r\nd\n", overwrite=True)
        assert file.read_bytes() == b"a\r\nd\n"
