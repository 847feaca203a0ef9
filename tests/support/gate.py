"""A way to the database that can be shut and cut, and that can speak in the database's place."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit, urlunsplit

#: What a server that shuts down says last: a fatal error 57P01, without being asked.
_FAREWELL_FIELDS = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
FAREWELL = b"E" + (len(_FAREWELL_FIELDS) + 4).to_bytes(4) + _FAREWELL_FIELDS


@dataclass
class Gate:
    """Passes bytes to the database and back, as long as it is open.

    ``is_open`` False loses the bytes of both directions. ``replies`` False loses what the database answers, and keeps
    its connections although the client's are gone, as a network does that swallows a client.
    """

    url: str
    is_open: bool = True
    replies: bool = True
    #: Seconds by which each reply is late.
    delay: float = 0.0
    port: int = 0
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    clients: list[asyncio.StreamWriter] = field(default_factory=list)
    servers: list[asyncio.StreamWriter] = field(default_factory=list)
    #: Bytes of the client after which the gate loses the replies: those of a COMMIT, for example.
    last_words: bytes = b""
    #: Bytes that the same connection sent before its last words: those that only the observed write has.
    first_words: bytes = b""
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        url = urlsplit(self.url)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        host, port = query.get("host", url.hostname), query.get("port", url.port or 5432)
        try:
            there, back = await (
                asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
                if host and host.startswith("/")
                else asyncio.open_connection(host, int(port))
            )
        except OSError:
            writer.close()
            return
        self.clients.append(writer)
        self.servers.append(back)
        self.tasks += [
            asyncio.create_task(self.pump(reader, back, is_reply=False)),
            asyncio.create_task(self.pump(there, writer, is_reply=True)),
        ]

    async def pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, is_reply: bool) -> None:
        spoke = False
        try:
            while data := await source.read(65_536):
                if self.last_words and not is_reply:
                    spoke = spoke or self.first_words in data
                if spoke and self.last_words and self.last_words in data:
                    self.replies = False
                    self.heard.set()
                if is_reply and self.delay:
                    await asyncio.sleep(self.delay)
                if self.is_open and (self.replies or not is_reply):
                    sink.write(data)
        except ConnectionError:
            pass
        finally:
            if self.replies:
                sink.close()

    async def say_farewell(self) -> None:
        """Let every client hear that the server shuts down, and leave the connections open."""
        for client in self.clients:
            if not client.is_closing():
                client.write(FAREWELL)
                await client.drain()
        # The clients are in this process: let them read it.
        await asyncio.sleep(0.05)

    async def cut(self) -> None:
        """Drop every connection."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for writer in [*self.clients, *self.servers]:
            writer.close()
        self.tasks.clear()
        self.clients.clear()
        self.servers.clear()
        await asyncio.sleep(0)

    @property
    def through(self) -> str:
        """The database's URL by way of the gate."""
        there = urlsplit(self.url)
        login = there.netloc.rpartition("@")[0]
        return urlunsplit(("postgresql", f"{login}@127.0.0.1:{self.port}", there.path, "sslmode=disable", ""))


@asynccontextmanager
async def gate_before(url: str) -> AsyncIterator[Gate]:
    """Yield a gate before a database."""
    made = Gate(url)
    async with await asyncio.start_server(made.serve, "127.0.0.1", 0) as server:
        made.port = server.sockets[0].getsockname()[1]
        yield made
        made.replies = True
        await made.cut()
