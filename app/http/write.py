"""The write runner: it runs every transaction that changes data."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Concatenate, ParamSpec, TypeVar

from fastapi import Response
from pydantic import BaseModel

from app.db.errors import DATABASE_ERRORS, is_connection_lost, may_try_again
from app.db.sql_json import Rendered
from app.db.transaction import Preconditions, Stored, Tx
from app.errors import AppError, Forbidden, NotFound, Unauthorized, Unavailable
from app.http.client_address import client_address
from app.http.context import RequestContext
from app.http.etags import etag, preconditions
from app.http.idempotency import LOCK_TIMEOUT, IdempotencyRunning, IdempotentRequest, idempotent_request
from app.http.responses import JSON, to_rendered
from app.schemas import RedactionReason, WithSecret

Args = ParamSpec("Args")
Key = TypeVar("Key")
_ATTEMPTS = 6


#: A response is sent and stored as it is.
Answer = BaseModel | Rendered | Response | None
Do = Callable[[Tx], Awaitable[Answer]]


async def write(
    context: RequestContext,
    do: Callable[Concatenate[Tx, Args], Awaitable[Answer]],
    *args: Args.args,
    **kwargs: Args.kwargs,
) -> Response:
    """Run a service function in one transaction and answer with what it returned.

    After a serialization failure or a deadlock (40001, 40P01) the whole function runs again. The body is rendered
    before the commit and sent after it. A dry run does everything but the commit, checks every constraint, and rolls
    back. A POST with an Idempotency-Key stores its response in the same transaction. When the POST is repeated, the
    caller gets the stored response if the caller may still make the request.
    """
    # A dry run checks the form of the Idempotency-Key and does not use it.
    asked = idempotent_request(context)
    running = context.app_state.running
    if asked is None or context.dry_run:
        return await _run(context, None, lambda tx: do(tx, *args, **kwargs))
    if asked.identity in running:
        raise IdempotencyRunning
    running.add(asked.identity)
    try:
        return await _run(context, asked, lambda tx: do(tx, *args, **kwargs))
    finally:
        running.discard(asked.identity)


async def write_and_read(
    context: RequestContext,
    read: Callable[[Tx, Key], Awaitable[Rendered]],
    do: Callable[Concatenate[Tx, Args], Awaitable[Key]],
    *args: Args.args,
    **kwargs: Args.kwargs,
) -> Response:
    """Run a service function as `write` does, and answer as a GET of the result would.

    Args:
        read: the read behind the GET. It runs in the same transaction, after the changes of the service were sent.
        do: returns the key that ``read`` takes.
    """

    async def do_and_read(tx: Tx) -> Rendered:
        key = await do(tx, *args, **kwargs)
        await tx.flush()
        return await read(tx, key)

    return await write(context, do_and_read)


async def put_and_read(
    context: RequestContext,
    read: Callable[[Tx, Key], Awaitable[Rendered]],
    do: Callable[Concatenate[Tx, Args], Awaitable[Stored[Key]]],
    *args: Args.args,
    **kwargs: Args.kwargs,
) -> Response:
    """Run a PUT as `write_and_read` does, and answer 201 if it created the resource."""

    async def do_and_read(tx: Tx) -> Rendered:
        result = await do(tx, *args, **kwargs)
        await tx.flush()
        return replace(await read(tx, result.key), created=result.created)

    return await write(context, do_and_read)


async def _run(context: RequestContext, asked: IdempotentRequest | None, do: Do) -> Response:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return await _attempt(context, asked, do)
        except DATABASE_ERRORS as error:
            # The pool raises a failure untranslated only if the transaction may run again, or if the service is at
            # fault.
            if not may_try_again(error):
                raise
            if attempt == _ATTEMPTS:
                raise context.app_state.database.writes.give_up(error) from error
            await asyncio.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311  # jitter, not a secret
    raise AssertionError("unreachable")


async def _attempt(context: RequestContext, asked: IdempotentRequest | None, do: Do) -> Response:
    conditions = _conditions(context)
    settings = () if asked is None else (LOCK_TIMEOUT,)
    async with context.app_state.database.writes.transaction(context.tenant_id, *settings) as connection:
        # Take the instant only after the transaction has begun: see `app.db.sync_marks`.
        now = await context.app_state.take_instant(connection)
        tx = Tx(connection, context.principal, now, context.scope["request_id"], conditions, context.dry_run)
        tx.operation = context.scope["route"].operation_id
        tx.source_address = client_address(context.scope, context.app_state.settings)
        if asked is not None and (stored_response := await asked.claim(tx)) is not None:
            await _authorize_replay(tx, do)
            return stored_response
        value = await do(tx)
        if context.dry_run:
            await tx.check_constraints()
            return _dry_run_response(value)
        status, body, headers = _render(context, value)
        if asked is not None:
            redacted = _redact(value, "secret_not_replayable")
            asked.finish(tx, *((status, body, headers) if redacted is value else _render(context, redacted)))
        await tx.flush()
        await connection.commit()
    if tx.principals_changed:
        context.app_state.invalidate()
    if tx.events_recorded:
        context.app_state.sealer.wake(tx.tenant_id)
    for hook in tx.after_commit:
        hook()
    return Response(body, status_code=status, headers=headers)


def _conditions(context: RequestContext) -> Preconditions:
    """Read the conditional headers of a write. A GET in a transaction, which SCIM has, compares its tags itself."""
    if context.scope["method"] in {"GET", "HEAD"}:
        return Preconditions()
    return preconditions(context.header(b"if-match"), context.header(b"if-none-match"))


async def _authorize_replay(tx: Tx, do: Do) -> None:
    """Run a replayed request again and roll it back, to check that the caller may still make it.

    A replay is thus authorized exactly as the request itself would be now, for every operation. Other failures of the
    second run are ignored, and the caller gets the stored answer.

    Raises:
        Unauthorized, Forbidden, NotFound: the caller may not make this request any more.
    """
    try:
        await do(tx)
    except (Unauthorized, Forbidden, NotFound, Unavailable):
        raise
    except AppError:
        return
    except DATABASE_ERRORS as error:
        if may_try_again(error) or is_connection_lost(error):
            raise


def _redact(value: Answer, reason: RedactionReason) -> Answer:
    """Return the same answer without the secret in it."""
    if isinstance(value, WithSecret):
        return value.redacted(reason)
    return value.redact(reason) if isinstance(value, Rendered) and value.redact is not None else value


def _dry_run_response(value: Answer) -> Response:
    answer = _redact(value, "dry_run")
    headers = {"Dry-Run": "true"}
    if answer is None or isinstance(answer, Response):
        return Response(status_code=200, headers=headers)
    return Response(to_rendered(answer).body, media_type=JSON, headers=headers)


def _render(context: RequestContext, value: Answer) -> tuple[int, bytes, dict[str, str]]:
    """Return the response of a write: status, body and headers."""
    if value is None:
        return 204, b"", {}
    if isinstance(value, Response):
        return value.status_code, bytes(value.body), dict(value.headers)
    shown = to_rendered(value)
    status = context.scope["route"].status_code or 200
    headers = {"Content-Type": JSON}
    if shown.version is not None:
        headers["ETag"] = etag(shown.version, shown.body)
    collection = _collection(context.scope, status)
    if collection is not None and shown.id is not None:
        headers["Location"] = f"{collection}/{shown.id}"
    return 201 if shown.created else status, shown.body, headers


def _collection(scope: Mapping[str, Any], status: int) -> str | None:
    """Return the collection of what was made: the one that the route names, or else that of a created resource.

    Returns:
        None: nothing was made that has an address.
    """
    named: str | None = (scope["route"].openapi_extra or {}).get("x-created-in")
    if status == 202:
        return named
    return named or scope["path"] if status == 201 else None
