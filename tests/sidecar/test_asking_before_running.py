"""Asking before running: what an agent's call waits for, and who can let it go on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from harness import ERAS, TOKEN, JupyterProcess, StartJupyter, connect, post, text
from harness.panel import Stream, ask, watching

pytestmark = pytest.mark.anyio

MARKUP = "<img src=x onerror=alert(1)>"
RUNS: dict[str, Callable[[str], dict[str, Any]]] = {
    "execute_cell": lambda name: {"notebook": name, "cell": 0},
    "insert_execute_code_cell": lambda name: {"notebook": name, "source": "1 + 1"},
    "execute_ipython": lambda name: {"notebook": name, "code": "1 + 1"},
    "run_cells": lambda name: {"notebook": name, "restart_first": True},
}
NO_CODE = {"interrupt_kernel", "assign_kernel_to_notebook", "restart_notebook"}


def switch(server: JupyterProcess, who: str, on: bool = True, token: str | None = None) -> None:
    assert ask(server, "POST", "asking", {"ask": on, "client": who, "token": token}) == {"ask": on}


async def asked(stream: Stream, notebook: str) -> Any:
    """The request about a notebook, as soon as it is shown."""
    state = await stream.until("state", lambda state: any(r["notebook"] == notebook for r in state["requests"]))
    return next(r for r in state["requests"] if r["notebook"] == notebook)


async def taken_out(stream: Stream, notebook: str) -> None:
    await stream.until("state", lambda state: all(r["notebook"] != notebook for r in state["requests"]))


def answer(server: JupyterProcess, request: Any, verdict: str) -> bool:
    return bool(ask(server, "POST", "allow", {"request": request["id"], "verdict": verdict})["taken"])


def test_each_tool_that_may_run_code_is_known_here() -> None:
    from jupyter_mcp_proxy.tools.registry import TOOLS
    from jupyter_mcp_proxy.tools.server import CATALOGUE

    assert {name for name in CATALOGUE if TOOLS[name].tier == "run"} == RUNS.keys() | NO_CODE


@pytest.mark.parametrize(("tool", "era"), [(tool, ERAS[place % 2]) for place, tool in enumerate(RUNS)])
async def test_whatever_runs_code_waits_until_a_person_has_seen_it(
    live: JupyterProcess, name: str, label: str, tool: str, era: str
) -> None:
    live.write_notebook(name, "1 + 1")
    switch(live, label)
    progress: list[str] = []

    async def reported(done: float, total: float | None, message: str | None) -> None:
        progress.append(str(message))

    async with watching(live) as stream, connect(live, era, name=label) as agent:
        call = asyncio.create_task(agent.ok(tool, reported, **RUNS[tool](name)))
        request = await asked(stream, name)
        assert (request["client"], request["token"]) == (label, None)
        whole = ask(live, "GET", f"request?id={request['id']}")["request"]
        assert [piece["code"] for piece in whole["pieces"]] == ["1 + 1"]
        assert whole["tool"] == tool
        assert len(live.read_notebook(name)["cells"]) == 1
        assert live.read_notebook(name)["cells"][0]["execution_count"] is None
        assert answer(live, request, "once")
        assert not answer(live, request, "deny")
        await taken_out(stream, name)
        assert "2" in await call
    assert "waiting for a person to allow this run in JupyterLab" in progress


async def test_what_a_person_denies_is_not_run_and_leaves_nothing_behind(
    live: JupyterProcess, name: str, label: str
) -> None:
    live.write_notebook(name, "1 + 1")
    switch(live, label)
    async with watching(live) as stream, connect(live, name=label) as agent:
        call = asyncio.create_task(agent.fails("insert_execute_code_cell", notebook=name, source="bad()"))
        answer(live, await asked(stream, name), "deny")
        told = await call
        assert "A person was shown this code in JupyterLab and denied it. Nothing was run." in told
        entry = await stream.call("insert_execute_code_cell", "refused")
        assert entry["client"] == label
        assert "bad()" not in await agent.ok("list_cells", notebook=name)


async def test_leave_for_a_notebook_is_asked_for_once(live: JupyterProcess, name: str, label: str) -> None:
    live.write_notebook(name, "1 + 1")
    switch(live, label)
    async with watching(live) as stream, connect(live, name=label) as agent:
        call = asyncio.create_task(agent.ok("execute_cell", notebook=name, cell=0))
        answer(live, await asked(stream, name), "notebook")
        await call
        assert "42" in await agent.ok("execute_ipython", notebook=name, code="6 * 7")


async def test_another_client_is_not_asked_and_one_that_is_switched_off_goes_on(
    live: JupyterProcess, name: str, label: str
) -> None:
    live.write_notebook(name, "1 + 1")
    switch(live, MARKUP + label)
    async with (
        watching(live) as stream,
        connect(live, name=MARKUP + label) as one,
        connect(live, name=label) as other,
    ):
        call = asyncio.create_task(one.ok("execute_cell", notebook=name, cell=0))
        assert (await asked(stream, name))["client"] == MARKUP + label
        assert "42" in await other.ok("execute_ipython", notebook=name, code="6 * 7")
        state = ask(live, "GET", "status")
        assert {c["name"]: c["asking"] for c in state["clients"] if label in c["name"]} == {
            MARKUP + label: True,
            label: False,
        }
        assert state["asking"] is False
        switch(live, MARKUP + label, False)
        assert "2" in await call


@pytest.mark.parametrize("how", ["call", "client", "stop", "pause"])
async def test_what_ends_the_call_takes_the_request_away(live: JupyterProcess, name: str, label: str, how: str) -> None:
    live.write_notebook(name, "1 + 1")
    switch(live, label)
    async with watching(live) as stream:
        async with connect(live, "legacy", name=label) as agent:
            call = asyncio.create_task(agent.call("execute_cell", notebook=name, cell=0))
            request = await asked(stream, name)
            if how == "call":
                call.cancel()
            elif how == "stop":
                assert ask(live, "POST", "stop", {})["stopped"] >= 1
                assert "A person stopped this while it waited" in text(await call)
            elif how == "pause":
                try:
                    ask(live, "POST", "pause", {"paused": True})
                    assert "A person has paused agents" in text(await call)
                finally:
                    ask(live, "POST", "pause", {"paused": False})
            if how != "client":
                await taken_out(stream, name)
        if how == "client":
            await taken_out(stream, name)
        await asyncio.gather(call, return_exceptions=True)
        assert not answer(live, request, "once")
    assert live.read_notebook(name)["cells"][0]["execution_count"] is None


async def test_an_agents_token_opens_none_of_it(live: JupyterProcess, name: str, label: str) -> None:
    """Not the switch, not the code, and not the answer: asked for with the very token that waits."""
    live.write_notebook(name, "1 + 1")
    person = {"Authorization": f"Bearer {TOKEN}", "Content_Type": "application/json"}
    _, _, made = post(live, {"name": label, "tier": "run"}, "mcp-proxy/api/tokens", **person)
    scoped = str(json.loads(made)["token"])
    switch(live, label, token=label)
    async with watching(live) as stream, connect(live, name=label, token=scoped) as agent:
        call = asyncio.create_task(agent.call("execute_cell", notebook=name, cell=0))
        request = await asked(stream, name)
        assert request["token"] == label
        bodies = {
            "allow": {"request": request["id"], "verdict": "once"},
            "asking": {"ask": False, "client": label, "token": label},
        }
        for credential in (scoped, "wrong", ""):
            headers = {"Content_Type": "application/json"}
            if credential:
                headers["Authorization"] = f"Bearer {credential}"
            for what, body in bodies.items():
                assert post(live, body, f"mcp-proxy/api/{what}", **headers)[0] == 403
            assert post(live, None, f"mcp-proxy/api/request?id={request['id']}", "GET", **headers)[0] == 403
        assert not call.done()
        answer(live, request, "deny")
        assert "denied it" in text(await call)


async def test_the_setting_asks_about_new_clients_and_the_switches_outlive_the_sidecar(
    start_jupyter: StartJupyter, name: str, label: str
) -> None:
    server = start_jupyter(rtc=False, environment={"JUPYTER_MCP_PROXY_ASK_BEFORE_RUNNING": "true"})
    server.write_notebook(name, "1 + 1")
    assert ask(server, "GET", "status")["asking"] is True
    switch(server, label, False)
    server.kill_sidecar()
    server.wait()
    async with connect(server, name=label) as agent, connect(server) as other:
        await agent.ok("list_cells", notebook=name)
        await other.ok("list_cells", notebook=name)
    state = ask(server, "GET", "status")
    assert state["asking"] is True
    assert sorted(client["asking"] for client in state["clients"]) == [False, True]


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("asking", b"[]"),
        ("asking", b'{"ask": 1}'),
        ("asking", b'{"ask": true, "client": "x"}'),
        ("asking", b'{"ask": true, "client": "x", "token": 1}'),
        ("allow", b'{"request": "x"}'),
        ("allow", b'{"request": "x", "verdict": "stopped"}'),
        ("allow", b'{"request": 1, "verdict": "once"}'),
    ],
)
async def test_nonsense_is_refused(live: JupyterProcess, what: str, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content_Type": "application/json"}
    status, _, told = post(live, body, f"mcp-proxy/api/{what}", **headers)
    assert status == 400
    assert "Send" in json.loads(told)["message"]
