"""The read of all that is stored of a person."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import Uuid, and_, bindparam, func, literal_column, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import col

from app.access.models import ApiKey, PrincipalRecord, RoleGrant
from app.access.oidc.models import Identity, IdentityProvider
from app.access.policy import require_everywhere
from app.action_items.models import ActionItem, ActionItemChange, ActionItemNote
from app.assessments.models import (
    AdministrationRecord,
    Assessment,
    AssessmentChange,
    Consensus,
    Participant,
    SeatChange,
)
from app.assessments.participants.queries import HAS_TOKEN
from app.audit.queries import ROWS, present
from app.db.sql_json import json_array, json_newest, json_row
from app.db.statement import Read, Row, from_json
from app.db.transaction import CallerReader
from app.errors import Forbidden, NotFound
from app.events.models import AuditEvent, AuditValue
from app.people.models import FormerEmployment, Person, PersonExternalId, ScimUser
from app.people.queries import require_person
from app.principal import Principal
from app.privacy import exported_rows as rows
from app.privacy.schemas import MOST_ROWS, ExportList, PersonExport
from app.programs.models import StageChange
from app.tree.models import Organization, OrganizationMove

_OPERATION: Final = "exportPerson"
_AUDIT: Final = ("audit_events_about", "audit_events_by")
_TENANT = bindparam("tenant_id", type_=Uuid())
_ID = bindparam("id", type_=Uuid())
_EXTERNAL_IDS = json_array(
    PersonExternalId,
    rows.ExportedExternalId,
    and_(col(PersonExternalId.tenant_id) == col(Person.tenant_id), col(PersonExternalId.person_id) == col(Person.id)),
    col(PersonExternalId.source),
    col(PersonExternalId.external_id),
    within=Person,
)


def _joined(table: Any, other: Any, reference: Any) -> Any:
    return and_(col(other.tenant_id) == col(table.tenant_id), col(other.id) == reference)


def _read(*, whole: bool) -> Read:
    """Make the statement, which has a column for each list of the export.

    Args:
        whole: whether the records that were merged with the person's and the audit trail belong to it.
    """
    records = select(col(Person.id)).where(col(Person.tenant_id) == _TENANT, _is_record(whole)).cte("records")
    of_person = select(records.c.id)
    acting = select(col(PrincipalRecord.id)).where(
        col(PrincipalRecord.tenant_id) == _TENANT, col(PrincipalRecord.person_id).in_(of_person)
    )
    principals = select(acting.cte("acting").c.id)
    columns = {**_of_person(of_person), **_of_principals(principals), **_of_both(of_person, principals)}
    if whole:
        columns |= _of_trail(of_person, principals)
    return Read(select(*(column.label(name) for name, column in columns.items())))


def _is_record(whole: bool) -> Any:
    if not whole:
        return col(Person.id) == _ID
    kept = select(func.coalesce(col(Person.merged_into_id), col(Person.id))).where(
        col(Person.tenant_id) == _TENANT, col(Person.id) == _ID
    )
    return or_(
        col(Person.id) == kept.correlate(None).scalar_subquery(),
        col(Person.merged_into_id) == kept.correlate(None).scalar_subquery(),
    )


def _list(model: type[BaseModel], table: Any, condition: Any, *joins: tuple[Any, Any], **computed: Any) -> Any:
    """Return the rows of one list as JSON: the newest of the tenant's rows that meet the condition."""
    fields = {field: computed[field] if field in computed else getattr(table, field) for field in model.model_fields}
    found = select(*json_row(fields)).select_from(table)
    for other, on in joins:
        found = found.join(other, on)
    return json_newest(found.where(col(table.tenant_id) == _TENANT, condition), col(table.id), MOST_ROWS)


_VALUES: Any = literal_column("'$[*].value'::jsonpath")


def _of_person(people: Any) -> dict[str, Any]:
    at = Organization, _joined(Person, Organization, col(Person.organization_id))
    held_in = Assessment, _joined(Participant, Assessment, col(Participant.assessment_id))
    held_at = Organization, _joined(Assessment, Organization, col(Assessment.organization_id))
    item_at = Organization, _joined(ActionItem, Organization, col(ActionItem.organization_id))
    from_issuer = IdentityProvider, _joined(Identity, IdentityProvider, col(Identity.provider_id))
    named = {
        "owned": func.coalesce(col(ActionItem.owner_id).in_(people), False),
        "done": func.coalesce(col(ActionItem.done_owner_id).in_(people), False),
        "verified": func.coalesce(col(ActionItem.verified_by).in_(people), False),
    }
    placed = {"organization_name": col(Organization.name)}
    return {
        "people": _list(
            rows.ExportedPerson, Person, col(Person.id).in_(people), at, external_ids=_EXTERNAL_IDS, **placed
        ),
        "former_employments": _list(
            rows.ExportedEmployment, FormerEmployment, col(FormerEmployment.person_id).in_(people)
        ),
        "scim_users": _list(
            rows.ExportedScimUser,
            ScimUser,
            col(ScimUser.person_id).in_(people),
            emails=func.jsonb_path_query_array(col(ScimUser.emails), _VALUES, type_=JSONB()),
        ),
        "managed_people": _list(rows.ExportedManaged, Person, col(Person.manager_id).in_(people)),
        "seats": _list(
            rows.ExportedSeat,
            Participant,
            col(Participant.person_id).in_(people),
            held_in,
            held_at,
            assessment_title=col(Assessment.title),
            organization_id=col(Assessment.organization_id),
            has_token=HAS_TOKEN,
            **placed,
        ),
        "action_items": _list(rows.ExportedActionItem, ActionItem, or_(*named.values()), item_at, **placed, **named),
        "principals": _list(rows.ExportedPrincipal, PrincipalRecord, col(PrincipalRecord.person_id).in_(people)),
        "sign_ins": _list(
            rows.ExportedSignIn,
            Identity,
            col(Identity.person_id).in_(people),
            from_issuer,
            issuer=col(IdentityProvider.issuer),
        ),
    }


