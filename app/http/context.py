"""What a route knows of its request: the caller, the way to read, the conditional headers."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import parse_qsl
from uuid import UUID

from fastapi import Depends, Request

from app.db.engine import Database
from app.db.statement import Read, Row
from app.errors import FieldError, Invalid
from app.principal import Principal
from app.settings import Settings

Scope = MutableMapping[str, Any]


@dataclass(slots=True)
class AppState:
    """What the app is wired from, held in ``app.state.app_state``.

    Args:
        invalidate: drops the cached principals, for ``Tx.after_commit``.
    """

    settings: Settings
    database: Database
    authenticate: Callable[[str | None], Awaitable[Principal]]
    invalidate: Callable[[], None]
    clock: Callable[[], datetime]
    running: set[tuple[UUID, UUID, str]] = field(default_factory=set)


def header(scope: Scope, name: bytes) -> str | None:
    """A request header by its lower-case name; the first, where there are several."""
    for known, value in scope["headers"]:
        if known == name:
            text: str = value.decode("latin-1")
            return text
    return None


@dataclass(slots=True)
class RequestContext:
    """One request of an authenticated caller. Reads through it see committed rows only."""

    scope: Scope
    principal: Principal
    app_state: AppState
    dry_run: bool = False

    @property
    def tenant_id(self) -> UUID:
        """The caller's tenant."""
        return self.principal.tenant_id

    @property
    def now(self) -> datetime:
        """The present instant, UTC."""
        return self.app_state.clock()

    def header(self, name: bytes) -> str | None:
        """A request header by its lower-case name."""
        return header(self.scope, name)

    async def fetch(self, read: Read, **values: Any) -> Sequence[Row]:
        """Run a hot read."""
        return await self.app_state.database.reads.fetch(read, **values)

    async def fetch_one(self, read: Read, **values: Any) -> Row | None:
        """Run a hot read and take the first row."""
        return await self.app_state.database.reads.fetch_one(read, **values)


async def request_context(app_state: AppState, scope: Scope) -> RequestContext:
    """Authenticate a request whose route is known.

    Raises:
        Unauthorized: its credentials are not valid.
        Invalid: the route takes no such query.
    """
    principal = await app_state.authenticate(header(scope, b"authorization"))
    if not scope["query_string"]:
        return RequestContext(scope, principal, app_state)
    pairs = query_pairs(scope["query_string"])
    check_names(pairs, scope["route"])
    return RequestContext(scope, principal, app_state, dry_run=_dry_run(pairs))


async def _request_context(request: Request) -> RequestContext:
    return await request_context(request.app.state.app_state, request.scope)


async def check_query(request: Request) -> None:
    """Refuse unknown query parameters on a public route.

    Raises:
        Invalid: there is one.
    """
    check_names(query_pairs(request.scope["query_string"]), request.scope["route"])


def query_pairs(query_string: bytes) -> Sequence[tuple[str, str]]:
    """The query parameters in the order sent."""
    return parse_qsl(query_string.decode("latin-1"), keep_blank_values=True)


def check_names(pairs: Iterable[tuple[str, str]], route: Any) -> None:
    """Refuse parameters that the route does not take, or takes once.

    Raises:
        Invalid: there is one.
    """
    seen: set[str] = set()
    errors = []
    for name, _ in pairs:
        if name not in route.query_names:
            errors.append(FieldError("/query", "unknown_parameter", "A query parameter is not known here"))
        elif name in seen and name not in route.repeatable_names:
            errors.append(FieldError(f"/query/{name}", "repeated_parameter", "This parameter is taken once"))
        seen.add(name)
    if errors:
        raise Invalid("Some query parameters are not valid; see errors.", errors=errors)


def _dry_run(pairs: Iterable[tuple[str, str]]) -> bool:
    asked = dict(pairs).get("dry_run", "false")
    if asked not in {"true", "false"}:
        error = FieldError("/query/dry_run", "bool_parsing", "This is neither true nor false")
        raise Invalid("Some query parameters are not valid; see errors.", errors=[error])
    return asked == "true"


ContextDep = Annotated[RequestContext, Depends(_request_context)]
