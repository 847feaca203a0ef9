"""Loading an assessment inside a write, with the lock its state decides: the only way to one."""

from dataclasses import dataclass
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement
from sqlmodel import col, select

from app.access.policy import in_sight, require_for_assessment
from app.assessments.lifecycle import ENDED
from app.assessments.models import Assessment
from app.db.transaction import Tx
from app.errors import Frozen, NotFound
from app.principal import Principal
from app.programs.models import Implementation
from app.tree.archived import check_archived, check_ended
from app.tree.clock import zone_of
from app.tree.models import Organization


@dataclass(frozen=True, slots=True)
class Held:
    """A locked assessment and where its organization stands."""

    assessment: Assessment
    organization: Organization

    @property
    def timezone(self) -> ZoneInfo:
        """Where "today" is decided."""
        return zone_of(self.organization.effective_timezone)


async def lock_assessment(tx: Tx, assessment_id: UUID, operation: str, *, lock: str = "share") -> Held:
    """Load and lock an assessment for an operation.

    Args:
        lock: ``share`` while its state must not move (votes, consensus), ``update`` to move or change it.

    Raises:
        NotFound: none such in the caller's sight.
        Forbidden: in sight, but not allowed.
    """
    found = (
        await tx.session.execute(
            select(Assessment, Organization)
            .join(
                Organization,
                (col(Organization.tenant_id) == col(Assessment.tenant_id))
                & (col(Organization.id) == col(Assessment.organization_id)),
            )
            .where(
                col(Assessment.tenant_id) == tx.tenant_id, col(Assessment.id) == assessment_id, _in_sight(tx.principal)
            )
            .with_for_update(read=lock == "share", of=Assessment)
        )
    ).one_or_none()
    if found is None:
        raise NotFound
    held = Held(*found)
    require_for_assessment(tx.principal, operation, held.organization.path, assessment_id)
    return held


async def check_takes(tx: Tx, held: Held, operation: str) -> None:
    """Refuse what the assessment's organization or its implementation does not allow: see `app.tree.archived`.

    Raises:
        OrganizationArchived: the organization, or one above it, is archived.
        ImplementationEnded: the implementation has ended.
    """
    check_archived(held.organization, operation)
    # FOR SHARE: it neither ends nor is resumed before the commit.
    query = select(Implementation.ended_at).where(
        col(Implementation.tenant_id) == tx.tenant_id, col(Implementation.id) == held.assessment.implementation_id
    )
    check_ended(await tx.session.scalar(query.with_for_update(read=True)), operation)


def _in_sight(principal: Principal) -> ColumnElement[bool]:
    if principal.seat is not None:
        return col(Assessment.id) == principal.seat.assessment_id
    return in_sight(principal, Assessment.organization_id)


def ensure_open(assessment: Assessment) -> None:
    """Refuse to change what has ended.

    Raises:
        Frozen: the assessment is final or void.
    """
    if assessment.state in ENDED:
        raise Frozen(f"The assessment is {assessment.state.value}.")
