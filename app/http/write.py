"""The one way to run a transaction that changes something."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, ParamSpec

from fastapi import Response
from pydantic import BaseModel
from sqlalchemy import exc, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.transaction import Tx
from app.errors import AppError, Conflict, Invalid, Unavailable
from app.http.calls import Call
from app.http.etags import preconditions
from app.http.respond import stored

Args = ParamSpec("Args")
_ATTEMPTS = 6
_AGAIN = frozenset({"40001", "40P01"})
_BUSY_CODES = frozenset({"57014", "55P03"})
_DATA_CLASS = "22"
_BUSY_CLASSES = frozenset({"08", "53", "57"})
_TENANT = text("select set_config('app.tenant', :tenant, true)")


class AlreadyExists(Conflict):
    code = "already_exists"
    title = "There is one already"


class InUse(Conflict):
    code = "in_use"
    title = "Other records refer to this one, or one it refers to is gone"


class Created(BaseModel):
    """Wraps what a PUT made, where it might as well have replaced something: 201 instead of 200."""

    value: BaseModel


def sqlstate(error: exc.DBAPIError) -> str:
    """PostgreSQL's code of a failure, or an empty string."""
    return str(getattr(error.orig, "sqlstate", None) or "")


def of_database(error: exc.DBAPIError) -> AppError | None:
    """What a database failure means to the caller; None where it is a fault of ours."""
    state = sqlstate(error)
    if state == "23505":
        return AlreadyExists()
    if state in {"23503", "23001"}:
        return InUse()
    if state[:2] == _DATA_CLASS:
        return Invalid("A value cannot be stored as it was sent.")
    if state in _AGAIN | _BUSY_CODES or state[:2] in _BUSY_CLASSES or error.connection_invalidated or not state:
        return Unavailable("The database is busy or restarting; nothing was changed by this request.")
    return None


async def write(
    call: Call,
    do: Callable[Concatenate[Tx, Args], Awaitable[BaseModel | None]],
    *args: Args.args,
    **kwargs: Args.kwargs,
) -> Response:
    """Run a service function in one transaction and answer with what it returned.

    The whole function is run again when PostgreSQL could not order it among concurrent ones (40001, 40P01). The body
    is rendered before the commit; the response exists only after it.
    """
    headers = call.request.headers
    asked = preconditions(headers.get("if-match"), headers.get("if-none-match"))
    database = call.service.database
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            async with AsyncSession(database.engine, expire_on_commit=False) as session, session.begin():
                await session.execute(_TENANT, {"tenant": str(call.tenant_id)})
                tx = Tx(session, call.principal, call.now, call.request.scope["request_id"], asked)
                value = await do(tx, *args, **kwargs)
                await session.flush()
                status, body, made = _render(call, value)
        except exc.TimeoutError:
            raise Unavailable("No database connection became free in time.") from None
        except exc.DBAPIError as error:
            if sqlstate(error) in _AGAIN and attempt < _ATTEMPTS:
                await asyncio.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311  # jitter, not a secret
                continue
            known = of_database(error)
            if known is None:
                raise
            raise known from error
        except (OSError, ConnectionError):
            raise Unavailable("The database cannot be reached; try again.") from None
        return Response(body, status_code=status, headers=made)
    raise AssertionError("unreachable")


def _render(call: Call, value: BaseModel | None) -> tuple[int, bytes, dict[str, Any]]:
    if isinstance(value, Created):
        return stored(value.value, status=201)
    status = call.request.scope["route"].status_code or 200
    return stored(value, status=status, location=call.request.scope["path"] if status == 201 else None)
