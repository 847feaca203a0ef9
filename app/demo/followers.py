"""Steps of a webhook: added, used for a while, and paused, so that the sandbox sends nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlmodel import col, select

from app.access.models import ApiKey
from app.db.statement import Read
from app.db.transaction import Tx
from app.demo.spec import ROOT
from app.demo.steps import DemoState, Step, ago
from app.integrations.webhooks import service
from app.integrations.webhooks.models import Outcome, WebhookDelivery
from app.integrations.webhooks.schemas import WebhookCreate, WebhookPatch
from app.principal import Role, UsedKey

_HOOK: Final = ("webhooks", "hr")
_TYPES: Final = ["action_item.owner_left", "person.left", "person.updated"]
_ADDED, _USED, _PAUSED = 130, 115, 30
_EVENTS = Read(
    text(
        """
        select id, type from outbox_events
        where tenant_id = :tenant_id and created_at > :since and type = any(cast(:types as text[])) order by id
        """
    )
)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """An attempt that is in the log.

    Attributes:
        event: the number of the event among those that the webhook gets.
        again: seconds until the next attempt; None: there is none.
    """

    minutes: int
    event: int
    attempt: int
    outcome: Outcome
    status: int | None = None
    milliseconds: int = 45
    again: int | None = None


_ATTEMPTS: Final = (
    _Attempt(1, 0, 1, Outcome.REJECTED, 503, again=5),
    _Attempt(2, 0, 2, Outcome.TIMED_OUT, milliseconds=15_000, again=300),
    _Attempt(8, 0, 3, Outcome.DELIVERED, 204),
    _Attempt(9, 1, 1, Outcome.DELIVERED, 204),
    _Attempt(10, 2, 1, Outcome.DELIVERED, 204),
)


def steps() -> Iterator[Step]:
    """Yield all steps of this module."""
    yield Step("webhook/hr", ago(_ADDED, "15:00"), Role.INTEGRATOR, _add, _HOOK)
    for number, attempt in enumerate(_ATTEMPTS, 1):
        yield _log(attempt, number)
    yield Step("webhook/hr/paused", ago(_PAUSED, "15:00"), Role.INTEGRATOR, _pause, changes=True)


async def with_key(tx: Tx) -> None:
    """Make the call one with the caller's key, whose rights the webhook or connector has from then on."""
    of_caller = col(ApiKey.tenant_id) == tx.tenant_id, col(ApiKey.principal_id) == tx.principal.id
    key_id = (await tx.session.scalars(select(ApiKey.id).where(*of_caller))).one()
    tx.principal = replace(tx.principal, key=UsedKey(key_id))


async def _add(tx: Tx, state: DemoState) -> UUID:
    await with_key(tx)
    body = WebhookCreate(
        organization_id=state.the("organizations", ROOT),
        url="https://hr.agency.example/hooks/readiness",
        description="Shows HR whose work needs another owner",
        event_types=_TYPES,
    )
    return (await service.create(tx, body, ())).id


def _log(attempt: _Attempt, number: int) -> Step:
    async def log(tx: Tx, state: DemoState) -> None:
        # Those of the person who left minutes ago.
        since = tx.now - timedelta(hours=1)
        events = await tx.fetch(_EVENTS, tenant_id=tx.tenant_id, since=since, types=_TYPES)
        tx.insert(
            WebhookDelivery,
            webhook_id=state.the(*_HOOK),
            event_id=UUID(int=events[attempt.event]["id"].int),
            event_type=events[attempt.event]["type"],
            attempt=attempt.attempt,
            outcome=attempt.outcome,
            status_code=attempt.status,
            duration_ms=attempt.milliseconds,
            next_attempt_at=None if attempt.again is None else tx.now + timedelta(seconds=attempt.again),
        )

    return Step(f"webhook/hr/attempt/{number}", ago(_USED, "20:00", attempt.minutes), Role.INTEGRATOR, log)


async def _pause(tx: Tx, state: DemoState) -> None:
    await service.patch(tx, state.the(*_HOOK), WebhookPatch(enabled=False), ())
