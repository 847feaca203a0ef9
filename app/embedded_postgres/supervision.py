"""Watch the embedded server, and start it again when it ends by itself."""

import logging
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from app.embedded_postgres.host import EmbeddedPostgresError
from app.embedded_postgres.server import EmbeddedServer

RESTARTS = 3
WINDOW_SECONDS = 600.0
_POLL_SECONDS = 0.25
_PAUSE_SECONDS = 1.0
_log = logging.getLogger("fa")


@contextmanager
def supervised(server: EmbeddedServer) -> Iterator[None]:
    """Keep a started server running as long as the context lasts.

    A server that cannot be kept running ends the process: it receives SIGTERM, as from an operator.

    Raises:
        EmbeddedPostgresError: at the end of the context, if the server could not be kept running.
    """
    watch = _Watch(server)
    watch.start()
    try:
        yield
    finally:
        watch.stop()
        if watch.failure is not None:
            raise EmbeddedPostgresError(watch.failure)


class _Watch:
    """A thread that looks at the server four times a second.

    Attributes:
        failure: why the server does not run any more; None while it does.
    """

    def __init__(self, server: EmbeddedServer) -> None:
        self.failure: str | None = None
        self._server = server
        self._restarts: deque[float] = deque()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="embedded-postgres", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(_POLL_SECONDS):
            status = self._server.exit_status
            if status is not None:
                self._restart(_reason(status))
            if self.failure is not None:
                _log.error(self.failure)
                os.kill(os.getpid(), signal.SIGTERM)
                return

    def _restart(self, reason: str) -> None:
        """Start the server again, once more if that fails, until it runs or the restarts are used up."""
        while not self._ended.is_set():
            began = time.monotonic()
            while self._restarts and self._restarts[0] < began - WINDOW_SECONDS:
                self._restarts.popleft()
            if len(self._restarts) == RESTARTS:
                self.failure = (
                    f"The embedded PostgreSQL {reason} after {RESTARTS} restarts within "
                    f"{WINDOW_SECONDS / 60:.0f} minutes; the service ends. See postgres.log in the data directory."
                )
                return
            self._restarts.append(began)
            _log.error(f"The embedded PostgreSQL {reason}; restart {len(self._restarts)} of at most {RESTARTS}.")
            try:
                self._server.restart()
            except EmbeddedPostgresError as refused:
                reason = f"did not start again ({refused})"
                self._ended.wait(_PAUSE_SECONDS)
            else:
                _log.warning(f"The embedded PostgreSQL runs again after {time.monotonic() - began:.1f} s.")
                return


def _reason(status: int) -> str:
    return f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
