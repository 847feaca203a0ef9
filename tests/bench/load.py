"""The load generator: a few keep-alive connections in one thread, and nothing but sockets.

It runs in a process of its own, takes one job a line on its standard input and answers one line each. It is written to
cost little a request, and it tells how busy it was: a generator that is busy all the time measures itself.
"""

import json
import select
import socket
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count, cycle
from typing import Any

CHUNK = 262_144
DRAIN_SECONDS = 10.0
_END_OF_CHUNKS = b"0\r\n\r\n"


class Connection:
    """One connection with at most one request on its way."""

    __slots__ = ("_chunked", "_left", "_tail", "recv", "sendall", "sent_at", "socket", "status")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.recv, self.sendall = self.socket.recv, self.socket.sendall
        self.sent_at = 0.0
        self.status = b""
        self._left = 0
        self._chunked = False
        self._tail = b""

    def receive(self) -> bool:
        """Take what has come; whether the answer is whole."""
        data = self.recv(CHUNK)
        if not data:
            raise ConnectionError("the server closed a connection")
        if self._left:
            self._left -= len(data)
            return self._left <= 0
        if self._chunked:
            self._tail = (self._tail + data)[-5:]
            self._chunked = self._tail != _END_OF_CHUNKS
            return not self._chunked
        return self._begin(self._tail + data)

    def _begin(self, data: bytes) -> bool:
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self._tail = data
            return False
        head = data[:end].lower()
        self.status = head[9:12]
        at = head.find(b"content-length:")
        if at < 0:
            self._tail = data[-5:]
            self._chunked = b"chunked" in head and self._tail != _END_OF_CHUNKS
            return not self._chunked
        self._tail = b""
        self._left = max(0, end + 4 + int(head[at + 15 :].partition(b"\r")[0]) - len(data))
        return self._left == 0


def requests_of(job: dict[str, Any]) -> Iterator[bytes]:
    """The requests to send, over and over; each with a name of its own where the job says so."""
    head = "".join(f"{name}: {value}\r\n" for name, value in job["headers"].items())
    body = job["body"]
    if job["method"] != "GET":
        head += f"Content-Type: application/json\r\nContent-Length: {len(body.encode())}\r\n"
    texts = [f"{job['method']} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}\r\n{body}" for path in job["paths"]]
    before, unique, after = texts[0].encode().partition(b"{unique}")
    if not unique:
        yield from cycle([text.encode() for text in texts])
    for number in count():
        yield before + f"{job['unique']}-{number:08d}".encode() + after


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Do one job: some seconds to warm up, and some that count."""
    next_request = requests_of(job).__next__
    connections = [Connection(job["port"]) for _ in range(job["connections"])]
    poller = select.epoll()
    by_descriptor = {one.socket.fileno(): one for one in connections}
    for descriptor in by_descriptor:
        poller.register(descriptor, select.EPOLLIN)
    try:
        return _measure(job, by_descriptor, poller.poll, next_request)
    finally:
        poller.close()
        for one in connections:
            one.socket.close()


def _measure(
    job: dict[str, Any],
    connections: dict[int, Connection],
    poll: Callable[[float], list[tuple[int, int]]],
    next_request: Callable[[], bytes],
) -> dict[str, Any]:
    clock = time.perf_counter
    expected = str(job["status"]).encode()
    taken: list[float] = []
    failures: list[str] = []
    begun = clock() + job["warm"]
    ended = begun + job["seconds"]
    requests, waiting, cpu = 0, len(connections), 0.0
    for one in connections.values():
        one.sent_at = clock()
        one.sendall(next_request())
    measuring = False
    while waiting:
        if clock() > ended + DRAIN_SECONDS:
            raise TimeoutError("too few answers came in time")
        for descriptor, _ in poll(0.2):
            one = connections[descriptor]
            if not one.receive():
                continue
            now = clock()
            requests += 1
            if one.status != expected:
                failures.append(one.status.decode())
            if measuring and (now < ended or not taken):
                taken.append(now - one.sent_at)
            elif not measuring and now >= begun:
                # On a machine too busy to answer anything in time the measurement begins late, and is as long.
                measuring, begun, ended, cpu = True, now, now + job["seconds"], time.process_time()
            if now < ended or not taken:
                one.sent_at = now
                one.sendall(next_request())
            else:
                waiting -= 1
    taken.sort()
    return {
        "rate": len(taken) / (ended - begun),
        "requests": requests,
        "p50_ms": taken[len(taken) // 2] * 1000 if taken else None,
        "p99_ms": taken[len(taken) * 99 // 100] * 1000 if taken else None,
        "busy": (time.process_time() - cpu) / (ended - begun) if measuring else None,
        "failures": failures[:5],
    }


def main() -> None:
    """Serve jobs until the input ends."""
    for line in sys.stdin:
        try:
            answer = run(json.loads(line))
        except (OSError, TimeoutError) as failed:
            answer = {"error": f"{type(failed).__name__}: {failed}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
