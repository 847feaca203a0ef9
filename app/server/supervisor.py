"""Several worker processes on one socket, and the process that watches them.

The supervisor opens the ports, owns the embedded database and prepares the schema, once. Each worker is a separate
interpreter, because a forked one would hold the embedded database's lock. All workers accept from the same socket, so a
connection that waits when a worker is killed is served by another one.
"""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

from app.errors import OperatorError
from app.server.listening import OPERATIONS_SETTINGS, listen
from app.settings import Settings

RESTARTS = 5
WINDOW_SECONDS = 60.0
_POLL_SECONDS = 0.1
#: How much longer than its drain and its grace time a worker may take to end.
_END_SECONDS = 10.0
_ENDINGS = (signal.SIGTERM, signal.SIGINT)
_log = logging.getLogger("fa")


@dataclass
class _Worker:
    """A worker process and the pipe on which it reports that it is ready."""

    number: int
    process: "subprocess.Popen[bytes]"
    report: int
    is_ready: bool = False

    def look(self) -> None:
        """Read the report, if it has come."""
        with suppress(BlockingIOError):
            self.is_ready = self.is_ready or os.read(self.report, 1) == b"1"

    def close(self) -> None:
        """Let go of the pipes of a process that has ended."""
        os.close(self.report)
        if self.process.stdin is not None:
            with suppress(BrokenPipeError):
                self.process.stdin.close()


class Supervisor:
    """Starts the workers, starts one again that ends by itself, and passes signals on.

    Args:
        settings: with the logins of the database filled in.
        listener: the socket that all workers accept from.
        operations: the socket of each worker's operations listener; empty: there are none.
        announce: called once, when all workers take requests for the first time.
    """

    def __init__(
        self,
        settings: Settings,
        listener: socket.socket,
        operations: Sequence[socket.socket],
        announce: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._listener = listener
        self._operations = operations
        self._announce = announce
        self._is_announced = False
        self._restarts: deque[float] = deque()
        self._workers: list[_Worker] = []

    def run(self) -> None:
        """Serve until SIGINT or SIGTERM, and until all workers have ended.

        Raises:
            OperatorError: a port is taken, or the workers keep ending by themselves.
        """
        # Two services can bind one port. Only listening says which of them has it.
        listen(self._listener)
        for one in self._operations:
            listen(one, settings=OPERATIONS_SETTINGS)
        with _signals() as received:
            try:
                for number in range(self._settings.workers):
                    self._workers.append(self._start(number))
                while not received:
                    self._look()
                    time.sleep(_POLL_SECONDS)
                self._stop(received)
            finally:
                for worker in self._workers:
                    worker.process.kill()
                    worker.process.wait()
                    worker.close()

    def _start(self, number: int) -> _Worker:
        report, reporting = os.pipe()
        os.set_blocking(report, False)
        operations = self._operations[number].fileno() if self._operations else None
        process = subprocess.Popen(
            [sys.executable, "-m", "app.server.worker_process"],
            stdin=subprocess.PIPE,
            pass_fds=[self._listener.fileno(), reporting, *([] if operations is None else [operations])],
            # Ctrl-C at a terminal reaches the supervisor only, which passes it on.
            start_new_session=True,
        )
        os.close(reporting)
        order = {
            "settings": self._settings.model_dump(mode="json"),
            "listener": self._listener.fileno(),
            "operations": operations,
            "ready": reporting,
        }
        assert process.stdin is not None  # noqa: S101  # it is a pipe
        # Settings hold the passwords of the database, so they are neither arguments nor environment.
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps(order).encode() + b"\n")
            process.stdin.flush()
        return _Worker(number, process, report)

    def _look(self) -> None:
        """Start workers again that have ended, and announce the service when all are ready."""
        for place, worker in enumerate(self._workers):
            status = worker.process.poll()
            if status is None:
                worker.look()
            else:
                self._count_restart(worker, status)
                worker.close()
                self._workers[place] = self._start(worker.number)
        if not self._is_announced and all(worker.is_ready for worker in self._workers):
            self._is_announced = True
            self._announce()

    def _count_restart(self, worker: _Worker, status: int) -> None:
        reason = _reason(status)
        now = time.monotonic()
        while self._restarts and self._restarts[0] < now - WINDOW_SECONDS:
            self._restarts.popleft()
        if len(self._restarts) == RESTARTS:
            raise OperatorError(
                f"A worker process {reason} after {RESTARTS} restarts within {WINDOW_SECONDS:.0f} seconds; "
                "the service ends."
            )
        self._restarts.append(now)
        _log.error(f"Worker process {worker.number} {reason}; restart {len(self._restarts)} of at most {RESTARTS}.")

    def _stop(self, received: list[int]) -> None:
        """Pass the signals on, and wait until all workers have ended in their own time."""
        # Otherwise the system would accept connections that no worker takes any more.
        self._listener.close()
        deadline = time.monotonic() + self._settings.drain_seconds + self._settings.grace_seconds + _END_SECONDS
        while any(worker.process.poll() is None for worker in self._workers) and time.monotonic() < deadline:
            while received:
                ending = received.pop(0)
                for worker in self._workers:
                    worker.process.send_signal(ending)
            time.sleep(_POLL_SECONDS)
        for worker in self._workers:
            status = worker.process.poll()
            if status is None:
                _log.error(f"Worker process {worker.number} did not end in time and is killed.")
            elif status and (worker.is_ready or -status not in _ENDINGS):
                # A worker that is not ready yet may be too young to handle the signal.
                _log.error(f"Worker process {worker.number} {_reason(status)} when it was stopped.")


def _reason(status: int) -> str:
    return f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect the signals that end the service as long as the context lasts."""
    received: list[int] = []

    def receive(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    former = {ending: signal.signal(ending, receive) for ending in _ENDINGS}
    try:
        yield received
    finally:
        for ending, handler in former.items():
            signal.signal(ending, handler)
