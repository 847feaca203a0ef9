"""One of several worker processes; `app.server.supervisor` starts it and sends its settings on standard input."""

import json
import os
import signal
import socket
import sys
import threading
from contextlib import suppress

from app import log
from app.errors import OperatorError
from app.server.announcement import show
from app.server.process import run_process
from app.settings import Settings

_STDIN = 0


def main() -> None:
    """Serve until a signal, or until the supervisor has gone, however it ended."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        order = json.loads(sys.stdin.buffer.readline())
        threading.Thread(target=_end_with_the_supervisor, name="supervisor", daemon=True).start()
        settings = Settings(**order["settings"])
        log.configure(settings)
        operations = order["operations"]
        try:
            run_process(
                settings,
                socket.socket(fileno=order["listener"]),
                None if operations is None else socket.socket(fileno=operations),
                announce=lambda: _report_ready(order["ready"]),
            )
        except OperatorError as refused:
            show([f"fa-readiness: {refused}"])
            sys.exit(1)
    # Nothing is left to end early. The interpreter's own end would let a second signal kill the process.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.SIG_IGN)


def _end_with_the_supervisor() -> None:
    # Only the supervisor holds the other end of the pipe. Its embedded database ends with it, so nothing can finish.
    # The descriptor is read, because a read of `sys.stdin` holds a lock that the interpreter needs when it ends.
    while os.read(_STDIN, 4_096):
        pass
    os._exit(1)


def _report_ready(descriptor: int) -> None:
    os.write(descriptor, b"1")
    os.close(descriptor)


if __name__ == "__main__":
    main()
