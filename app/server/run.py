"""Running the service: the socket, the database, the first tenant, the web server, and an orderly end."""

import asyncio
import logging
import os
import shlex
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import uvicorn
from sqlalchemy.exc import IntegrityError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app import __version__, log
from app.db.engine import check_role
from app.db.schema.migrate import migrate
from app.demo.sandbox import clock_of, refuse_in_public
from app.embedded_postgres.attach import owner_engine, provided
from app.errors import BadRequest, OperatorError
from app.http import problems
from app.main import create_app
from app.provisioning import DEMO_SLUG, create_tenant, list_tenants
from app.settings import Settings

GRACE_SECONDS = 10
KEEP_ALIVE_SECONDS = 75  # longer than the idle time of the usual proxies, which then close first
_TOO_LARGE = "The headers are too large."
FIRST_KEY_FILE = "first-admin-key"
FIRST_SLUG, FIRST_NAME = "main", "My agency"


class _Refused(Exception):
    """A request that must not be served; its text is what the caller is told."""


class Protocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with a deadline and a bound for a request's headers, and stricter about them.

    uvicorn waits for headers for ever and keeps whatever comes. Here a connection that shows no complete headers in
    time is closed, whether it is new, slow, or sends after its last answer what never becomes a request. And uvicorn
    serves requests of versions it does not speak, and of no host or of two.
    """

    header_seconds = 10.0
    header_bytes = 65_536

    _deadline: asyncio.TimerHandle | None = None
    _before: RequestResponseCycle | None = None
    _in_headers = False
    _in_body = False
    _header_size = 0
    _parsed_size = 0
    _reason = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_deadline()

    def data_received(self, data: bytes) -> None:
        waited = self._in_headers
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_headers and waited:
            # A header is parsed when it is whole; this bounds one that has no end.
            self._header_size += len(data)
            if self._header_size > self.header_bytes:
                self._refuse(_TOO_LARGE)
                return
        if self._deadline is None and (self._in_headers or self.cycle is None or self.cycle.response_complete):
            self._start_deadline()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_headers = True
        self._header_size = self._parsed_size = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._count(len(name) + len(value) + len(": \r\n"))

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._before = self.cycle
        self._end_deadline()
        version = self.parser.get_http_version()
        if version not in {"1.0", "1.1"}:
            self._fail("HTTP/1.1 and HTTP/1.0 are spoken here.")
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and version == "1.1"):
            self._fail("A request names one Host.")
        super().on_headers_complete()
        self._in_body = True

    def on_message_complete(self) -> None:
        self._in_body = False
        super().on_message_complete()

    def _count(self, size: int) -> None:
        self._parsed_size += size
        if self._parsed_size > self.header_bytes:
            self._fail(_TOO_LARGE)

    def _fail(self, reason: str) -> NoReturn:
        # The parser stops at whatever its callbacks raise, and calls it a request that is not valid.
        self._reason = reason
        raise _Refused(reason)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_deadline()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer a request that cannot be parsed or must not be served, in the one shape of failures."""
        self._refuse(self._reason or msg)

    def _refuse(self, detail: str) -> None:
        if self._in_body and self.pipeline and self._before is not None:
            # The request with the bad body waits behind another and has not begun: as if it had not come.
            self.pipeline.popleft()
            self._in_body, self.cycle = False, self._before
        if not self._in_body and self.cycle is not None and not self.cycle.response_complete:
            # Sent now, this would be read as the answer to an earlier request, which is served all the same. That one
            # is answered, and the connection then closed.
            self.cycle.keep_alive = False
            return
        answer = problems.render(BadRequest(detail), instance="", request_id="")
        headers = [*self.server_state.default_headers, *answer.raw_headers, (b"connection", b"close")]
        lines = [b"HTTP/1.1 400 Bad Request", *(name + b": " + value for name, value in headers), b"", b""]
        self.transport.write(b"\r\n".join(lines) + bytes(answer.body))
        self.transport.close()

    def _start_deadline(self) -> None:
        # `shutdown` closes the connection, or lets a running request finish and closes it then.
        self._deadline = self.loop.call_later(self.header_seconds, self.shutdown)

    def _end_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it takes requests."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announce()


def serve(settings: Settings) -> None:
    """Run the service until SIGINT or SIGTERM.

    Raises:
        OperatorError, EmbeddedPostgresError: it cannot run; one line that says why.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        suppress(KeyboardInterrupt),
        listen(settings.host, settings.port) as listener,
        provided(settings, attach=False) as complete,
    ):
        key = asyncio.run(_prepare(complete))
        log.configure(complete)
        lines = _announcement(complete, address_of(listener), key)
        config = server_config(create_app(complete, clock=clock_of(complete)))
        _Server(config, lambda: _say(lines)).run([listener])


def listen(host: str, port: int) -> socket.socket:
    """Take the port before anything else starts.

    Raises:
        OperatorError: it is taken, or the host is no address of this machine.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as refused:
        reason = (refused.strerror or str(refused)).partition(" (while")[0]
        raise OperatorError(f"Cannot listen on {host} port {port}: {reason}. See FA_HOST and FA_PORT.") from None


def address_of(listener: socket.socket) -> str:
    """The address of a listening socket as the beginning of a URL."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server_config(app: Any, *, protocol: type[HttpToolsProtocol] = Protocol) -> uvicorn.Config:
    """How uvicorn runs the app: our protocol and our logs."""
    return uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        loop="uvloop",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


async def _prepare(settings: Settings) -> str | None:
    """Bring the database to this release; where there is no tenant at all make the first, and return its key."""
    assert settings.owner_url is not None  # noqa: S101  # the provided settings name both logins
    assert settings.database_url is not None  # noqa: S101
    await migrate(settings.owner_url, settings.app_role, login_is_separate=settings.owner_database_url is not None)
    await check_role(settings.database_url, role=settings.assumed_role)
    async with owner_engine(settings) as engine:
        tenants = await list_tenants(engine)
        if any(tenant.slug == DEMO_SLUG for tenant, _ in tenants):
            refuse_in_public(settings)
        if tenants:
            return None
        try:
            _, _, key = await create_tenant(engine, slug=FIRST_SLUG, name=FIRST_NAME)
        except (OperatorError, IntegrityError):
            return None  # Another process started at the same moment and was quicker.
    return key


def _announcement(settings: Settings, address: str, key: str | None) -> list[str]:
    path = settings.data_dir.absolute() / FIRST_KEY_FILE
    lines = [f"fa-readiness {__version__} takes requests at {address}"]
    if settings.docs:
        lines.append(f"  documentation    {address}/docs (the document: {address}/openapi.json)")
    lines.append(f"  health           {address}/healthz/ready")
    kept = path.exists()
    if key is not None:
        kept = _keep(path, key)
        lines.append(f'  first tenant     "{FIRST_SLUG}", made now; its admin key, shown this once:')
        lines.append(f"                   {key}")
    if kept:
        lines.append(f"  first admin key  {path} (keep it elsewhere, then remove the file)")
        lines.append(
            f'  try              curl -H "Authorization: Bearer $(cat {shlex.quote(str(path))})" {address}/v1/me'
        )
    return lines


def _keep(path: Path, key: str) -> bool:
    """Write the key where only this account can read it; False where that is not possible."""
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{key}\n")
        return True
    return False


def _say(lines: list[str]) -> None:
    # On stderr: stdout carries the structured log and nothing else.
    sys.stderr.write("\n".join(lines) + "\n")
    sys.stderr.flush()
