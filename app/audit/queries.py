"""Reads of the audit trail."""

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import DateTime, Text, Uuid, bindparam, func, literal_column, not_, select
from sqlmodel import col

from app.access.models import PrincipalRecord
from app.access.policy import allowed_below, forbidden
from app.assessments.models import Participant
from app.audit.schemas import AuditActor, AuditChange, AuditEventRead, AuditVerification
from app.db.keyset import Listing
from app.db.statement import Row, from_json
from app.events.chain import Verification
from app.events.models import AuditEvent, AuditValue
from app.principal import Principal, outermost
from app.tree.paths import is_root, lives_within, ranges

_PERSONAL = (
    select(func.json_object_agg(col(AuditValue.id), col(AuditValue.value)))
    .where(
        col(AuditValue.tenant_id) == col(AuditEvent.tenant_id),
        col(AuditValue.audit_event_id) == col(AuditEvent.id),
    )
    .correlate(AuditEvent)
    .scalar_subquery()
)


def _of_actor(table: Any, value: Any) -> Any:
    found = select(value).where(
        col(table.tenant_id) == col(AuditEvent.tenant_id), col(table.id) == col(AuditEvent.actor_id)
    )
    return found.correlate(AuditEvent).scalar_subquery()


ROWS = select(
    *(
        getattr(AuditEvent, name)
        for name in (
            "id",
            "created_at",
            "sequence",
            "outcome",
            "action",
            "operation",
            "code",
            "actor_id",
            "actor_kind",
            "subject_type",
            "subject_id",
            "organization_id",
            "request_id",
            "source_address",
            "source_ref",
            "changes",
            "data",
        )
    ),
    _PERSONAL.label("personal"),
    func.coalesce(
        _of_actor(PrincipalRecord, col(PrincipalRecord.name)), _of_actor(Participant, col(Participant.label))
    ).label("actor_name"),
    func.coalesce(
        _of_actor(PrincipalRecord, col(PrincipalRecord.person_id)),
        _of_actor(Participant, col(Participant.person_id)),
    ).label("actor_person_id"),
).where(col(AuditEvent.tenant_id) == bindparam("tenant_id", type_=Uuid()), not_(col(AuditEvent.hidden)))

LIST = Listing(
    "audit-events",
    ROWS,
    key=col(AuditEvent.id),
    orders={"created_at": col(AuditEvent.created_at)},
    filters={
        "object_type": col(AuditEvent.subject_type) == bindparam("object_type", type_=Text()),
        "object_id": col(AuditEvent.subject_id) == bindparam("object_id", type_=Uuid()),
        "actor_id": col(AuditEvent.actor_id) == bindparam("actor_id", type_=Uuid()),
        "action": col(AuditEvent.action) == bindparam("action", type_=Text()),
        "operation": col(AuditEvent.operation) == bindparam("operation", type_=Text()),
        "outcome": col(AuditEvent.outcome) == bindparam("outcome", type_=Text()),
        "updated_since": col(AuditEvent.created_at) >= bindparam("updated_since", type_=DateTime(timezone=True)),
        "until": col(AuditEvent.created_at) < bindparam("until", type_=DateTime(timezone=True)),
    },
    scope=lives_within(literal_column("audit_events.organization_id", Uuid())),
)


def managed_ranges(principal: Principal) -> dict[str, Any]:
    """Return the subtrees whose rows the caller may read, as bound path ranges; empty: the whole tenant.

    Raises:
        Forbidden: the caller is an admin nowhere.
    """
    paths = outermost(allowed_below(principal, "listAuditEvents"))
    if not paths:
        raise forbidden("listAuditEvents", "any organization")
    return {} if is_root(paths[0]) else ranges(paths)


def present(row: Row) -> AuditEventRead:
    """Return a row as an admin gets it, with the personal values that are not erased."""
    personal: dict[str, str | None] = from_json(row["personal"]) or {}
    source = from_json(row["source_ref"])
    address = row["source_address"] if source is None else _resolve(source, personal)
    return AuditEventRead(
        id=row["id"],
        created_at=row["created_at"],
        sequence=row["sequence"],
        outcome=row["outcome"],
        action=row["action"],
        operation=row["operation"],
        code=row["code"],
        actor=AuditActor(
            id=row["actor_id"], kind=row["actor_kind"], name=row["actor_name"], person_id=row["actor_person_id"]
        ),
        object_type=row["subject_type"],
        object_id=row["subject_id"],
        organization_id=row["organization_id"],
        request_id=row["request_id"],
        source_address=address,
        changes=list(_present_changes(from_json(row["changes"]) or [], personal)),
        details=from_json(row["data"]),
    )


def present_verification(found: Verification) -> AuditVerification:
    """Return what was found as an admin gets it."""
    return AuditVerification(
        intact=found.reason is None,
        rows=found.rows,
        head=found.head.hex(),
        altered_sequence=found.altered,
        altered_id=found.altered_id,
        reason=found.reason,
    )


def _present_changes(changes: list[dict[str, Any]], personal: dict[str, str | None]) -> Iterator[AuditChange]:
    for change in changes:
        if change.get("omitted"):
            yield AuditChange(field=change["field"], kept=False)
            continue
        sides = [change["before"], change["after"]]
        references = [side for side in sides if _is_reference(side)]
        before, after = (_resolve(side, personal) if _is_reference(side) else side for side in sides)
        kept = all(personal.get(side["ref"]) is not None for side in references)
        yield AuditChange(field=change["field"], before=before, after=after, kept=kept)


def _is_reference(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"ref", "digest"}


def _resolve(reference: dict[str, str], personal: dict[str, str | None]) -> Any:
    value = personal.get(reference["ref"])
    return None if value is None else json.loads(value)
