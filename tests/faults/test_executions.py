"""Executions when things go wrong: a dead kernel, a dead sidecar, lost clients, too much output."""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import signal
import time

import anyio
import pytest
from harness import JupyterProcess, StartJupyter, connect, said_missing, text, until
from mcp.shared.exceptions import MCPError

pytestmark = pytest.mark.anyio

DEATHS = int(os.environ.get("DEATHS", "3"))
"""Kernels that die in a row; the nightly run sets DEATHS=200."""
TICKS = "import time\nfor i in range({count}):\n    print('tick', i, flush=True)\n    time.sleep(0.2)\nprint('end')"


def stream_of(server: JupyterProcess, name: str, cell: int = 0) -> str:
    outputs = server.read_notebook(name)["cells"][cell]["outputs"]
    return "".join("".join(output.get("text", "")) for output in outputs if output["output_type"] == "stream")


async def test_a_kernel_that_ends_is_told_within_two_seconds(server: JupyterProcess, name: str) -> None:
    """Jupyter itself looks every three seconds. The notebook says it too, and the next run has a new kernel."""
    source = "import os, time\nprint('before', flush=True)\nprint(time.time() + 0.5, flush=True)\n"
    source += "time.sleep(0.5)\nos._exit(1)"
    server.write_notebook(name, source)
    async with connect(server) as agent:
        await agent.ok("execute_ipython", notebook=name, code="x = 1")
        result = await agent.call("execute_cell", notebook=name, cell=0)
        now = time.time()
        told = text(result)
        assert result.is_error
        assert " · kernel_died · " in told
        assert "all its variables are gone" in told
        assert "before" in told
        died = re.search(r"^(\d+\.\d+)$", told, re.MULTILINE)
        assert died, told
        assert now - float(died[1]) < 2
        told = await agent.ok("execute_ipython", notebook=name, code="'x' in dir()")
        assert told.endswith("False")
    await until(lambda: "kernel died" in stream_of(server, name))


@pytest.mark.timeout(120 + 30 * DEATHS)
async def test_the_run_after_a_death_works_at_the_first_try(server: JupyterProcess, name: str) -> None:
    async with connect(server) as agent:
        for number in range(DEATHS):
            each = f"{number}-{name}"
            server.write_notebook(each, "import os\nos._exit(1)", "6 * 7")
            assert " · kernel_died · " in await agent.fails("execute_cell", notebook=each, cell=0)
            assert "42" in await agent.ok("execute_cell", notebook=each, cell=1), number
            await agent.ok("restart_notebook", notebook=each, shutdown=True)


async def test_the_sidecar_is_killed_while_a_cell_runs(server: JupyterProcess, name: str) -> None:
    """Its output is in the notebook once it is back: what was printed before, and what was while it was away.

    What the kill catches between the server and the sidecar is lost; then the cell and the result say so.
    """
    server.write_notebook(name, TICKS.format(count=30))
    others = server.journals()
    async with connect(server) as agent:
        await agent.ok("execute_ipython", notebook=name, code="pass")
        told = await agent.ok("execute_cell", notebook=name, cell=0, wait=1.5)
        execution = told.split(" · ")[0].split("\n")[-1]
    server.kill_sidecar()
    await until(lambda: "end" in stream_of(server, name), 30)
    lines = [*(f"tick {i}" for i in range(30)), "end"]
    shown = stream_of(server, name)
    missing = [line for line in lines if line not in shown.split("\n")]
    async with connect(server) as agent:
        told = await agent.ok("wait_execution", execution=execution)
        assert " · ok" in told
        assert "tick 29" in told
    assert len(missing) <= 2
    for seen in (shown, told):
        assert len(missing) <= said_missing(seen) <= len(missing) + 20, (missing, seen)
    await until(lambda: server.journals() <= others)


async def test_the_sidecar_is_killed_as_soon_as_a_cell_runs(server: JupyterProcess, name: str) -> None:
    """Its cell may not have been marked as running by then; it has the whole output all the same."""
    server.write_notebook(name, "print('old')", "import time\nprint('whole' if time.sleep(1) is None else '')")
    others = server.journals()

    def sent() -> int:
        return sum(path.read_text().count(name) for path in server.runtime.glob("mcp-proxy-*.json"))

    async with connect(server) as agent:
        await agent.ok("execute_cell", notebook=name, cell=0)  # from now on shared changes are known to be kept
        before = sent()
        running = asyncio.create_task(agent.call("execute_cell", notebook=name, cell=1))
        with anyio.fail_after(30):
            while sent() == before:
                assert not running.done(), running.result()
                await asyncio.sleep(0.001)
        server.kill_sidecar()
        with pytest.raises(MCPError, match="may have been carried out"):
            await running
    await until(lambda: "whole" in stream_of(server, name, 1), 30)
    await until(lambda: server.journals() <= others)
    assert "was lost" not in stream_of(server, name, 1)
    assert server.read_notebook(name)["cells"][1]["execution_count"] in (2, None)  # the message with it may be missing


