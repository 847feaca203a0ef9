"""The load: a few keep-alive connections, each with one request on its way. It runs in the benchmark's own process."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, cycle
from typing import cast
from uuid import uuid4

import httptools
import uvloop

from tests.bench.processes import Server

_DRAIN_SECONDS = 300.0


@dataclass(frozen=True)
class Load:
    """How hard a server is asked; the seconds to warm up do not count."""

    connections: int = 8
    seconds: float = 1.0
    warm: float = 0.3


@dataclass(frozen=True)
class Target:
    """Requests to one server, taken in turn.

    Args:
        body: of a POST; `{unique}` in the headers becomes another text with every request.
        status: of every answer, or the measurement is void.
    """

    server: Server
    paths: Sequence[str]
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    status: int = 200

    def requests(self) -> Iterator[bytes]:
        """Yield what is sent, without end."""
        head = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "127.0.0.1", **self.headers}.items())
        method, body = "GET", self.body or ""
        if self.body is not None:
            method, head = "POST", f"{head}Content-Type: application/json\r\nContent-Length: {len(body.encode())}\r\n"
        texts = [f"{method} {path} HTTP/1.1\r\n{head}\r\n{body}".encode() for path in self.paths]
        before, unique, after = texts[0].partition(b"{unique}")
        if not unique:
            return cycle(texts)
        run = uuid4().hex
        return (before + f"{run}-{number:08d}".encode() + after for number in count())


@dataclass(frozen=True)
class Sample:
    """What one measurement found.

    Args:
        rate: answers a second.
        cpu_us: the server's CPU microseconds an answer; not known of pgbench.
        busy: the share of the time the load was busy: at 1 it would have measured itself.
    """

    rate: float
    p50_ms: float
    p99_ms: float | None = None
    cpu_us: float | None = None
    busy: float = 0


class _Run:
    """What all connections of one measurement share: its time, and what they saw."""

    def __init__(self, target: Target, load: Load) -> None:
        self.next_request = target.requests().__next__
        self.status = target.status
        self.load = load
        self.begin = time.perf_counter() + load.warm
        self.end = self.begin + load.seconds
        self.answers = 0
        self.taken: list[float] = []
        self.failures: set[int] = set()

    def note(self, status: int, sent: float, now: float) -> bool:
        """Count an answer; whether there is time for another request."""
        self.answers += 1
        if status != self.status:
            self.failures.add(status)
        if sent >= self.begin:
            self.taken.append(now - sent)
        if now >= self.end and not self.taken:
            # On a machine too busy to answer anything in time the measurement begins late, and is as long.
            self.begin, self.end = now, now + self.load.seconds
        return now < self.end


class _Connection(asyncio.Protocol):
    def __init__(self, run: _Run) -> None:
        self._run = run
        self._parser = httptools.HttpResponseParser(self)
        # The parser takes the bytes as they come: another call in between would be measured too. A method may not be
        # replaced by an attribute as far as mypy is concerned.
        self.data_received = self._parser.feed_data  # type: ignore[method-assign]
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._write = cast(asyncio.WriteTransport, transport).write
        self._send(time.perf_counter())

    def _send(self, now: float) -> None:
        self._sent = now
        self._write(self._run.next_request())

    def on_message_complete(self) -> None:
        now = time.perf_counter()
        if self._run.note(self._parser.get_status_code(), self._sent, now):
            self._send(now)
        else:
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError("the server closed a connection"))


async def _ask(run: _Run, port: int) -> None:
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: _Connection(run), "127.0.0.1", port) for _ in range(run.load.connections)
    ]
    async with asyncio.timeout(run.load.warm + run.load.seconds + _DRAIN_SECONDS):
        await asyncio.gather(*(connection.done for _, connection in made))
    for transport, _ in made:
        transport.abort()


def drive(target: Target, load: Load) -> Sample:
    """Ask a server for a while.

    Raises:
        RuntimeError: an answer was not what it should be.
    """
    run, before, own, begun = _Run(target, load), target.server.cpu(), time.process_time(), time.perf_counter()
    uvloop.run(_ask(run, target.server.port))
    busy = (time.process_time() - own) / (time.perf_counter() - begun)
    cpu_us = (target.server.cpu() - before) / run.answers * 1e6
    if run.failures or not run.taken:
        raise RuntimeError(f"{target.paths[0]}: {sorted(run.failures)}")
    taken = sorted(one * 1000 for one in run.taken)
    rate = len(taken) / load.seconds
    return Sample(rate, taken[len(taken) // 2], taken[len(taken) * 99 // 100], cpu_us, busy)
