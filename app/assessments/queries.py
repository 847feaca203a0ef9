"""Reads of assessments, rendered by PostgreSQL, and the check that guards the parts of an assessment."""

from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Date,
    DateTime,
    LargeBinary,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    exists,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased
from sqlmodel import col

from app.access.key_lookup import has_left
from app.access.policy import allowed_below, require_for_assessment
from app.assessments.lifecycle import TRANSITIONS
from app.assessments.models import Assessment, AssessmentChange, AssessmentState, Participant
from app.assessments.schemas import AssessmentChangeRead, AssessmentRead
from app.db.keyset import Listing
from app.db.sql_json import Rendered, json_choice, json_constant, json_if, render
from app.db.statement import Read, Reader, Row
from app.db.transaction import CallerReader
from app.errors import NotFound
from app.principal import Principal
from app.programs.models import Implementation, Program
from app.tree.models import Organization, Tenant
from app.tree.paths import below_any, organization_scope, within

SEAT_BY_TOKEN = Read(
    select(
        col(Participant.id),
        col(Participant.assessment_id),
        col(Participant.seat),
        col(Participant.label),
        col(Participant.claims),
        col(Participant.sees_from),
        col(Tenant.secret),
        or_(col(Participant.withdrawn_at).is_not(None), col(Participant.token_revoked_at).is_not(None)).label(
            "revoked"
        ),
        has_left(col(Participant.person_id)).label("has_left"),
    )
    .join(Tenant, col(Tenant.id) == col(Participant.tenant_id))
    .where(
        col(Participant.tenant_id) == bindparam("tenant_id", type_=Uuid()),
        col(Participant.token_hash) == bindparam("secret_hash", type_=LargeBinary()),
    )
)
# A person holds fewer seats than this. Beyond it the oldest seats are left out.
_MOST_HELD = 500
#: The seats that a sign-in holds: those the identity has claimed, as long as they are the same person's.
HELD_SEATS = Read(
    select(
        col(Participant.id),
        col(Participant.assessment_id),
        col(Participant.seat),
        col(Participant.label),
        col(Participant.claims),
        col(Participant.sees_from),
    )
    .where(
        col(Participant.tenant_id) == bindparam("tenant_id", type_=Uuid()),
        col(Participant.person_id) == bindparam("person_id", type_=Uuid()),
        col(Participant.holder_id) == bindparam("identity_id", type_=Uuid()),
        col(Participant.withdrawn_at).is_(None),
    )
    .order_by(col(Participant.id).desc())
    .limit(_MOST_HELD)
)

_Successor = aliased(Assessment)
_SUCCEEDS = and_(
    col(_Successor.tenant_id) == col(Assessment.tenant_id),
    col(_Successor.supersedes_id) == col(Assessment.id),
    col(_Successor.state) != AssessmentState.VOID.value,
)
_SUCCESSOR = select(col(_Successor.id)).where(_SUCCEEDS).correlate(Assessment).scalar_subquery()
_PROGRAM_NAME = (
    select(col(Program.name))
    .join(
        Implementation,
        and_(
            col(Implementation.tenant_id) == col(Program.tenant_id), col(Implementation.program_id) == col(Program.id)
        ),
    )
    .where(
        col(Implementation.tenant_id) == col(Assessment.tenant_id),
        col(Implementation.id) == col(Assessment.implementation_id),
    )
    .correlate(Assessment)
    .scalar_subquery()
)
_FINAL_REVISION = Read(
    select(col(_Successor.id)).where(
        col(_Successor.tenant_id) == bindparam("tenant_id", type_=Uuid()),
        col(_Successor.supersedes_id) == bindparam("id", type_=Uuid()),
        col(_Successor.state) == AssessmentState.FINAL.value,
    )
)
_ROWS = (
    select(
        col(Assessment.id),
        col(Assessment.state),
        col(Assessment.round),
        col(Assessment.revealed_round),
        col(Assessment.closed_at),
        col(Organization.path),
    )
    .join(
        Organization,
        and_(
            col(Organization.tenant_id) == col(Assessment.tenant_id),
            col(Organization.id) == col(Assessment.organization_id),
        ),
    )
    .where(col(Assessment.tenant_id) == bindparam("tenant_id", type_=Uuid()))
)
_GUARD = Read(_ROWS.where(col(Assessment.id) == bindparam("id", type_=Uuid())))
_RENDERED = render(
    _ROWS,
    Assessment,
    AssessmentRead,
    col(Assessment.id),
    col(Assessment.version),
    col(Organization.path),
    organization_name=col(Organization.name),
    program_name=_PROGRAM_NAME,
    superseded_by_id=_SUCCESSOR,
    allowed_transitions=json_if(
        below_any("movable"), json_choice(col(Assessment.state), TRANSITIONS), json_constant([])
    ),
)
_RENDERED_BY_ID = Read(_RENDERED.where(col(Assessment.id) == bindparam("id", type_=Uuid())))
LIST = Listing(
    "assessments",
    _RENDERED,
    key=col(Assessment.id),
    orders={"id": col(Assessment.id), "updated_at": col(Assessment.updated_at)},
    filters={
        "organization_id": col(Assessment.organization_id) == bindparam("organization_id", type_=Uuid()),
        "subtree": true(),  # by its scope: see `access.subtrees.visible_paths`
        "implementation_id": col(Assessment.implementation_id) == bindparam("implementation_id", type_=Uuid()),
        "program_id": exists().where(
            col(Implementation.tenant_id) == col(Assessment.tenant_id),
            col(Implementation.id) == col(Assessment.implementation_id),
            col(Implementation.program_id) == bindparam("program_id", type_=Uuid()),
        ),
        "state": col(Assessment.state) == any_(bindparam("state", type_=ARRAY(Text()))),
        "superseded": exists().where(_SUCCEEDS, col(_Successor.state) == AssessmentState.FINAL.value)
        == bindparam("superseded", type_=Boolean()),
        "administered_after": col(Assessment.administered_on) >= bindparam("administered_after", type_=Date()),
        "administered_before": col(Assessment.administered_on) <= bindparam("administered_before", type_=Date()),
        "updated_since": col(Assessment.updated_at) >= bindparam("updated_since", type_=DateTime(timezone=True)),
    },
    scope=within,
    organization_scope=organization_scope(
        col(Assessment.organization_id), pinned=("organization_id", "implementation_id")
    ),
)
HISTORY = Listing(
    "assessment-history",
    render(select(col(AssessmentChange.id)), AssessmentChange, AssessmentChangeRead, col(AssessmentChange.id)).where(
        col(AssessmentChange.tenant_id) == bindparam("tenant_id", type_=Uuid()),
        col(AssessmentChange.assessment_id) == bindparam("assessment_id", type_=Uuid()),
    ),
    key=col(AssessmentChange.id),
    orders={"id": col(AssessmentChange.id)},
    filters={
        "updated_since": col(AssessmentChange.created_at) >= bindparam("updated_since", type_=DateTime(timezone=True))
    },
)


