"""What a route knows of its request: the caller, the way to read, the conditional headers."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request
from starlette.datastructures import Headers

from app.db.engine import Database
from app.db.reads import Read, Row
from app.errors import FieldError, Invalid
from app.principal import Principal
from app.settings import Settings


@dataclass(slots=True)
class Service:
    """What the app is wired from, held in ``app.state.service``."""

    settings: Settings
    database: Database
    authenticate: Callable[[Headers], Awaitable[Principal]]
    clock: Callable[[], datetime]
    running: set[tuple[UUID, UUID, str]] = field(default_factory=set)


@dataclass(slots=True)
class Call:
    """One request of an authenticated caller. Reads through it see committed rows only."""

    request: Request
    principal: Principal
    service: Service
    dry_run: bool = False

    @property
    def tenant_id(self) -> UUID:
        """The caller's tenant."""
        return self.principal.tenant_id

    @property
    def now(self) -> datetime:
        """The present instant, UTC."""
        return self.service.clock()

    async def fetch(self, read: Read, **values: Any) -> Sequence[Row]:
        """Run a hot read."""
        return await self.service.database.reads.fetch(read, **values)

    async def fetch_one(self, read: Read, **values: Any) -> Row | None:
        """Run a hot read and take the first row."""
        return await self.service.database.reads.fetch_one(read, **values)


async def _call(request: Request) -> Call:
    service: Service = request.app.state.service
    headers = request.headers
    principal = await service.authenticate(headers)
    scope = request.scope
    if not scope["query_string"]:
        return Call(request, principal, service)
    _check_query(request, scope["route"].query_names)
    return Call(request, principal, service, dry_run=_dry_run(request))


async def check_query(request: Request) -> None:
    """Refuse unknown query parameters on a public route.

    Raises:
        Invalid: there is one.
    """
    _check_query(request, request.scope["route"].query_names)


def _dry_run(request: Request) -> bool:
    asked = request.query_params.get("dry_run", "false")
    if asked not in {"true", "false"}:
        error = FieldError("/query/dry_run", "bool_parsing", "This is neither true nor false")
        raise Invalid("Some query parameters are not valid; see errors.", errors=[error])
    return asked == "true"


def _check_query(request: Request, known: frozenset[str]) -> None:
    seen: set[str] = set()
    errors = []
    for name, _ in request.query_params.multi_items():
        if name not in known:
            errors.append(FieldError("/query", "unknown_parameter", "A query parameter is not known here"))
        elif name in seen and name not in request.scope["route"].repeatable_names:
            errors.append(FieldError(f"/query/{name}", "repeated_parameter", "This parameter is taken once"))
        seen.add(name)
    if errors:
        raise Invalid("Some query parameters are not valid; see errors.", errors=errors)


CallDep = Annotated[Call, Depends(_call)]
