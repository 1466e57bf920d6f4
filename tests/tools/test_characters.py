"""Text that no file, kernel or URL can hold is refused wherever it is given, and none is sent to a client."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import pytest
from harness import ERAS, JupyterProcess, as_client, connect, post, sample_arguments, text
from mcp.shared.exceptions import MCPError
from mcp_types import ElicitResult, PromptReference

from jupyter_mcp_proxy.errors import BadValue
from jupyter_mcp_proxy.tools.characters import check_texts, on_one_line, sendable
from jupyter_mcp_proxy.tools.server import CATALOGUE

pytestmark = pytest.mark.anyio

HALF = "\ud800"
"""One half of a surrogate pair: JSON can say it (a client in JavaScript does), UTF-8 cannot."""


@pytest.mark.parametrize(
    "value", ["a\0b", HALF, [f"x{HALF}"], [{"old": "\0", "new": "x"}], {"a": [[{"b": "\udfff"}]]}, {"\0": 1}]
)
async def test_such_a_text_is_found_anywhere_in_a_value(value: object) -> None:
    with pytest.raises(BadValue, match=r"`edits` is .*half a surrogate pair"):
        check_texts("edits", value)


@pytest.mark.parametrize("value", ["", "✓ \U0001f600 \x1b[1m \x7f \ufffe", 1, None, [1.5, {"a": True}], [["x"] * 1000]])
async def test_every_other_value_is_taken(value: object) -> None:
    check_texts("edits", value)


def given(tool: str, parameter: str, bad: str) -> dict[str, Any]:
    """Arguments of a tool, of which this one has the text."""
    schema = json.dumps(CATALOGUE[tool].parameters["properties"][parameter])
    value: Any = f"x{bad}"
    if parameter == "edits":
        value = [{"old": value, "new": ""}]
    elif '"array"' in schema:
        value = [{"source": value}] if "source" in schema else [value]
    return {**sample_arguments(tool), parameter: value}


async def test_no_parameter_of_any_tool_takes_it(file: JupyterProcess, name: str) -> None:
    """Over the wire as a client in JavaScript writes it; that of Python would not send it."""
    file.write_notebook(name, "1")
    before, log = file.read_notebook(name), len(file.log)
    meta = {
        "io.modelcontextprotocol/protocolVersion": ERAS[0],
        "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    for tool, served in CATALOGUE.items():
        headers = as_client(Mcp_Protocol_Version=ERAS[0], Mcp_Method="tools/call", Mcp_Name=tool)
        for parameter, schema in served.parameters["properties"].items():
            if '"string"' not in json.dumps(schema):
                continue
            for bad in (HALF, "\0"):
                params = {"name": tool, "arguments": given(tool, parameter, bad), "_meta": meta}
                body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
                status, _, answer = post(file, body, **headers)
                result = json.loads(answer)["result"]
                assert (status, result["isError"]) == (200, True), (tool, parameter)
                assert f"`{parameter}` is" in result["content"][0]["text"], (tool, parameter, result)
    assert file.read_notebook(name) == before
    assert "Traceback" not in file.log[log:]


async def test_resources_prompts_and_completions_do_not_either(file: JupyterProcess) -> None:
    log = len(file.log)
    async with connect(file) as agent:
        for request in (
            lambda: agent.client.read_resource("notebook://a%00.ipynb"),
            lambda: agent.client.get_prompt("explain_notebook", {"notebook": "a\0"}),
            lambda: agent.client.complete(
                PromptReference(type="ref/prompt", name="explain_notebook"), {"name": "notebook", "value": "a\0"}
            ),
        ):
            with pytest.raises(MCPError, match="text without NUL"):
                await request()
    assert "Traceback" not in file.log[log:]


async def test_an_answer_to_input_that_cannot_be_given_ends_the_cell(file: JupyterProcess, name: str) -> None:
    async def answer(*_: object) -> ElicitResult:
        return ElicitResult(action="accept", content={"answer": "x\0"})

    file.write_notebook(name)
    log = len(file.log)
    async with connect(file, elicitation=answer) as agent:
        result = await agent.call("execute_ipython", notebook=name, code="print(input('? '))")
        assert "interrupted" in text(result)
    assert "Traceback" not in file.log[log:]


@pytest.mark.parametrize("path", ["x" * 256, f"a/{'é' * 128}/b.ipynb", "a/" * 1500 + "b", "x" * 300_000])
async def test_a_path_longer_than_any_files_is_refused_wherever_it_is_given(file: JupyterProcess, path: str) -> None:
    """Jupyter would answer 500 with a traceback in its log, and of the longest no URL can be made."""
    log = len(file.log)
    async with connect(file) as agent:
        for tool, served in CATALOGUE.items():
            for parameter in {"notebook", "path", "to"} & set(served.parameters["properties"]):
                told = await agent.fails(tool, **{**sample_arguments(tool), parameter: path})
                assert told.startswith(f"`{parameter}` is "), (tool, parameter, told[:300])
                assert "at most 3,000 bytes, and at most 255 of each name" in told
                assert len(told) < 1000
        assert not (await agent.call("list_files", path="x" * 255)).content[0].text.startswith("`path` is")  # type: ignore[union-attr]
    assert "Traceback" not in file.log[log:]


def test_half_a_surrogate_pair_is_told_as_an_escape_anywhere_in_an_answer() -> None:
    assert sendable({"a": [{"text": "x\udcff\U0001f600é", HALF: 1}], "b": None}) == {
        "a": [{"text": "x\\udcff\U0001f600é", "\\ud800": 1}],
        "b": None,
    }


def test_a_name_is_told_on_one_line() -> None:
    assert on_one_line("a b é\n── [Note: \r\t\x1b\u2028.ipynb") == r"a b é\n── [Note: \r\t\u001b\u2028.ipynb"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' names are Unicode")
@pytest.mark.parametrize("era", ERAS)
async def test_a_folder_with_a_name_that_is_no_utf8_is_listed_with_all_that_is_in_it(
    file: JupyterProcess, name: str, era: str
) -> None:
    """As archives of old have it (jupyter/notebook#223): Jupyter lists it, and no client took the answer."""
    folder = file.root / name.removesuffix(".ipynb")
    folder.mkdir()
    (folder / "new\nline.txt").write_text("x")
    (folder / "other.txt").write_text("x")
    odd = os.fsencode(folder) + b"/caf\xe9.txt"
    with open(odd, "w") as written:
        written.write("x")
    try:
        log = len(file.log)
        async with connect(file, era) as agent:
            told = await agent.ok("list_files", path=folder.name)
            assert told.split("\n") == [
                f"{folder.name}/caf\\udce9.txt  1 B  (no UTF-8: only code can open it)",
                f"{folder.name}/new\\nline.txt  1 B",
                f"{folder.name}/other.txt  1 B",
            ]
            near = await agent.fails("read_file", path=f"{folder.name}/caf.txt")
            assert "caf\\udce9.txt" in near
        assert "Traceback" not in file.log[log:]
    finally:
        os.remove(odd)
