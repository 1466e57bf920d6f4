"""A kernel that answers with the asker's session, as IRkernel and IJulia do: `python -m harness.copying_kernel`.

It prints each line of the code that it is given, to stderr where the line begins with `!`. On `control` it knows only
what ends and interrupts it, as IRkernel and Deno do. SIGINT ends it, as it does Deno and xeus-python.
"""

from __future__ import annotations

import asyncio
import signal
from typing import Any, ClassVar

from ipykernel.kernelapp import IPKernelApp
from ipykernel.kernelbase import Kernel
from jupyter_client.session import Session


class CopyingSession(Session):
    """Puts the session of the request into the header of what answers it."""

    def msg(self, *args: Any, parent: Any = None, **kwargs: Any) -> dict[str, Any]:
        message: dict[str, Any] = super().msg(*args, parent=parent, **kwargs)
        asked = (parent or {}).get("header", parent or {})
        if asked.get("session"):
            message["header"]["session"] = asked["session"]
        return message


class CopyingKernel(Kernel):
    """Prints the code that it is given."""

    implementation = "copying"
    implementation_version = "1"
    banner = "copying"
    language_info: ClassVar = {"name": "lines", "mimetype": "text/plain", "file_extension": ".txt"}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for kind in set(self.control_handlers) - {"shutdown_request", "interrupt_request"}:
            self.control_handlers[kind] = self.is_deaf

    async def is_deaf(self, *_: Any) -> None:
        """Answer nothing."""

    def pre_handler_hook(self) -> None:
        """Let an interrupt end the process."""
        self.saved_sigint_handler = signal.signal(signal.SIGINT, signal.SIG_DFL)

    async def do_execute(self, code: str, silent: bool, *args: Any, **kwargs: Any) -> dict[str, Any]:
        for line in code.splitlines():
            if line == "wait":
                await asyncio.sleep(60)
            name, text = ("stderr", line[1:]) if line.startswith("!") else ("stdout", line)
            self.send_response(self.iopub_socket, "stream", {"name": name, "text": text + "\n"})
        return {"status": "ok", "execution_count": self.execution_count, "payload": [], "user_expressions": {}}


if __name__ == "__main__":
    IPKernelApp.launch_instance(kernel_class=CopyingKernel, session=CopyingSession())
