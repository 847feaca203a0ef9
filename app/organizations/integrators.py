"""The rule for what an integrator may change, shared by create, patch, move and upsert.

An admin links an organization to an external source by giving it an external id of that source. From there on an
integrator whose role covers it maintains it:

- it creates organizations below a linked parent, with external ids of the parent's sources only;
- it changes the fields of a linked organization, and the external ids within the sources already linked;
- it moves a linked organization from a linked parent below another, where all three share a source.

Linking to another source, unlinking, archiving and deleting are an admin's. A key is not bound to one
source: its roles and the links decide what it may change.
"""

from collections.abc import Collection
from uuid import UUID

from sqlmodel import col, select

from app.access.policy import may
from app.db.transaction import Tx
from app.organizations.errors import NotMaintained
from app.organizations.schemas import ExternalId
from app.tree.models import Organization, OrganizationExternalId


async def check_creation(tx: Tx, parent: Organization, external_ids: Collection[ExternalId]) -> None:
    """Check that the caller may create an organization with these external ids below a locked parent.

    Raises:
        NotMaintained: an integrator may not.
    """
    if is_admin(tx, parent):
        return
    sources = {one.source for one in external_ids}
    if not sources or not sources <= await sources_of(tx, parent.id):
        raise NotMaintained(
            "An integrator creates organizations below one that an admin linked, with external ids of its sources."
        )


async def check_change(tx: Tx, organization: Organization, external_ids: Collection[ExternalId] | None) -> None:
    """Check that the caller may change an organization.

    Args:
        external_ids: all it is to have; None: they stay.

    Raises:
        NotMaintained: an integrator may not.
    """
    if is_admin(tx, organization):
        return
    linked = await sources_of(tx, organization.id)
    if not linked:
        raise NotMaintained("No admin has linked this organization to an external source.")
    if external_ids is not None and {one.source for one in external_ids} != linked:
        raise NotMaintained("Only an admin links an organization to another source, or unlinks it from one.")


async def check_move(tx: Tx, organization: Organization, parent: Organization) -> None:
    """Check that an integrator may move an organization below this parent.

    Raises:
        NotMaintained: the links do not allow it.
    """
    shared = await sources_of(tx, organization.id) & await sources_of(tx, parent.id)
    if organization.parent_id is not None:
        shared &= await sources_of(tx, organization.parent_id)
    if not shared:
        raise NotMaintained(
            "An integrator moves an organization between parents that an admin linked to the same source."
        )


async def sources_of(tx: Tx, organization_id: UUID) -> frozenset[str]:
    """Return the external sources an organization is linked to; they stay where its row is locked."""
    query = select(OrganizationExternalId.source).where(
        col(OrganizationExternalId.tenant_id) == tx.tenant_id,
        col(OrganizationExternalId.organization_id) == organization_id,
    )
    return frozenset(await tx.session.scalars(query))


def is_admin(tx: Tx, organization: Organization) -> bool:
    """Return whether the caller is an admin of this organization."""
    return may(tx.principal, "transitionOrganization", organization.path)
