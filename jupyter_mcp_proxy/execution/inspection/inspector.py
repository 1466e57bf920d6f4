"""Asking a notebook's kernel about what is in it.

Objects and completions are asked for with the protocol's own requests, in any language. Variables have none,
so they are listed by code of ours, in the languages that we have it for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ...errors import KernelBusy, KernelFailed, ServerError, Unknown
from ...jupyter.kernel import KernelChannel
from ...jupyter.messages import Message
from ...jupyter.server import JupyterServer
from ...outputs.text import output_text
from ..executions import Execution
from ..kernels import KernelRef, Kernels
from .answers import Completions, Variable, completions, python_variables, r_variables, refusal
from .code import PYTHON_REQUEST, R_REQUEST

T = TypeVar("T")
Json = dict[str, Any]

PATIENCE = 6.0
"""Seconds that a question may wait for a kernel that is busy."""
MOST_NAMED = 3


class Inspector:
    """Asks the kernel that a notebook has."""

    def __init__(
        self,
        path: str,
        kernel: KernelRef,
        *,
        server: JupyterServer,
        kernels: Kernels,
        running: Callable[[str], list[Execution]],
    ) -> None:
        self.path = path
        self.kernel = kernel
        self._server = server
        self._kernels = kernels
        self._running = running
        """What we know to run in a kernel, by its id."""

    @classmethod
    async def of(
        cls, path: str, *, server: JupyterServer, kernels: Kernels, running: Callable[[str], list[Execution]]
    ) -> Inspector:
        """The inspector of a notebook's kernel. Raises KernelFailed where it has none."""
        kernel = await kernels.of_notebook(path)
        if kernel is None:
            raise KernelFailed(
                f"{path!r} has no kernel, so there is nothing to look into",
                "looking never starts one. Running a cell does: execute_cell, or execute_ipython without a cell.",
            )
        return cls(path, kernel, server=server, kernels=kernels, running=running)

    async def variables(self) -> list[Variable]:
        """The user's variables, in the kernel's order. Raises KernelFailed for a language that we have no code for."""
        language = await self.language()
        if language == "python":
            return python_variables(await self._ask(_request("execute_request", PYTHON_REQUEST)))
        if language == "r":
            return r_variables(await self._ask(_displayed))
        raise KernelFailed(
            f"Variables cannot be listed in {language or self.kernel.name}, only in Python and R",
            "a retry will not help. inspect_object looks at one name, execute_ipython runs code that lists them.",
        )

    async def inspect(self, code: str, detail: int) -> str:
        """What the kernel tells of the name at the end of `code`, as text. Raises Unknown where it knows none."""
        content = {"code": code, "cursor_pos": len(code), "detail_level": detail}
        reply = await self._ask(_request("inspect_request", content))
        if reply.get("status") != "ok":
            raise refusal(reply)
        data = reply.get("data") or {}
        if not reply.get("found") or not data:
            raise Unknown(
                "object",
                code,
                hint=f"Kernel {self.kernel.name} knows no such name, or cannot inspect. "
                "complete_code shows names that begin alike.",
            )
        return output_text({"output_type": "display_data", "data": data}).strip("\n")

    async def complete(self, code: str, cursor: int) -> Completions:
        """What the kernel would put at `cursor` in `code`."""
        reply = await self._ask(_request("complete_request", {"code": code, "cursor_pos": cursor}))
        if reply.get("status") != "ok":
            raise refusal(reply)
        return completions(reply, cursor)

    async def language(self) -> str:
        """The kernel's language in lower case, as its kernelspec or else the kernel itself names it."""
        specs = (await self._server.kernelspecs())["kernelspecs"]
        named = specs.get(self.kernel.name, {}).get("spec", {}).get("language", "")
        if not named:
            info = await self._ask(_request("kernel_info_request", {}))
            named = info.get("language_info", {}).get("name", "")
        return str(named).lower()

    async def _ask(self, question: Callable[[KernelChannel], Awaitable[T]]) -> T:
        """An answer of the kernel. Raises KernelBusy where something else keeps it from answering in time.

        What we know to run is waited for before anything is sent, so that questions do not pile up in the kernel.
        """
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while executions := self._running(self.kernel.id):
            left = deadline - asyncio.get_running_loop().time()
            try:
                await asyncio.wait_for(executions[0].finished.wait(), left)
            except asyncio.TimeoutError:
                raise busy(self.path, self._running(self.kernel.id)) from None
        channel = await self._kernels.channel(self.kernel.id)
        try:
            return await question(channel)
        except KernelFailed as error:
            if channel.closed.is_set():
                raise
            raise await self._why_silent() from error

    async def _why_silent(self) -> Exception:
        executions = self._running(self.kernel.id)
        try:
            state = str((await self._server.kernel(self.kernel.id)).get("execution_state"))
        except ServerError as error:
            return KernelFailed(f"The kernel of {self.path!r} did not answer within {PATIENCE:g} s", error.message)
        if executions or state == "busy":
            return busy(self.path, executions)
        what = f"The kernel of {self.path!r} did not answer within {PATIENCE:g} s"
        if state == "idle":
            return KernelFailed(f"{what}, though it is idle", "it may not support this question; retry once at most.")
        return KernelFailed(f"{what}: it is {state}", "retry in a few seconds; list_kernels tells how it stands.")


def busy(path: str, executions: list[Execution]) -> KernelBusy:
    """The error for a kernel that cannot answer now, naming what runs."""
    head = f"The kernel of {path!r} is busy and answers no question before that ends ({PATIENCE:g} s were waited)"
    if not executions:
        return KernelBusy(
            f"{head}: it runs something that was not started here, such as a person's cell, or is still at this "
            "question, as a slow machine may be at the first completion. Retry once list_kernels shows it idle."
        )
    named = ", ".join(
        e.id + (f" (cell {e.cell_id})" if e.cell_id else "") + f" {e.state.value}" for e in executions[:MOST_NAMED]
    )
    more = f" and {len(executions) - MOST_NAMED} more" if len(executions) > MOST_NAMED else ""
    return KernelBusy(
        f"{head}: {named}{more}. Retry after it has ended; wait_execution(execution={executions[-1].id!r}) tells when."
    )


def _request(kind: str, content: Json) -> Callable[[KernelChannel], Awaitable[Json]]:
    async def ask(channel: KernelChannel) -> Json:
        return (await channel.request("shell", kind, content, PATIENCE)).content

    return ask


async def _displayed(channel: KernelChannel) -> str:
    """What `R_REQUEST` displays, which reaches only us, who know its id."""
    shown: list[str] = []
    replied, idle = asyncio.Event(), asyncio.Event()

    def take(message: Message) -> None:
        if message.channel == "shell":
            replied.set()
        elif message.type == "display_data":
            shown.append(str(message.content.get("data", {}).get("text/plain", "")))
        elif message.type == "status" and message.content.get("execution_state") == "idle":
            idle.set()

    request = channel.new_request("shell", "execute_request", R_REQUEST)
    await channel.send(request, take)
    try:
        await asyncio.wait_for(asyncio.gather(replied.wait(), idle.wait()), PATIENCE)
    except asyncio.TimeoutError:
        raise KernelFailed(f"The kernel did not answer within {PATIENCE:g} s", "it may be busy") from None
    finally:
        channel.forget(str(request.header["msg_id"]))
    if not shown:
        raise KernelFailed("The R kernel did not list its variables", "it has no IRdisplay, or was interrupted.")
    return "".join(shown)
