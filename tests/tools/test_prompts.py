"""Prompts, completion, and how the server describes itself, on real servers in both eras."""

from __future__ import annotations

import base64
import re

import nbformat.v4
import pytest
from harness import ERAS, JupyterProcess, connect
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types import SERVER_INFO_META_KEY, GetPromptResult, PromptReference, ResourceTemplateReference, TextContent

from jupyter_mcp_proxy import __version__
from jupyter_mcp_proxy.tools.server import TOOLS

pytestmark = pytest.mark.anyio

CELL = ResourceTemplateReference(uri="notebook://{path}/cells/{id}")
OUTPUT = ResourceTemplateReference(uri="notebook://{path}/cells/{id}/outputs/{i}")


async def prompt(client: Client, name: str, **arguments: str) -> str:
    result = await client.get_prompt(name, arguments)
    assert isinstance(result, GetPromptResult)
    (message,) = result.messages
    assert message.role == "user"
    assert isinstance(message.content, TextContent)
    return message.content.text


@pytest.mark.parametrize("era", ERAS)
async def test_the_prompts(live: JupyterProcess, era: str) -> None:
    async with connect(live, era) as agent:
        listed = {
            p.name: {a.name: a.required for a in p.arguments or ()} for p in (await agent.client.list_prompts()).prompts
        }
        assert listed == {
            "explain_notebook": {"notebook": True},
            "fix_failing_cell": {"notebook": True, "cell": False},
            "new_analysis": {"topic": True, "data": False, "kernel": False},
        }
        texts = [
            await prompt(agent.client, "explain_notebook", notebook="a b.ipynb"),
            await prompt(agent.client, "fix_failing_cell", notebook="a b.ipynb"),
            await prompt(agent.client, "fix_failing_cell", notebook="a b.ipynb", cell="3"),
            await prompt(agent.client, "new_analysis", topic="How warm was 2025?"),
            await prompt(agent.client, "new_analysis", topic="?", data="d/x.csv", kernel="python3"),
        ]
        assert "'a b.ipynb'" in texts[0]
        assert "marks ERR" in texts[1]
        assert "Cell '3'" in texts[2]
        assert "How warm was 2025?" in texts[3]
        assert "'d/x.csv'" in texts[4]
        assert "kernelspec='python3'" in texts[4]
        for text in texts:
            assert len(text) < 1600
            named = set(re.findall(r"`(\w+_\w+)`", text)) - {"if_hash"}
            assert named
            assert named <= set(TOOLS), "a prompt names no tool that is not there"


@pytest.mark.parametrize("era", ERAS)
async def test_a_wrong_prompt_or_argument_is_named(live: JupyterProcess, era: str) -> None:
    async with connect(live, era) as agent:
        for name, arguments, told in (
            ("explain_notebok", {}, "There is no prompt 'explain_notebok'. Near matches: explain_notebook"),
            ("explain_notebook", {}, "explain_notebook needs it"),
            ("new_analysis", {"topic": " "}, "new_analysis needs it"),
            ("new_analysis", {"topic": "x", "dta": "y"}, "There is no argument 'dta'. Near matches: topic, data"),
        ):
            with pytest.raises(MCPError, match=re.escape(told)):
                await agent.client.get_prompt(name, arguments)


