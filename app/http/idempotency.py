"""`Idempotency-Key`: a repeated POST gets the first answer again and changes nothing.

The key is stored for each principal for 24 hours, with a hash of the request and the bytes of the response. The change
and its key commit in one transaction. If a request is repeated while it still runs, the same process refuses it at
once, and another process waits a limited time for the first one to end.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
from fastapi import Response
from sqlalchemy import Update, text, update

from app.db.deferred_inserts import Bind, Change
from app.db.statement import Read, from_json
from app.db.transaction import Tx
from app.errors import Conflict, FieldError, Invalid
from app.http.context import RequestContext
from app.http.query import parse_query
from app.idempotency.answers import RETENTION
from app.idempotency.models import IdempotencyKey
from app.principal import Principal

#: A setting of the transaction: how long it waits for another request with the same key.
LOCK_TIMEOUT = "lock_timeout = '2s'"
_FORM = re.compile(r"[\x21-\x7e]{1,200}")


class IdempotencyKeyReused(Invalid):
    code = "idempotency_key_reused"
    title = "This Idempotency-Key was used for another request"


class IdempotencyRunning(Conflict):
    code = "idempotency_running"
    title = "A request with this Idempotency-Key is still running"

    def __init__(self) -> None:
        super().__init__("Ask again in a moment.", headers={"Retry-After": "1"})


class AnswerErased(Conflict):
    code = "idempotency_answer_erased"
    title = "The request was done, and its answer was erased since"


# A row older than `RETENTION` counts as missing: this statement reuses it.
_CLAIM = Read(
    text(
        """
        insert into idempotency_keys as existing (tenant_id, principal_id, key, request_hash, created_at)
        values (:tenant_id, :principal_id, :key, :request_hash, :now)
        on conflict (tenant_id, principal_id, key) do update
            set request_hash = excluded.request_hash, created_at = excluded.created_at,
                status = null, headers = null, body = null
            where existing.created_at < :expired
        returning true
        """
    )
)
_STORED = Read(
    text(
        """
        select request_hash, status, headers, body from idempotency_keys
        where tenant_id = :tenant_id and principal_id = :principal_id and key = :key
        """
    )
)


def _finish(bind: Bind) -> Update:
    def given(name: str) -> Any:
        return bind(name, getattr(IdempotencyKey, name).type)

    names = ("tenant_id", "principal_id", "key")
    return (
        update(IdempotencyKey)
        .where(*(getattr(IdempotencyKey, name) == given(name) for name in names))
        .values({name: given(name) for name in ("status", "headers", "body")})
    )


_FINISH = Change(_finish)


@dataclass(slots=True)
class IdempotentRequest:
    """A request with an Idempotency-Key."""

    principal: Principal
    key: str
    request_hash: bytes = field(repr=False)

    @property
    def identity(self) -> tuple[UUID, UUID, str]:
        """Return the tenant, the principal and the key."""
        return (self.principal.tenant_id, self.principal.id, self.key)

    @property
    def _names(self) -> dict[str, Any]:
        return {"tenant_id": self.principal.tenant_id, "principal_id": self.principal.id, "key": self.key}

    async def claim(self, tx: Tx) -> Response | None:
        """Claim the key, waiting for another holder. Return None if the request must run.

        Returns:
            The stored response, where the same request was answered before.

        Raises:
            AnswerErased: the stored response was about a person who was deleted.
            IdempotencyKeyReused: the key belongs to another request.
            IdempotencyRunning: another process still runs a request with this key.
        """
        values = {**self._names, "request_hash": self.request_hash, "now": tx.now, "expired": tx.now - RETENTION}
        try:
            if await tx.fetch_one(_CLAIM, **values):
                return None
        except asyncpg.LockNotAvailableError as error:
            raise IdempotencyRunning from error
        [stored] = await tx.fetch(_STORED, **self._names)
        if stored["request_hash"] != self.request_hash:
            raise IdempotencyKeyReused("Use a new key for a new request.")
        if stored["headers"] is None:
            raise AnswerErased("It was about a person who was deleted. Read the collection to see what is there now.")
        headers = {**from_json(stored["headers"]), "Idempotency-Replayed": "true"}
        return Response(stored["body"], status_code=stored["status"], headers=headers)

    def finish(self, tx: Tx, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Store the response, without its secrets, in the transaction that produced it."""
        tx.change(_FINISH, {**self._names, "status": status, "body": body, "headers": dict(headers)})


def idempotent_request(context: RequestContext) -> IdempotentRequest | None:
    """Read the Idempotency-Key of a POST.

    Raises:
        Invalid: it is empty, too long or has other than visible ASCII characters.
    """
    key, scope = context.header(b"idempotency-key"), context.scope
    if key is None or scope["method"] != "POST":
        return None
    if not _FORM.fullmatch(key):
        error = FieldError("/header/idempotency-key", "idempotency_key", "1 to 200 visible ASCII characters")
        raise Invalid("The Idempotency-Key is not valid.", errors=[error])
    query = sorted(parse_query(scope["query_string"]))
    said = [scope["method"], scope["path"], query, context.header(b"if-match"), "json" in scope, scope.get("json")]
    if "content" in scope:
        said.append(hashlib.sha256(scope["content"]).hexdigest())
    if "content_digest" in scope:
        said.append(scope["content_digest"])
    return IdempotentRequest(context.principal, key, hashlib.sha256(canonical_json(said)).digest())


def canonical_json(value: Any) -> bytes:
    """Encode JSON so that blanks, escapes and the order of names make no difference."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")
