"""Load and lock an assessment in a write. Every write loads assessments this way."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, or_, true
from sqlmodel import col, select

from app.access.policy import is_visible, require_for_assessment
from app.assessments.lifecycle import ENDED
from app.assessments.models import Assessment
from app.db.transaction import Tx
from app.errors import Frozen, NotFound
from app.principal import Principal
from app.programs.models import Implementation
from app.tree.archived import check_archived, check_ended
from app.tree.clock import day_in
from app.tree.models import Organization


@dataclass(frozen=True, slots=True)
class LockedAssessment:
    """An assessment that is locked until the commit, and its organization."""

    assessment: Assessment
    organization: Organization

    def day(self, instant: datetime) -> date:
        """Return the day it is at this instant where the organization is."""
        return day_in(self.organization.effective_timezone, instant)


async def lock_assessment(
    tx: Tx, assessment_id: UUID, operation: str, *, lock: str = "share", has_seat: bool = False
) -> LockedAssessment:
    """Load and lock an assessment for an operation.

    Args:
        lock: ``share`` keeps others from changing the assessment; ``update`` is for changing it.
        has_seat: the service has found that the caller has a seat that allows the operation. Nothing else is checked.

    Raises:
        NotFound: The assessment does not exist, or the caller cannot see it.
        Forbidden: it is visible, but the operation is not allowed.
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
                col(Assessment.tenant_id) == tx.tenant_id,
                col(Assessment.id) == assessment_id,
                true() if has_seat else _is_visible(tx.principal),
            )
            .with_for_update(read=lock == "share", of=Assessment)
        )
    ).one_or_none()
    if found is None:
        raise NotFound
    locked = LockedAssessment(*found)
    if not has_seat:
        require_for_assessment(tx.principal, operation, locked.organization.path, assessment_id)
    return locked


async def check_archived_or_ended(tx: Tx, locked: LockedAssessment, operation: str) -> None:
    """Refuse an operation if the organization is archived or the implementation has ended (see `app.tree.archived`).

    Args:
        operation: a key of `app.tree.archived.RULES`.

    Raises:
        OrganizationArchived: the organization, or one above it, is archived.
        ImplementationEnded: the implementation has ended.
    """
    check_archived(locked.organization, operation)
    # The shared lock keeps the implementation from ending or resuming before the commit.
    query = select(Implementation.ended_at).where(
        col(Implementation.tenant_id) == tx.tenant_id, col(Implementation.id) == locked.assessment.implementation_id
    )
    check_ended(await tx.session.scalar(query.with_for_update(read=True)), operation)


def _is_visible(principal: Principal) -> ColumnElement[bool]:
    if principal.seat is not None:
        return col(Assessment.id) == principal.seat.assessment_id
    held = [col(Assessment.id) == holder.seat.assessment_id for holder in principal.held if holder.seat]
    return or_(is_visible(principal, Assessment.organization_id), *held)


def ensure_open(assessment: Assessment) -> None:
    """Refuse to change an assessment that has ended.

    Raises:
        Frozen: the assessment is final or void.
    """
    if assessment.state in ENDED:
        raise Frozen(f"The assessment is {assessment.state.value}.")
