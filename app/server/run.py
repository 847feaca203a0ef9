"""Run the service: bind the port, prepare the database, serve, and shut down in order."""

import asyncio
import logging
import signal
import sys
from contextlib import suppress

from app import log
from app.embedded_postgres.attach import provided
from app.server.announcement import announcement, show
from app.server.listening import address_of, bind
from app.server.operations import bound_operations
from app.server.preparation import prepare
from app.server.process import run_process
from app.server.supervisor import Supervisor
from app.settings import Settings
from app.telemetry.tracing import check_installed


def serve(settings: Settings) -> None:
    """Run the service until SIGINT or SIGTERM.

    Raises:
        OperatorError, EmbeddedPostgresError: it cannot run; one line that says why.
    """
    check_installed(settings)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        suppress(KeyboardInterrupt),
        bind(settings.host, settings.port) as listener,
        bound_operations(settings) as operations,
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
            operations=[address_of(one) for one in operations],
        )
        if complete.workers > 1:
            Supervisor(complete, listener, operations, announce=lambda: show(lines)).run()
        else:
            run_process(complete, listener, operations[0] if operations else None, announce=lambda: show(lines))


def _notify(line: str) -> None:
    """Warn the operator at the terminal and in the log."""
    show([f"fa-readiness: warning: {line}"])
    logging.getLogger("fa").warning(line)
