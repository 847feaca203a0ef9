"""What a deleted organization leaves behind: the principals that it managed, and the roles that were granted on it."""

from uuid import UUID

from sqlmodel import col, select

from app.access.keys import remove_grant
from app.access.models import PrincipalRecord, RoleGrant
from app.db.transaction import Tx
from app.events.record import record_event


async def hand_over_principals(tx: Tx, organization_id: UUID, parent_id: UUID) -> None:
    """Let the parent of an organization manage the principals of it."""
    query = select(PrincipalRecord).where(
        col(PrincipalRecord.tenant_id) == tx.tenant_id, col(PrincipalRecord.organization_id) == organization_id
    )
    query = query.order_by(col(PrincipalRecord.id)).with_for_update().execution_options(populate_existing=True)
    for principal in (await tx.session.scalars(query)).all():
        principal.organization_id = parent_id
        tx.touch(principal)
        record_event(
            tx, "principal.updated", principal.id, organization_id=parent_id, data={"fields": ["organization_id"]}
        )


async def remove_grants(tx: Tx, organization_id: UUID, parent_id: UUID) -> None:
    """Take back the roles that were granted on an organization. The admins of its parent see their events."""
    query = select(RoleGrant).where(
        col(RoleGrant.tenant_id) == tx.tenant_id, col(RoleGrant.organization_id) == organization_id
    )
    query = query.order_by(col(RoleGrant.id)).with_for_update().execution_options(populate_existing=True)
    for grant in (await tx.session.scalars(query)).all():
        await remove_grant(tx, grant, organization_id=parent_id)
