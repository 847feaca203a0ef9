"""Record refused writes of known callers in the audit trail.

A refusal is written in a short transaction of its own, because the one of the request is rolled back. It delays the
answer, so its time and the rate for each caller are bounded. What is beyond the rate is counted in the next row.
"""

import logging
from collections import Counter
from typing import Any
from uuid import UUID

from app.db.deadline import RequestDeadline
from app.db.errors import DATABASE_ERRORS
from app.db.transaction import Tx
from app.errors import AppError, Unavailable
from app.events.record import record_refusal
from app.http.address_limits import AddressLimit
from app.http.client_address import client_address
from app.http.context import AppState
from app.http.head import Scope
from app.http.query import parse_query
from app.principal import Principal

_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_SECONDS = 2.0
_BURST, _REFILL_SECONDS = 100, 0.5
_MOST_COUNTED = 10_000
_log = logging.getLogger("fa.audit")

_VOTING = frozenset({"castVote", "castVotes"})
#: What a key can be told when it tries to vote, whatever has been voted so far.
_SAYS_NOTHING_OF_VOTES = frozenset(
    {
        "forbidden",
        "invalid",
        "malformed_body",
        "not_a_paper_seat",
        "not_found",
        "payload_too_large",
        "seat_may_not_vote",
        "seat_withdrawn",
        "unsupported_media_type",
        "voting_closed",
        "voting_not_open",
    }
)


class RefusalRecorder:
    """Records the refused writes of this process."""

    def __init__(self) -> None:
        self._limit = AddressLimit(burst=_BURST, seconds=_REFILL_SECONDS)
        self._left_out: Counter[UUID] = Counter()

    async def record(self, app_state: AppState, scope: Scope, error: AppError) -> None:
        """Record a refusal, if it is one of a write by a known caller."""
        principal: Principal | None = scope.get("principal")
        if principal is None or not _is_refused_write(scope, error):
            return
        if self._limit.spend(str(principal.id)):
            if len(self._left_out) < _MOST_COUNTED:
                self._left_out[principal.id] += 1
            return
        try:
            with RequestDeadline(_SECONDS):
                await self._write(app_state, scope, principal, error)
        except (Unavailable, *DATABASE_ERRORS) as failed:
            self._left_out[principal.id] += 1
            _log.warning("a refusal was not recorded", exc_info=failed, extra={"request_id": scope["request_id"]})
        except Exception:
            _log.exception("a refusal was not recorded", extra={"request_id": scope["request_id"]})

    async def _write(self, app_state: AppState, scope: Scope, principal: Principal, error: AppError) -> None:
        left_out = self._left_out.pop(principal.id, 0)
        async with app_state.database.writes.transaction(principal.tenant_id) as connection:
            now = await app_state.take_instant(connection)
            tx = Tx(connection, principal, now, scope["request_id"])
            tx.operation = scope["route"].operation_id
            tx.source_address = client_address(scope, app_state.settings)
            subject_type, subject_id = _subject_of(scope)
            data: dict[str, Any] = {"status": error.status}
            if left_out:
                data["left_out"] = left_out
            hidden = tx.operation in _VOTING and (principal.key is None or error.code not in _SAYS_NOTHING_OF_VOTES)
            record_refusal(tx, subject_type, subject_id, code=error.code, data=data, hidden=hidden)
            await tx.flush()
            await connection.commit()


def _is_refused_write(scope: Scope, error: AppError) -> bool:
    route = scope.get("route")
    if scope["method"] not in _WRITES or not 400 <= error.status < 500 or getattr(route, "operation_id", None) is None:
        return False
    marks = getattr(route, "openapi_extra", None) or {}
    if marks.get("x-computes-only") or b"dry_run" not in scope["query_string"]:
        return not marks.get("x-computes-only")
    try:
        return dict(parse_query(scope["query_string"])).get("dry_run") != "true"
    except AppError:
        return True


def _subject_of(scope: Scope) -> tuple[str, UUID | None]:
    """Return what the path names last: its type and its id; else the collection."""
    found: tuple[str, UUID | None] = (scope["route"].path.split("/")[2], None)
    for step, sent in zip(scope["route"].path.split("/"), scope["path"].split("/"), strict=False):
        if step.endswith("_id}"):
            try:
                found = (step[1:].removesuffix("_id}"), UUID(sent))
            except ValueError:
                continue
    return found
