"""The kernels of notebooks: which one a notebook has, the channel to it, and starting one where it is allowed."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import anyio

from ..errors import KernelFailed, ServerError
from ..jupyter.deathwatch import watch
from ..jupyter.kernel import KernelChannel, Resumption, WebSocketChannel
from ..jupyter.messages import Message
from ..jupyter.ports import PortsChannel
from ..jupyter.server import JupyterServer
from ..jupyter.zmtp import Ports
from .kernelspecs import check_kernelspec
from .life import Life
from .starting import Starting

IDLE_LIMIT = 600.0
"""Seconds without use after which the channel to a kernel is closed."""
SESSION_TRUSTED = 5.0
"""Seconds for which a notebook's kernel is not asked for again."""
REVIVAL = 60.0
"""Seconds that a kernel which died may take to answer again."""
REVIVAL_OPEN = 10.0
REVIVAL_ANSWER = 3.0
"""Seconds that one try to reach it may take: the websocket may have been connected to the process that is gone."""
REVIVAL_PAUSE = 0.1
LOOK = "It may have no process just now (somebody else ends or restarts it): list_kernels shows whether it is there."
"""Why Jupyter (2.21) may have answered 500 without a reason."""

Json = dict[str, Any]


@dataclass(frozen=True)
class KernelRef:
    """A notebook's kernel."""

    id: str
    name: str
    session_id: str
    started: bool = False
    """Whether this call started it."""


