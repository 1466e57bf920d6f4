"""A kernel's messages over its own ports: all of its output, at any rate and of any length.

`PortsChannel` reads the kernel's connection file and connects to its ports (`links`, `curve`). The server's websocket
stays open beside them, so that the server buffers for our session when this process is killed. What it carries is
ignored while the ports serve; a channel that resumes something first takes what the server has buffered, up to the
first message that both lines have.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

import anyio

from ..errors import KernelFailed
from .curve import CurveLinks
from .kernel import KernelChannel, Resumption, WebSocketChannel
from .links import Links, PlainLinks
from .messages import Message, is_about_process
from .server import JupyterServer
from .zmtp import Ports

log = logging.getLogger(__name__)

PATIENCE = 3.0
"""Seconds that a kernel may take to answer on its ports before the websocket serves instead."""
CONNECT_AGAIN = 0.05
WORTH_READING = (b'"status"', b"_reply")
"""What stands at the head of the messages on the websocket that matter while the ports serve."""
OVERLAP_PATIENCE = 2.0
"""Seconds of silence on the websocket after which no message is awaited that has come on the ports too."""


class PortsChannel(KernelChannel):
    """A kernel's channel over its own ports, with the server's websocket open beside it.

    Where the kernel does not answer on its ports the websocket serves, unless `insist`.
    """

    def __init__(
        self, server: JupyterServer, kernel_id: str, session: str, runtime_dir: str, *, insist: bool = False
    ) -> None:
        super().__init__(kernel_id, session)
        self.transport = "ports"
        self._runtime_dir = runtime_dir
        self._insist = insist
        self._line = _Line(server, kernel_id, session, self)
        self._links: Links | None = None
        self._follower: asyncio.Task[None] | None = None
        self.joined = False
        """Whether the ports serve; until then what the websocket brings is taken."""
        self.ended = False
        """Whether the process behind the ports has ended; what comes after it comes on the websocket alone."""
        self._resumed: set[str] = set()
        self._overlap = asyncio.Event()
        """Set once a message has come on both lines: the ports have all that follows it."""
        self._brought = 0
        """Messages that the websocket has brought."""
        self._held: list[Message] = []
        self._held_ids: set[str] = set()
        self._taken_ids: set[str] = set()

    def resume(self, what: Resumption) -> None:
        self._resumed.add(what.request_id)
        super().resume(what)

    async def __aenter__(self) -> PortsChannel:
        try:
            if self._resumed:
                # First, since the server drops a message while it opens a websocket.
                with suppress(OSError, ValueError, asyncio.TimeoutError):
                    await asyncio.wait_for(self._connect(), PATIENCE)
            self._line.open_timeout = self.open_timeout
            await self._line.__aenter__()
        except BaseException:
            await self.__aexit__()
            raise
        try:
            if self._links is None:
                await asyncio.wait_for(self._connect(), PATIENCE)
            await super().answers(PATIENCE)
            if self._resumed:
                await self._both_lines()
        except (OSError, ValueError, EOFError, asyncio.TimeoutError, KernelFailed) as error:
            await self._leave_ports()
            if self._insist:
                await self.__aexit__()
                raise KernelFailed(f"Kernel {self.kernel_id} does not answer on its ports", str(error)) from error
            log.info("kernel %s is served over the websocket: %s", self.kernel_id, error or type(error).__name__)
            self.transport = "websocket"
        except BaseException:
            await self.__aexit__()
            raise
        self.joined = self.transport == "ports"
        held, self._held = self._held, []
        for message in held:
            if message.header.get("msg_id") not in self._taken_ids:
                self._receive_safely(message)
        self._held_ids.clear()
        self._taken_ids.clear()
        self._follower = asyncio.create_task(self._follow_line(), name=f"kernel {self.kernel_id} buffer")
        return self

    async def _both_lines(self) -> None:
        """Wait for a message that comes on both lines, as the answers to our question do.

        On the websocket they come after all that the server has buffered, which may take its time.
        """
        brought = -1
        while not self._overlap.is_set() and brought != self._brought:
            brought = self._brought
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._overlap.wait(), OVERLAP_PATIENCE)

    async def __aexit__(self, *_: object) -> None:
        with anyio.CancelScope(shield=True):  # a kernel that still has a connection is not culled
            if self._follower is not None:
                self._follower.cancel()
                await asyncio.gather(self._follower, return_exceptions=True)
            await self._leave_ports()
            await self._line.__aexit__(None, None, None)
        self.closed.set()

    async def _leave_ports(self) -> None:
        if self._links is not None:
            links, self._links = self._links, None
            await links.close()

    async def answers(self, timeout: float) -> None:
        if self.transport == "ports":
            await asyncio.gather(super().answers(timeout), self._line.answers(timeout))
        else:
            await super().answers(timeout)

    async def _follow_line(self) -> None:
        await self._line.closed.wait()
        self.closed.set()

    # -- the ports ------------------------------------------------------------------------------------

    async def _connect(self) -> None:
        """Connect to the ports that the connection file names, which change when a kernel is restarted."""
        while True:
            ports = Ports.of(self._runtime_dir, self.kernel_id)
            if ports is None:
                raise ValueError("its connection file is gone")
            links = (PlainLinks if ports.keys is None else CurveLinks)(
                ports,
                self.kernel_id,
                f"{self.session}-ports".encode(),
                take=self._from_ports,
                ended=self._ended,
                failed=self._failed,
            )
            try:
                await links.open()
            except ConnectionRefusedError:
                await links.close()
                await asyncio.sleep(CONNECT_AGAIN)
                continue
            except BaseException:
                await links.close()
                raise
            self._links = links
            return

    def _failed(self, reason: str) -> None:
        self.failure = reason
        self.closed.set()

    def _ended(self) -> None:
        if self.joined:
            self.ended = True
            self.on_death()

    async def _send(self, message: Message) -> None:
        if self.transport != "ports":
            await self._line.pass_on(message)
        elif self._links is None:
            raise KernelFailed(f"Kernel {self.kernel_id} is gone", "its port is closed")
        else:
            await self._links.send(message)

    def _from_ports(self, message: Message) -> None:
        self.numbering.take(message)
        if self.joined or message.channel != "iopub":
            self._receive_safely(message)
            return
        message_id = str(message.header.get("msg_id"))
        self._held.append(message)
        self._held_ids.add(message_id)
        if message_id in self._taken_ids:
            self._overlap.set()
        if message.parent_id not in self._resumed:
            self._receive_safely(message)

    def _receive_safely(self, message: Message) -> None:
        try:
            self._receive(message)
        except Exception:
            log.exception("a kernel message could not be handled")

    # -- the websocket --------------------------------------------------------------------------------

    def from_line(self, message: Message) -> None:
        """Take a message of the websocket, as far as it is not the ports' to bring."""
        self._brought += 1
        if self.transport != "ports" or message.channel != "iopub":
            self._receive(message)
        elif self.joined or self._overlap.is_set():
            if is_about_process(message) or self.ended:
                self._receive(message)
        else:
            message_id = str(message.header.get("msg_id"))
            if message_id in self._held_ids:
                self._overlap.set()
                return
            self._taken_ids.add(message_id)
            if message.parent_id in self._resumed or message.parent_id not in self._handlers:
                self._receive(message)


class _Line(WebSocketChannel):
    """The websocket beside the ports."""

    def __init__(self, server: JupyterServer, kernel_id: str, session: str, owner: PortsChannel) -> None:
        super().__init__(server, kernel_id, session)
        self._owner = owner

    async def pass_on(self, message: Message) -> None:
        """Send a request of the owner's."""
        await self._send(message)

    def _count(self, message: Message) -> None:
        self._owner.numbering.take(message, beside=self._owner.transport == "ports")

    def _take(self, data: str | bytes) -> None:
        ports_serve = self._owner.joined and not self._owner.ended
        if ports_serve and isinstance(data, bytes) and not any(word in data[:2000] for word in WORTH_READING):
            return  # output, which the ports bring
        super()._take(data)

    def _receive(self, message: Message) -> None:
        if message.parent_id in self._handlers:
            super()._receive(message)
        else:
            self._owner.from_line(message)