def _of_principals(principals: Any) -> dict[str, Any]:
    acted: dict[str, tuple[type[BaseModel], Any, Any]] = {
        "role_grants": (rows.ExportedRoleGrant, RoleGrant, RoleGrant.principal_id),
        "api_keys": (rows.ExportedApiKey, ApiKey, ApiKey.principal_id),
        "action_item_history": (rows.ExportedItemChange, ActionItemChange, ActionItemChange.actor_id),
        "action_item_notes": (rows.ExportedNote, ActionItemNote, ActionItemNote.author_id),
        "assessment_history": (rows.ExportedAssessmentChange, AssessmentChange, AssessmentChange.actor_id),
        "implementation_history": (rows.ExportedStageChange, StageChange, StageChange.actor_id),
        "organization_moves": (rows.ExportedMove, OrganizationMove, OrganizationMove.actor_id),
        "consensus": (rows.ExportedConsensus, Consensus, Consensus.recorded_by),
        "administration_records": (
            rows.ExportedAdministration,
            AdministrationRecord,
            AdministrationRecord.recorded_by,
        ),
    }
    return {name: _list(model, table, col(actor).in_(principals)) for name, (model, table, actor) in acted.items()}


def _of_both(people: Any, principals: Any) -> dict[str, Any]:
    seats = select(col(Participant.id)).where(
        col(Participant.tenant_id) == _TENANT, col(Participant.person_id).in_(people)
    )
    by_person = col(SeatChange.actor_id).in_(principals)
    condition = or_(col(SeatChange.participant_id).in_(seats), by_person)
    return {"seat_history": _list(rows.ExportedSeatChange, SeatChange, condition, by_person=by_person)}


def _of_trail(people: Any, principals: Any) -> dict[str, Any]:
    values = select(col(AuditValue.audit_event_id)).where(
        col(AuditValue.tenant_id) == _TENANT, col(AuditValue.person_id).in_(people)
    )
    by_person = func.coalesce(col(AuditEvent.actor_id).in_(principals), False)
    subject = col(AuditEvent.subject_id)
    about = and_(or_(subject.in_(people), subject.in_(principals), col(AuditEvent.id).in_(values)), ~by_person)
    conditions = dict(zip(_AUDIT, (about, by_person), strict=True))
    return {name: json_newest(ROWS.where(found), col(AuditEvent.id), MOST_ROWS) for name, found in conditions.items()}


_WHOLE, _OWN = _read(whole=True), _read(whole=False)


async def export_person(reader: CallerReader, person_id: UUID) -> PersonExport:
    """Return all that is stored of a person but for votes, as of one instant.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: the caller is neither an admin of the whole tenant nor the person, signed in.
    """
    principal = reader.principal
    whole = await _may_read_all(reader, person_id)
    read = _WHOLE if whole else _OWN
    row = await reader.fetch_one(read, tenant_id=principal.tenant_id, id=person_id)
    found = {name: from_json(value) for name, value in (row or {}).items()}
    if not found or not found["people"]["items"]:
        raise NotFound
    trail = {name: _present_trail(found[name]) if whole else None for name in _AUDIT}
    return PersonExport.model_validate({**found, **trail, "person_id": person_id})


async def _may_read_all(reader: CallerReader, person_id: UUID) -> bool:
    """Return whether the caller may export a whole person: True for an admin, False for the person.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: the caller is neither.
    """
    if not _is_self(reader.principal, person_id):
        await require_person(reader, person_id, _OPERATION)
        require_everywhere(reader.principal, _OPERATION)
        return True
    try:
        require_everywhere(reader.principal, _OPERATION)
    except Forbidden:
        return False
    return True


def _is_self(principal: Principal, person_id: UUID) -> bool:
    return principal.signed_in is not None and principal.signed_in.person_id == person_id


def _present_trail(found: Mapping[str, Any]) -> ExportList[Any]:
    items = [present(_with_instant(row)) for row in found["items"]]
    return ExportList(items=items, truncated=found["truncated"])


def _with_instant(row: Row) -> Row:
    return {**row, "created_at": datetime.fromisoformat(row["created_at"]).astimezone(UTC)}
