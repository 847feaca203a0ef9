"""The open connections, and the bounds of what they may hold together.

A connection costs memory in three ways: it is open, it brings bytes of a request that nobody has read yet, and it owes
bytes of a response that its client does not take. Each of the three has a bound, and a client that exceeds one loses
its own connection, not another's.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Protocol

_MOMENT = 1.0
_TAKEN_AT_LEAST = 16_384
#: Above this size of its buffer a transport asks for a pause, so only a client that reads sees more being written.
WRITE_BUFFER = 65_536


@dataclass(frozen=True)
class Limits:
    """Bounds of connections.

    Args:
        connections: connections open at once.
        header_seconds: from the first byte of a request, or from the start of a connection, to the end of the headers.
        header_bytes: size of one request's headers, each field counted with 32 bytes more than it has.
        pipelined: requests that wait on one connection for the answer to an earlier one.
        received_bytes: bytes of requests that the application has not read, of all connections together.
        unsent_bytes: bytes of responses that clients have not taken, of all connections together.
        stalled_seconds: in this time a client takes 16 KiB of a waiting response, or the rest of it.
    """

    connections: int = 2_000
    header_seconds: float = 10.0
    header_bytes: int = 65_536
    pipelined: int = 32
    received_bytes: int = 33_554_432
    unsent_bytes: int = 67_108_864
    stalled_seconds: float = 10.0


class ClientConnection(Protocol):
    """What the bounds need to know of a connection."""

    transport: asyncio.Transport

    def received_bytes(self) -> int:
        """Count the bytes of requests that the application has not read."""

    def shed(self) -> None:
        """Refuse the request that is arriving, and close."""

    def shutdown(self) -> None:
        """Close as soon as no request is running."""


@dataclass(frozen=True)
class _Backlog:
    size: int
    since: float


class Connections:
    """The connections of one server.

    A connection is *receiving* while the server waits for the rest of a request, *idle* between two requests, and
    otherwise busy with an answer.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.is_draining = False
        # All three in the order in which they began, so that the first one has waited longest.
        self._open: dict[ClientConnection, None] = {}
        self._receiving: dict[ClientConnection, float] = {}
        self._idle: dict[ClientConnection, float] = {}
        self._received: dict[ClientConnection, int] = {}
        self._received_total = 0
        self._unsent: dict[ClientConnection, _Backlog] = {}
        self._last_closed: float | None = None
        #: How many connections lost out to a bound, by the bound.
        self.refusals: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: ClientConnection) -> bool:
        """Admit a new connection, if need be in place of one that waits; return False where none waits."""
        if len(self._open) >= self.limits.connections and not self._evict():
            self._count_refusal("connections")
            return False
        self._open[connection] = None
        self._receiving[connection] = time.monotonic()
        return True

    def discard(self, connection: ClientConnection) -> None:
        """Drop a connection that is closed."""
        self._open.pop(connection, None)
        self._receiving.pop(connection, None)
        self._idle.pop(connection, None)
        self.set_received(connection, 0)
        self._last_closed = time.monotonic()

    def mark_receiving(self, connection: ClientConnection) -> None:
        """Note that the rest of a request is to come."""
        self._idle.pop(connection, None)
        if connection not in self._receiving and connection in self._open:
            self._receiving[connection] = time.monotonic()

    def mark_busy(self, connection: ClientConnection) -> None:
        """Note that a request is whole and its answer is to come."""
        self._idle.pop(connection, None)
        self._receiving.pop(connection, None)

    def mark_idle(self, connection: ClientConnection) -> None:
        """Note that the last request is answered and no other has begun."""
        self._receiving.pop(connection, None)
        if connection in self._open:
            self._idle[connection] = time.monotonic()

    def was_used_within(self, seconds: float) -> bool:
        """Return whether a connection is open, or was until a short while ago."""
        if self._open:
            return True
        return self._last_closed is not None and time.monotonic() - self._last_closed < seconds

    def close_waiting(self, seconds: float) -> bool:
        """Close what has waited this long for a request to begin; return whether others wait still."""
        now = time.monotonic()
        waiting = [*self._receiving.items(), *self._idle.items()]
        old = [connection for connection, since in waiting if now - since >= seconds]
        for connection in old:
            connection.shutdown()
            self.mark_busy(connection)
        return len(old) < len(waiting)

    def set_received(self, connection: ClientConnection, size: int) -> None:
        """Record the bytes of requests that a connection holds. Beyond the bound, shed those that hold most."""
        self._received_total += size - self._received.pop(connection, 0)
        if size:
            self._received[connection] = size
            if self._received_total > self.limits.received_bytes:
                self._shed()

    def check_unsent(self) -> None:
        """Cut off the clients that do not take their responses; to be called once a second."""
        now = time.monotonic()
        before, self._unsent = self._unsent, {}
        total = 0
        for connection in self._open:
            size = connection.transport.get_write_buffer_size()
            if size:
                total += size
                self._unsent[connection] = _progress(before.get(connection), size, now)
        for connection, backlog in sorted(self._unsent.items(), key=lambda item: item[1].since):
            waited = now - backlog.since
            if waited < min(_MOMENT, self.limits.stalled_seconds):
                break
            if waited >= self.limits.stalled_seconds or total > self.limits.unsent_bytes:
                total -= connection.transport.get_write_buffer_size()
                del self._unsent[connection]
                self._count_refusal("unsent_bytes" if waited < self.limits.stalled_seconds else "stalled")
                self._abort(connection)

    def abort_all(self) -> None:
        """Cut off every client."""
        for connection in list(self._open):
            self._abort(connection)

    def _count_refusal(self, bound: str) -> None:
        self.refusals[bound] = self.refusals.get(bound, 0) + 1

    def _evict(self) -> bool:
        slow, idle = next(iter(self._receiving), None), next(iter(self._idle), None)
        # A connection that was opened just now is not slow yet.
        if slow is not None and time.monotonic() - self._receiving[slow] < _MOMENT and idle is not None:
            slow = None
        chosen = slow or idle
        if chosen is None:
            return False
        self._count_refusal("evicted")
        self._abort(chosen)
        return True

    def _shed(self) -> None:
        # The application may have read some of it since.
        self._received = {known: size for known in self._received if (size := known.received_bytes())}
        self._received_total = sum(self._received.values())
        while self._received_total > self.limits.received_bytes:
            largest = max(self._received, key=self._received.__getitem__)
            self._received_total -= self._received.pop(largest)
            self._count_refusal("received_bytes")
            largest.shed()

    def _abort(self, connection: ClientConnection) -> None:
        self.discard(connection)
        # Not `close`, which waits until the client has taken what is written already.
        connection.transport.abort()


def _progress(before: _Backlog | None, size: int, now: float) -> _Backlog:
    """Return the state of a backlog: its size, and since when its client took too little."""
    if before is None or size <= before.size - _TAKEN_AT_LEAST:
        return _Backlog(size, now)
    if size > before.size:
        # Beyond the buffer's bound another response is written only after the client took the former one.
        return _Backlog(size, now if before.size > WRITE_BUFFER else before.since)
    return before
