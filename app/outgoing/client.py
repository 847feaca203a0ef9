"""The one HTTP client for requests that the service sends.

A host is resolved once, every address it has must be allowed, and the first of them is dialled: a second lookup could
answer differently. Redirects are not followed, the environment's proxies are not used, and the time and the size of an
answer are bounded.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

import httpx
from opentelemetry.trace import NoOpTracer, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from app.outgoing.addresses import Network, is_allowed

_PORTS = {"https": 443, "http": 80}
_LAST_PORT = 65_535
_PROPAGATOR = TraceContextTextMapPropagator()

#: Returns the addresses of a host.
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class OutgoingError(Exception):
    """A request was refused or failed. The message never repeats an address or what was answered."""


class OutgoingRefused(OutgoingError):
    """The URL, or an address of its host, is not allowed. Nothing was sent."""


class OutgoingTimeout(OutgoingError):
    """No whole answer came in time."""


class OutgoingUnusable(OutgoingError):
    """An answer came that is too large or compressed. It would not be another one the next time."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request.

    Attributes:
        body: the whole body; empty where it was not asked for.
        retry_after, content_type: the headers of these names, as they were sent.
    """

    status: int
    body: bytes
    retry_after: str | None = None
    content_type: str | None = None


class OutgoingClient:
    """Sends requests to hosts whose addresses are allowed.

    Args:
        networks: networks allowed in addition to public addresses. Plain HTTP is allowed within these only.
        resolve: returns the addresses of a host; absent, the system's lookup.
        transport: sends the requests; absent, the network.
        connections: the most connections open at once.
        lookups: the most lookups at once. A lookup cannot be cancelled, so lookups have separate threads.
        tracer: makes a span of each request, which its `traceparent` names; absent, there are none.
    """

    def __init__(
        self,
        networks: Sequence[Network] = (),
        *,
        resolve: Resolve | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        connections: int = 20,
        lookups: int = 4,
        tracer: Tracer | None = None,
    ) -> None:
        self._tracer = tracer or NoOpTracer()
        self._networks = tuple(networks)
        self._threads = ThreadPoolExecutor(lookups, thread_name_prefix="fa-lookup")
        self._resolve = resolve or self._look_up
        self._client = httpx.AsyncClient(
            transport=transport,
            trust_env=False,
            follow_redirects=False,
            # Each request has a deadline for all of it.
            timeout=httpx.Timeout(None),
            # A kept connection is found by address alone and was verified for the host that first used it.
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=0),
        )

    async def send(
        self,
        method: str,
        url: str,
        *,
        seconds: float,
        max_bytes: int,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request.

        Args:
            seconds: how long all of it may take.
            max_bytes: the size of the largest answer; 0: only the status is of interest, and the body is not read.

        Raises:
            OutgoingError: the URL or an address of its host is not allowed, or no whole answer came.
        """
        try:
            async with asyncio.timeout(seconds):
                return await self._send(method, url, max_bytes, content, headers or {})
        except TimeoutError:
            raise OutgoingTimeout("no answer in time") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError, ValueError) as error:
            raise OutgoingError(f"no answer ({type(error).__name__})") from None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _send(
        self,
        method: str,
        url: str,
        max_bytes: int,
        content: bytes | None,
        headers: Mapping[str, str],
    ) -> Answer:
        target = httpx.URL(url)
        host = target.raw_host.decode("ascii")
        if target.scheme not in _PORTS or not host or target.userinfo:
            raise OutgoingRefused("not an http or https URL without credentials")
        port = _PORTS[target.scheme] if target.port is None else target.port
        if not 0 < port <= _LAST_PORT:
            raise OutgoingRefused("no such port")
        address = await self._choose_address(host, port, target.scheme)
        request = self._client.build_request(
            method,
            target.copy_with(host=address, fragment=None),
            content=content,
            headers={"Accept-Encoding": "identity", **headers, "Host": target.netloc.decode("ascii")},
            extensions={"sni_hostname": host},
        )
        # The span names no path, because a webhook's may be a secret.
        names: dict[str, str | int] = {"http.request.method": method, "server.address": host, "server.port": port}
        with self._tracer.start_as_current_span(
            method, kind=SpanKind.CLIENT, attributes=names, record_exception=False, set_status_on_exception=False
        ) as span:
            _PROPAGATOR.inject(request.headers)
            try:
                answer = await self._exchange(request, max_bytes)
            except BaseException as error:
                # Its message may repeat an address.
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(Status(StatusCode.ERROR))
                raise
            span.set_attribute("http.response.status_code", answer.status)
            return answer

    async def _exchange(self, request: httpx.Request, max_bytes: int) -> Answer:
        answer = await self._client.send(request, stream=True)
        headers = (answer.headers.get("retry-after"), answer.headers.get("content-type"))
        try:
            if not max_bytes:
                return Answer(answer.status_code, b"", *headers)
            if answer.headers.get("content-encoding", "identity").lower() != "identity":
                raise OutgoingUnusable("the answer is compressed")
            return Answer(answer.status_code, await _read(answer, max_bytes), *headers)
        finally:
            await answer.aclose()

    async def _choose_address(self, host: str, port: int, scheme: str) -> str:
        addresses = await self._resolve(host.strip("[]"), port)
        if not addresses:
            raise OutgoingError("the host has no address")
        if not all(is_allowed(address, self._networks) for address in addresses):
            raise OutgoingRefused("an address of the host is not allowed")
        address = addresses[0]
        if scheme == "http" and not any(ip_address(address) in network for network in self._networks):
            raise OutgoingRefused("plain HTTP is not allowed")
        return f"[{address}]" if isinstance(ip_address(address), IPv6Address) else address

    async def _look_up(self, host: str, port: int) -> Sequence[str]:
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return [str(address[0]) for *_, address in found]


async def _read(answer: httpx.Response, max_bytes: int) -> bytes:
    body = bytearray()
    async for part in answer.aiter_raw():
        body += part
        if len(body) > max_bytes:
            raise OutgoingUnusable("the answer is too large")
    return bytes(body)