async def test_a_client_that_is_gone_after_running_loses_nothing(server: JupyterProcess, name: str) -> None:
    """Once a call has returned `running`, a closed laptop stops nothing."""
    server.write_notebook(name, TICKS.format(count=10))
    async with connect(server) as agent:
        await agent.ok("execute_ipython", notebook=name, code="pass")
        assert " · running · " in await agent.ok("execute_cell", notebook=name, cell=0, wait=0.5)
    await until(lambda: "end" in stream_of(server, name))


async def test_two_clients_work_on_two_notebooks_at_once(server: JupyterProcess, name: str) -> None:
    """Neither waits for the other, and neither writes into the other's notebook."""
    names = [f"one-{name}", f"two-{name}"]
    for each in names:
        server.write_notebook(each, f"import time\ntime.sleep(1.5)\nprint({each!r})")

    async def work(each: str) -> str:
        async with connect(server, name=each) as agent:
            await agent.ok("use_notebook", notebook=each, kernelspec="python3")
            await agent.ok("execute_ipython", notebook=each, code="pass")
            began = time.monotonic()
            told = await agent.ok("execute_cell", notebook=each, cell=0)
            assert time.monotonic() - began < 4
            await agent.ok("insert_cell", notebook=each, source=f"# {each}")
            return told

    for each, told in zip(names, await asyncio.gather(*map(work, names)), strict=True):
        assert each in told
        await until(lambda each=each: f"# {each}" in (server.root / each).read_text())
        assert len(server.read_notebook(each)["cells"]) == 2


