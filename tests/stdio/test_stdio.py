"""`stdio`: a client that starts a program works in a running server, in both eras; everything passes both ways."""

from __future__ import annotations

import asyncio
import json
import warnings
from pathlib import Path
from typing import Any

import anyio
import pytest
from harness import ERAS, SLEEP, TOKEN, JupyterProcess, connect, until
from harness.piped import Piped, own_tokens, piped, world
from mcp_types import ElicitResult

pytestmark = pytest.mark.anyio

HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "lines", "version": "1"},
}
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "lines", "version": "1"},
}


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def outputs(server: JupyterProcess, name: str) -> str:
    """What the only cell of a notebook has put out, as the file has it."""
    return str(server.read_notebook(name)["cells"][0]["outputs"])


async def test_a_client_over_stdio_works_in_the_notebook(server: JupyterProcess, name: str, era: str) -> None:
    server.write_notebook(name, "print(6 * 7)")
    async with piped(server, era) as agent:
        tools = await agent.client.list_tools()
        assert "execute_cell" in [tool.name for tool in tools.tools]
        assert "42" in await agent.ok("execute_cell", notebook=name, cell=0)


async def test_names_that_no_header_can_carry_are_read(file: JupyterProcess, era: str) -> None:
    file.write_notebook("größe ☃.ipynb", "print('snow')")
    async with piped(file, era) as agent:
        read = await agent.client.read_resource("notebook://größe ☃.ipynb")
        assert "snow" in str(read.contents[0])
        assert "hole" in await agent.ok("execute_ipython", notebook="größe ☃.ipynb", code="print('hole')")


async def test_progress_comes_while_a_cell_runs(file: JupyterProcess, name: str, era: str) -> None:
    file.write_notebook(name)
    reports: list[float] = []

    async def report(progress: float, total: float | None, message: str | None) -> None:
        reports.append(progress)

    async with piped(file, era) as agent:
        code = "import time\nfor i in range(3):\n    print(i, flush=True)\n    time.sleep(0.5)"
        await agent.ok("execute_ipython", report, notebook=name, code=code)
    assert len(reports) >= 3


async def test_what_the_server_asks_is_answered_by_the_client(file: JupyterProcess, name: str, era: str) -> None:
    file.write_notebook(name)
    asked = []

    async def answer(context: Any, params: Any) -> ElicitResult:
        asked.append(params.message)
        return ElicitResult(action="accept", content={"answer": "Ada"})

    async with piped(file, era, elicitation_callback=answer) as agent:
        told = await agent.ok("execute_ipython", notebook=name, code="print('hello', input('name? '))")
    assert "hello Ada" in told
    assert "name?" in asked[0]


async def test_cancelling_a_call_interrupts_its_cell(file: JupyterProcess, name: str, era: str) -> None:
    file.write_notebook(name, SLEEP)
    async with piped(file, era) as agent:
        call = asyncio.create_task(agent.call("execute_cell", notebook=name, cell=0))
        await until(lambda: "begun" in outputs(file, name), 60)
        call.cancel()
        await until(lambda: "KeyboardInterrupt" in outputs(file, name))
        assert "ok" in await agent.ok("execute_ipython", notebook=name, code="'o' + 'k'")


async def test_what_the_server_tells_by_itself_reaches_a_subscriber(
    file: JupyterProcess, name: str, era: str, tmp_path: Path
) -> None:
    file.write_notebook(name, "1")
    uri = f"notebook://{name}"
    told: list[Any] = []

    async def hear(message: Any) -> None:
        told.append(message)

    async with connect(file) as editor:
        if era == "legacy":
            async with piped(file, era, message_handler=hear) as agent:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    await agent.client.subscribe_resource(uri)
                await editor.ok("overwrite_cell_source", notebook=name, cell=0, source="2")
                await until(lambda: any(uri in str(message) for message in told))
        else:
            async with (
                piped(file, era) as agent,
                agent.client.listen(resource_subscriptions=[uri]) as stream,
            ):
                await editor.ok("overwrite_cell_source", notebook=name, cell=0, source="2")
                with anyio.fail_after(30):
                    assert uri in str(await anext(aiter(stream)))


async def test_stdout_has_messages_only_and_stderr_no_credential(file: JupyterProcess) -> None:
    there = own_tokens(file)
    client = Piped(world(file), file.root)
    hello = {"jsonrpc": "2.0", "method": "initialize", "params": HELLO, "id": "a"}
    client.write(b"\xef\xbb\xbf" + json.dumps(hello).encode() + b"\r")  # as shells of Windows write
    assert client.answer("a")["result"]["serverInfo"]["name"]
    client.say("notifications/initialized")
    client.write(b"this is no JSON")
    assert client.hear()["error"]["code"] == -32700
    client.write(b"[]")
    assert client.hear()["error"]["code"] == -32700
    client.say("tools/call", {"name": "no_such_tool", "arguments": {}}, 1)
    assert client.answer(1)
    client.say("no/such", {}, "1")
    assert client.answer("1")["error"]["code"] == -32601
    (made,) = own_tokens(file).keys() - there
    assert own_tokens(file)[made] == "run"
    took, said = client.end()
    assert took < 4, "2 s where nothing else keeps the machine busy"
    assert client.process.returncode == 0
    assert TOKEN not in said
    assert "jmp_" not in said


async def test_it_ends_with_its_stdin_and_leaves_no_token_though_a_cell_runs(
    file: JupyterProcess, name: str, era: str
) -> None:
    file.write_notebook(name, SLEEP)
    there = own_tokens(file)
    client = Piped(world(file), file.root)
    arguments = {"name": "execute_cell", "arguments": {"notebook": name, "cell": 0}}
    if era == "legacy":
        client.say("initialize", HELLO, 0)
        client.answer(0)
        client.say("notifications/initialized")
        client.say("tools/call", arguments, 1)
    else:
        client.say("tools/call", arguments | {"_meta": META}, 1)
    await until(lambda: "begun" in outputs(file, name), 60)
    took, _ = await asyncio.to_thread(client.end)
    assert took < 4, "2 s where nothing else keeps the machine busy"
    assert client.process.returncode == 0
    await until(lambda: "KeyboardInterrupt" in outputs(file, name))
    assert own_tokens(file).keys() <= there.keys()


async def test_what_was_asked_before_stdin_ended_is_still_answered(file: JupyterProcess) -> None:
    client = Piped(world(file), file.root)
    client.say("server/discover", {"_meta": META}, 1)
    assert client.process.stdin is not None
    client.process.stdin.close()
    assert "result" in client.answer(1)
    client.process.wait(10)
    client.leave()


async def test_a_signal_ends_it_in_order(file: JupyterProcess) -> None:
    there = own_tokens(file)
    client = Piped(world(file), file.root)
    client.say("server/discover", {"_meta": META}, 1)
    assert "result" in client.answer(1)
    client.process.terminate()
    assert client.process.wait(10) == 0
    client.leave()
    assert own_tokens(file).keys() <= there.keys()
