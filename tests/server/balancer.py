"""A small balancer before replicas: it probes readiness, keeps connections, and sends a request only once.

It does what a balancer can do without knowing requests: it sends to replicas whose last probe was good, and takes the
next replica where a connection is refused. A request that was sent and not answered is a failure.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

PROBE_SECONDS = 0.25
ANSWER_SECONDS = 300.0

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Answer:
    status: int
    closes: bool
    body: bytes


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """Read one response with a length."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return Answer(int(head.split()[1]), b"\r\nconnection: close" in head, await reader.readexactly(length))


@contextmanager
def writing(writer: asyncio.StreamWriter) -> Iterator[None]:
    try:
        yield
    finally:
        writer.close()


@dataclass
class Replica:
    """One replica as the balancer knows it."""

    port: int
    is_ready: bool = False
    kept: list[Streams] = field(default_factory=list)

    async def probe(self) -> None:
        """Ask for its readiness on a separate connection."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            with writing(writer):
                writer.write(b"GET /healthz/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                self.is_ready = (await read_answer(reader)).status == 200
        except (OSError, asyncio.IncompleteReadError):
            self.is_ready = False

    async def connect(self, *, keep: bool) -> Streams:
        """Take the connection used last, or open one."""
        while keep and self.kept:
            reader, writer = self.kept.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        return await asyncio.open_connection("127.0.0.1", self.port)

    def close(self) -> None:
        for _, writer in self.kept:
            writer.close()
        self.kept.clear()


class Balancer:
    """Sends requests to replicas.

    Args:
        ports: where the replicas listen.
    """

    def __init__(self, *ports: int) -> None:
        self.replicas = [Replica(port) for port in ports]
        self.statuses: Counter[int | str] = Counter()
        self._turn = count()

    async def probe_on(self, is_over: asyncio.Event) -> None:
        """Probe every replica again and again until the end."""
        while not is_over.is_set():
            await asyncio.gather(*(replica.probe() for replica in self.replicas))
            await asyncio.sleep(PROBE_SECONDS)

    def are_all_ready(self) -> bool:
        return all(replica.is_ready for replica in self.replicas)

    def close(self) -> None:
        for replica in self.replicas:
            replica.close()

    async def send(self, request: bytes, *, keep: bool) -> None:
        """Send a request to a ready replica, and count how it ended."""
        ready = [replica for replica in self.replicas if replica.is_ready]
        first = next(self._turn)
        for place in range(len(ready)):
            replica = ready[(first + place) % len(ready)]
            try:
                streams = await replica.connect(keep=keep)
            except OSError:
                replica.is_ready = False
                continue
            self.statuses[await self._exchange(replica, streams, request, keep=keep)] += 1
            return
        self.statuses["no replica"] += 1

    async def _exchange(self, replica: Replica, streams: Streams, request: bytes, *, keep: bool) -> int | str:
        reader, writer = streams
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                writer.write(request)
                answer = await read_answer(reader)
        except (OSError, asyncio.IncompleteReadError) as error:
            writer.close()
            return type(error).__name__
        if keep and not answer.closes:
            replica.kept.append(streams)
        else:
            writer.close()
        return answer.status