def caller_arguments(principal: Principal) -> dict[str, Any]:
    """Return the parameters of a rendered assessment that depend on the caller."""
    return {"movable": allowed_below(principal, "transitionAssessment")}


async def require_assessment_row(
    reader: Reader, principal: Principal, assessment_id: UUID, operation: str = "getAssessment"
) -> Row:
    """Return the row of an assessment, if the caller may perform an operation on it or on a part of it.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: It is visible, but the operation is not allowed.
    """
    row = await reader.fetch_one(_GUARD, tenant_id=principal.tenant_id, id=assessment_id)
    if row is None:
        raise NotFound
    require_for_assessment(principal, operation, row["path"], assessment_id)
    return row


async def get_assessment(reader: CallerReader, assessment_id: UUID) -> Rendered:
    """Return one assessment, as its caller sees it.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
    """
    principal = reader.principal
    row = await reader.fetch_one(
        _RENDERED_BY_ID, tenant_id=principal.tenant_id, id=assessment_id, **caller_arguments(principal)
    )
    if row is None:
        raise NotFound
    require_for_assessment(principal, "getAssessment", row["path"], assessment_id)
    return Rendered(row["rendered"], version=row["version"], id=row["id"])


async def is_superseded(reader: Reader, tenant_id: UUID, assessment_id: UUID) -> bool:
    """Return whether a final revision replaces the assessment."""
    return await reader.fetch_one(_FINAL_REVISION, tenant_id=tenant_id, id=assessment_id) is not None


def guarded(rows: Any, table: Any) -> Any:
    """Return a statement over a part of an assessment that also selects the columns of its guard, to save a read."""
    return (
        rows.add_columns(col(Organization.path))
        .join(
            Assessment,
            and_(col(Assessment.tenant_id) == table.tenant_id, col(Assessment.id) == table.assessment_id),
        )
        .join(
            Organization,
            and_(
                col(Organization.tenant_id) == col(Assessment.tenant_id),
                col(Organization.id) == col(Assessment.organization_id),
            ),
        )
    )


async def guarded_row(
    reader: Reader, read: Read, principal: Principal, assessment_id: UUID, operation: str, **values: Any
) -> Row:
    """Return the one row of a guarded statement.

    Raises:
        NotFound: there is none, or the assessment is not visible to the caller.
        Forbidden: It is visible, but the operation is not allowed.
    """
    row = await reader.fetch_one(read, tenant_id=principal.tenant_id, assessment_id=assessment_id, **values)
    if row is None:
        raise NotFound
    require_for_assessment(principal, operation, row["path"], assessment_id)
    return row
