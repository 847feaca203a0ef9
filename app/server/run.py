"""Run the service: bind the port, prepare the database, serve, and shut down in order."""

import asyncio
import logging
import signal
import sys
from contextlib import suppress

from app import log
from app.demo.sandbox import clock_for
from app.embedded_postgres.attach import provided
from app.main import create_app
from app.server.announcement import announcement, show
from app.server.connections import Limits
from app.server.listening import address_of, allow_connections, bind
from app.server.preparation import prepare
from app.server.web_server import Stopping, create_server
from app.settings import Settings


def serve(settings: Settings) -> None:
    """Run the service until SIGINT or SIGTERM.

    Raises:
        OperatorError, EmbeddedPostgresError: it cannot run; one line that says why.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        suppress(KeyboardInterrupt),
        bind(settings.host, settings.port) as listener,
        provided(settings, attach=False) as complete,
    ):
        log.configure(complete)
        prepared = asyncio.run(prepare(complete, _notify))
        if prepared.warning:
            _notify(prepared.warning)
        lines = announcement(complete, address_of(listener), prepared.first_key, to_terminal=sys.stderr.isatty())
        app = create_app(complete, clock=clock_for(complete))
        server = create_server(
            app,
            limits=Limits(connections=allow_connections(complete.max_connections)),
            stopping=Stopping(complete.drain_seconds, complete.grace_seconds),
            announce=lambda: show(lines),
            on_stop=app.state.worker.begin_stop,
        )
        server.run([listener])


def _notify(line: str) -> None:
    """Warn the operator at the terminal and in the log."""
    show([f"fa-readiness: warning: {line}"])
    logging.getLogger("fa").warning(line)
