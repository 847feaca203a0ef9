"""The context of a request: the caller, its reads and the conditional headers."""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request

from app.db.connection import Connection
from app.db.engine import Database
from app.db.statement import Read, Row
from app.db.sync_marks import SyncMarks
from app.events.sealer import Sealer
from app.events.watch import FeedWatch
from app.http.address_limits import AddressLimit
from app.http.client_address import check_address, client_address
from app.http.head import Scope, header
from app.http.query import check_names, parse_query, read_dry_run
from app.http.token_buckets import TokenBuckets
from app.principal import Principal
from app.settings import Settings
from app.telemetry.metrics import Metrics
from app.telemetry.tracing import Tracing


@dataclass(slots=True)
class AppState:
    """The parts that the app is composed of, in ``app.state.app_state``.

    Args:
        invalidate: drops the cached principals.
        sealer: gives positions to the events of what was committed.
        feeds: lets requests wait for events.
        running: the idempotent requests that this process is answering.
        claim_attempts: limits how often an address may try codes of invitations.
        calendar_attempts: limits how often an address may try addresses of calendars.
        calendar_fetches: limits how often one calendar may be fetched.
        note_use: notes that an API key was used.
        metrics: counts requests; None: nobody asks for metrics.
        tracing: makes spans of requests; None: traces are off.
        sign_in_locally: returns who sends a request without credentials; None: nobody may.
    """

    settings: Settings
    database: Database
    authenticate: Callable[[str | None], Awaitable[Principal]]
    invalidate: Callable[[], None]
    clock: Callable[[], datetime]
    feeds: FeedWatch
    sealer: Sealer
    running: set[tuple[UUID, UUID, str]] = field(default_factory=set)
    sync_marks: SyncMarks = field(default_factory=SyncMarks)
    claim_attempts: AddressLimit = field(default_factory=lambda: AddressLimit(burst=20, seconds=6))
    calendar_attempts: AddressLimit = field(default_factory=lambda: AddressLimit(burst=120, seconds=1))
    calendar_fetches: TokenBuckets = field(default_factory=lambda: TokenBuckets(burst=10, seconds=60))
    note_use: Callable[[Principal], None] = field(default=lambda _caller: None)
    metrics: Metrics | None = None
    tracing: Tracing | None = None
    sign_in_locally: Callable[[Scope], Awaitable[Principal]] | None = None

    async def sign_in(self, scope: Scope) -> Principal:
        """Return who sends a request, and keep them in the scope as the caller that a refusal names.

        Raises:
            Unauthorized: no valid credential, or an address that the key does not allow.
        """
        authorization = header(scope, b"authorization")
        if authorization is None and self.sign_in_locally is not None:
            principal = await self.sign_in_locally(scope)
        else:
            principal = await self.authenticate(authorization)
        scope["principal"] = principal
        if principal.key is not None and principal.key.networks:
            check_address(principal.key, client_address(scope, self.settings))
        return principal

    async def take_instant(self, connection: Connection) -> datetime:
        """Return the instant of a transaction that has begun, on the database's clock unless the app has another."""
        return await self.database.take_instant(connection, self.clock)


@dataclass(slots=True)
class RequestContext:
    """One request of an authenticated caller. Reads through it see committed rows only."""

    scope: Scope
    principal: Principal
    app_state: AppState
    dry_run: bool = False

    @property
    def tenant_id(self) -> UUID:
        """Return the caller's tenant."""
        return self.principal.tenant_id

    @property
    def now(self) -> datetime:
        """Return the present instant, UTC."""
        return self.app_state.clock()

    def header(self, name: bytes) -> str | None:
        """Return a request header by its lower-case name."""
        return header(self.scope, name)

    @property
    def content(self) -> bytes:
        """Return the whole body, where the route needs CSV; empty if none was sent."""
        content: bytes = self.scope.get("content", b"")
        return content

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives, where the route needs a stream; bounded by the route's size.

        At the end of a slow body the caller is authenticated again, and `principal` is the caller as of then.

        Raises:
            Unauthorized: the credential stopped working while the body arrived.
        """
        if "stream" in self.scope:
            async for chunk in self.scope["stream"]:
                yield chunk
        self.principal = self.scope["principal"]

    def fetch(self, read: Read, **values: Any) -> Coroutine[Any, Any, Sequence[Row]]:
        """Run a read and return its rows."""
        return self.app_state.database.reads.fetch(read, **values)

    def fetch_one(self, read: Read, **values: Any) -> Coroutine[Any, Any, Row | None]:
        """Run a read and return its first row, or None."""
        return self.app_state.database.reads.fetch_one(read, **values)


async def _request_context(request: Request) -> RequestContext:
    """Return the context of a request that the framework serves; the gateway has authenticated it."""
    scope = request.scope
    pairs = parse_query(scope["query_string"])
    check_names(pairs, scope["route"])
    return RequestContext(scope, scope["principal"], request.app.state.app_state, read_dry_run(pairs))


async def check_query(request: Request) -> None:
    """Refuse unknown query parameters on a public route.

    Raises:
        Invalid: there is one.
    """
    check_names(parse_query(request.scope["query_string"]), request.scope["route"])


ContextDep = Annotated[RequestContext, Depends(_request_context)]