async def test_one_kernel_is_shared_with_the_session_that_is_there(server: JupyterProcess, name: str) -> None:
    """A person's notebook has a kernel already: no second one is started beside it."""
    import urllib.request

    server.write_notebook(name, "pass")
    body = {"path": name, "name": name, "type": "notebook", "kernel": {"name": "python3"}}
    request = urllib.request.Request(
        f"{server.url}api/sessions",
        json.dumps(body).encode(),
        {"Authorization": f"token {server.token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        kernel = json.load(answer)["kernel"]["id"]
    async with connect(server) as agent:
        assert kernel in await agent.ok("use_notebook", notebook=name)
        await agent.ok("execute_ipython", notebook=name, code="1")
        listed = await agent.ok("list_kernels")
        assert listed.count(f"  {name}") == 1
        assert kernel in listed


async def test_output_that_jupyter_dropped_is_told_in_the_cell_and_in_the_result(
    start_jupyter: StartJupyter,
) -> None:
    """Its websocket has a rate limit; a person must not take what is left for all there was."""
    server = start_jupyter(rtc=False, arguments=("--ZMQChannelsWebsocketConnection.iopub_data_rate_limit=1000",))
    server.write_notebook("a.ipynb", "for i in range(50):\n    print('y' * 1000, flush=True)")
    async with connect(server) as agent:
        told = await agent.ok("execute_cell", notebook="a.ipynb", cell=0)
        if "rate limit dropped" not in told:  # read on the kernel's own ports: then nothing is missing
            assert stream_of(server, "a.ipynb").count("y") == 50_000
            return
        assert "rate limit dropped" in stream_of(server, "a.ipynb")
        assert "IOPub data rate exceeded" not in told


async def test_a_cell_that_is_deleted_while_it_runs_keeps_its_result(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, TICKS.format(count=5), "pass")
    async with connect(server) as agent:
        await agent.ok("execute_ipython", notebook=name, code="pass")
        told = await agent.ok("execute_cell", notebook=name, cell=0, wait=0.4)
        await agent.ok("delete_cell", notebook=name, cell=0)
        told = await agent.ok("wait_execution", execution=told.split(" · ")[0].split("\n")[-1])
        assert "end" in told
        assert "no code cell any more, or gone" in told


async def test_a_file_changed_between_read_and_write_keeps_both_changes(file: JupyterProcess, name: str) -> None:
    """A person saved another cell after the agent looked: the agent's edit goes into what is there now."""
    path = file.write_notebook(name, "a = 1", "b = 1")
    async with connect(file) as agent:
        seen = re.search(r"hash (\w+)", await agent.ok("read_cell", notebook=name, cell=0))
        assert seen
        content = file.read_notebook(name)
        content["cells"][1]["source"] = ["b = 'the person']"]
        path.write_text(json.dumps(content))
        await agent.ok("overwrite_cell_source", notebook=name, cell=0, source="a = 2", if_hash=seen[1])
        sources = ["".join(cell["source"]) for cell in file.read_notebook(name)["cells"]]
        assert sources == ["a = 2", "b = 'the person']"]
        content = file.read_notebook(name)
        content["cells"][0]["source"] = ["a = 'the person'"]
        path.write_text(json.dumps(content))
        told = await agent.fails("overwrite_cell_source", notebook=name, cell=0, source="a = 3", if_hash=seen[1])
        assert "a = 'the person'" in told
        assert "".join(file.read_notebook(name)["cells"][0]["source"]) == "a = 'the person'"


async def test_a_server_that_cannot_write_is_told(start_jupyter: StartJupyter) -> None:
    """A limit on file sizes stands for a full disk: the error says so, and the shared document keeps the change."""
    for rtc in (True, False):
        server = start_jupyter(rtc=rtc)
        server.write_notebook("a.ipynb", "a = 1")
        async with connect(server) as agent:
            await agent.ok("use_notebook", notebook="a.ipynb")
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (100, 100))
            told = await agent.fails("overwrite_cell_source", notebook="a.ipynb", cell=0, source="a = 2" * 50)
            assert "could not save 'a.ipynb'" in told
            if rtc:
                assert "is in the shared document" in told
                assert "a = 2" in await agent.ok("read_cell", notebook="a.ipynb", cell=0)
        assert "a = 1" in (server.root / "a.ipynb").read_text()


async def test_a_kernel_that_will_not_start_is_told_with_jupyters_reason(start_jupyter: StartJupyter) -> None:
    server = start_jupyter(rtc=False)
    spec = server.data / "kernels" / "broken"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text(
        json.dumps({"argv": ["/no/such/program", "{connection_file}"], "display_name": "Broken", "language": "x"})
    )
    server.write_notebook("a.ipynb", "1", kernelspec={"name": "broken", "display_name": "Broken"})
    async with connect(server) as agent:
        told = await agent.fails("execute_cell", notebook="a.ipynb", cell=0)
        assert "did not start" in told
        assert "/no/such/program" in told


async def test_a_person_who_clears_the_outputs_of_a_running_cell_stops_nothing(
    server: JupyterProcess, name: str
) -> None:
    server.write_notebook(name, TICKS.format(count=12))
    async with connect(server) as agent:
        await agent.ok("execute_ipython", notebook=name, code="pass")
        told = await agent.ok("execute_cell", notebook=name, cell=0, wait=1.2)
        await agent.ok("clear_outputs", notebook=name)
        told = await agent.ok("wait_execution", execution=told.split(" · ")[0].split("\n")[-1])
        assert " · ok · " in told
    await until(lambda: "end" in stream_of(server, name))


async def test_output_that_a_shared_document_cannot_hold_is_stored_in_another_form(
    server: JupyterProcess, name: str
) -> None:
    """Yjs has no integers beyond 64 bits; tables and charts have such ids."""
    source = "from IPython.display import display\nprint('first')\n"
    source += "display({'application/json': {'id': 2**70}, 'text/plain': 'big'}, raw=True)\nprint('last')"
    server.write_notebook(name, source)
    async with connect(server) as agent:
        assert " · ok · " in await agent.ok("execute_cell", notebook=name, cell=0)
        read = await agent.ok("read_cell", notebook=name, cell=0)
        assert "first" in read
        assert "big" in read
        assert "last" in read


async def test_output_that_is_not_utf_8_loses_nothing_around_it(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "print('before')\nprint('a\\udcffb')\nprint('after')")
    async with connect(server) as agent:
        told = await agent.ok("execute_cell", notebook=name, cell=0)
        assert "before" in told
        assert "after" in told
    await until(lambda: "after" in stream_of(server, name))


async def test_taking_back_a_waiting_cell_never_stops_what_a_person_runs(server: JupyterProcess, name: str) -> None:
    """The person's cell began before we were connected to the kernel, so that it runs is not known to us."""
    from jupyter_mcp_proxy.jupyter.kernel import WebSocketChannel
    from jupyter_mcp_proxy.jupyter.server import JupyterServer

    server.write_notebook(name, "print('mine')")
    async with JupyterServer(server.url, server.token) as api:
        session = await api.start_session(name, {"name": "python3"})
        async with WebSocketChannel(api, session["kernel"]["id"], "a-person") as theirs:
            await theirs.answers(20)
            replies = []
            code = {"code": "import time; time.sleep(4); print('theirs')", "silent": False, "allow_stdin": False}
            request = theirs.new_request("shell", "execute_request", code)
            await theirs.send(request, replies.append)
            await until(lambda: any(m.type == "status" for m in replies))
            async with connect(server) as agent:
                told = await agent.ok("execute_cell", notebook=name, cell=0, wait=1)
                assert " · queued" in told
                await agent.ok("interrupt_kernel", execution=told.split(" · ")[0].split("\n")[-1])
            await until(lambda: any(m.type == "execute_reply" for m in replies))
            assert next(m for m in replies if m.type == "execute_reply").content["status"] == "ok"
    assert server.read_notebook(name)["cells"][0]["source"] == ["print('mine')"]


async def test_a_cell_that_is_stopped_before_it_began_keeps_its_outputs(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "print('kept')", "import time; time.sleep(60)")
    async with connect(server) as agent:
        await agent.ok("execute_cell", notebook=name, cell=0)
        await agent.ok("execute_cell", notebook=name, cell=1, wait=0.3)
        told = await agent.ok("execute_cell", notebook=name, cell=0, wait=0)
        await agent.ok("interrupt_kernel", execution=told.split(" · ")[0])
        told = await agent.ok("read_cell", notebook=name, cell=0)
        assert "kept" in told
        assert "[1]" in told
        await agent.ok("interrupt_kernel", notebook=name)


async def test_a_server_that_is_silent_for_a_while_is_no_dead_kernel(start_jupyter: StartJupyter) -> None:
    """A laptop sleeps, a server is busy: the kernel lives, and so does what runs in it."""
    server = start_jupyter(rtc=False)
    server.write_notebook("a.ipynb", "import time\nfor i in range(60):\n    print('tick', i)\n    time.sleep(0.3)")
    async with connect(server) as agent:
        await agent.ok("execute_ipython", notebook="a.ipynb", code="pass")
        told = await agent.ok("execute_cell", notebook="a.ipynb", cell=0, wait=1)
        execution = told.split(" · ")[0].split("\n")[-1]
        server.process.send_signal(signal.SIGSTOP)
        await anyio.sleep(6)
        server.process.send_signal(signal.SIGCONT)
        told = await agent.ok("wait_execution", execution=execution, wait=60)
        assert " · ok · " in told
        assert "tick 59" in await agent.ok("read_output", execution=execution, grep="tick 59")


async def test_a_kernel_that_never_begins_ends_the_wait_with_the_reason(server: JupyterProcess, name: str) -> None:
    """Its process is there, so nobody takes it for dead: a machine swaps, a container is frozen."""
    async with connect(server) as agent:
        await agent.ok("use_notebook", notebook=name, create=True)
        pid = int((await agent.ok("execute_ipython", notebook=name, code="import os; os.getpid()")).split("\n")[-1])
        os.kill(pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            told = await agent.fails("execute_ipython", notebook=name, code="1", wait=90)
            assert time.monotonic() - began < 60
        finally:
            os.kill(pid, signal.SIGCONT)
    assert " · lost\n" in told
    assert "has not begun this within" in told
    assert "restart_notebook" in told


async def test_a_kernel_that_nobody_uses_any_more_is_left(
    server: JupyterProcess, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jupyter's culler spares a kernel that somebody is connected to."""
    from jupyter_mcp_proxy.execution import kernels as module
    from jupyter_mcp_proxy.jupyter.server import JupyterServer

    server.write_notebook(name, "pass")
    api = JupyterServer(server.url, server.token)
    async with api, module.Kernels(api, "a-session", str(server.runtime)) as kernels:
        kernel = (await kernels.start(name, "python3")).id
        await kernels.channel(kernel)
        assert (await api.kernel(kernel))["connections"] == 1
        monkeypatch.setattr(module, "IDLE_LIMIT", -1.0)
        await kernels.reap(lambda needed: True)
        assert kernels.open_channel(kernel) is not None
        await kernels.reap(lambda needed: False)
        assert kernels.open_channel(kernel) is None
        with anyio.fail_after(5):
            while (await api.kernel(kernel))["connections"]:
                await anyio.sleep(0.05)
        await kernels.channel(kernel)