@pytest.mark.parametrize("era", ERAS)
async def test_arguments_are_completed(server: JupyterProcess, name: str, era: str) -> None:
    folder = name.removesuffix(".ipynb")
    (server.root / folder / "Sub dir").mkdir(parents=True)
    (server.root / folder / "data.csv").write_text("a")
    cells = [nbformat.v4.new_code_cell(f"x = {i}", id=f"cell-{i}") for i in range(3)]
    cells[2].outputs = [nbformat.v4.new_output("error", ename="E", evalue="e", traceback=["E: e"])] * 2
    content = nbformat.writes(nbformat.v4.new_notebook(cells=cells))
    for path in (f"{folder}/one.ipynb", f"{folder}/Other.ipynb"):
        (server.root / path).write_text(content)

    async with connect(server, era, name=f"completing {era}") as agent:

        async def values(ref: PromptReference | ResourceTemplateReference, argument: str, typed: str, **before: str):
            result = await agent.client.complete(ref, {"name": argument, "value": typed}, before or None)
            assert result.completion.total == len(result.completion.values)
            return result.completion.values

        explain, fix = PromptReference(name="explain_notebook"), PromptReference(name="fix_failing_cell")
        for ref, argument in ((CELL, "path"), (explain, "notebook")):
            assert await values(ref, argument, f"{folder}/") == [
                f"{folder}/Other.ipynb", f"{folder}/one.ipynb", f"{folder}/Sub dir/"
            ]  # fmt: skip
            assert await values(ref, argument, f"{folder}/o") == [f"{folder}/Other.ipynb", f"{folder}/one.ipynb"]
            assert await values(ref, argument, f"{folder}/x") == []
            assert await values(ref, argument, "no such folder/") == []
            assert await values(ref, argument, "../") == []
        assert f"{folder}/" in await values(CELL, "path", folder[:-1])

        before = f"{folder}/one.ipynb"
        assert await values(CELL, "id", "", path=before) == ["cell-2", "cell-0", "cell-1"]
        assert await values(fix, "cell", "cell-1", notebook=before) == ["cell-1"]
        assert await values(OUTPUT, "i", "", path=before, id="cell-2") == ["0", "1"]
        assert await values(CELL, "id", "") == [], "the notebook is not known"
        assert await values(CELL, "id", "", path="no-such.ipynb") == []
        await agent.ok("use_notebook", notebook=before)
        assert await values(CELL, "id", "cell-1") == ["cell-1"], "the only one that is open"
        assert (await values(explain, "notebook", "one.ip"))[:1] == [before], "what is open is found by any part"
        await agent.ok("unuse_notebook", notebook=before)

        analysis = PromptReference(name="new_analysis")
        assert await values(analysis, "kernel", "py") == ["python3"]
        assert await values(analysis, "data", f"{folder}/") == [f"{folder}/data.csv", f"{folder}/Sub dir/"]
        assert await values(analysis, "topic", "x") == []
        for unknown in (PromptReference(name="nonsense"), ResourceTemplateReference(uri="file:///{path}")):
            with pytest.raises(MCPError, match="There is no"):
                await values(unknown, "path", "")


@pytest.mark.parametrize("era", ("auto", "legacy"))  # `auto` asks the server what it can, in the new era
async def test_the_server_describes_itself(live: JupyterProcess, era: str) -> None:
    async with connect(live, era) as agent:
        assert (agent.client.protocol_version >= "2026-07-28") is (era == "auto")
        capabilities = agent.client.server_capabilities
        assert capabilities.resources is not None
        assert capabilities.resources.subscribe
        assert capabilities.prompts is not None
        assert capabilities.completions is not None
        info = agent.client.server_info
        assert info is not None
        assert (info.website_url or "").startswith("https://")
        (icon,) = info.icons or ()
        assert icon.mime_type == "image/svg+xml"
        head, _, data = icon.src.partition(",")
        assert head == "data:image/svg+xml;base64"
        assert base64.b64decode(data).startswith(b"<svg")


@pytest.mark.parametrize("era", ERAS)
async def test_a_result_is_signed_with_no_more_than_name_and_version(live: JupyterProcess, era: str) -> None:
    signature = {SERVER_INFO_META_KEY: {"name": "jupyter-mcp-proxy", "version": __version__}}
    async with connect(live, era) as agent:
        for result in (
            await agent.call("list_kernels"),
            await agent.call("read_file", path="no-such.txt"),
        ):
            assert result.meta == (None if era == "legacy" else signature)


@pytest.mark.parametrize("era", ERAS)
async def test_every_tool_has_a_title_and_says_whether_it_changes_anything(live: JupyterProcess, era: str) -> None:
    async with connect(live, era) as agent:
        for tool in (await agent.client.list_tools()).tools:
            assert tool.title
            assert tool.annotations is not None
            may_make = tool.name == "use_notebook"
            hint = (tool.meta or {}).get("anthropic/searchHint", "")
            assert "Jupyter" in hint or not tool.meta
            assert tool.annotations.read_only_hint is (TOOLS[tool.name].tier == "read" and not may_make)
