"""Kernels: what runs on the server, and stopping it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.mcpserver import Context
from pydantic import Field

from ..errors import BadValue
from ..execution.batch import Batch, never_ran
from ..execution.states import State
from ..jupyter.paths import clean_path
from .call import Call
from .registry import tool

if TYPE_CHECKING:
    from ..execution.executions import Execution


@tool("read", "List kernels")
async def list_kernels(ctx: Context[Any, Any]) -> str:
    """List the running kernels (state, notebook, transport) and the kernelspecs that can be started."""
    workspace = Call.of(ctx).workspace
    server = workspace.server
    notebooks = {s["kernel"]["id"]: s["path"] for s in await server.sessions() if s.get("kernel")}
    kernels, missing = await workspace.kernels.listed()
    lines = [f"Running ({missing}):" if missing else "Running:"]
    for kernel in kernels:
        channel = workspace.kernels.open_channel(kernel["id"])
        facts = [
            kernel["id"],
            kernel["name"],
            workspace.runner.kept.state_of(kernel),
            notebooks.get(kernel["id"], "no notebook"),
            channel.transport if channel is not None else "not connected",
        ]
        lines.append("  ".join(facts))
    if len(lines) == 1:
        lines = [f"No kernel runs. {missing}".strip()]
    specs = await server.kernelspecs()
    lines.append("Kernelspecs:")
    for name, model in sorted(specs["kernelspecs"].items()):
        default = " (default)" if name == specs["default"] else ""
        spec = model["spec"]
        lines.append(f"{name}{default}  {spec.get('display_name', '')}  {spec.get('language', '')}")
    return "\n".join(lines)


@tool("run", "Interrupt")
async def interrupt_kernel(
    ctx: Context[Any, Any],
    notebook: Annotated[str | None, Field(description="Stop all that runs in this notebook's kernel")] = None,
    execution: Annotated[str | None, Field(description="Stop only this execution")] = None,
) -> str:
    """Stop what runs: one execution, or everything in a notebook's kernel (a person's cells too). Variables stay."""
    call = Call.of(ctx)
    workspace = call.workspace
    if execution is not None:
        found = call.execution(execution)
        if found.finished.is_set():
            return f"{found.id} had already ended: {found.state.value}."
        await workspace.runner.stopping.interrupt(found)
        return await _stopped(found.id, [e for _, e in found.executions] if isinstance(found, Batch) else [found])
    if notebook is None:
        raise BadValue("notebook", None, "a notebook, or an execution id in `execution`")
    path = clean_path(notebook)
    path = (await workspace.document(path)).path
    kernel = await workspace.kernels.of_notebook(path)
    if kernel is None:
        return f"{path} has no kernel, so nothing runs."
    if await workspace.kernels.begins(kernel.id):
        return f"The kernel of {path} has only been started, so nothing runs. It was left alone."
    had_died = workspace.kernels.is_dead(kernel.id)
    stopped = await workspace.runner.stopping.interrupt_kernel(kernel.id)
    return await _stopped(f"the kernel of {path}", stopped, had_died=had_died)


async def _stopped(what: str, executions: list[Execution], *, had_died: bool = False) -> str:
    """What to say of an interrupt, once it shows whether the code heeds it."""
    from ..execution.stopping import heeded

    done = await heeded(executions)
    ends = ((e, "not run" if never_ran(e) else e.state.value) for e in executions if e.finished.is_set())
    ended = ", ".join(f"{e.id} {end}" for e, end in ends)
    told = f"Interrupted {what}{f': {ended}' if ended else ''}."
    if had_died and not executions:
        return f"{told} It had died before: all its variables are gone. Jupyter starts it again by itself."
    if any(e.state is State.KERNEL_DIED for e in executions):
        return f"{told} That ended the kernel's process: all its variables are gone. Jupyter starts it again by itself."
    if done:
        return f"{told} Its variables are kept."
    going = ", ".join(e.id for e in executions if not e.finished.is_set())
    return (
        f"{told} {going} runs on: the code caught the interrupt, or is where nobody looks at one (a C library, another "
        "process). wait_execution tells how it goes on; a second interrupt may help, restart_notebook ends it with all "
        "variables."
    )
