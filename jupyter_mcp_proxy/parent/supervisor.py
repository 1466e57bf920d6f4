"""The sidecar's process under simpervisor, with what simpervisor lacks: a back-off, proof, and Ctrl-C left alone."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections import deque
from logging import Logger
from typing import Any

import simpervisor.atexitasync
from simpervisor import KilledProcessError, SupervisedProcess

from .. import __version__
from ..contract import COMMAND, EXIT_ADDRESS_TAKEN, NAME
from ..store.sidecars import INSTALL
from .launcher import READY_TIMEOUT, Launch
from .upstream import ImpostorError, Pool, UpstreamError

READY_POLL = 0.02
STOP_TIMEOUT = 3.0
CRASH_WINDOW = 60.0
LONGEST_DELAY = 30.0


def restart_delay(starts: list[float], now: float) -> float:
    """Seconds to wait before another start, given the times of earlier ones (monotonic seconds).

    The first restart in a minute is immediate; each further one doubles the wait, from 1 s to 30 s.
    """
    recent = sum(1 for start in starts if now - start < CRASH_WINDOW)
    return 0.0 if recent < 2 else min(LONGEST_DELAY, 2.0 ** (recent - 2))


class SidecarProcess(SupervisedProcess):  # type: ignore[misc]
    """A supervised sidecar that is not started 59 times in five seconds when it cannot start."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._starts: deque[float] = deque(maxlen=16)
        self.abandoned = False
        """Another process has taken its place: this one is not started again."""
        self.resumes_at = 0.0

    async def start(self) -> None:
        """Start after the back-off. Called by simpervisor too, when the process ended by itself."""
        delay = restart_delay(list(self._starts), time.monotonic())
        if delay:
            self.log.warning("mcp-proxy: the sidecar ended %d times; next start in %.0f s", len(self._starts), delay)
            self.resumes_at = time.monotonic() + delay
            await asyncio.sleep(delay)
        if self.abandoned or (self.proc is not None and self.returncode == EXIT_ADDRESS_TAKEN):
            return
        self._starts.append(time.monotonic())
        with _keeping_signal_handlers():
            await super().start()

    @property
    def retry_after(self) -> float:
        """Seconds until the next start; 0 when it is due or done."""
        return max(0.0, self.resumes_at - time.monotonic())


class NotReadyError(Exception):
    """The sidecar cannot answer now; `retry_after` says in how many seconds another try makes sense."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NoSidecarError(NotReadyError):
    """The server's part is installed by itself, and no sidecar of its version is there yet."""

    def __init__(self) -> None:
        super().__init__(
            f"The server has no MCP sidecar of version {__version__} yet. Run `{COMMAND} {INSTALL}` in a terminal of "
            "the server, then retry.",
            60,
        )


class Sidecar:
    """One server's sidecar: its address, its process and the connections to it."""

    def __init__(self, launch: Launch, log: Logger) -> None:
        self.launch = launch
        self.log = log
        self.pool = Pool(launch.secret)
        self.port = 0
        self.unix_socket: str | None = None
        self.process: SidecarProcess | None = None
        self._ready_pid: int | None = None
        self._lock = asyncio.Lock()
        self.warm_up: asyncio.Task[None] | None = None

    async def ensure(self) -> None:
        """Return once a sidecar that has proven itself is there, starting one if need be.

        Raises NotReadyError when it keeps ending, or does not answer within 60 s.
        """
        process = self.process
        if process is not None and process.running and process.pid == self._ready_pid:
            return
        if self.launch.python is None:
            raise NoSidecarError
        async with self._lock:
            if self.process is None or self._ended_for_good(self.process):
                await self._start()
            assert self.process is not None
            if self.process.pid != self._ready_pid or not self.process.running:
                await self._until_ready(self.process)

    async def stop(self) -> None:
        """End the sidecar in good order; it has 3 s to leave the rooms and kernels that it is connected to."""
        process = self.process
        self.suspect()
        if process is not None and process.running:
            try:
                await asyncio.wait_for(process.terminate(), STOP_TIMEOUT)
            except (asyncio.TimeoutError, ProcessLookupError, KilledProcessError) as error:
                self.log.warning("mcp-proxy: the sidecar did not end in time (%r)", error)
        self.launch.forget()

    def suspect(self) -> None:
        """A connection failed: prove the process anew before the next request."""
        self._ready_pid = None
        self.pool.close()

    def _ended_for_good(self, process: SidecarProcess) -> bool:
        # simpervisor takes 0 for final; a taken address needs another one.
        return not process.running and process.returncode in (0, EXIT_ADDRESS_TAKEN)

    async def _start(self) -> None:
        if self.process is not None:
            self.process.abandoned = True
        self._choose_address()
        self.suspect()
        self.process = SidecarProcess(
            NAME,
            *self.launch.command(self.port, self.unix_socket or ""),
            env=os.environ | self.launch.environment(),
            ready_timeout=READY_TIMEOUT,
            start_new_session=True,  # Ctrl-C in Jupyter's terminal is Jupyter's to answer
            log=self.log,
        )
        try:
            await self.process.start()
        except OSError as error:
            self.process = None
            raise NotReadyError(f"The sidecar could not be started: {error}. Check MCPProxy.python.", 60) from error

    def _choose_address(self) -> None:
        self.unix_socket = self.launch.socket_path()
        if self.unix_socket:
            return
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    async def _until_ready(self, process: SidecarProcess) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        while time.monotonic() < deadline and not self._ended_for_good(process):
            if not process.running and process.retry_after > 0:
                raise NotReadyError(
                    f"The sidecar keeps ending and is started again in {process.retry_after:.0f} s. Retry then; "
                    "the server's log says why it ends.",
                    process.retry_after,
                )
            if process.running and await self._proven():
                self._ready_pid = process.pid
                return
            await asyncio.sleep(READY_POLL)
        raise NotReadyError("The sidecar is not ready yet; retry in a few seconds.", 2)

    async def _proven(self) -> bool:
        try:
            self.pool.put(await self.pool.take(self.port, self.unix_socket))
        except ImpostorError as error:
            self.log.error("mcp-proxy: %s", error)
            return False
        except UpstreamError:
            return False
        return True


class _keeping_signal_handlers:
    """Undo simpervisor's replacement of the handlers for SIGINT and SIGTERM.

    It would take Jupyter's Ctrl-C question and its orderly end away from everybody who installs us.
    Our sidecar needs no forwarded signal: it watches its parent. Where simpervisor had installed its
    handlers for another process already, they stay; where not, the next one still installs them.
    """

    def __enter__(self) -> None:
        self._was_set = simpervisor.atexitasync.signal_handler_set
        self._handlers = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]

    def __exit__(self, *_: object) -> None:
        if not self._was_set and simpervisor.atexitasync.signal_handler_set:
            for number, handler in self._handlers:
                signal.signal(number, handler)
            simpervisor.atexitasync.signal_handler_set = False