class Kernels:
    """All kernels of the server as far as we use them. An async context manager."""

    def __init__(self, server: JupyterServer, session: str, runtime_dir: str) -> None:
        self._server = server
        self._session = session
        self._runtime_dir = runtime_dir
        self._channels: dict[str, KernelChannel] = {}
        self._watches: dict[str, asyncio.Task[None]] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self._starting = Starting()
        self._entering: dict[str, anyio.CancelScope] = {}
        """For each kernel whose channel is just being opened what ends that."""
        self._refs: dict[str, tuple[float, KernelRef]] = {}
        self._last: dict[str, str] = {}
        self._last_use: dict[str, float] = {}
        self._lives: dict[str, int] = {}
        self._heard: dict[str, Life] = {}
        """For each kernel that we listen to the life that it is in."""
        self._dead: set[str] = set()
        """Kernels whose process has ended since we last had an answer from them."""
        self._on_ports: set[str] = set()
        """Kernels that have answered on their own ports."""
        self.on_death: list[Callable[[str, bool], None]] = []
        """Called with the id of a kernel whose process has ended, restarts included, and whether that is news."""
        self.on_other: Callable[[str, Message], None] = lambda *_: None
        """Takes, with a kernel's id, each broadcast of it that answers none of our open requests."""
        self.on_life: list[Callable[[list[str]], None]] = []
        """Called with the notebooks whose kernel begins a life, or is another from now on."""

    async def __aenter__(self) -> Kernels:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._watches.values():
            task.cancel()
        await asyncio.gather(*self._watches.values(), return_exceptions=True)
        for channel in list(self._channels.values()):
            await channel.__aexit__(None, None, None)

    # -- which kernel ---------------------------------------------------------------------------------

    async def of_notebook(self, path: str) -> KernelRef | None:
        """The kernel that a notebook has; None where none runs."""
        trusted = self._refs.get(path)
        if trusted is not None and time.monotonic() - trusted[0] < SESSION_TRUSTED:
            channel = self._channels.get(trusted[1].id)
            if channel is not None and not channel.closed.is_set():
                return trusted[1]
        for session in await self._server.sessions():
            if session.get("path") == path and session.get("kernel"):
                return self._remember(path, session)
        self._refs.pop(path, None)
        return None

    async def start(self, path: str, kernelspec: str | None) -> KernelRef:
        """The kernel of a notebook, started with `kernelspec` (None: the server's default) where it has none.

        Raises Unknown for a kernelspec that is not there, KernelFailed with Jupyter's reason.
        """
        async with self._starting.turn(path):
            found = await self.of_notebook(path)
            if found is not None:
                return found
            if kernelspec is not None:
                kernelspec = await check_kernelspec(self._server, kernelspec)
            try:
                session = await self._server.start_session(path, {"name": kernelspec} if kernelspec else {})
            except ServerError as error:
                raise KernelFailed(f"The kernel for {path!r} did not start", error.message) from error
            return replace(self._remember(path, session), started=True)

    async def assign(self, path: str, kernel: str) -> KernelRef:
        """Give a notebook a running kernel (by id) or a new one (by kernelspec)."""
        if await self._runs(kernel):
            model: Json = {"id": kernel}
        else:
            model = {"name": await check_kernelspec(self._server, kernel, or_kernel=True)}
        async with self._starting.turn(path):
            try:
                current = await self.of_notebook(path)
                if current is None:
                    session = await self._server.start_session(path, model)
                else:
                    session = await self._server.change_session(current.session_id, model)
            except ServerError as error:
                raise KernelFailed(f"The kernel for {path!r} could not be changed", error.message) from error
            return replace(self._remember(path, session), started="name" in model)

    async def listed(self) -> tuple[list[Json], str]:
        """The models of all running kernels, and why some may be missing where that is so.

        A kernel gateway does not list its kernels unless it is told to (`JupyterWebsocketPersonality.list_kernels`).
        """
        try:
            return await self._server.kernels(), ""
        except ServerError as error:
            if error.status != 403:
                raise
            models = [session["kernel"] for session in await self._server.sessions() if session.get("kernel")]
            return models, "The server does not list its kernels, so these are only those that a notebook has"

    async def _runs(self, kernel: str) -> bool:
        """Whether there is a kernel with this id; asked for it alone, since not every server lists them."""
        try:
            await self._server.kernel(kernel)
        except ServerError as error:
            if error.status in (400, 403, 404):
                return False
            raise
        return True

    def _remember(self, path: str, session: Json) -> KernelRef:
        ref = KernelRef(session["kernel"]["id"], session["kernel"]["name"], session["id"])
        self._refs[path] = (time.monotonic(), ref)
        changed = self._last.get(path) != ref.id
        self._last[path] = ref.id
        if changed and ref.id in self._heard:
            self._tell_of_life([path])
        return ref

    async def moved(self, old: str, new: str) -> None:
        """A notebook has another path: its kernel goes along, and Jupyter is told where JupyterLab has not."""
        async with self._starting.turn(old):
            if old in self._refs:
                self._refs[new] = self._refs.pop(old)
            if old in self._last:
                self._last[new] = self._last.pop(old)
            sessions = await self._server.sessions()
            if any(session.get("path") == new for session in sessions):
                return
            for session in sessions:
                if session.get("path") == old:
                    await self._server.rename_session(session["id"], new)

    def life(self, path: str) -> Life | None:
        """The life that the kernel of a notebook is in; None where we do not listen to it."""
        kernel = self._last.get(path, "")
        listening = self.open_channel(kernel) is not None or kernel in self._dead
        return self._heard.get(kernel) if listening else None

    def may_be_busy(self, path: str) -> bool:
        """Whether a notebook's kernel runs something, as far as we can tell."""
        channel = self.open_channel(self._last.get(path, ""))
        return channel is None or channel.state != "idle"

    def _life_begins(self, kernel_id: str) -> None:
        life = self._heard[kernel_id] = Life(kernel_id, {}, time.monotonic())
        if kernel_id in self._channels:
            self._channels[kernel_id].ran = life.ran
        self._tell_of_life([path for path, kernel in self._last.items() if kernel == kernel_id])

    def _tell_of_life(self, notebooks: list[str]) -> None:
        for callback in self.on_life:
            callback(notebooks)

    def lives(self, path: str) -> int:
        """How often the kernel that we know a notebook to have has lost its variables."""
        ref = self._last.get(path)
        return 0 if ref is None else self._lives.get(ref, 0)

    # -- the channel to it ----------------------------------------------------------------------------

    def open_channel(self, kernel_id: str) -> KernelChannel | None:
        """The channel to a kernel, where we have one open."""
        channel = self._channels.get(kernel_id)
        return None if channel is None or channel.closed.is_set() else channel

    def why_closed(self, kernel_id: str) -> str:
        """Why the channel to a kernel has closed, where that lies with us."""
        channel = self._channels.get(kernel_id)
        return "" if channel is None else channel.failure

    async def channel(self, kernel_id: str, resumption: Resumption | None = None) -> KernelChannel:
        """The channel to a kernel, opened if need be, with what it shall resume.

        A kernel that died is waited for: Jupyter starts it again within seconds, often on other ports, so
        the old channel is of no use. Raises KernelFailed where it does not come back.
        """
        lock = self._opening.setdefault(kernel_id, asyncio.Lock())
        self._last_use[kernel_id] = time.monotonic()
        async with lock:
            channel = self.open_channel(kernel_id)
            if channel is not None and kernel_id not in self._dead:
                if resumption is not None:
                    channel.resume(resumption)
                return channel
            deadline = time.monotonic() + REVIVAL
            while True:
                try:
                    channel = await self._open(kernel_id, resumption)
                    if kernel_id in self._dead:
                        await channel.answers(REVIVAL_ANSWER)
                        self._dead.discard(kernel_id)
                    return channel
                except KernelFailed as error:
                    if kernel_id not in self._dead:
                        raise
                    await self._check_exists(kernel_id)
                    if time.monotonic() > deadline:
                        raise KernelFailed(
                            f"The kernel died and did not come back within {REVIVAL:.0f} s ({error})",
                            "start it anew with restart_notebook, or choose another with assign_kernel_to_notebook",
                        ) from error
                    await asyncio.sleep(REVIVAL_PAUSE)

    def _session_for(self, kernel_id: str, resumption: Resumption | None) -> str:
        """The session under which a channel is opened: a new one, but for what the server has buffered.

        Jupyter keeps the connections of a session whose websocket was closed, and gives them back with its buffer
        (`MappingKernelManager.start_buffering`), those to the ports of a process that has died meanwhile included.
        """
        if resumption is not None and kernel_id not in self._dead:
            return resumption.session
        return f"{self._session}-{secrets.token_hex(4)}"

    async def _open(self, kernel_id: str, resumption: Resumption | None) -> KernelChannel:
        await self._drop(kernel_id)
        session = self._session_for(kernel_id, resumption)
        ports = Ports.of(self._runtime_dir, kernel_id)
        channel: KernelChannel
        if ports is None:
            channel = WebSocketChannel(self._server, kernel_id, session)
            channel.is_remote = True
        else:
            # One that comes back after its death will answer on its ports again: no other line is taken meanwhile.
            insist = kernel_id in self._dead and kernel_id in self._on_ports
            channel = PortsChannel(self._server, kernel_id, session, self._runtime_dir, insist=insist)
        if kernel_id not in self._dead or kernel_id not in self._heard:
            self._life_begins(kernel_id)
        channel.ran = self._heard[kernel_id].ran
        if kernel_id in self._dead:  # Jupyter may still ask the process that is gone: another try reaches the new one
            channel.open_timeout = REVIVAL_OPEN
        channel.on_death = lambda: self._died(kernel_id)
        channel.on_other = lambda message: self.on_other(kernel_id, message)
        if resumption is not None:
            channel.resume(resumption)
        await self._enter(channel)
        self._channels[kernel_id] = channel
        if channel.info is None:  # as a client of the websocket asks, on its ports it has answered already
            with suppress(KernelFailed):
                await channel.ask_for_info()
        if channel.transport == "ports":  # which tell of its death themselves, after all that it has sent
            self._on_ports.add(kernel_id)
            return channel
        if ports is not None:
            self._watches[kernel_id] = asyncio.create_task(
                watch(ports, lambda: self._died(kernel_id)), name=f"watch {kernel_id}"
            )
        return channel

    async def _enter(self, channel: KernelChannel) -> None:
        """Open a channel, to the process that is there now: Jupyter asks one that is gone for a minute (`nudge`)."""
        try:
            with anyio.CancelScope() as opening:
                self._entering[channel.kernel_id] = opening
                await channel.__aenter__()
        finally:
            del self._entering[channel.kernel_id]
        if opening.cancelled_caught:
            raise KernelFailed(f"Kernel {channel.kernel_id} ended before it answered", "it may be starting again")

    async def _check_exists(self, kernel_id: str) -> None:
        try:
            await self._server.kernel(kernel_id)
        except ServerError as error:
            raise KernelFailed("The kernel died and was not started again", error.message) from error

    def _died(self, kernel_id: str) -> None:
        if kernel_id in self._entering:
            self._entering[kernel_id].cancel()
        is_news = kernel_id not in self._dead
        if is_news:
            self._lives[kernel_id] = self._lives.get(kernel_id, 0) + 1
        self._dead.add(kernel_id)
        self._life_begins(kernel_id)
        self._refs = {path: known for path, known in self._refs.items() if known[1].id != kernel_id}
        for callback in self.on_death:
            callback(kernel_id, is_news)

    async def reap(self, needed: Callable[[str], bool]) -> None:
        """Leave the kernels that nobody has used for a while: a kernel with a connection is never culled."""
        for kernel_id, channel in list(self._channels.items()):
            unused = time.monotonic() - self._last_use.get(kernel_id, 0)
            if channel.closed.is_set() or (unused > IDLE_LIMIT and not needed(kernel_id)):
                async with self._opening.setdefault(kernel_id, asyncio.Lock()):
                    await self._drop(kernel_id)
                self._heard.pop(kernel_id, None)  # it may be restarted without our hearing it
        for kernel_id in set(self._last_use) - set(self._channels):
            if not self._opening[kernel_id].locked():
                del self._last_use[kernel_id], self._opening[kernel_id]

    async def _drop(self, kernel_id: str) -> None:
        old = self._channels.pop(kernel_id, None)
        if old is not None:
            await old.__aexit__(None, None, None)
        watcher = self._watches.pop(kernel_id, None)
        if watcher is not None:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)

    async def interrupt(self, kernel_id: str) -> None:
        """Interrupt what a kernel runs, whoever sent it. Raises KernelFailed for one that has no process."""
        try:
            await self._server.interrupt_kernel(kernel_id)
        except ServerError as error:
            if error.status not in (404, 500):  # 500: it has ended, and Jupyter is just starting it anew
                raise
            raise KernelFailed(f"Kernel {kernel_id} was not interrupted", f"{error.message}. {LOOK}") from error

    def is_dead(self, kernel_id: str) -> bool:
        """Whether a kernel's process has ended since we last had an answer from it."""
        return kernel_id in self._dead

    async def begins(self, kernel_id: str) -> bool:
        """Whether nobody has yet sent a kernel anything: nothing runs, and an interrupt would end one that starts."""
        if kernel_id in self._channels:
            return False
        model = await self._server.kernel(kernel_id)
        return model.get("execution_state") == "starting" and not model.get("connections")

    async def shut_down(self, ref: KernelRef) -> None:
        """End a notebook's kernel, and with it what it runs."""
        with anyio.CancelScope(shield=True):
            try:
                await self._server.delete_session(ref.session_id)
            except ServerError as error:
                raise KernelFailed(f"Kernel {ref.id} was not shut down", f"{error.message}. {LOOK}") from error
            self._died(ref.id)
        self._heard.pop(ref.id, None)
        async with self._opening.setdefault(ref.id, asyncio.Lock()):
            await self._drop(ref.id)

    async def restart(self, kernel_id: str) -> None:
        """Restart a kernel and wait until it answers."""
        with anyio.CancelScope(shield=True):  # Jupyter goes on with it whoever is gone, and we must know that
            try:
                await self._server.restart_kernel(kernel_id)
            except ServerError as error:
                raise KernelFailed(f"Kernel {kernel_id} did not restart", f"{error.message}. {LOOK}") from error
            self._died(kernel_id)
        await self.channel(kernel_id)
