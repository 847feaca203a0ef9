"""One process that serves: the app behind its web server, on sockets that are bound already."""

import socket
from collections.abc import Callable

from app.demo.sandbox import clock_for
from app.http.context import AppState
from app.main import create_app
from app.server.connections import Limits
from app.server.listening import allow_connections
from app.server.operations import connections_source, create_companion
from app.server.web_server import Stopping, create_server
from app.settings import Settings


def run_process(
    settings: Settings,
    listener: socket.socket,
    operations_listener: socket.socket | None,
    announce: Callable[[], None],
) -> None:
    """Serve until SIGINT or SIGTERM, on a database that is prepared.

    Args:
        settings: with the logins of the database filled in.
        announce: called once, when the process takes requests.
    """
    app = create_app(settings, clock=clock_for(settings))
    app_state: AppState = app.state.app_state
    server = create_server(
        app,
        limits=Limits(connections=allow_connections(settings.max_connections)),
        stopping=Stopping(settings.drain_seconds, settings.grace_seconds),
        announce=announce,
        on_stop=app.state.worker.begin_stop,
        companion=create_companion(app_state, operations_listener, is_stopping=lambda: server.registry.is_draining),
    )
    if app_state.metrics is not None:
        app_state.metrics.add_source(connections_source(server.registry))
    server.run([listener])
