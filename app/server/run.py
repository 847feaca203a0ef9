"""Run the service: bind the port, prepare the database, serve, and shut down in order."""

import asyncio
import logging
import signal
import sys
from contextlib import nullcontext, suppress

from app import log
from app.demo.sandbox import clock_for
from app.embedded_postgres.attach import provided
from app.http.context import AppState
from app.main import create_app
from app.server.announcement import announcement, show
from app.server.connections import Limits
from app.server.listening import address_of, allow_connections, bind
from app.server.operations import bind_operations, connections_source, create_companion
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
        bind_operations(settings) or nullcontext() as operations_listener,
        provided(settings, attach=False) as complete,
    ):
        log.configure(complete)
        prepared = asyncio.run(prepare(complete, _notify))
        if prepared.warning:
            _notify(prepared.warning)
        lines = announcement(
            complete,
            address_of(listener),
            prepared.first_key,
            to_terminal=sys.stderr.isatty(),
            operations=address_of(operations_listener) if operations_listener else None,
        )
        app = create_app(complete, clock=clock_for(complete))
        app_state: AppState = app.state.app_state
        server = create_server(
            app,
            limits=Limits(connections=allow_connections(complete.max_connections)),
            stopping=Stopping(complete.drain_seconds, complete.grace_seconds),
            announce=lambda: show(lines),
            on_stop=app.state.worker.begin_stop,
            companion=create_companion(app_state, operations_listener, is_stopping=lambda: server.registry.is_draining),
        )
        if app_state.metrics is not None:
            app_state.metrics.add_source(connections_source(server.registry))
        server.run([listener])


def _notify(line: str) -> None:
    """Warn the operator at the terminal and in the log."""
    show([f"fa-readiness: warning: {line}"])
    logging.getLogger("fa").warning(line)
