"""Running the service: the socket, the database, the first tenant, the web server, and an orderly end."""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app import log
from app.demo.sandbox import clock_of
from app.embedded_postgres.attach import provided
from app.main import create_app
from app.server.announcement import announcement, show
from app.server.listening import address_of, listen
from app.server.preparation import prepare
from app.server.protocol import Protocol
from app.settings import Settings

GRACE_SECONDS = 10
KEEP_ALIVE_SECONDS = 75  # longer than the idle time of the usual proxies, which then close first


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it takes requests."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announce()


def serve(settings: Settings) -> None:
    """Run the service until SIGINT or SIGTERM.

    Raises:
        OperatorError, EmbeddedPostgresError: it cannot run; one line that says why.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        suppress(KeyboardInterrupt),
        listen(settings.host, settings.port) as listener,
        provided(settings, attach=False) as complete,
    ):
        log.configure(complete)
        prepared = asyncio.run(prepare(complete, _notify))
        if prepared.warning:
            _notify(prepared.warning)
        lines = announcement(complete, address_of(listener), prepared.first_key, to_terminal=sys.stderr.isatty())
        config = server_config(create_app(complete, clock=clock_of(complete)))
        _Server(config, lambda: show(lines)).run([listener])


def _notify(line: str) -> None:
    """Warn the operator at the terminal and in the log."""
    show([f"fa-readiness: warning: {line}"])
    logging.getLogger("fa").warning(line)


def server_config(app: Any, *, protocol: type[HttpToolsProtocol] = Protocol) -> uvicorn.Config:
    """How uvicorn runs the app: our protocol and our logs."""
    return uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        loop="uvloop",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
