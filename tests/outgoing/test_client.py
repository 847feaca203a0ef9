"""The client for requests that the service sends. Nothing here leaves the process or its loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence

import httpx
import pytest

from app.outgoing.addresses import parse_network
from app.outgoing.client import OutgoingClient, OutgoingError

LOOPBACK = [parse_network("127.0.0.0/8")]


class Recorder:
    """A transport that records what would be dialled, with made-up answers."""

    def __init__(self, body: bytes = b"answer", status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.dialled: list[httpx.Request] = []
        self.transport = httpx.MockTransport(self._answer)
        self._body, self._status, self._headers = body, status, headers

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.dialled.append(request)
        return httpx.Response(self._status, headers=self._headers, content=self._parts())

    async def _parts(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._body), 1_000):
            yield self._body[start : start + 1_000]


def resolving(*answers: Sequence[str]) -> tuple[list[str], "Resolver"]:
    asked: list[str] = []
    return asked, Resolver(asked, answers)


class Resolver:
    """Answers each lookup with the next addresses."""

    def __init__(self, asked: list[str], answers: Sequence[Sequence[str]]) -> None:
        self._asked, self._answers = asked, list(answers)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self._asked.append(host)
        return self._answers.pop(0)


async def get(client: OutgoingClient, url: str) -> bytes:
    try:
        return (await client.send("GET", url, seconds=30, max_bytes=10_000)).body
    finally:
        await client.close()


async def test_the_address_that_was_checked_is_the_one_dialled() -> None:
    recorder = Recorder()
    asked, resolve = resolving(["93.184.216.34"], ["127.0.0.1"])
    client = OutgoingClient(resolve=resolve, transport=recorder.transport)
    assert await get(client, "https://issuer.example:8443/keys?a=1#part") == b"answer"
    [request] = recorder.dialled
    assert asked == ["issuer.example"]
    assert str(request.url) == "https://93.184.216.34:8443/keys?a=1"
    assert request.headers["host"] == "issuer.example:8443"
    assert request.extensions["sni_hostname"] == "issuer.example"


@pytest.mark.parametrize(
    "answers", [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["2606:4700::1", "::1"], ["fe80::1%lo"], []]
)
async def test_a_host_with_one_hostile_address_is_never_dialled(answers: list[str]) -> None:
    recorder = Recorder()
    client = OutgoingClient(resolve=resolving(answers)[1], transport=recorder.transport)
    with pytest.raises(OutgoingError):
        await get(client, "https://issuer.example/keys")
    assert recorder.dialled == []


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[fe80::1%25lo]/",
        "https://localhost/",
        "https://localhost./",
        "https://１２７.0.0.1/",  # noqa: RUF001
        "https://169.254.169.254/latest/meta-data",
        "https://user:password@93.184.216.34/",
        "http://93.184.216.34/",
        "ftp://93.184.216.34/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "//127.0.0.1/",
        "https:///keys",
        "https://",
        "https://127.0.0.1\r\nHost: x/",
        "https://%31%32%37.0.0.1/",
        "https://93.184.216.34:99999/",
        "",
    ],
)
async def test_a_hostile_url_is_never_dialled(url: str) -> None:
    recorder = Recorder()
    with pytest.raises(OutgoingError):
        await get(OutgoingClient(transport=recorder.transport), url)
    assert recorder.dialled == []


async def test_a_redirect_is_an_answer_and_not_followed() -> None:
    recorder = Recorder(status=302, headers={"Location": "https://127.0.0.1/"})
    client = OutgoingClient(resolve=resolving(["93.184.216.34"])[1], transport=recorder.transport)
    answer = await client.send("GET", "https://issuer.example/", seconds=30, max_bytes=10_000)
    assert (answer.status, len(recorder.dialled)) == (302, 1)
    await client.close()


@pytest.mark.parametrize("recorder", [Recorder(b"x" * 10_001), Recorder(headers={"Content-Encoding": "gzip"})])
async def test_an_answer_that_is_too_large_or_compressed_is_dropped(recorder: Recorder) -> None:
    client = OutgoingClient(resolve=resolving(["93.184.216.34"])[1], transport=recorder.transport)
    with pytest.raises(OutgoingError):
        await get(client, "https://issuer.example/")


async def test_the_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with _listening(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") as port:
        assert await get(OutgoingClient(LOOPBACK), f"http://127.0.0.1:{port}/") == b"ok"


async def test_plain_http_needs_an_allowed_network() -> None:
    recorder = Recorder()
    client = OutgoingClient(LOOPBACK, resolve=resolving(["93.184.216.34"])[1], transport=recorder.transport)
    with pytest.raises(OutgoingError):
        await get(client, "http://issuer.example/")
    assert recorder.dialled == []


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"])
async def test_a_server_that_hangs_is_given_up(answer: bytes) -> None:
    async with _listening(answer, hangs=True) as port:
        client = OutgoingClient(LOOPBACK)
        with pytest.raises(OutgoingError, match="in time"):
            await client.send("GET", f"http://127.0.0.1:{port}/", seconds=0.5, max_bytes=100)
        await client.close()


async def test_a_resolver_that_hangs_is_given_up() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(3_600)
        return []

    client = OutgoingClient(resolve=resolve, transport=Recorder().transport)
    with pytest.raises(OutgoingError, match="in time"):
        await client.send("GET", "https://issuer.example/", seconds=0.2, max_bytes=100)
    await client.close()


@pytest.mark.parametrize("answer", [b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"])
async def test_a_broken_answer_is_an_outgoing_error(answer: bytes) -> None:
    async with _listening(answer) as port:
        with pytest.raises(OutgoingError):
            await get(OutgoingClient(LOOPBACK), f"http://127.0.0.1:{port}/")


class _listening:  # noqa: N801  # used like a function
    """A server on loopback that sends these bytes to everyone."""

    def __init__(self, answer: bytes, *, hangs: bool = False) -> None:
        self._answer, self._hangs = answer, hangs
        self._open: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, family=socket.AF_INET)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._open:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self._answer)
        await writer.drain()
        if not self._hangs:
            writer.close()
