"""A way to the database that can be shut and cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit, urlunsplit


@dataclass
class Gate:
    """Passes bytes to the database and back, as long as it is open."""

    url: str
    is_open: bool = True
    port: int = 0
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        url = urlsplit(self.url)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        host, port = query.get("host", url.hostname), query.get("port", url.port or 5432)
        there, back = await (
            asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
            if host and host.startswith("/")
            else asyncio.open_connection(host, int(port))
        )
        self.tasks += [asyncio.create_task(self.pump(reader, back)), asyncio.create_task(self.pump(there, writer))]

    async def pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                if self.is_open:
                    sink.write(data)
        finally:
            sink.close()

    async def cut(self) -> None:
        """Drop every connection."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks.clear()
        await asyncio.sleep(0)

    @property
    def through(self) -> str:
        """The database's URL by way of the gate."""
        there = urlsplit(self.url)
        login = there.netloc.rpartition("@")[0]
        return urlunsplit(("postgresql", f"{login}@127.0.0.1:{self.port}", there.path, "sslmode=disable", ""))


@asynccontextmanager
async def gate_before(url: str) -> AsyncIterator[Gate]:
    """A gate before a database."""
    made = Gate(url)
    async with await asyncio.start_server(made.serve, "127.0.0.1", 0) as server:
        made.port = server.sockets[0].getsockname()[1]
        yield made
        await made.cut()
