"""Record refused writes of known callers in the audit trail.

A refusal is written in a short separate transaction, because the one of the request is rolled back. It delays the
answer, so its time and the rate for each caller are bounded. What is beyond the rate is counted in the next row.
Refused votes have a rate and a count of their own, so that no open row depends on them.
"""

import logging
from collections import Counter
from typing import Any
from uuid import UUID

from app.db.deadline import RequestDeadline
from app.db.errors import DATABASE_ERRORS
from app.db.transaction import Tx
from app.errors import AppError, TooManyRequests, Unavailable
from app.events.record import record_refusal
from app.http.client_address import client_address
from app.http.context import AppState
from app.http.head import Scope
from app.http.query import parse_query
from app.http.token_buckets import TokenBuckets
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
        self._buckets = TokenBuckets(burst=_BURST, seconds=_REFILL_SECONDS)
        self._left_out: Counter[tuple[UUID, bool]] = Counter()
        """The refusals without a row, by principal and by whether the row would be hidden."""

    async def record(self, app_state: AppState, scope: Scope, error: AppError) -> None:
        """Record a refusal, if it is one of a write by a known caller."""
        principal: Principal | None = scope.get("principal")
        if principal is None or not _is_refused_write(scope, error):
            return
        hidden = _is_hidden(scope, principal, error)
        counted = principal.id, hidden
        wait, _ = self._buckets.spend(counted)
        if wait:
            self._leave_out(counted, 1)
            return
        # A concurrent refusal of this caller must not report the same ones again.
        left_out, is_written = self._left_out.pop(counted, 0), False
        try:
            with RequestDeadline(_SECONDS):
                await self._write(app_state, scope, principal, error, hidden=hidden, left_out=left_out)
            is_written = True
        except (Unavailable, *DATABASE_ERRORS) as failed:
            _log.warning("a refusal was not recorded", exc_info=failed, extra={"request_id": scope["request_id"]})
        except Exception:
            _log.exception("a refusal was not recorded", extra={"request_id": scope["request_id"]})
        finally:
            if not is_written:
                self._leave_out(counted, left_out + 1)

    def _leave_out(self, counted: tuple[UUID, bool], number: int) -> None:
        if counted in self._left_out or len(self._left_out) < _MOST_COUNTED:
            self._left_out[counted] += number

    @staticmethod
    async def _write(
        app_state: AppState, scope: Scope, principal: Principal, error: AppError, *, hidden: bool, left_out: int
    ) -> None:
        async with app_state.database.writes.transaction(principal.tenant_id) as connection:
            now = await app_state.take_instant(connection)
            tx = Tx(connection, principal, now, scope["request_id"])
            tx.operation = scope["route"].operation_id
            tx.source_address = client_address(scope, app_state.settings)
            subject_type, subject_id = _subject_of(scope)
            data: dict[str, Any] = {"status": error.status}
            if left_out:
                data["left_out"] = left_out
            record_refusal(tx, subject_type, subject_id, code=error.code, data=data, hidden=hidden)
            await tx.flush()
            await connection.commit()


def _is_hidden(scope: Scope, principal: Principal, error: AppError) -> bool:
    """Return whether a refusal may say something of votes."""
    if scope["route"].operation_id not in _VOTING:
        return False
    return principal.key is None or error.code not in _SAYS_NOTHING_OF_VOTES


def _is_refused_write(scope: Scope, error: AppError) -> bool:
    route = scope.get("route")
    if isinstance(error, TooManyRequests):
        # A limit that costs a transaction limits nothing.
        return False
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
    steps = scope["route"].path.split("/")
    found: tuple[str, UUID | None] = (steps[3] if steps[1] == "scim" else steps[2], None)
    for step, sent in zip(scope["route"].path.split("/"), scope["path"].split("/"), strict=False):
        if step.endswith("_id}"):
            try:
                found = (step[1:].removesuffix("_id}"), UUID(sent))
            except ValueError:
                continue
    return found
