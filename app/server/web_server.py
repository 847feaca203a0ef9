"""The web server: uvicorn's, with a drain before it stops."""

import asyncio
import logging
import math
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import Any

import uvicorn

from app.server.connections import Connections, Limits
from app.server.listening import BACKLOG, SERVICE_SETTINGS, listen
from app.server.protocol import Protocol

KEEP_ALIVE_SECONDS = 75  # longer than the idle time of the usual proxies, which then close first
_TICK_SECONDS = 0.1
_MOMENT = 1.0


@dataclass(frozen=True)
class Stopping:
    """The time limits of a shutdown.

    Args:
        drain_seconds: how long it takes new requests while it says that it is not ready.
        grace_seconds: how long after that it waits for requests that have begun.
    """

    drain_seconds: float = 0.0
    grace_seconds: float = 10.0


class Server(uvicorn.Server):
    """uvicorn's server, which says when it takes requests, drains before it stops, and bounds its connections.

    Args:
        config: uvicorn's own settings.
        registry: the connections, which the protocol fills.
        stopping: how long stopping may take.
        announce: called once, when the port is open.
        on_stop: called once, when the drain begins.
        companion: a server in the same event loop that starts before and ends after this one.
        port_settings: names the settings that an operator can change if the port cannot be had.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        registry: Connections,
        stopping: Stopping,
        *,
        announce: Callable[[], None],
        on_stop: Callable[[], None],
        companion: "Companion | None" = None,
        port_settings: str = SERVICE_SETTINGS,
    ) -> None:
        super().__init__(config)
        self.registry = registry
        self._drain_seconds = stopping.drain_seconds
        self._announce = announce
        self._on_stop = on_stop
        self._companion = companion
        self._port_settings = port_settings

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the port, as the last step of the start."""
        if self._companion is not None:
            await self._companion.begin()
        for made in sockets or ():
            # uvloop listens too, but does not say when that fails.
            listen(made, settings=self._port_settings)
        await super().startup(sockets)
        self._announce()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain; at the second signal, end at once."""
        self.force_exit = self.should_exit
        self.registry.is_draining = True
        if sig == signal.SIGINT:
            # A person at a terminal waits for the end; a proxy is stopped with SIGTERM.
            self._drain_seconds = 0.0
        super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Look after the connections once a second."""
        if counter % round(1 / _TICK_SECONDS) == 0:
            self.registry.check_unsent()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain, close the port, let the requests that have begun finish, and end."""
        self.registry.is_draining = True
        self._on_stop()
        await self._drain()
        for server in self.servers:
            server.close()
        await self._close_idle()
        await super().shutdown(sockets)
        # The grace time is over. What is left is read by nobody, or served to nobody in time.
        self.registry.abort_all()
        if self._companion is not None:
            await self._companion.end()
        await asyncio.sleep(0)

    async def _drain(self) -> None:
        for connection in list(self.server_state.connections):
            if isinstance(connection, Protocol):
                connection.begin_drain()
        end, ticks = time.monotonic() + self._drain_seconds, 0
        while not self.force_exit and time.monotonic() < end and self.registry.was_used_within(self._drain_seconds):
            await self.on_tick(ticks)
            ticks += 1
            await asyncio.sleep(_TICK_SECONDS)

    async def _close_idle(self) -> None:
        # A request may be on its way on a connection that was used just now. It is waited for, and answered.
        moment = min(_MOMENT, self._drain_seconds)
        for _ in range(round(2 * moment / _TICK_SECONDS) + 1):
            if self.force_exit or not self.registry.close_waiting(moment):
                return
            await asyncio.sleep(_TICK_SECONDS)


class Companion:
    """A server that runs in the event loop of another one, which handles the signals.

    Args:
        listener: the socket that is bound already.
    """

    def __init__(self, server: Server, listener: socket.socket) -> None:
        self._server = server
        self._listener = listener
        self._running: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Open the port.

        Raises:
            OperatorError: it cannot be had.
        """
        self._server.config.load()
        self._server.lifespan = self._server.config.lifespan_class(self._server.config)
        await self._server.startup([self._listener])
        self._running = asyncio.create_task(self._server.main_loop())

    async def end(self) -> None:
        """Close the port."""
        if self._running is not None:
            self._server.should_exit = True
            await self._running
            await self._server.shutdown([self._listener])


def create_server(
    app: Any,
    *,
    limits: Limits | None = None,
    stopping: Stopping | None = None,
    announce: Callable[[], None] = lambda: None,
    on_stop: Callable[[], None] = lambda: None,
    companion: Companion | None = None,
    port_settings: str = SERVICE_SETTINGS,
) -> Server:
    """Make a server for an app, with our protocol and our logs."""
    registry = Connections(limits or Limits())
    stopping = stopping or Stopping()
    config = uvicorn.Config(
        app,
        http=partial(Protocol, registry=registry),  # type: ignore[arg-type]  # it is called, never looked into
        ws="none",
        loop="uvloop",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=math.ceil(stopping.grace_seconds),
    )
    return Server(
        config,
        registry,
        stopping,
        announce=announce,
        on_stop=on_stop,
        companion=companion,
        port_settings=port_settings,
    )
