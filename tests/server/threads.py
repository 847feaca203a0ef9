"""Runs the web server in a thread of the test's process, for apps that a test defines."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from app.server.connections import Limits
from app.server.listening import bind
from app.server.web_server import Server, Stopping, create_server

START_SECONDS = 300.0


@dataclass
class Served:
    """A server that runs in a thread."""

    server: Server
    port: int

    def connect(self, *, receive_buffer: int | None = None) -> socket.socket:
        """Open a connection, whose own system holds no more than this many bytes."""
        made = socket.socket()
        if receive_buffer is not None:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        made.settimeout(START_SECONDS)
        made.connect(("127.0.0.1", self.port))
        return made


@contextmanager
def serving_app(app: Any, *, limits: Limits | None = None, stopping: Stopping | None = None) -> Iterator[Served]:
    """Serve an app on a free port until the context ends."""
    is_listening = threading.Event()
    server = create_server(app, limits=limits, stopping=stopping or Stopping(0, 1), announce=is_listening.set)
    with bind("127.0.0.1", 0) as listener:
        port: int = listener.getsockname()[1]
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            assert is_listening.wait(START_SECONDS)
            yield Served(server, port)
        finally:
            server.should_exit = True
            thread.join(START_SECONDS)
        assert not thread.is_alive()


def rest(connection: socket.socket) -> bytes:
    """Read everything until the server closes or cuts the connection."""
    got = b""
    try:
        while part := connection.recv(65_536):
            got += part
    except ConnectionError:
        pass
    return got
